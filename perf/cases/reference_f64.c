#include "perf/cases/reference_f64.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* One direction of one layer at one step: the gates after their functions, and the states that they lead to. */
typedef struct cell {
    double *gates, *c, *h; /* [4H], [H], [H] */
} cell;

struct sl_reference_f64 {
    const sluice_model *model;
    size_t steps, widest;                    /* of all inputs and outputs of layers */
    double *cells;                           /* [L*D][steps + 1][6H]: the start, then each step in the direction's order */
    double *flow;                            /* [L + 1][steps][widest] what each layer reads, and the last one's y */
    double *back;                            /* [L + 1][steps][widest] their gradients */
    double *da;                              /* [4H] */
    double *states;                          /* [2][L*D][H] dh and dc, in the end those of h0 and c0 */
    double *sums;                            /* all gradients of weights, where these point: */
    double **weight_ih, **weight_hh, **bias; /* [L*D] */
};

/* ---- The network ------------------------------------------------------------------------------------------------------------- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Layer k after so many steps. */
static cell cell_at(const sl_reference_f64 *it, size_t k, size_t after)
{
    const size_t hidden = it->model->shape.hidden;
    double *at = it->cells + (k * (it->steps + 1) + after) * (SL_GATES + 2) * hidden;
    return (cell){at, at + SL_GATES * hidden, at + (SL_GATES + 1) * hidden};
}

static double *flow_at(const sl_reference_f64 *it, double *flow, size_t l, size_t step)
{
    return flow + (l * it->steps + step) * it->widest;
}

static double dot(size_t n, const float *weights, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)weights[i] * x[i];
    return sum;
}

static void step_forward(const sl_gate_parameters *layer, size_t hidden, const double *x, const cell *before, const cell *after)
{
    for (size_t k = 0; k < SL_GATES * hidden; k++) {
        const double a = (double)layer->bias[k] + dot(layer->inputs, layer->weight_ih + k * layer->inputs, x) +
                         dot(hidden, layer->weight_hh + k * hidden, before->h);
        after->gates[k] = k / hidden == SL_GATE_G ? tanh(a) : sigmoid(a);
    }
    for (size_t u = 0; u < hidden; u++) {
        const double *gate = after->gates + u;
        after->c[u] = gate[SL_GATE_F * hidden] * before->c[u] + gate[SL_GATE_I * hidden] * gate[SL_GATE_G * hidden];
        after->h[u] = gate[SL_GATE_O * hidden] * tanh(after->c[u]);
    }
}

/* From dh and dc after a step to da, and to dc before it. */
static void step_gates(size_t hidden, const cell *before, const cell *after, const double *dh, double *dc, double *da)
{
    for (size_t u = 0; u < hidden; u++) {
        const double *gate = after->gates + u, tanh_c = tanh(after->c[u]);
        const double i = gate[SL_GATE_I * hidden], f = gate[SL_GATE_F * hidden];
        const double g = gate[SL_GATE_G * hidden], o = gate[SL_GATE_O * hidden];
        dc[u] += dh[u] * o * (1 - tanh_c * tanh_c);
        da[SL_GATE_I * hidden + u] = dc[u] * g * i * (1 - i);
        da[SL_GATE_F * hidden + u] = dc[u] * before->c[u] * f * (1 - f);
        da[SL_GATE_G * hidden + u] = dc[u] * i * (1 - g * g);
        da[SL_GATE_O * hidden + u] = dh[u] * tanh_c * o * (1 - o);
        dc[u] *= f;
    }
}

/* sums += da x^T, and dx += weights^T da. */
static void step_product(size_t rows, size_t columns, const double *da, const double *x, const float *weights, double *sums,
                         double *dx)
{
    for (size_t k = 0; k < rows; k++)
        for (size_t i = 0; i < columns; i++) {
            sums[k * columns + i] += da[k] * x[i];
            dx[i] += (double)weights[k * columns + i] * da[k];
        }
}

/* ---- A row ------------------------------------------------------------------------------------------------------------------- */

static size_t step_of(size_t direction, size_t length, size_t s)
{
    return direction ? length - 1 - s : s;
}

