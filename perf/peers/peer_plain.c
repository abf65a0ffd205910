/* The plain peer: an LSTM as straightforward loops over weights laid out so that a compiler can vectorise, with libm's functions.
 * Threads divide the rows. It stands for a program that uses no library. */
#include "perf/peers/peer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/thread_count.h"
#include "base/system/threads.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One direction of one layer, where gate k of unit u is column k*H + u. */
typedef struct plain_layer {
    size_t inputs;
    float *weight_ih; /* [inputs][4H] */
    float *weight_hh; /* [H][4H] */
    const float *bias;
} plain_layer;

typedef struct plain {
    const sluice_batch *batch;
    size_t layers, directions, inputs, hidden;
    unsigned threads;
    plain_layer *layer; /* [L*D] */
    size_t *first;      /* [N] number of a row's first step among those of all rows */
    float *between[2];  /* [all steps][D*H] outputs of a layer that the next one reads, alternately */
    float *gates;       /* [N][4H] */
} plain;

static void describe_plain(char *text, size_t bytes)
{
#if defined(__clang__)
    snprintf(text, bytes, "%s", __VERSION__);
#else
    snprintf(text, bytes, "gcc %s", __VERSION__);
#endif
}

static size_t length_of(const plain *it, size_t row)
{
    return it->batch->lengths ? (size_t)it->batch->lengths[row] : it->batch->steps;
}

/* ---- Arithmetic ------------------------------------------------------------------------------------------------------------- */

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* gates += x W */
static void add_product(const float *x, size_t inputs, const float *weights, size_t columns, float *gates)
{
    for (size_t i = 0; i < inputs; i++)
        for (size_t k = 0; k < columns; k++)
            gates[k] += x[i] * weights[i * columns + k];
}

static void step_cell(const float *gates, size_t hidden, float *h, float *c)
{
    for (size_t u = 0; u < hidden; u++) {
        const float i = sigmoid(gates[SL_GATE_I * hidden + u]), f = sigmoid(gates[SL_GATE_F * hidden + u]);
        const float g = tanhf(gates[SL_GATE_G * hidden + u]), o = sigmoid(gates[SL_GATE_O * hidden + u]);
        c[u] = f * c[u] + i * g;
        h[u] = o * tanhf(c[u]);
    }
}

/* ---- Rows, layers and steps -------------------------------------------------------------------------------------------------- */

/* What layer l reads at a step of a row. */
static const float *input_at(const plain *it, size_t l, size_t row, size_t step)
{
    const sluice_batch *batch = it->batch;
    if (l > 0)
        return it->between[(l - 1) % 2] + (it->first[row] + step) * it->directions * it->hidden;
    return batch->x + (batch->x_offsets ? batch->x_offsets[row] : row * batch->steps * it->inputs) + step * it->inputs;
}

/* Where layer l writes its h of both directions; NULL: it is not needed. */
static float *output_at(const plain *it, size_t l, size_t row, size_t step)
{
    const size_t width = it->directions * it->hidden;
    if (l + 1 < it->layers)
        return it->between[l % 2] + (it->first[row] + step) * width;
    return it->batch->y ? it->batch->y + (row * it->batch->steps + step) * width : NULL;
}

/* One row through one direction of one layer. */
static void run_row(const plain *it, size_t l, size_t direction, size_t row)
{
    const size_t hidden = it->hidden, length = length_of(it, row), index = l * it->directions + direction;
    const plain_layer *layer = &it->layer[index];
    float *gates = it->gates + row * SL_GATES * hidden;
    float *h = it->batch->hn + (index * it->batch->rows + row) * hidden;
    float *c = it->batch->cn + (index * it->batch->rows + row) * hidden;
    memset(h, 0, hidden * sizeof *h);
    memset(c, 0, hidden * sizeof *c);
    for (size_t s = 0; s < length; s++) {
        const size_t step = direction ? length - 1 - s : s;
        float *out = output_at(it, l, row, step);
        memcpy(gates, layer->bias, SL_GATES * hidden * sizeof *gates);
        add_product(input_at(it, l, row, step), layer->inputs, layer->weight_ih, SL_GATES * hidden, gates);
        add_product(h, hidden, layer->weight_hh, SL_GATES * hidden, gates);
        step_cell(gates, hidden, h, c);
        if (out)
            memcpy(out + direction * hidden, h, hidden * sizeof *h);
    }
}

