/* The network in double precision. Naive on purpose: every loop is an index of the equations, and nothing is shared with the
 * library. Slow, and easy to believe. */
#include "support/oracle/oracle.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *zeros(size_t count)
{
    double *values = calloc(count ? count : 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

static double sigmoid(double a)
{
    return 1.0 / (1.0 + exp(-a));
}

/* W_j x + U_j h' + b_j; k is the layer and direction, j one of the 4H rows of its matrices. */
static double gate(const sluice_weights *weights, size_t k, size_t j, const double *x, size_t inputs, const double *h)
{
    const size_t hidden = weights->shape->hidden;
    double sum = weights->shape->has_bias ? (double)weights->bias_ih[k][j] + (double)weights->bias_hh[k][j] : 0.0;
    for (size_t m = 0; m < inputs; m++)
        sum += weights->weight_ih[k][j * inputs + m] * x[m];
    for (size_t m = 0; m < hidden; m++)
        sum += weights->weight_hh[k][j * hidden + m] * h[m];
    return sum;
}

/* One step of one row: x [inputs] in, h and c [H] from the previous step's to this one's. */
static void cell(const sluice_weights *weights, size_t k, const double *x, size_t inputs, double *h, double *c)
{
    const size_t hidden = weights->shape->hidden;
    double *before = zeros(hidden);
    memcpy(before, h, hidden * sizeof *h);
    for (size_t u = 0; u < hidden; u++) {
        const double i = sigmoid(gate(weights, k, 0 * hidden + u, x, inputs, before));
        const double f = sigmoid(gate(weights, k, 1 * hidden + u, x, inputs, before));
        const double g = tanh(gate(weights, k, 2 * hidden + u, x, inputs, before));
        const double o = sigmoid(gate(weights, k, 3 * hidden + u, x, inputs, before));
        c[u] = f * c[u] + i * g;
        h[u] = o * tanh(c[u]);
    }
    free(before);
}

/* What the first layer reads at row n, step t. */
static void read_input(const sluice_weights *weights, const sluice_batch *batch, size_t n, size_t t, double *x)
{
    const size_t inputs = weights->shape->inputs;
    const size_t width = weights->shape->vocabulary ? 1 : inputs; /* of one step in the caller's array */
    const int contiguous = !batch->x_row_stride && !batch->x_step_stride;
    const size_t row_stride = contiguous ? batch->steps * width : batch->x_row_stride;
    const size_t step_stride = contiguous ? width : batch->x_step_stride;
    const size_t start = (batch->x_offsets ? batch->x_offsets[n] : n * row_stride) + t * step_stride;
    const float *from = weights->shape->vocabulary ? weights->embedding + (size_t)batch->tokens[start] * inputs : batch->x + start;
    for (size_t m = 0; m < inputs; m++)
        x[m] = from[m];
}

/* One direction of one layer over one row: in [T][inputs] to its half of out [T][D*H]. */
static void run_direction(const sluice_weights *weights, const sluice_batch *batch, size_t k, size_t n, const double *in,
                          size_t inputs, double *out, test_oracle *oracle)
{
    const size_t hidden = weights->shape->hidden, directions = weights->shape->directions;
    const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
    const size_t reverse = k % directions;
    const size_t state = (k * batch->rows + n) * hidden;
    double *h = oracle->hn + state, *c = oracle->cn + state;
    for (size_t u = 0; u < hidden; u++) {
        h[u] = batch->h0 ? batch->h0[state + u] : 0.0;
        c[u] = batch->c0 ? batch->c0[state + u] : 0.0;
    }
    for (size_t s = 0; s < length; s++) {
        const size_t t = reverse ? length - 1 - s : s;
        cell(weights, k, in + t * inputs, inputs, h, c);
        memcpy(out + t * directions * hidden + reverse * hidden, h, hidden * sizeof *h);
    }
}

/* All layers over one row: each reads what the one below wrote. */
static void run_row(const sluice_weights *weights, const sluice_batch *batch, size_t n, test_oracle *oracle)
{
    const size_t directions = weights->shape->directions, width = directions * weights->shape->hidden;
    const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
    size_t inputs = weights->shape->inputs;
    double *in = zeros(batch->steps * inputs);
    for (size_t t = 0; t < length; t++)
        read_input(weights, batch, n, t, in + t * inputs);
    for (size_t layer = 0; layer < weights->shape->layers; layer++) {
        double *out = zeros(batch->steps * width);
        for (size_t d = 0; d < directions; d++)
            run_direction(weights, batch, layer * directions + d, n, in, inputs, out, oracle);
        free(in);
        in = out;
        inputs = width;
    }
    memcpy(oracle->y + n * batch->steps * width, in, batch->steps * width * sizeof *in);
    free(in);
}

/* The head: of the last layer's final h, forward beside reverse. */
static void run_head(const sluice_weights *weights, const sluice_batch *batch, size_t n, test_oracle *oracle)
{
    const size_t hidden = weights->shape->hidden, directions = weights->shape->directions, classes = weights->shape->classes;
    for (size_t j = 0; j < classes; j++) {
        double sum = weights->head_bias ? weights->head_bias[j] : 0.0;
        for (size_t d = 0; d < directions; d++) {
            const size_t k = (weights->shape->layers - 1) * directions + d;
            for (size_t u = 0; u < hidden; u++)
                sum += weights->head_weight[(j * directions + d) * hidden + u] * oracle->hn[(k * batch->rows + n) * hidden + u];
        }
        oracle->logits[n * classes + j] = sum;
    }
}

test_oracle test_oracle_run(const sluice_weights *weights, const sluice_batch *batch)
{
    const sluice_shape *shape = weights->shape;
    const size_t states = shape->layers * shape->directions * batch->rows * shape->hidden;
    test_oracle oracle = {
        .y = zeros(batch->rows * batch->steps * shape->directions * shape->hidden),
        .hn = zeros(states),
        .cn = zeros(states),
        .logits = shape->classes ? zeros(batch->rows * shape->classes) : NULL,
    };
    for (size_t n = 0; n < batch->rows; n++) {
        run_row(weights, batch, n, &oracle);
        run_head(weights, batch, n, &oracle);
    }
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
