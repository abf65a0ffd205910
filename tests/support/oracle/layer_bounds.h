/* One layer of sluice_network.h in numbers that carry a bound on what single precision makes of them (error_bound.h), from inputs that
 * are exact: those that the library itself gave it. So errors add up over the steps of a layer, not over layers. */
#ifndef SLUICE_TESTS_LAYER_BOUNDS_H
#define SLUICE_TESTS_LAYER_BOUNDS_H

#include "support/oracle/error_bound.h"
#include "support/oracle/family.h"

/** What a layer should give; owned: test_layer_bounds_free. NULL: it does not give such. */
typedef struct test_layer_bounds {
    size_t width;
    test_number *steps;   /* [N][T][W], zeros past a row's end */
    test_number *row;     /* [N][W] of FINAL, LAST, or a reduction */
    test_number *hn, *cn; /* [D][N][P], [D][N][H] of an LSTM layer */
    size_t hn_count, cn_count;
} test_layer_bounds;

/** A network of one layer, any but an embedding. */
test_layer_bounds test_layer_bounds_run(const sluice_network *one, const sluice_parameter *parameters, size_t count,
                                        const test_family_batch *batch);

void test_layer_bounds_free(test_layer_bounds *bounds);

#endif
