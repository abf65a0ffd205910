/* The network in single precision, one row, one step, one unit after the other. Every loop is an index of the equations; nothing
 * is shared with the library but the scalar kernel's sigmoid and tanh, whose bits are part of the contract. Slow, and easy to
 * believe. */
#include "support/oracle/plain.h"

#include "base/system/cpu.h"
#include "kernel/kernel.h"
#include "support/network.h"
#include "support/oracle/plain_product.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *zeros(size_t count)
{
    float *values = calloc(count ? count : 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

/* Of a computed value: any NaN as the one NaN. */
static float canonical(float value)
{
    const uint32_t bits = SL_NAN_BITS;
    if (isnan(value))
        memcpy(&value, &bits, sizeof value);
    return value;
}

float test_plain_chain(size_t terms, const float *x, const float *w, size_t stride)
{
    float sum = 0.0f;
    for (size_t k = 0; k < terms; k++)
        sum = fmaf(x[k], w[k * stride], sum);
    return sum;
}

void test_plain_cell(size_t units, float *gates, float *c, float *h)
{
    const sl_kernel *scalar = sl_kernel_get(SLUICE_ISA_SCALAR);
    const sluice_activation sigmoid = {SLUICE_FUNCTION_SIGMOID, 0, 0}, tangent = {SLUICE_FUNCTION_TANH, 0, 0};
    float *i = gates, *f = gates + units, *g = gates + 2 * units, *o = gates + 3 * units;
    scalar->activate(&sigmoid, units, i, i);
    scalar->activate(&sigmoid, units, f, f);
    scalar->activate(&tangent, units, g, g);
    scalar->activate(&sigmoid, units, o, o);
    for (size_t u = 0; u < units; u++)
        c[u] = canonical(fmaf(f[u], c[u], i[u] * g[u]));
    scalar->activate(&tangent, units, c, h);
    for (size_t u = 0; u < units; u++)
        h[u] = canonical(o[u] * h[u]);
}

/* One row of the batch on its way through the layers. */
typedef struct row {
    const sluice_weights *weights;
    const sluice_batch *batch;
    size_t n, length;
    float *final; /* [D*H]: the newest layer's h after its last step */
} row;

/* The pre-activations of a step: (b + W x) + U h', with the products of the precision. */
static void make_gates(const row *r, size_t k, const test_plain_row *x, const test_plain_row *h, float *gates)
{
    const sluice_weights *weights = r->weights;
    const sluice_shape *shape = weights->shape;

    for (size_t j = 0; j < 4 * shape->hidden; j++) {
        const float b = shape->has_bias ? weights->bias_ih[k][j] + weights->bias_hh[k][j] : 0.0f;
        const float with_x = test_plain_add_product(b, x, weights->weight_ih[k] + j * x->terms);
        gates[j] = test_plain_add_product(with_x, h, weights->weight_hh[k] + j * h->terms);
    }
}

/* One direction of one layer, k = l*D + d: in [length][inputs] to its half of out [length][D*H]. */
static void run_direction(const row *r, size_t k, const float *in, size_t inputs, float *out)
{
    const sluice_weights *weights = r->weights;
    const sluice_batch *batch = r->batch;
    const size_t hidden = weights->shape->hidden, directions = weights->shape->directions, reverse = k % directions;
    const size_t state = (k * batch->rows + r->n) * hidden, bytes = hidden * sizeof(float);
    const bool of_embedding = weights->shape->vocabulary && k < directions; /* whose products are of floats */
    const sluice_precision precision = test_precision();
    float *h = zeros(hidden), *c = zeros(hidden), *gates = zeros(4 * hidden);
    if (batch->h0)
        memcpy(h, batch->h0 + state, bytes);
    if (batch->c0)
        memcpy(c, batch->c0 + state, bytes);
    for (size_t s = 0; s < r->length; s++) {
        const size_t t = reverse ? r->length - 1 - s : s;
        const test_plain_row of_x =
            test_plain_row_of(of_embedding ? SLUICE_PRECISION_F32 : precision, k >= directions, inputs, in + t * inputs);
        const test_plain_row of_h = test_plain_row_of(precision, true, hidden, h);
        make_gates(r, k, &of_x, &of_h, gates);
        free(of_x.values);
        free(of_h.values);
        test_plain_cell(hidden, gates, c, h);
        memcpy(out + (t * directions + reverse) * hidden, h, bytes);
    }
    memcpy(r->final + reverse * hidden, h, bytes);
    if (batch->hn)
        memcpy(batch->hn + state, h, bytes);
    if (batch->cn)
        memcpy(batch->cn + state, c, bytes);
    free(h);
    free(c);
    free(gates);
}

/* What the first layer reads, [length][I]. The caller frees it. */
static float *read_input(const row *r)
{
    const sluice_weights *weights = r->weights;
    const sluice_batch *batch = r->batch;
    const size_t inputs = weights->shape->inputs, width = weights->shape->vocabulary ? 1 : inputs; /* of a step in the array */
    const int contiguous = !batch->x_row_stride && !batch->x_step_stride;
    const size_t row_stride = contiguous ? batch->steps * width : batch->x_row_stride;
    const size_t step_stride = contiguous ? width : batch->x_step_stride;
    float *in = zeros(r->length * inputs);
    for (size_t t = 0; t < r->length; t++) {
        const size_t at = (batch->x_offsets ? batch->x_offsets[r->n] : r->n * row_stride) + t * step_stride;
        const float *from = weights->shape->vocabulary ? weights->embedding + (size_t)batch->tokens[at] * inputs : batch->x + at;
        memcpy(in + t * inputs, from, inputs * sizeof *in);
    }
    return in;
}

/* The last layer's out [length][D*H] to y, and zeros past the row's end. */
static void write_y(const row *r, const float *out)
{
    const sluice_batch *batch = r->batch;
    const size_t width = r->weights->shape->directions * r->weights->shape->hidden;
    const int contiguous = !batch->y_row_stride && !batch->y_step_stride;
    const size_t row_stride = contiguous ? batch->steps * width : batch->y_row_stride;
    const size_t step_stride = contiguous ? width : batch->y_step_stride;
    for (size_t t = 0; t < batch->steps; t++)
        for (size_t j = 0; j < width; j++)
            batch->y[r->n * row_stride + t * step_stride + j] = t < r->length ? out[t * width + j] : 0.0f;
}

static void write_logits(const row *r)
{
    const sluice_shape *shape = r->weights->shape;
    const size_t width = shape->directions * shape->hidden;
    for (size_t j = 0; j < shape->classes; j++) {
        const float b = r->weights->head_bias ? r->weights->head_bias[j] : 0.0f;
        const float *w = r->weights->head_weight + j * width;
        r->batch->logits[r->n * shape->classes + j] = canonical(b + test_plain_chain(width, r->final, w, 1));
    }
}

/* All layers: each reads what the one below wrote. */
static void run_row(const row *r)
{
    const sluice_shape *shape = r->weights->shape;
    const size_t width = shape->directions * shape->hidden;
    size_t inputs = shape->inputs;
    float *in = read_input(r);
    for (size_t layer = 0; layer < shape->layers; layer++) {
        float *out = zeros(r->length * width);
        for (size_t d = 0; d < shape->directions; d++)
            run_direction(r, layer * shape->directions + d, in, inputs, out);
        free(in);
        in = out;
        inputs = width;
    }
    if (r->batch->y)
        write_y(r, in);
    if (r->batch->logits)
        write_logits(r);
    free(in);
}

void test_plain_forward(const sluice_weights *weights, const sluice_batch *batch)
{
    float *final = zeros(weights->shape->directions * weights->shape->hidden);
    const sl_float_mode mode = sl_float_mode_set(test_precision() == SLUICE_PRECISION_BF16);
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
        const row r = {.weights = weights, .batch = batch, .n = n, .length = length, .final = final};
        run_row(&r);
    }
    sl_float_mode_restore(mode);
    free(final);
}
