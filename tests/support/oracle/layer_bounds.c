/* The equations of sluice_network.h once more, in numbers with error bounds. That they are the right equations is for family.c to say:
 * tests compare the values of both. */
#include "support/oracle/layer_bounds.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = SLUICE_TENSOR_SHIFT + 1 };

static const test_number zero = {0.0, 0.0};

static test_number exact(double value)
{
    return (test_number){value, 0.0};
}

/* Zeros. */
static test_number *numbers(size_t count)
{
    test_number *made = calloc(count ? count : 1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* ---- Functions ------------------------------------------------------------------------------------------------------------- */

/* The largest slope of a function: that of a hidden unit's error in its result. */
static double slope_of(sluice_activation activation, sluice_function function)
{
    const double a = fabs((double)activation.alpha), b = fabs((double)activation.beta);
    switch (function) {
    case SLUICE_FUNCTION_HARD_SIGMOID:
    case SLUICE_FUNCTION_AFFINE:
        return a;
    case SLUICE_FUNCTION_LEAKY_RELU:
    case SLUICE_FUNCTION_ELU:
        return fmax(1.0, a);
    case SLUICE_FUNCTION_SELU:
        return 1.7581;
    case SLUICE_FUNCTION_SWISH:
        return 1.0999;
    case SLUICE_FUNCTION_GELU:
    case SLUICE_FUNCTION_GELU_TANH:
        return 1.1291;
    case SLUICE_FUNCTION_SIGMOID:
        return 0.25;
    case SLUICE_FUNCTION_SCALED_TANH:
        return a * b;
    default:
        return 1.0;
    }
}

/* The largest difference of two values of a function, where it has one. */
static double range_of(sluice_activation activation, sluice_function function)
{
    switch (function) {
    case SLUICE_FUNCTION_SIGMOID:
    case SLUICE_FUNCTION_HARD_SIGMOID:
        return 1.0;
    case SLUICE_FUNCTION_TANH:
    case SLUICE_FUNCTION_SOFTSIGN:
        return 2.0;
    case SLUICE_FUNCTION_SCALED_TANH:
        return 2.0 * fabs((double)activation.alpha);
    default:
        return INFINITY;
    }
}

/* What f makes of z's error. The second derivatives of sigmoid and tanh are below 1. */
static double pass_error(sluice_activation activation, sluice_function function, test_number z, double value)
{
    const double largest = slope_of(activation, function) * z.error, second = test_unit * z.error * z.error / 2.0;
    if (function == SLUICE_FUNCTION_SIGMOID)
        return fmin(largest, value * (1.0 - value) * z.error + second);
    if (function == SLUICE_FUNCTION_TANH)
        return fmin(largest, (1.0 - value * value) * z.error + second);
    return largest;
}

/* f(z), which is computed within a unit in the last place, 2 u of the value; a x + b, of which the hard sigmoid is made, with a rounding
 * of its own. */
static test_number apply(sluice_activation activation, sluice_function otherwise, test_number z)
{
    const sluice_function function = activation.function ? activation.function : otherwise;
    const double value = test_family_function(activation, otherwise, z.value);
    double error = pass_error(activation, function, z, value);
    if (function == SLUICE_FUNCTION_AFFINE || function == SLUICE_FUNCTION_HARD_SIGMOID)
        error += fabs((double)activation.alpha * z.value + (double)activation.beta);
    else if (function == SLUICE_FUNCTION_THRESHOLD_RELU && fabs(z.value - (double)activation.alpha) <= test_bound(z))
        error += fabs((double)activation.alpha) / test_unit; /* on the other side of the step, perhaps */
    return (test_number){value, fmin(error, range_of(activation, function) / test_unit) + 2.0 * fabs(value)};
}

/* Of values that err by at most d, exp(x - max) errs by 2 d of itself, and by 2 u; the sum and the quotient add their roundings. */
static void apply_softmax(test_number *y, size_t count)
{
    double most = -INFINITY, error = 0.0, sum = 0.0;
    for (size_t j = 0; j < count; j++) {
        most = fmax(most, y[j].value);
        error = fmax(error, y[j].error);
    }
    for (size_t j = 0; j < count; j++)
        sum += exp(y[j].value - most);
    for (size_t j = 0; j < count; j++) {
        const double value = exp(y[j].value - most) / sum;
        y[j] = (test_number){value, value * (4.04 * error + (double)count + 6.0)};
    }
}

static void activate(sluice_activation activation, test_number *y, size_t count)
{
    if (activation.function == SLUICE_FUNCTION_SOFTMAX)
        apply_softmax(y, count);
    else
        for (size_t j = 0; j < count; j++)
            y[j] = apply(activation, SLUICE_FUNCTION_LINEAR, y[j]);
}

/* Errors before the limit are the most that are left behind it. */
static test_number clip(test_number x, double limit)
{
    return limit > 0.0 ? (test_number){fmax(-limit, fmin(limit, x.value)), x.error} : x;
}

/* ---- What a layer computes with -------------------------------------------------------------------------------------------- */

/* A layer, or one direction of an LSTM layer. */
typedef struct unit {
    const sluice_layer *layer;
    sluice_cell cell;
    size_t inputs, hidden, outputs; /* of a direction */
    const float *tensor[TENSORS];   /* NULL: it has none */
} unit;

static unit unit_make(const sluice_network *one, size_t direction, const sluice_parameter *parameters, size_t count)
{
    const sluice_layer *layer = one->layers;
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM;
    unit made = {.layer = layer,
                 .cell = test_family_cell(layer, direction),
                 .inputs = one->inputs,
                 .hidden = layer->units,
                 .outputs = is_lstm ? layer->projection ? layer->projection : layer->units : test_family_width(one, 0)};
    for (size_t p = 0; p < count; p++)
        if (parameters[p].direction == direction)
            made.tensor[parameters[p].tensor] = parameters[p].values;
    return made;
}

static test_number element(const unit *of, sluice_tensor tensor, size_t j)
{
    return of->tensor[tensor] ? exact((double)of->tensor[tensor][j]) : zero;
}

/* Add row j of a matrix times x. */
static void add_product(test_sum *sum, const unit *of, sluice_tensor tensor, size_t j, const test_number *x, size_t count)
{
    for (size_t k = 0; k < count; k++)
        test_sum_add_product(sum, exact((double)of->tensor[tensor][j * count + k]), x[k]);
}

/* ---- A cell ---------------------------------------------------------------------------------------------------------------- */

/* sqrt(s - d) is at least sqrt(s) - d / sqrt(s), and one rounding. */
static test_number root(test_number s)
{
    const double value = sqrt(s.value);
    return (test_number){value, s.error / value + value};
}

/* The quotient of a number and one of `least` or more. */
static test_number quotient(test_number a, test_number b, double least)
{
    const double value = a.value / b.value, size = fmax(least, fabs(b.value) - test_unit * b.error);
    return (test_number){value, a.error / size + fabs(value) * b.error / size + fabs(value)};
}

static test_number mean_of(const test_number *v, size_t count, bool squares)
{
    test_sum sum = {0};
    for (size_t j = 0; j < count; j++)
        if (squares)
            test_sum_add_product(&sum, v[j], v[j]);
        else
            test_sum_add(&sum, v[j]);
    return quotient(test_sum_get(&sum), exact((double)count), (double)count);
}

/* LN_k over v [H], with k of i, f, g, o, c; the identity in a cell without. */
static void normalise(const unit *of, size_t k, test_number *v)
{
    const size_t hidden = of->hidden;
    if (!(of->cell.parts & SLUICE_PART_NORM))
        return;
    const test_number mean = mean_of(v, hidden, false);
    for (size_t j = 0; j < hidden; j++)
        v[j] = test_plus(v[j], (test_number){-mean.value, mean.error});
    const double epsilon = (double)of->cell.norm_epsilon;
    const test_number deviation = root(test_plus(mean_of(v, hidden, true), exact(epsilon)));
    for (size_t j = 0; j < hidden; j++) {
        test_number normal = quotient(v[j], deviation, 0.99 * sqrt(epsilon));
        normal.error = fmin(normal.error, 2.02 * sqrt((double)hidden) / test_unit); /* it is within +-sqrt(H) */
        v[j] = test_plus(test_times(element(of, SLUICE_TENSOR_NORM_GAIN, k * hidden + j), normal),
                         element(of, SLUICE_TENSOR_NORM_SHIFT, k * hidden + j));
    }
}

/* a + p * c */
static test_number with_peephole(const unit *of, size_t k, size_t u, test_number a, test_number c)
{
    return of->tensor[SLUICE_TENSOR_PEEPHOLES]
               ? test_plus(a, test_times(element(of, SLUICE_TENSOR_PEEPHOLES, k * of->hidden + u), c))
               : a;
}

static test_number gate(const unit *of, test_number a)
{
    return apply(of->cell.gate, SLUICE_FUNCTION_SIGMOID, clip(a, (double)of->cell.gate_clip));
}

static void update_c(const unit *of, const test_number *a, test_number *c)
{
    const size_t hidden = of->hidden;
    const sluice_cell *cell = &of->cell;
    for (size_t u = 0; u < hidden; u++) {
        const test_number i = gate(of, with_peephole(of, 0, u, a[u], c[u]));
        test_number f = with_peephole(of, 1, u, a[hidden + u], c[u]);
        if (cell->forget_bias != 0.0f)
            f = test_plus(f, exact((double)cell->forget_bias));
        f = cell->coupled ? test_one_less(i) : gate(of, f);
        const test_number g = apply(cell->candidate, SLUICE_FUNCTION_TANH, clip(a[2 * hidden + u], (double)cell->gate_clip));
        c[u] = test_plus(test_times(f, c[u]), test_times(i, g));
    }
    normalise(of, 4, c);
    for (size_t u = 0; u < hidden; u++)
        c[u] = clip(c[u], (double)cell->cell_clip);
}

static void project(const unit *of, const test_number *m, test_number *h)
{
    for (size_t j = 0; j < of->outputs; j++) {
        test_sum sum = {0};
        add_product(&sum, of, SLUICE_TENSOR_PROJECTION, j, m, of->hidden);
        h[j] = test_sum_get(&sum);
        if (of->tensor[SLUICE_TENSOR_PROJECTION_BIAS])
            h[j] = test_plus(h[j], element(of, SLUICE_TENSOR_PROJECTION_BIAS, j));
        h[j] = clip(h[j], (double)of->cell.projection_clip);
    }
}

/* One step of one row: h [P] and c [H] from those of the step before to this one's. */
static void cell_step(const unit *of, const test_number *x, test_number *h, test_number *c)
{
    const size_t hidden = of->hidden;
    const sluice_cell *cell = &of->cell;
    test_number *a = numbers(4 * hidden), *m = numbers(hidden);
    for (size_t j = 0; j < 4 * hidden; j++) {
        test_sum sum = {0};
        test_sum_add(&sum, element(of, SLUICE_TENSOR_BIAS, j));
        add_product(&sum, of, SLUICE_TENSOR_WEIGHT_IH, j, x, of->inputs);
        add_product(&sum, of, SLUICE_TENSOR_WEIGHT_HH, j, h, of->outputs);
        a[j] = test_sum_get(&sum);
    }
    for (size_t k = 0; k < 4; k++)
        normalise(of, k, a + k * hidden);
    update_c(of, a, c);
    for (size_t u = 0; u < hidden; u++) {
        const test_number o = gate(of, with_peephole(of, 2, u, a[3 * hidden + u], c[u]));
        const test_number limited = cell->output_unclipped ? c[u] : clip(c[u], (double)cell->gate_clip);
        m[u] = test_times(o, apply(cell->output, SLUICE_FUNCTION_TANH, limited));
    }
    if (of->layer->projection)
        project(of, m, h);
    else
        memcpy(h, m, hidden * sizeof *h);
    free(a);
    free(m);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

typedef struct row {
    const test_family_batch *batch;
    size_t n, length;
} row;

static bool is_masked(const row *at, size_t t)
{
    return at->batch->mask && !at->batch->mask[at->n * at->batch->steps + t];
}

static void read_inputs(const row *at, size_t t, size_t width, test_number *x)
{
    for (size_t j = 0; j < width; j++)
        x[j] = exact((double)at->batch->x[(at->n * at->batch->steps + t) * width + j]);
}

/* All iterations of a direction over a row, to out [T][P]; h and c from the first state to the last. */
static void run_direction(const unit *of, const row *at, bool reverse, test_number *out, test_number *h, test_number *c)
{
    const sluice_layer *layer = of->layer;
    const size_t outputs = of->outputs;
    const test_number *repeated = NULL;
    test_number *x = numbers(of->inputs);
    for (size_t k = 0; k < at->length; k++) {
        const size_t t = reverse ? at->length - 1 - k : k;
        test_number *y = out + (layer->processing_order ? k : t) * outputs;
        if (!is_masked(at, t)) {
            read_inputs(at, t, of->inputs, x);
            cell_step(of, x, h, c);
            memcpy(y, h, outputs * sizeof *y);
            repeated = y;
        } else if (repeated && !layer->masked_outputs_zero) {
            memcpy(y, repeated, outputs * sizeof *y);
        }
    }
    free(x);
}

static void merge(const unit *of, const test_number *forward, const test_number *reverse, test_number *y)
{
    const sluice_layer *layer = of->layer;
    const size_t outputs = of->outputs;
    if (!reverse || layer->merge == SLUICE_MERGE_CONCAT)
        memcpy(y, forward, outputs * sizeof *y);
    if (reverse && layer->merge == SLUICE_MERGE_CONCAT)
        memcpy(y + outputs, reverse, outputs * sizeof *y);
    for (size_t j = 0; reverse && layer->merge != SLUICE_MERGE_CONCAT && j < outputs; j++) {
        y[j] = layer->merge == SLUICE_MERGE_PRODUCT ? test_times(forward[j], reverse[j]) : test_plus(forward[j], reverse[j]);
        if (layer->merge == SLUICE_MERGE_MEAN)
            y[j] = (test_number){y[j].value / 2.0, y[j].error / 2.0};
    }
}

static void set_states(const unit *of, const row *at, size_t d, test_number *h, test_number *c)
{
    const size_t rows = at->batch->rows;
    for (size_t j = 0; j < of->outputs; j++)
        h[j] = at->batch->h0 ? exact((double)at->batch->h0[(d * rows + at->n) * of->outputs + j])
                             : element(of, SLUICE_TENSOR_INITIAL_H, j);
    for (size_t j = 0; j < of->hidden; j++)
        c[j] = at->batch->c0 ? exact((double)at->batch->c0[(d * rows + at->n) * of->hidden + j])
                             : element(of, SLUICE_TENSOR_INITIAL_C, j);
}

static void run_lstm(const unit units[2], const row *at, test_layer_bounds *to)
{
    const sluice_layer *layer = units->layer;
    const size_t rows = at->batch->rows, outputs = units->outputs, width = to->width;
    test_number *out[2] = {NULL}, *h[2] = {NULL}, *y = to->steps + at->n * at->batch->steps * width;
    for (size_t d = 0; d < test_family_directions(layer); d++) {
        test_number *c = to->cn + (d * rows + at->n) * units->hidden;
        out[d] = numbers(at->length * outputs);
        h[d] = to->hn + (d * rows + at->n) * outputs;
        set_states(&units[d], at, d, h[d], c);
        run_direction(&units[d], at, layer->direction == SLUICE_DIRECTION_REVERSE || d == 1, out[d], h[d], c);
    }
    size_t last = SIZE_MAX;
    for (size_t t = 0; t < at->length; t++) {
        merge(units, out[0] + t * outputs, out[1] ? out[1] + t * outputs : NULL, y + t * width);
        last = is_masked(at, t) ? last : t;
    }
    if (layer->steps == SLUICE_STEPS_FINAL)
        merge(units, h[0], h[1], to->row + at->n * width);
    else if (layer->steps == SLUICE_STEPS_LAST && last != SIZE_MAX)
        memcpy(to->row + at->n * width, y + last * width, width * sizeof *y);
    free(out[0]);
    free(out[1]);
}

/* A reduction of exact inputs: the last and the largest are exact, too. */
static void reduce(const unit *of, const row *at, test_number *y)
{
    const size_t width = of->outputs;
    const sluice_steps how = of->layer->steps;
    test_number *x = numbers(width);
    test_sum *sums = calloc(width, sizeof *sums);
    double steps = 0.0;
    for (size_t t = 0; t < at->length; t++) {
        if (is_masked(at, t))
            continue;
        read_inputs(at, t, width, x);
        for (size_t j = 0; j < width; j++) {
            test_sum_add(&sums[j], x[j]);
            if (how == SLUICE_STEPS_LAST || steps == 0.0 || x[j].value > y[j].value)
                y[j] = x[j];
        }
        steps += 1.0;
    }
    for (size_t j = 0; how == SLUICE_STEPS_MEAN && steps > 0.0 && j < width; j++)
        y[j] = quotient(test_sum_get(&sums[j]), exact(steps), steps);
    free(sums);
    free(x);
}

static void run_step(const unit *of, const row *at, size_t t, test_number *y)
{
    test_number *x = numbers(of->inputs);
    read_inputs(at, t, of->inputs, x);
    for (size_t j = 0; j < of->outputs; j++) {
        if (of->layer->kind == SLUICE_LAYER_DENSE) {
            test_sum sum = {0};
            add_product(&sum, of, SLUICE_TENSOR_WEIGHT, j, x, of->inputs);
            y[j] = test_sum_get(&sum);
            if (of->layer->has_bias)
                y[j] = test_plus(y[j], element(of, SLUICE_TENSOR_BIAS, j));
        } else if (of->layer->kind == SLUICE_LAYER_AFFINE) {
            y[j] = test_plus(test_times(element(of, SLUICE_TENSOR_SCALE, j), x[j]), element(of, SLUICE_TENSOR_SHIFT, j));
        } else {
            y[j] = x[j];
        }
    }
    activate(of->layer->activation, y, of->outputs);
    free(x);
}

test_layer_bounds test_layer_bounds_run(const sluice_network *one, const sluice_parameter *parameters, size_t count,
                                        const test_family_batch *batch)
{
    const sluice_layer *layer = one->layers;
    const size_t directions = test_family_directions(layer);
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM, is_reduce = layer->kind == SLUICE_LAYER_REDUCE;
    const unit units[2] = {unit_make(one, 0, parameters, count), unit_make(one, directions - 1, parameters, count)};
    test_layer_bounds made = {.width = test_family_width(one, 0)};
    made.hn_count = is_lstm ? directions * batch->rows * units->outputs : 0;
    made.cn_count = is_lstm ? directions * batch->rows * units->hidden : 0;
    made.hn = is_lstm ? numbers(made.hn_count) : NULL;
    made.cn = is_lstm ? numbers(made.cn_count) : NULL;
    made.steps = is_reduce ? NULL : numbers(batch->rows * batch->steps * made.width);
    made.row = layer->steps == SLUICE_STEPS_ALL ? NULL : numbers(batch->rows * made.width);
    for (size_t n = 0; n < batch->rows; n++) {
        const row at = {batch, n, batch->lengths ? (size_t)batch->lengths[n] : batch->steps};
        if (is_lstm)
            run_lstm(units, &at, &made);
        else if (is_reduce)
            reduce(units, &at, made.row + n * made.width);
        else
            for (size_t t = 0; t < at.length; t++)
                run_step(units, &at, t, made.steps + (n * batch->steps + t) * made.width);
    }
    return made;
}

void test_layer_bounds_free(test_layer_bounds *bounds)
{
    free(bounds->steps);
    free(bounds->row);
    free(bounds->hn);
    free(bounds->cn);
}
