/* Networks in double precision. Naive on purpose: a loop is an index of the equations, and nothing is shared with the library. */
#include "support/oracle/family.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = SLUICE_TENSOR_SHIFT + 1 };

/* NaN in each: what is not written shows. */
static double *doubles(size_t count)
{
    double *values = malloc((count ? count : 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t j = 0; j < count; j++)
        values[j] = NAN;
    return values;
}

static void zero(double *values, size_t count)
{
    for (size_t j = 0; j < count; j++)
        values[j] = 0.0;
}

/* ---- Functions ---- */

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* max(least, min(most, x)), NaN where x is */
static double between(double least, double x, double most)
{
    return x < least ? least : x > most ? most : x;
}

static double clip(double x, double limit)
{
    return limit > 0.0 ? between(-limit, x, limit) : x;
}

double test_family_function(sluice_activation activation, sluice_function otherwise, double x)
{
    const double a = activation.alpha, b = activation.beta;
    switch (activation.function ? activation.function : otherwise) {
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_LINEAR:
        return x;
    case SLUICE_FUNCTION_SIGMOID:
        return sigmoid(x);
    case SLUICE_FUNCTION_TANH:
        return tanh(x);
    case SLUICE_FUNCTION_HARD_SIGMOID:
        return between(0.0, a * x + b, 1.0);
    case SLUICE_FUNCTION_RELU:
        return x < 0.0 ? 0.0 : x;
    case SLUICE_FUNCTION_LEAKY_RELU:
        return x < 0.0 ? a * x : x;
    case SLUICE_FUNCTION_THRESHOLD_RELU:
        return x <= a ? 0.0 : x;
    case SLUICE_FUNCTION_ELU:
        return x < 0.0 ? a * expm1(x) : x;
    case SLUICE_FUNCTION_SELU:
        return 1.0507009873554805 * (x < 0.0 ? 1.6732632423543772 * expm1(x) : x);
    case SLUICE_FUNCTION_SOFTPLUS:
        return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
    case SLUICE_FUNCTION_SOFTSIGN:
        return x / (1.0 + fabs(x));
    case SLUICE_FUNCTION_SWISH:
        return x / (1.0 + exp(-x));
    case SLUICE_FUNCTION_GELU:
        return x * (1.0 + erf(x / sqrt(2.0))) / 2.0;
    case SLUICE_FUNCTION_GELU_TANH:
        return x * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x))) / 2.0;
    case SLUICE_FUNCTION_AFFINE:
        return a * x + b;
    case SLUICE_FUNCTION_SCALED_TANH:
        return a * tanh(b * x);
    case SLUICE_FUNCTION_SOFTMAX:
        break;
    }
    ck_abort_msg("function %d is not one of one number", (int)activation.function);
    return NAN;
}

static void softmax(double *y, size_t count)
{
    double most = -INFINITY, sum = 0.0;
    for (size_t j = 0; j < count; j++)
        most = y[j] > most ? y[j] : most;
    for (size_t j = 0; j < count; j++)
        sum += y[j] = exp(y[j] - most);
    for (size_t j = 0; j < count; j++)
        y[j] /= sum;
}

static void activate(sluice_activation activation, double *y, size_t count)
{
    if (activation.function == SLUICE_FUNCTION_SOFTMAX)
        softmax(y, count);
    else
        for (size_t j = 0; j < count; j++)
            y[j] = test_family_function(activation, SLUICE_FUNCTION_LINEAR, y[j]);
}

/* ---- Sizes ---- */

size_t test_family_directions(const sluice_layer *layer)
{
    return layer->direction == SLUICE_DIRECTION_BOTH ? 2 : 1;
}

sluice_cell test_family_cell(const sluice_layer *layer, size_t direction)
{
    return layer->cells ? layer->cells[direction] : (sluice_cell){.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS};
}

static size_t outputs_of(const sluice_layer *lstm)
{
    return lstm->projection ? lstm->projection : lstm->units;
}

size_t test_family_inputs(const sluice_network *network, size_t layer)
{
    if (network->layers[layer].kind == SLUICE_LAYER_EMBEDDING)
        return 1;
    return layer ? test_family_width(network, layer - 1) : network->inputs;
}

