/* The reference: a model of a shape in double precision, by the oracle of networks (family.h), for tests to compare with. */
#ifndef SLUICE_TESTS_ORACLE_H
#define SLUICE_TESTS_ORACLE_H

#include "sluice.h"

/** What a forward call should have given; contiguous, and owned: test_oracle_free. */
typedef struct test_oracle {
    double *y;      /* [N][T][D*H], zero past a row's end */
    double *hn;     /* [L*D][N][H] */
    double *cn;     /* [L*D][N][H] */
    double *logits; /* [N][C]; NULL without a head */
} test_oracle;

/** Run the network over the batch's inputs; strides, offsets, lengths, tokens and initial states as sluice_batch has them. The
 *  batch's outputs are not looked at. */
test_oracle test_oracle_run(const sluice_weights *weights, const sluice_batch *batch);

void test_oracle_free(test_oracle *oracle);

/** max |got - want| over `count` values; infinity if any of got is NaN. */
double test_max_error(const float *got, const double *want, size_t count);

#endif
