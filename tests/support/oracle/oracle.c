/* A model of a shape as a network, for the oracle of networks. */
#include "support/oracle/oracle.h"

#include "support/oracle/family.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A network and its parameters. The biases are given as the two they are, and summed in double. */
typedef struct chain {
    sluice_layer layers[SLUICE_MAX_LAYERS];
    sluice_parameter *parameters;
    size_t layer_count, parameter_count;
} chain;

static void add(chain *to, size_t direction, sluice_tensor tensor, size_t count, const float *values)
{
    to->parameters[to->parameter_count++] = (sluice_parameter){
        .layer = to->layer_count - 1, .direction = direction, .tensor = tensor, .count = count, .values = values};
}

static void begin_layer(chain *to, sluice_layer layer)
{
    ck_assert_uint_lt(to->layer_count, SLUICE_MAX_LAYERS);
    layer.struct_size = sizeof layer;
    to->layers[to->layer_count++] = layer;
}

static void add_lstm(chain *to, const sluice_weights *weights, size_t layer)
{
    static const sluice_cell bare[2] = {{.struct_size = sizeof(sluice_cell)}, {.struct_size = sizeof(sluice_cell)}};
    const sluice_shape *shape = weights->shape;
    const size_t hidden = shape->hidden, inputs = layer ? shape->directions * hidden : shape->inputs;
    begin_layer(to, (sluice_layer){.kind = SLUICE_LAYER_LSTM,
                                   .units = hidden,
                                   .steps = layer + 1 == shape->layers ? SLUICE_STEPS_FINAL : SLUICE_STEPS_ALL,
                                   .direction = shape->directions == 2 ? SLUICE_DIRECTION_BOTH : SLUICE_DIRECTION_FORWARD,
                                   .cells = shape->has_bias ? NULL : bare});
    for (size_t d = 0; d < shape->directions; d++) {
        const size_t k = layer * shape->directions + d;
        add(to, d, SLUICE_TENSOR_WEIGHT_IH, 4 * hidden * inputs, weights->weight_ih[k]);
        add(to, d, SLUICE_TENSOR_WEIGHT_HH, 4 * hidden * hidden, weights->weight_hh[k]);
        if (!shape->has_bias)
            continue;
        add(to, d, SLUICE_TENSOR_BIAS, 4 * hidden, weights->bias_ih[k]);
        add(to, d, SLUICE_TENSOR_BIAS, 4 * hidden, weights->bias_hh[k]);
    }
}

static chain chain_make(const sluice_weights *weights)
{
    const sluice_shape *shape = weights->shape;
    chain made = {.parameters = calloc(4 * shape->layers * shape->directions + 3, sizeof *made.parameters)};
    ck_assert_ptr_nonnull(made.parameters);
    if (shape->vocabulary) {
        begin_layer(&made, (sluice_layer){.kind = SLUICE_LAYER_EMBEDDING, .units = shape->inputs, .vocabulary = shape->vocabulary});
        add(&made, 0, SLUICE_TENSOR_EMBEDDING, shape->vocabulary * shape->inputs, weights->embedding);
    }
    for (size_t layer = 0; layer < shape->layers; layer++)
        add_lstm(&made, weights, layer);
    if (shape->classes) {
        begin_layer(&made, (sluice_layer){.kind = SLUICE_LAYER_DENSE, .units = shape->classes, .has_bias = !!weights->head_bias});
        add(&made, 0, SLUICE_TENSOR_WEIGHT, shape->classes * shape->directions * shape->hidden, weights->head_weight);
        if (weights->head_bias)
            add(&made, 0, SLUICE_TENSOR_BIAS, shape->classes, weights->head_bias);
    }
    return made;
}

/* The batch's x or tokens, contiguous: [N][T] elements of `bytes`. */
static void *read_steps(const sluice_batch *batch, const void *from, size_t width, size_t bytes)
{
    const int contiguous = !batch->x_row_stride && !batch->x_step_stride;
    const size_t row_stride = contiguous ? batch->steps * width : batch->x_row_stride;
    const size_t step_stride = contiguous ? width : batch->x_step_stride;
    unsigned char *steps = calloc(batch->rows * batch->steps * width + 1, bytes);
    ck_assert_ptr_nonnull(steps);
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
        for (size_t t = 0; t < length; t++) {
            const size_t start = (batch->x_offsets ? batch->x_offsets[n] : n * row_stride) + t * step_stride;
            memcpy(steps + (n * batch->steps + t) * width * bytes, (const unsigned char *)from + start * bytes, width * bytes);
        }
    }
    return steps;
}

test_oracle test_oracle_run(const sluice_weights *weights, const sluice_batch *batch)
{
    const sluice_shape *shape = weights->shape;
    chain made = chain_make(weights);
    const size_t last_lstm = made.layer_count - 1 - (shape->classes > 0);
    const sluice_network network = {sizeof network, shape->vocabulary ? 0 : shape->inputs, made.layer_count, made.layers};
    float *x = shape->vocabulary ? NULL : read_steps(batch, batch->x, shape->inputs, sizeof *x);
    int32_t *tokens = shape->vocabulary ? read_steps(batch, batch->tokens, 1, sizeof *tokens) : NULL;
    const test_family_batch given = {batch->steps, batch->rows, batch->lengths, x, tokens, NULL, batch->h0, batch->c0};
    test_family family = test_family_run(&network, made.parameters, made.parameter_count, &given);
    test_oracle oracle = {family.steps[last_lstm], family.hn, family.cn, shape->classes ? family.row[last_lstm + 1] : NULL};
    family.steps[last_lstm] = family.hn = family.cn = NULL; /* the caller's now */
    if (shape->classes)
        family.row[last_lstm + 1] = NULL;
    test_family_free(&family);
    free(made.parameters);
    free(x);
    free(tokens);
    return oracle;
}

void test_oracle_free(test_oracle *oracle)
{
    free(oracle->y);
    free(oracle->hn);
    free(oracle->cn);
    free(oracle->logits);
    *oracle = (test_oracle){0};
}

double test_max_error(const float *got, const double *want, size_t count)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double error = fabs(got[j] - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}