size_t test_family_width(const sluice_network *network, size_t layer)
{
    const sluice_layer *at = &network->layers[layer];
    if (at->kind == SLUICE_LAYER_LSTM)
        return outputs_of(at) * (at->merge == SLUICE_MERGE_CONCAT ? test_family_directions(at) : 1);
    return at->kind == SLUICE_LAYER_EMBEDDING || at->kind == SLUICE_LAYER_DENSE ? at->units : test_family_inputs(network, layer);
}

static size_t lstm_count(const sluice_layer *layer, size_t direction, size_t inputs, sluice_tensor tensor)
{
    const size_t hidden = layer->units, outputs = outputs_of(layer);
    const unsigned parts = test_family_cell(layer, direction).parts;
    const bool has_norm = parts & SLUICE_PART_NORM, has_initial = parts & SLUICE_PART_INITIAL_STATE;
    const size_t counts[TENSORS] = {
        [SLUICE_TENSOR_WEIGHT_IH] = 4 * hidden * inputs,
        [SLUICE_TENSOR_WEIGHT_HH] = 4 * hidden * outputs,
        [SLUICE_TENSOR_BIAS] = parts & SLUICE_PART_BIAS ? 4 * hidden : 0,
        [SLUICE_TENSOR_PEEPHOLES] = parts & SLUICE_PART_PEEPHOLES ? 3 * hidden : 0,
        [SLUICE_TENSOR_PROJECTION] = layer->projection * hidden,
        [SLUICE_TENSOR_PROJECTION_BIAS] = parts & SLUICE_PART_PROJECTION_BIAS ? layer->projection : 0,
        [SLUICE_TENSOR_NORM_GAIN] = has_norm ? 5 * hidden : 0,
        [SLUICE_TENSOR_NORM_SHIFT] = has_norm ? 5 * hidden : 0,
        [SLUICE_TENSOR_INITIAL_H] = has_initial ? outputs : 0,
        [SLUICE_TENSOR_INITIAL_C] = has_initial ? hidden : 0,
    };
    return counts[tensor];
}

size_t test_family_count(const sluice_network *network, size_t layer, size_t direction, sluice_tensor tensor)
{
    const sluice_layer *at = &network->layers[layer];
    const size_t inputs = test_family_inputs(network, layer);
    if (at->kind == SLUICE_LAYER_LSTM)
        return direction < test_family_directions(at) ? lstm_count(at, direction, inputs, tensor) : 0;
    if (direction > 0)
        return 0;
    switch (tensor) {
    case SLUICE_TENSOR_EMBEDDING:
        return at->kind == SLUICE_LAYER_EMBEDDING ? at->vocabulary * at->units : 0;
    case SLUICE_TENSOR_WEIGHT:
        return at->kind == SLUICE_LAYER_DENSE ? at->units * inputs : 0;
    case SLUICE_TENSOR_BIAS:
        return at->kind == SLUICE_LAYER_DENSE && at->has_bias ? at->units : 0;
    case SLUICE_TENSOR_SCALE:
    case SLUICE_TENSOR_SHIFT:
        return at->kind == SLUICE_LAYER_AFFINE ? inputs : 0;
    default:
        return 0;
    }
}

/* ---- What a layer computes with ---- */

/* A layer, or one direction of an LSTM layer. */
typedef struct unit {
    const sluice_layer *layer;
    sluice_cell cell; /* of an LSTM layer */
    size_t inputs, hidden, outputs;
    double *tensor[TENSORS]; /* NULL: it has none */
} unit;

static double *gather(const sluice_parameter *parameters, size_t count, const sluice_parameter *wanted)
{
    double *values = doubles(wanted->count);
    size_t found = 0;
    zero(values, wanted->count);
    for (size_t p = 0; p < count; p++) {
        const sluice_parameter *at = &parameters[p];
        if (at->layer != wanted->layer || at->direction != wanted->direction || at->tensor != wanted->tensor)
            continue;
        ck_assert_uint_eq(at->count, wanted->count);
        for (size_t j = 0; j < at->count; j++)
            values[j] += at->values[j];
        found++;
    }
    ck_assert_msg(found > 0, "layer %zu, direction %zu: tensor %d is missing", wanted->layer, wanted->direction,
                  (int)wanted->tensor);
    return values;
}

