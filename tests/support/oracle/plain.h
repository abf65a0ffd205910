/* The numeric contract of sluice.h in plain loops: what every schedule, instruction set and thread count has to give to the bit. */
#ifndef SLUICE_TESTS_PLAIN_H
#define SLUICE_TESTS_PLAIN_H

#include "sluice.h"

/** Run the network over the batch and write the outputs it asks for, as sluice_forward does: lengths, strides, offsets, tokens and
 * states as sluice_batch has them, its arguments taken as right, streams not known, in test_precision. Ends the test when there is no memory. */
void test_plain_forward(const sluice_weights *weights, const sluice_batch *batch);

/** One chain of fused multiply-adds from zero in index order: the sum of x[k] * w[k * stride] over k < terms. */
float test_plain_chain(size_t terms, const float *x, const float *w, size_t stride);

/** One step of `units` units: c becomes f * c + i * g and h becomes o * tanh(c). `gates` is [i, f, g, o][units], the
 * pre-activations; they are activated in place, by the scalar kernel. */
void test_plain_cell(size_t units, float *gates, float *c, float *h);

#endif