static void run_forward(sl_reference_f64 *it, size_t l, size_t d, size_t length)
{
    const size_t hidden = it->model->shape.hidden, k = l * it->model->shape.directions + d;
    const sl_gate_parameters gates = sl_model_get_gates(it->model, k);
    const cell start = cell_at(it, k, 0);
    memset(start.gates, 0, (SL_GATES + 2) * hidden * sizeof(double));
    for (size_t s = 0; s < length; s++) {
        const size_t t = step_of(d, length, s);
        const cell before = cell_at(it, k, s), after = cell_at(it, k, s + 1);
        step_forward(&gates, hidden, flow_at(it, it->flow, l, t), &before, &after);
        memcpy(flow_at(it, it->flow, l + 1, t) + d * hidden, after.h, hidden * sizeof(double));
    }
}

static void run_back(sl_reference_f64 *it, size_t l, size_t d, size_t length)
{
    const size_t hidden = it->model->shape.hidden, cells = it->model->shape.layers * it->model->shape.directions;
    const size_t k = l * it->model->shape.directions + d;
    const sl_gate_parameters gates = sl_model_get_gates(it->model, k), *layer = &gates;
    double *dh = it->states + k * hidden, *dc = it->states + (cells + k) * hidden;
    for (size_t s = length; s-- > 0;) {
        const size_t t = step_of(d, length, s);
        const cell before = cell_at(it, k, s), after = cell_at(it, k, s + 1);
        const double *dy = flow_at(it, it->back, l + 1, t) + d * hidden;
        for (size_t u = 0; u < hidden; u++)
            dh[u] += dy[u];
        step_gates(hidden, &before, &after, dh, dc, it->da);
        for (size_t i = 0; i < SL_GATES * hidden; i++)
            it->bias[k][i] += it->da[i];
        memset(dh, 0, hidden * sizeof *dh);
        step_product(SL_GATES * hidden, hidden, it->da, before.h, layer->weight_hh, it->weight_hh[k], dh);
        step_product(SL_GATES * hidden, layer->inputs, it->da, flow_at(it, it->flow, l, t), layer->weight_ih, it->weight_ih[k],
                     flow_at(it, it->back, l, t));
    }
}

static void widen(size_t n, const float *from, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from ? (double)from[i] : 0;
}

/* What the row reads, and the gradients that come in. */
static void load_row(sl_reference_f64 *it, const sluice_batch *batch, const sluice_gradient *gradient, size_t row, size_t length)
{
    const sluice_shape *shape = &it->model->shape;
    const size_t outputs = shape->directions * shape->hidden, cells = shape->layers * shape->directions;
    const float *x = batch->x + (batch->x_offsets ? batch->x_offsets[row] : row * batch->steps * shape->inputs);
    memset(it->back, 0, (shape->layers + 1) * it->steps * it->widest * sizeof *it->back);
    for (size_t t = 0; t < length; t++) {
        widen(shape->inputs, x + t * shape->inputs, flow_at(it, it->flow, 0, t));
        widen(outputs, gradient->dy ? gradient->dy + (row * batch->steps + t) * outputs : NULL,
              flow_at(it, it->back, shape->layers, t));
    }
    for (size_t k = 0; k < cells; k++) {
        const size_t at = (k * batch->rows + row) * shape->hidden;
        widen(shape->hidden, gradient->dhn ? gradient->dhn + at : NULL, it->states + k * shape->hidden);
        widen(shape->hidden, gradient->dcn ? gradient->dcn + at : NULL, it->states + (cells + k) * shape->hidden);
    }
}

void sl_reference_f64_add(sl_reference_f64 *it, const sluice_batch *batch, const sluice_gradient *gradient, size_t row)
{
    const sluice_shape *shape = &it->model->shape;
    const size_t length = batch->lengths ? (size_t)batch->lengths[row] : batch->steps;
    load_row(it, batch, gradient, row, length);
    for (size_t k = 0; k < shape->layers * shape->directions; k++)
        run_forward(it, k / shape->directions, k % shape->directions, length);
    for (size_t k = shape->layers * shape->directions; k-- > 0;)
        run_back(it, k / shape->directions, k % shape->directions, length);
    /* as sl_reference_f64_result has dx: without what makes all layers' rows equally wide */
    for (size_t t = 1; t < length; t++)
        memmove(it->back + t * shape->inputs, flow_at(it, it->back, 0, t), shape->inputs * sizeof *it->back);
}