static unit unit_make(const sluice_network *network, size_t layer, size_t direction, const sluice_parameter *parameters,
                      size_t count)
{
    const sluice_layer *at = &network->layers[layer];
    unit made = {.layer = at, .inputs = test_family_inputs(network, layer), .outputs = test_family_width(network, layer)};
    if (at->kind == SLUICE_LAYER_LSTM) {
        made.cell = test_family_cell(at, direction);
        made.hidden = at->units;
        made.outputs = outputs_of(at);
    }
    for (int tensor = 0; tensor < TENSORS; tensor++) {
        const sluice_parameter wanted = {.layer = layer,
                                         .direction = direction,
                                         .tensor = (sluice_tensor)tensor,
                                         .count = test_family_count(network, layer, direction, (sluice_tensor)tensor)};
        made.tensor[tensor] = wanted.count ? gather(parameters, count, &wanted) : NULL;
    }
    return made;
}

static void unit_free(unit *made)
{
    for (int tensor = 0; tensor < TENSORS; tensor++)
        free(made->tensor[tensor]);
}

/* Element j of a tensor that may not be there: what stands in its place then. */
static double element(const unit *of, sluice_tensor tensor, size_t j, double otherwise)
{
    return of->tensor[tensor] ? of->tensor[tensor][j] : otherwise;
}

static double product(const double *row, const double *x, size_t count)
{
    double sum = 0.0;
    for (size_t j = 0; j < count; j++)
        sum += row[j] * x[j];
    return sum;
}

/* ---- A cell ---- */

/* LN_k over v [H], with k of i, f, g, o, c; the identity in a cell without. */
static void normalise(const unit *of, size_t k, double *v)
{
    const size_t hidden = of->hidden;
    if (!(of->cell.parts & SLUICE_PART_NORM))
        return;
    double mean = 0.0, variance = 0.0;
    for (size_t j = 0; j < hidden; j++)
        mean += v[j] / (double)hidden;
    for (size_t j = 0; j < hidden; j++)
        variance += (v[j] - mean) * (v[j] - mean) / (double)hidden;
    for (size_t j = 0; j < hidden; j++)
        v[j] = of->tensor[SLUICE_TENSOR_NORM_GAIN][k * hidden + j] * (v[j] - mean) / sqrt(variance + of->cell.norm_epsilon) +
               of->tensor[SLUICE_TENSOR_NORM_SHIFT][k * hidden + j];
}

/* c of the step, from a [4][H] and from c before. */
static void update_c(const unit *of, const double *a, double *c)
{
    const size_t hidden = of->hidden;
    const sluice_cell *cell = &of->cell;
    for (size_t u = 0; u < hidden; u++) {
        const double a_i = a[u] + element(of, SLUICE_TENSOR_PEEPHOLES, u, 0.0) * c[u];
        const double a_f = a[hidden + u] + element(of, SLUICE_TENSOR_PEEPHOLES, hidden + u, 0.0) * c[u] + cell->forget_bias;
        const double a_g = a[2 * hidden + u];
        const double i = test_family_function(cell->gate, SLUICE_FUNCTION_SIGMOID, clip(a_i, cell->gate_clip));
        const double f =
            cell->coupled ? 1.0 - i : test_family_function(cell->gate, SLUICE_FUNCTION_SIGMOID, clip(a_f, cell->gate_clip));
        const double g = test_family_function(cell->candidate, SLUICE_FUNCTION_TANH, clip(a_g, cell->gate_clip));
        c[u] = f * c[u] + i * g;
    }
    normalise(of, 4, c);
    for (size_t u = 0; u < hidden; u++)
        c[u] = clip(c[u], cell->cell_clip);
}

