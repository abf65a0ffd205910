/* A batch, there and back, and what every other way of computing it has to give to the bit. */
#ifndef SLUICE_TESTS_TAPED_H
#define SLUICE_TESTS_TAPED_H

#include "support/gradients.h"

#include <stdbool.h>

/** A random network and batch, and the reference of the scalar kernels on one thread: the outputs of inference (with dropout, those
 * with a tape), and the gradients. Owned: test_taped_free. */
typedef struct test_taped {
    sluice_shape shape;
    test_network network;
    test_batch batch;
    test_gradient want;
    bool flush_to_zero; /* of the engines */
} test_taped;

/** `what` as for test_batch_random; the head of every step is there too. */
test_taped test_taped_make(sluice_shape shape, size_t rows, size_t steps, unsigned what, float dropout);

/** Compute the reference anew, after inputs, incoming gradients or flush_to_zero were changed. */
void test_taped_refer(test_taped *taped);
void test_taped_free(test_taped *taped);

/** The same inputs and incoming gradients, with outputs of their own. Owned: test_copy_free. */
typedef struct test_copy {
    test_batch batch;
    test_gradient gradient;
} test_copy;

test_copy test_copy_make(const test_taped *taped);
void test_copy_free(test_copy *copy);

/** Outputs and gradients have the reference's bits. */
void test_copy_check(const test_taped *taped, const test_copy *copy, const char *what);

/** Call visit for a trainable runner of every instruction set and schedule with `least`..`most` threads; the scalar kernels, which
 * are slow, see only the most threads, and two of the schedules. */
void test_taped_visit(const test_taped *taped, unsigned least, unsigned most,
                      void (*visit)(const test_taped *, const test_runner *));

#endif
