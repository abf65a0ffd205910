/* Nothing is shared with the library but the scalar kernel's activations, which have tests of their own. */
#include "support/oracle/plain_cells.h"

#include "base/system/cpu.h"
#include "kernel/kernel.h"
#include "support/network.h"
#include "support/oracle/plain.h"
#include "support/oracle/plain_product.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A direction of a layer with its parameters; NULL: it has none. */
typedef struct plain_dir {
    sluice_cell cell;
    size_t inputs, hidden, width; /* I, H, P */
    bool x_within_one;            /* x is made of outputs within +-1 */
    const float *w, *u, *bias, *peepholes, *projection, *projection_bias, *gain, *shift, *initial_h, *initial_c;
} plain_dir;

static float *zeros(size_t count)
{
    float *values = calloc(count ? count : 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

static float canonical(float value)
{
    const uint32_t bits = SL_NAN_BITS;
    if (isnan(value))
        memcpy(&value, &bits, sizeof value);
    return value;
}

static float clip(float value, float limit)
{
    if (!(limit > 0))
        return value;
    const float below = limit < value ? limit : value;
    return -limit > below ? -limit : below;
}

static void activate(const sluice_activation *activation, sluice_function otherwise, size_t n, float *values)
{
    sluice_activation used = *activation;
    if (used.function == SLUICE_FUNCTION_DEFAULT)
        used.function = otherwise;
    sl_kernel_get(SLUICE_ISA_SCALAR)->activate(&used, n, values, values);
}

static void normalise(const plain_dir *dir, size_t which, float *values)
{
    const size_t n = dir->hidden;
    float sum = 0, squares = 0;
    for (size_t k = 0; k < n; k++)
        sum += values[k];
    const float mean = sum / (float)n;
    for (size_t k = 0; k < n; k++)
        squares = fmaf(values[k] - mean, values[k] - mean, squares);
    const float deviation = sqrtf(squares / (float)n + dir->cell.norm_epsilon);
    for (size_t k = 0; k < n; k++)
        values[k] = fmaf(dir->gain[which * n + k], (values[k] - mean) / deviation, dir->shift[which * n + k]);
}

/* From pre-activations [i, f, g, o][H] to c and m. */
static void update_cell(const plain_dir *dir, float *gates, float *c, float *m)
{
    const sluice_cell *cell = &dir->cell;
    const size_t n = dir->hidden;
    const bool norm = cell->parts & SLUICE_PART_NORM, peepholes = cell->parts & SLUICE_PART_PEEPHOLES;
    float *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
    for (size_t k = 0; norm && k < 4; k++)
        normalise(dir, k, gates + k * n);
    for (size_t k = 0; k < n; k++) {
        if (peepholes) {
            i[k] = fmaf(dir->peepholes[k], c[k], i[k]);
            f[k] = fmaf(dir->peepholes[n + k], c[k], f[k]);
        }
        if (cell->forget_bias != 0)
            f[k] += cell->forget_bias;
        i[k] = clip(i[k], cell->gate_clip);
        f[k] = clip(f[k], cell->gate_clip);
        g[k] = clip(g[k], cell->gate_clip);
    }
    activate(&cell->gate, SLUICE_FUNCTION_SIGMOID, 2 * n, i);
    activate(&cell->candidate, SLUICE_FUNCTION_TANH, n, g);
    for (size_t k = 0; k < n; k++)
        c[k] = canonical(fmaf(cell->coupled ? 1 - i[k] : f[k], c[k], i[k] * g[k]));
    if (norm)
        normalise(dir, 4, c);
    for (size_t k = 0; k < n; k++) {
        c[k] = clip(canonical(c[k]), cell->cell_clip);
        o[k] = clip(peepholes ? fmaf(dir->peepholes[2 * n + k], c[k], o[k]) : o[k], cell->gate_clip);
        m[k] = cell->output_unclipped ? c[k] : clip(c[k], cell->gate_clip);
    }
    activate(&cell->gate, SLUICE_FUNCTION_SIGMOID, n, o);
    activate(&cell->output, SLUICE_FUNCTION_TANH, n, m);
    for (size_t k = 0; k < n; k++)
        m[k] = canonical(o[k] * m[k]);
}

/* Whether a function, DEFAULT being sigmoid or tanh, stays within +-1. */
static bool is_bounded(sluice_function function)
{
    return function == SLUICE_FUNCTION_DEFAULT || function == SLUICE_FUNCTION_SIGMOID || function == SLUICE_FUNCTION_HARD_SIGMOID ||
           function == SLUICE_FUNCTION_TANH || function == SLUICE_FUNCTION_SOFTSIGN;
}

/* Whether its h cannot leave +-1. */
static bool is_within_one(const plain_dir *dir)
{
    return !dir->projection && is_bounded(dir->cell.gate.function) && is_bounded(dir->cell.output.function);
}

static void run_step(const plain_dir *dir, const float *x, float *h, float *c)
{
    const size_t rows = 4 * dir->hidden, n = dir->hidden;
    float *gates = zeros(rows), *m = zeros(n);
    const test_plain_row of_x = test_plain_row_of(test_precision(), dir->x_within_one, dir->inputs, x);
    const test_plain_row of_h = test_plain_row_of(test_precision(), is_within_one(dir), dir->width, h);
    for (size_t k = 0; k < rows; k++) {
        const float with_x = test_plain_add_product(dir->bias ? dir->bias[k] : 0, &of_x, dir->w + k * dir->inputs);
        gates[k] = test_plain_add_product(with_x, &of_h, dir->u + k * dir->width);
    }
    free(of_x.values);
    free(of_h.values);
    update_cell(dir, gates, c, m);
    for (size_t k = 0; k < dir->width; k++) {
        h[k] = m[k];
        if (dir->projection)
            h[k] = clip(canonical((dir->projection_bias ? dir->projection_bias[k] : 0) +
                                  test_plain_chain(n, m, dir->projection + k * n, 1)),
                        dir->cell.projection_clip);
    }
    free(gates);
    free(m);
}

static plain_dir get_dir(const sluice_model *model, const sluice_layer *layer, size_t index, size_t d, size_t inputs)
{
    const sluice_tensor tensors[] = {SLUICE_TENSOR_WEIGHT_IH, SLUICE_TENSOR_WEIGHT_HH,  SLUICE_TENSOR_BIAS,
                                     SLUICE_TENSOR_PEEPHOLES, SLUICE_TENSOR_PROJECTION, SLUICE_TENSOR_PROJECTION_BIAS,
                                     SLUICE_TENSOR_NORM_GAIN, SLUICE_TENSOR_NORM_SHIFT, SLUICE_TENSOR_INITIAL_H,
                                     SLUICE_TENSOR_INITIAL_C};
    const float *of[sizeof tensors / sizeof tensors[0]];
    for (size_t k = 0; k < sizeof tensors / sizeof tensors[0]; k++)
        of[k] = sluice_model_get_parameter(model, index, d, tensors[k], NULL);
    return (plain_dir){.cell = layer->cells ? layer->cells[d] : (sluice_cell){.parts = SLUICE_PART_BIAS},
                       .inputs = inputs,
                       .hidden = layer->units,
                       .width = layer->projection ? layer->projection : layer->units,
                       .w = of[0],
                       .u = of[1],
                       .bias = of[2],
                       .peepholes = of[3],
                       .projection = of[4],
                       .projection_bias = of[5],
                       .gain = of[6],
                       .shift = of[7],
                       .initial_h = of[8],
                       .initial_c = of[9]};
}

/* A state before the first step: the batch's, or what was learned, or zeros. */
static void set_state(const float *given, const float *learned, size_t n, float *to)
{
    const float *from = given ? given : learned;
    for (size_t k = 0; k < n; k++)
        to[k] = from ? from[k] : 0;
}

/* A row through one direction; x [steps][inputs], y at its first float of step 0. */
static void run_row(const plain_dir *dir, bool reverse, size_t length, const float *x, float *h, float *c, float *y, size_t stride)
{
    for (size_t k = 0; k < length; k++) {
        const size_t step = reverse ? length - 1 - k : k;
        run_step(dir, x + step * dir->inputs, h, c);
        memcpy(y + step * stride, h, dir->width * sizeof *h);
    }
}

/* One row; hn and cn of layer-direction after layer-direction begin `rows` times the floats before further on. */
static void run_all_layers(const sluice_model *model, const sluice_network *network, const sluice_batch *batch, size_t n)
{
    const size_t steps = batch->steps, length = batch->lengths ? (size_t)batch->lengths[n] : steps;
    size_t width = network->inputs, h_at = 0, c_at = 0;
    bool within_one = false;
    float *x = zeros(steps * width);
    memcpy(x, batch->x + n * steps * width, steps * width * sizeof *x);
    for (size_t l = 0; l < network->layer_count; l++) {
        const sluice_layer *layer = &network->layers[l];
        const size_t directions = layer->direction == SLUICE_DIRECTION_BOTH ? 2 : 1, outputs = sluice_model_get_width(model, l);
        float *y = zeros(steps * outputs);
        bool all_within_one = true;
        for (size_t d = 0; d < directions; d++) {
            plain_dir dir = get_dir(model, layer, l, d, width);
            dir.x_within_one = within_one;
            all_within_one = all_within_one && is_within_one(&dir);
            const size_t h_from = h_at + n * dir.width, c_from = c_at + n * dir.hidden;
            float *h = batch->hn + h_from, *c = batch->cn + c_from;
            set_state(batch->h0 ? batch->h0 + h_from : NULL, dir.initial_h, dir.width, h);
            set_state(batch->c0 ? batch->c0 + c_from : NULL, dir.initial_c, dir.hidden, c);
            run_row(&dir, d || layer->direction == SLUICE_DIRECTION_REVERSE, length, x, h, c, y + d * dir.width, outputs);
            h_at += batch->rows * dir.width;
            c_at += batch->rows * dir.hidden;
        }
        free(x);
        x = y;
        width = outputs;
        within_one = all_within_one;
    }
    memcpy(batch->y + n * steps * width, x, steps * width * sizeof *x);
    free(x);
}

void test_plain_cells_forward(const sluice_model *model, const sluice_batch *batch)
{
    sluice_network network = {.struct_size = sizeof network};
    ck_assert_int_eq(sluice_model_get_network(model, &network), SLUICE_STATUS_OK);
    const sl_float_mode mode = sl_float_mode_set(test_precision() == SLUICE_PRECISION_BF16);
    for (size_t n = 0; n < batch->rows; n++)
        run_all_layers(model, &network, batch, n);
    sl_float_mode_restore(mode);
}