/* One step of one row: x [in]; h [P] and c [H] from those of the step before to this one's. */
static void cell_step(const unit *of, const double *x, double *h, double *c)
{
    const size_t hidden = of->hidden;
    const sluice_cell *cell = &of->cell;
    double *a = doubles(4 * hidden), *m = doubles(hidden);
    for (size_t j = 0; j < 4 * hidden; j++)
        a[j] = product(of->tensor[SLUICE_TENSOR_WEIGHT_IH] + j * of->inputs, x, of->inputs) +
               element(of, SLUICE_TENSOR_BIAS, j, 0.0) +
               product(of->tensor[SLUICE_TENSOR_WEIGHT_HH] + j * of->outputs, h, of->outputs);
    for (size_t k = 0; k < 4; k++)
        normalise(of, k, a + k * hidden);
    update_c(of, a, c);
    for (size_t u = 0; u < hidden; u++) {
        const double a_o = a[3 * hidden + u] + element(of, SLUICE_TENSOR_PEEPHOLES, 2 * hidden + u, 0.0) * c[u];
        const double o = test_family_function(cell->gate, SLUICE_FUNCTION_SIGMOID, clip(a_o, cell->gate_clip));
        const double limited = cell->output_unclipped ? c[u] : clip(c[u], cell->gate_clip);
        m[u] = o * test_family_function(cell->output, SLUICE_FUNCTION_TANH, limited);
    }
    for (size_t j = 0; j < of->outputs; j++)
        h[j] = !of->layer->projection ? m[j]
                                      : clip(product(of->tensor[SLUICE_TENSOR_PROJECTION] + j * hidden, m, hidden) +
                                                 element(of, SLUICE_TENSOR_PROJECTION_BIAS, j, 0.0),
                                             cell->projection_clip);
    free(a);
    free(m);
}

/* ---- An LSTM layer ---- */

/* A row of the batch. */
typedef struct row {
    const test_family_batch *batch;
    size_t n, length;
} row;

static row row_of(const test_family_batch *batch, size_t n)
{
    return (row){batch, n, batch->lengths ? (size_t)batch->lengths[n] : batch->steps};
}

static bool is_masked(const row *at, size_t t)
{
    return at->batch->mask && !at->batch->mask[at->n * at->batch->steps + t];
}

/* The last step that is not masked; the length if there is none. */
static size_t last_step(const row *at)
{
    for (size_t t = at->length; t-- > 0;)
        if (!is_masked(at, t))
            return t;
    return at->length;
}

/* All iterations of a direction over a row: in [T][in] to out [T][P], h [P] and c [H] from the first state to the last. */
static void run_direction(const unit *of, const row *at, bool reverse, const double *in, double *out, double *h, double *c)
{
    const sluice_layer *layer = of->layer;
    const size_t outputs = of->outputs;
    const double *repeated = NULL;
    for (size_t k = 0; k < at->length; k++) {
        const size_t t = reverse ? at->length - 1 - k : k;
        double *y = out + (layer->processing_order ? k : t) * outputs;
        if (!is_masked(at, t)) {
            cell_step(of, in + t * of->inputs, h, c);
            memcpy(y, h, outputs * sizeof *y);
            repeated = y;
        } else if (repeated && !layer->masked_outputs_zero) {
            memcpy(y, repeated, outputs * sizeof *y);
        } else {
            zero(y, outputs);
        }
    }
}

/* What becomes of h of both directions, or of one. */
static void merge(const sluice_layer *layer, const double *forward, const double *reverse, double *y)
{
    const size_t outputs = outputs_of(layer);
    for (size_t j = 0; j < outputs; j++) {
        if (layer->direction != SLUICE_DIRECTION_BOTH || layer->merge == SLUICE_MERGE_CONCAT)
            y[j] = forward[j];
        else if (layer->merge == SLUICE_MERGE_SUM)
            y[j] = forward[j] + reverse[j];
        else if (layer->merge == SLUICE_MERGE_PRODUCT)
            y[j] = forward[j] * reverse[j];
        else
            y[j] = (forward[j] + reverse[j]) / 2.0;
    }
    if (layer->direction == SLUICE_DIRECTION_BOTH && layer->merge == SLUICE_MERGE_CONCAT)
        memcpy(y + outputs, reverse, outputs * sizeof *y);
}

static void set_initial(const unit *of, const row *at, size_t h_at, size_t c_at, double *h, double *c)
{
    for (size_t j = 0; j < of->outputs; j++)
        h[j] = at->batch->h0 ? at->batch->h0[h_at + j] : element(of, SLUICE_TENSOR_INITIAL_H, j, 0.0);
    for (size_t j = 0; j < of->hidden; j++)
        c[j] = at->batch->c0 ? at->batch->c0[c_at + j] : element(of, SLUICE_TENSOR_INITIAL_C, j, 0.0);
}