static void run_rows(void *context, unsigned thread, unsigned threads)
{
    const plain *it = context;
    const sluice_batch *batch = it->batch;
    for (size_t row = batch->rows * thread / threads; row < batch->rows * (thread + 1) / threads; row++) {
        const size_t rest = batch->steps - length_of(it, row);
        for (size_t l = 0; l < it->layers; l++)
            for (size_t d = 0; d < it->directions; d++)
                run_row(it, l, d, row);
        if (batch->y && rest)
            memset(output_at(it, it->layers - 1, row, batch->steps - rest), 0, rest * it->directions * it->hidden * sizeof(float));
    }
}

static sluice_status call_plain(void *made, sluice_error *error)
{
    plain *it = made;
    (void)error;
    sl_threads_run((unsigned)sl_size_min(it->threads, it->batch->rows), run_rows, it);
    return SLUICE_STATUS_OK;
}

/* ---- Making it -------------------------------------------------------------------------------------------------------------- */

static void destroy_plain(void *made)
{
    plain *it = made;
    if (!it)
        return;
    for (size_t k = 0; it->layer && k < it->layers * it->directions; k++) {
        sl_free(it->layer[k].weight_ih);
        sl_free(it->layer[k].weight_hh);
    }
    sl_free(it->layer);
    sl_free(it->first);
    sl_free(it->between[0]);
    sl_free(it->between[1]);
    sl_free(it->gates);
    sl_free(it);
}

/* The transpose of [rows][columns]; NULL when there is no memory. */
static float *transpose(const float *weights, size_t rows, size_t columns)
{
    float *made = sl_alloc_array(rows * columns, sizeof *made); /* as large as the model's, so it fits */
    for (size_t k = 0; made && k < rows; k++)
        for (size_t i = 0; i < columns; i++)
            made[i * rows + k] = weights[k * columns + i];
    return made;
}

static bool make_layers(plain *it, const sluice_model *model)
{
    it->layer = sl_alloc_array(it->layers * it->directions, sizeof *it->layer);
    for (size_t k = 0; it->layer && k < it->layers * it->directions; k++) {
        const sl_gate_parameters from = sl_model_get_gates(model, k);
        plain_layer *layer = &it->layer[k];
        layer->inputs = from.inputs;
        layer->weight_ih = transpose(from.weight_ih, SL_GATES * it->hidden, from.inputs);
        layer->weight_hh = transpose(from.weight_hh, SL_GATES * it->hidden, it->hidden);
        layer->bias = from.bias;
        if (!layer->weight_ih || !layer->weight_hh)
            return false;
    }
    return it->layer != NULL;
}

/* Allocate the arrays between the layers and the gates of a step of every row. */
static bool allocate_arrays(plain *it)
{
    const size_t width = it->directions * it->hidden;
    size_t steps = 0, floats;
    it->first = sl_alloc_array(it->batch->rows, sizeof *it->first);
    for (size_t row = 0; it->first && row < it->batch->rows; row++) {
        it->first[row] = steps;
        steps += length_of(it, row); /* at most those of x, which is in memory */
    }
    if (!it->first || !sl_size_mul(steps, width, &floats))
        return false;
    for (size_t k = 0; k < 2 && k + 1 < it->layers; k++)
        if (!(it->between[k] = sl_alloc_array(floats, sizeof(float))))
            return false;
    it->gates = sl_alloc_array(it->batch->rows, SL_GATES * it->hidden * sizeof(float));
    return it->gates != NULL;
}

static sluice_status make_plain(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                sl_result *result, void **made, sluice_error *error)
{
    char reason[160];
    (void)gradient;
    plain *it = *made = sl_alloc(sizeof *it);
    if (!it)
        return sl_fail_memory(error, "a peer", sizeof *it);
    it->batch = batch;
    it->layers = model->shape.layers;
    it->directions = model->shape.directions;
    it->inputs = model->shape.inputs;
    it->hidden = model->shape.hidden;
    sl_setting_clear_kernels(&result->setting);
    const sluice_status status = sl_threads_choose(result->setting.threads, &it->threads, reason, sizeof reason, error);
    result->setting.threads = it->threads;
    if (status)
        return status;
    return make_layers(it, model) && allocate_arrays(it) ? SLUICE_STATUS_OK
                                                         : sl_fail_memory(error, "the plain peer", batch->rows * sizeof(float));
}

const sl_peer sl_peer_plain = {
    .name = "plain", .describe = describe_plain, .make = make_plain, .call = call_plain, .destroy = destroy_plain};
