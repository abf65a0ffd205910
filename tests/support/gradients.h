/* What goes into and comes out of sluice_backward, for tests. Everything is by seed; each function ends the test on failure. */
#ifndef SLUICE_TESTS_GRADIENTS_H
#define SLUICE_TESTS_GRADIENTS_H

#include "support/oracle/adjoint.h"
#include "support/network.h"

/** Gradients of a batch with their arrays, contiguous and owned: test_gradient_free. All that the model has is there: random
 * coming in, prefilled going out. */
typedef struct test_gradient {
    sluice_gradient gradient; /* points into the arrays below */
    float *in[TEST_RESULTS];  /* of y, hn, ...; NULL without a head those of its outputs */
    float *out[TEST_INPUTS];  /* with respect to x, h0, ...; NULL what the model lacks */
    size_t in_count[TEST_RESULTS], out_count[TEST_INPUTS];
    float **tables; /* behind the three arrays of arrays */
} test_gradient;

/** Incoming gradients uniform in +-1, and TEST_PREFILL past the rows' ends. */
test_gradient test_gradient_random(const sluice_shape *shape, const sluice_batch *batch, uint64_t *random);
void test_gradient_free(test_gradient *gradient);

/** Put TEST_PREFILL past the rows' ends. */
void test_gradient_poison(test_gradient *gradient, const sluice_shape *shape, const sluice_batch *batch);

/** Fill what goes out with TEST_PREFILL again; whether all of it still holds that. */
void test_gradient_prefill(test_gradient *gradient);
bool test_gradient_untouched(const test_gradient *gradient);

/** test_same_bits of all that goes out; same shape. */
void test_same_gradients(const test_gradient *got, const test_gradient *want, const char *what);

/** An engine with the option `training`, and its workspace. Owned: test_runner_free. */
test_runner test_trainable(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_schedule schedule);

/** Likewise, by a path, fused or by BLIS. */
test_runner test_trainable_by(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_gemm gemm);

/** A tape; owned. */
sluice_tape *test_tape_create(const test_runner *runner, size_t recompute);

/** sluice_forward of the batch with the tape; it has to succeed. */
void test_forward_taped(const test_runner *runner, sluice_tape *tape, const sluice_batch *batch);

/** sluice_backward; it has to succeed. */
void test_backward(const test_runner *runner, sluice_tape *tape, const sluice_gradient *gradient);

/** Forward with a new tape that recomputes so many steps at a time (0: none), backward, and the tape freed. */
void test_there_and_back(const test_runner *runner, size_t recompute, const sluice_batch *batch, const sluice_gradient *gradient);

/** Fail unless each of `count` values is within its bound; the largest error as a share of its bound. */
double test_within(const float *got, const test_number *want, size_t count, const char *what);

/** test_within of all that goes out, against the adjoint's gradient of the same batch. */
double test_gradient_within(const test_gradient *got, const test_adjoint *want, const char *what);

#endif