/* The network, its layer in hand, and where that layer's states begin in hn and cn. */
typedef struct place {
    const sluice_network *network;
    size_t layer, h_at, c_at;
} place;

/* An LSTM layer over a row: in [T][in] to y [T][W]; FINAL or LAST to `reduced`, which is NULL without. */
static void run_lstm(const place *where, const unit units[2], const row *at, const double *in, double *y, double *reduced,
                     test_family *family)
{
    const sluice_layer *layer = units->layer;
    const size_t rows = at->batch->rows, outputs = units->outputs, hidden = units->hidden, width = family->width[where->layer];
    double *out[2] = {NULL}, *h[2] = {NULL};
    for (size_t d = 0; d < test_family_directions(layer); d++) {
        const size_t h_at = where->h_at + (d * rows + at->n) * outputs, c_at = where->c_at + (d * rows + at->n) * hidden;
        out[d] = doubles(at->length * outputs);
        h[d] = family->hn + h_at;
        set_initial(&units[d], at, h_at, c_at, h[d], family->cn + c_at);
        run_direction(&units[d], at, layer->direction == SLUICE_DIRECTION_REVERSE || d == 1, in, out[d], h[d], family->cn + c_at);
    }
    for (size_t t = 0; t < at->length; t++)
        merge(layer, out[0] + t * outputs, out[1] ? out[1] + t * outputs : NULL, y + t * width);
    zero(y + at->length * width, (at->batch->steps - at->length) * width);
    const size_t last = last_step(at);
    if (layer->steps == SLUICE_STEPS_FINAL)
        merge(layer, h[0], h[1], reduced);
    else if (layer->steps == SLUICE_STEPS_LAST && last < at->length)
        memcpy(reduced, y + last * width, width * sizeof *reduced);
    else if (layer->steps == SLUICE_STEPS_LAST)
        zero(reduced, width);
    free(out[0]);
    free(out[1]);
}

/* ---- The other layers ---- */

/* One vector through a layer; an embedding's x is a token. */
static void apply(const unit *of, const double *x, double *y)
{
    for (size_t j = 0; j < of->outputs; j++) {
        if (of->layer->kind == SLUICE_LAYER_EMBEDDING)
            y[j] = of->tensor[SLUICE_TENSOR_EMBEDDING][(size_t)*x * of->outputs + j];
        else if (of->layer->kind == SLUICE_LAYER_DENSE)
            y[j] =
                product(of->tensor[SLUICE_TENSOR_WEIGHT] + j * of->inputs, x, of->inputs) + element(of, SLUICE_TENSOR_BIAS, j, 0.0);
        else
            y[j] = element(of, SLUICE_TENSOR_SCALE, j, 1.0) * x[j] + element(of, SLUICE_TENSOR_SHIFT, j, 0.0);
    }
    activate(of->layer->activation, y, of->outputs);
}

/* A REDUCE layer over a row: in [T][W] to y [W]. */
static void reduce(const unit *of, const row *at, const double *in, double *y)
{
    const size_t width = of->outputs;
    double steps = 0.0;
    zero(y, width);
    for (size_t t = 0; t < at->length; t++) {
        if (is_masked(at, t))
            continue;
        for (size_t j = 0; j < width; j++) {
            const double x = in[t * width + j];
            if (of->layer->steps == SLUICE_STEPS_MEAN)
                y[j] += x;
            else if (of->layer->steps == SLUICE_STEPS_LAST || steps == 0.0 || isnan(x) || x > y[j])
                y[j] = x;
        }
        steps += 1.0;
    }
    for (size_t j = 0; of->layer->steps == SLUICE_STEPS_MEAN && steps > 0.0 && j < width; j++)
        y[j] /= steps;
}

/* ---- The network ---- */

/* What the first layer reads: [N][T][in], NaN past a row's end, where nothing is read. */
static double *read_inputs(const sluice_network *network, const test_family_batch *batch)
{
    const size_t width = test_family_inputs(network, 0);
    double *in = doubles(batch->rows * batch->steps * width);
    for (size_t n = 0; n < batch->rows; n++) {
        const row at = row_of(batch, n);
        for (size_t j = n * batch->steps * width; j < (n * batch->steps + at.length) * width; j++)
            in[j] = batch->tokens ? (double)batch->tokens[j] : (double)batch->x[j];
    }
    return in;
}