sl_reference_f64_result sl_reference_f64_get(const sl_reference_f64 *it)
{
    return (sl_reference_f64_result){.dx = it->back,
                                     .dh0 = it->states,
                                     .dc0 = it->states +
                                            it->model->shape.layers * it->model->shape.directions * it->model->shape.hidden,
                                     .weight_ih = (const double *const *)it->weight_ih,
                                     .weight_hh = (const double *const *)it->weight_hh,
                                     .bias = (const double *const *)it->bias};
}

/* ---- Making it --------------------------------------------------------------------------------------------------------------- */

/* `count` doubles, `times` times. */
static double *allocate(size_t count, size_t times)
{
    return sl_size_mul(count, times, &count) ? sl_alloc_array(count, sizeof(double)) : NULL;
}

/* Lay the weights' gradients behind each other. */
static bool make_sums(sl_reference_f64 *it)
{
    const size_t cells = it->model->shape.layers * it->model->shape.directions, hidden = it->model->shape.hidden;
    size_t total = 0, at = 0; /* of as many floats in the model, so their number fits */
    for (size_t k = 0; k < cells; k++)
        total += SL_GATES * hidden * (it->model->network->dirs[k].inputs + hidden + 1);
    it->sums = allocate(total, 1);
    it->weight_ih = sl_alloc_array(cells, sizeof *it->weight_ih);
    it->weight_hh = sl_alloc_array(cells, sizeof *it->weight_hh);
    it->bias = sl_alloc_array(cells, sizeof *it->bias);
    if (!it->sums || !it->weight_ih || !it->weight_hh || !it->bias)
        return false;
    for (size_t k = 0; k < cells; k++) {
        it->weight_ih[k] = it->sums + at;
        it->weight_hh[k] = it->weight_ih[k] + SL_GATES * hidden * it->model->network->dirs[k].inputs;
        it->bias[k] = it->weight_hh[k] + SL_GATES * hidden * hidden;
        at += SL_GATES * hidden * (it->model->network->dirs[k].inputs + hidden + 1);
    }
    return true;
}

sluice_status sl_reference_f64_create(const sluice_model *model, size_t steps, sl_reference_f64 **reference, sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    const size_t cells = shape->layers * shape->directions;
    size_t kept, flow;
    *reference = NULL;
    sl_reference_f64 *it = sl_alloc(sizeof *it);
    if (!it)
        return sl_fail_memory(error, "the reference gradient", sizeof *it);
    it->model = model;
    it->steps = steps;
    it->widest = sl_size_max(shape->inputs, shape->directions * shape->hidden);
    if (sl_size_mul(cells * (SL_GATES + 2) * shape->hidden, steps + 1, &kept) &&
        sl_size_mul((shape->layers + 1) * it->widest, steps, &flow)) {
        it->cells = allocate(kept, 1);
        it->flow = allocate(flow, 1);
        it->back = allocate(flow, 1);
        it->da = allocate(SL_GATES, shape->hidden);
        it->states = allocate(2 * cells, shape->hidden);
    }
    if (!it->cells || !it->flow || !it->back || !it->da || !it->states || !make_sums(it)) {
        sl_reference_f64_destroy(it);
        return sl_fail_memory(error, "the reference gradient", steps * it->widest * sizeof(double));
    }
    *reference = it;
    return SLUICE_STATUS_OK;
}

void sl_reference_f64_destroy(sl_reference_f64 *it)
{
    if (!it)
        return;
    void *owned[] = {it->cells, it->flow, it->back, it->da, it->states, it->sums, it->weight_ih, it->weight_hh, it->bias, it};
    for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++)
        sl_free(owned[k]);
}
