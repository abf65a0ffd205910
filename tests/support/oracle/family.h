/* The networks of sluice_network.h in double precision, straight from its equations, for tests to compare with. */
#ifndef SLUICE_TESTS_FAMILY_H
#define SLUICE_TESTS_FAMILY_H

#include "sluice_network.h"

#include <stdbool.h>

/** What a network runs on; contiguous, the caller's. */
typedef struct test_family_batch {
    size_t steps, rows;     /* T, N */
    const int64_t *lengths; /* [N]; NULL: every row has T steps */
    const float *x;         /* [N][T][I]; NULL with an embedding */
    const int32_t *tokens;  /* [N][T]; NULL without one */
    const uint8_t *mask;    /* [N][T], 0: the step is masked; NULL: none is */
    const float *h0;        /* of one LSTM layer after the other [D][N][P]; NULL: what was learned, else zeros */
    const float *c0;        /* of one LSTM layer after the other [D][N][H]; likewise */
} test_family_batch;

/** What a network should give; owned: test_family_free. */
typedef struct test_family {
    size_t width[SLUICE_MAX_LAYERS];  /* W of each layer */
    double *steps[SLUICE_MAX_LAYERS]; /* [N][T][W], zeros past a row's end; NULL behind the reduction, and of a REDUCE layer */
    double *row[SLUICE_MAX_LAYERS];   /* [N][W]: of the reduction, be it an LSTM layer's (which has both), and behind; else NULL */
    double *hn, *cn;                  /* as h0 and c0 */
    size_t hn_count, cn_count;
} test_family;

/**
 * Run a network. A step that is masked keeps the state: there an LSTM layer repeats the output of the iteration before, zeros before
 * the first, or zeros throughout with masked_outputs_zero; other layers compute from what they are given. FINAL is the state after
 * the last iteration, h0 in a row of none; LAST, MEAN and MAX are of the steps that are not masked, zeros where there are none. With
 * processing_order, iteration k is step length-1-k of the input and of the mask, and step k of the output.
 * @param parameters as sluice_model_create_network has them; where one is given twice, the sum of both, in double precision, counts.
 */
test_family test_family_run(const sluice_network *network, const sluice_parameter *parameters, size_t count,
                            const test_family_batch *batch);

void test_family_free(test_family *family);

/** Floats of a step of a layer's inputs and outputs; an embedding has inputs of 1. */
size_t test_family_inputs(const sluice_network *network, size_t layer);
size_t test_family_width(const sluice_network *network, size_t layer);

/** Directions of an LSTM layer, and what its cells are without `cells`. */
size_t test_family_directions(const sluice_layer *layer);
sluice_cell test_family_cell(const sluice_layer *layer, size_t direction);

/** Values of a tensor of a layer's direction; 0: it has no such tensor. */
size_t test_family_count(const sluice_network *network, size_t layer, size_t direction, sluice_tensor tensor);

/** f(x) of any function but softmax. */
double test_family_function(sluice_activation activation, sluice_function otherwise, double x);

#endif