/* A layer over a row, from its inputs, at each step or of the row, to its outputs. */
static void run_row(const place *where, const unit units[2], const row *at, const double *in, test_family *family)
{
    const sluice_layer *layer = units->layer;
    const size_t layer_at = where->layer, steps = at->batch->steps, width = family->width[layer_at];
    double *y = family->steps[layer_at] ? family->steps[layer_at] + at->n * steps * width : NULL;
    double *reduced = family->row[layer_at] ? family->row[layer_at] + at->n * width : NULL;
    if (layer->kind == SLUICE_LAYER_LSTM) {
        run_lstm(where, units, at, in + at->n * steps * units->inputs, y, reduced, family);
    } else if (layer->kind == SLUICE_LAYER_REDUCE) {
        reduce(units, at, in + at->n * steps * width, reduced);
    } else if (reduced) {
        apply(units, in + at->n * units->inputs, reduced);
    } else {
        for (size_t t = 0; t < at->length; t++)
            apply(units, in + (at->n * steps + t) * units->inputs, y + t * width);
        zero(y + at->length * width, (steps - at->length) * width);
    }
}

/* The outputs of a layer: of each step, of the row, or both. */
static void make_outputs(const place *where, const test_family_batch *batch, test_family *family)
{
    const sluice_layer *layer = &where->network->layers[where->layer];
    const bool behind = where->layer > 0 && family->row[where->layer - 1];
    const bool has_row = behind || layer->kind == SLUICE_LAYER_REDUCE || layer->steps != SLUICE_STEPS_ALL;
    const bool has_steps = !behind && layer->kind != SLUICE_LAYER_REDUCE;
    const size_t width = family->width[where->layer] = test_family_width(where->network, where->layer);
    ck_assert_msg(!behind || (layer->kind != SLUICE_LAYER_LSTM && layer->kind != SLUICE_LAYER_REDUCE),
                  "layer %zu needs steps, and there is one vector of each row", where->layer);
    family->steps[where->layer] = has_steps ? doubles(batch->rows * batch->steps * width) : NULL;
    family->row[where->layer] = has_row ? doubles(batch->rows * width) : NULL;
}

/* Where the next layer's states begin. */
static void pass(place *where, size_t rows)
{
    const sluice_layer *layer = &where->network->layers[where->layer++];
    if (layer->kind != SLUICE_LAYER_LSTM)
        return;
    where->h_at += test_family_directions(layer) * rows * outputs_of(layer);
    where->c_at += test_family_directions(layer) * rows * layer->units;
}

test_family test_family_run(const sluice_network *network, const sluice_parameter *parameters, size_t count,
                            const test_family_batch *batch)
{
    test_family family = {.hn = NULL};
    place where = {.network = network};
    while (where.layer < network->layer_count)
        pass(&where, batch->rows);
    family.hn = doubles(family.hn_count = where.h_at);
    family.cn = doubles(family.cn_count = where.c_at);
    double *inputs = read_inputs(network, batch);
    for (where = (place){.network = network}; where.layer < network->layer_count; pass(&where, batch->rows)) {
        const size_t before = where.layer - 1;
        const double *in = !where.layer ? inputs : family.row[before] ? family.row[before] : family.steps[before];
        unit units[2] = {unit_make(network, where.layer, 0, parameters, count)};
        if (test_family_directions(&network->layers[where.layer]) == 2)
            units[1] = unit_make(network, where.layer, 1, parameters, count);
        make_outputs(&where, batch, &family);
        for (size_t n = 0; n < batch->rows; n++) {
            const row at = row_of(batch, n);
            run_row(&where, units, &at, in, &family);
        }
        unit_free(&units[0]);
        unit_free(&units[1]);
    }
    free(inputs);
    return family;
}

void test_family_free(test_family *family)
{
    for (size_t layer = 0; layer < SLUICE_MAX_LAYERS; layer++) {
        free(family->steps[layer]);
        free(family->row[layer]);
    }
    free(family->hn);
    free(family->cn);
    *family = (test_family){.hn = NULL};
}
