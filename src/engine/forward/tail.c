#include "engine/forward/tail.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

/* Vectors that go through layers together: those of some steps of one row, or of some rows. */
typedef struct vectors {
    size_t count; /* scratch->x has where they are */
    size_t row;   /* of the row block: the row, or the first one */
    size_t step;  /* of steps: the first */
    bool by_step;
} vectors;

/* ---- One layer ------------------------------------------------------------------------------------------------------------- */

static void merge(const sl_step_layer *layer, const float *x, float *out)
{
    const size_t n = layer->outputs;
    const float *forward = x, *reverse = x + n;
    for (size_t k = 0; k < n; k++)
        out[k] = layer->merge == SLUICE_MERGE_SUM       ? forward[k] + reverse[k]
                 : layer->merge == SLUICE_MERGE_PRODUCT ? forward[k] * reverse[k]
                                                        : (forward[k] + reverse[k]) * 0.5f;
}

static void activate(const sl_kernel *kernel, const sl_step_layer *layer, const float *x, float *out)
{
    if (layer->activation.function == SLUICE_FUNCTION_SOFTMAX)
        kernel->softmax(layer->outputs, x, out);
    else
        kernel->activate(&layer->activation, layer->outputs, x, out);
}

/* Compute a layer's results, [count] layer->width apart, of the vectors at scratch->x. */
static void run_layer(const sl_forward_thread *t, const sl_step_layer *layer, size_t count, float *out)
{
    const sl_kernel *kernel = t->call->engine->kernel;
    const sl_thread_scratch *scratch = t->scratch;
    if (layer->kind == SL_STEP_DENSE) {
        for (size_t k = 0; k < count; k++)
            scratch->start[k] = layer->bias;
        kernel->product(&layer->weights, count, scratch->start, scratch->x, out, layer->width);
    }
    for (size_t k = 0; k < count; k++) {
        float *to = out + k * layer->width;
        const float *from = layer->kind == SL_STEP_ACTIVATION ? scratch->x[k] : to;
        if (layer->kind == SL_STEP_AFFINE)
            kernel->affine(layer->outputs, scratch->x[k], layer->scale, layer->shift, to);
        else if (layer->kind == SL_STEP_MERGE)
            merge(layer, scratch->x[k], to);
        activate(kernel, layer, from, to);
    }
}

/* ---- Several --------------------------------------------------------------------------------------------------------------- */

static void store_y(const sl_forward_thread *t, const vectors *v)
{
    const size_t bytes = t->call->engine->network->outputs * sizeof(float);
    for (size_t k = 0; k < v->count; k++)
        memcpy(sl_y_row(t, v->row, v->step + k), t->scratch->x[k], bytes);
}

/* Take vectors through layers [first, end): scratch->x then points at the results. */
static void run_layers(const sl_forward_thread *t, size_t first, size_t end, const vectors *v)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    for (size_t k = first; k < end; k++) {
        const sl_step_layer *layer = &steps->all[k];
        float *out = t->scratch->vectors[k % 2];
        run_layer(t, layer, v->count, out);
        for (size_t j = 0; j < v->count; j++)
            t->scratch->x[j] = out + j * layer->width;
    }
}

void sl_steps_run_before(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *from_rows,
                         const sl_layer_rows *to_rows, size_t from, size_t to)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    const sl_row_range range = sl_row_range_of(t);
    const size_t most = t->call->sizes.vector_rows;
    for (size_t r = range.from; r < range.to; r++) {
        const size_t end = sl_size_min(to, t->group->lengths[r]);
        for (size_t step = from; step < end; step += most) {
            const vectors v = {.count = sl_size_min(most, end - step), .row = r, .step = step, .by_step = true};
            for (size_t k = 0; k < v.count; k++)
                t->scratch->x[k] = sl_input_row(t, from_rows, r, step + k);
            run_layers(t, steps->before[lstm_layer], steps->before[lstm_layer + 1], &v);
            for (size_t k = 0; k < v.count; k++)
                memcpy(sl_layer_row(t, to_rows, r, step + k), t->scratch->x[k], to_rows->width * sizeof(float));
        }
    }
}

/* Floats of a row's one vector. */
static size_t reduced_width_of(const sl_forward_thread *t)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    if (t->call->reduces == SLUICE_STEPS_FINAL || steps->reduced == 0 ||
        steps->reduced == steps->before[t->call->engine->network->lstm_layers])
        return t->call->engine->network->lstm[t->call->engine->network->lstm_layers - 1].outputs;
    return steps->all[steps->reduced - 1].outputs;
}

/* ---- Reduction ------------------------------------------------------------------------------------------------------------- */

/* Add the steps at scratch->x to a row's one vector. */
static void reduce(const sl_forward_thread *t, const vectors *v)
{
    const sluice_steps how = t->call->engine->steps.reduces;
    const size_t n = reduced_width_of(t), last = t->group->lengths[v->row] - 1;
    float *to = t->group->reduced + v->row * n;
    for (size_t k = 0; k < v->count; k++) {
        const float *from = t->scratch->x[k];
        const bool copies = how == SLUICE_STEPS_LAST ? v->step + k == last : v->step + k == 0;
        if (copies)
            memcpy(to, from, n * sizeof *to);
        else if (how == SLUICE_STEPS_MEAN)
            for (size_t j = 0; j < n; j++)
                to[j] += from[j];
        else if (how == SLUICE_STEPS_MAX)
            for (size_t j = 0; j < n; j++)
                to[j] = from[j] > to[j] || isnan(from[j]) ? from[j] : to[j];
    }
}

/* A row's one vector, complete; it is made in `to` where it is not kept. */
static const float *finish_reduced(const sl_forward_thread *t, size_t r, float *to)
{
    const sluice_engine *engine = t->call->engine;
    const sl_lstm_layer *last = &engine->network->lstm[engine->network->lstm_layers - 1];
    const size_t steps = t->group->lengths[r], n = reduced_width_of(t);
    if (t->call->reduces == SLUICE_STEPS_FINAL) {
        for (size_t k = last->first; k < last->first + last->directions; k++)
            memcpy(to + engine->layers[k].dir->first_output, sl_final_h(t, k, r), engine->layers[k].dir->h_width * sizeof *to);
        return to;
    }
    float *reduced = t->group->reduced + r * n;
    if (steps == 0)
        memset(reduced, 0, n * sizeof *reduced);
    for (size_t j = 0; t->call->reduces == SLUICE_STEPS_MEAN && steps && j < n; j++)
        reduced[j] /= (float)steps;
    return reduced;
}

/* ---- Behind the last LSTM layer -------------------------------------------------------------------------------------------- */

/* Results of the network's end; which of several NaNs a sum passes on is the compiler's choice, so all become the one NaN. */
static void copy_result(const float *from, size_t count, float *to)
{
    const uint32_t nan = SL_NAN_BITS;
    for (size_t k = 0; k < count; k++)
        memcpy(&to[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof *to);
}

static void store_steps(const sl_forward_thread *t, const vectors *v)
{
    const sluice_batch *batch = t->call->batch;
    const size_t classes = t->call->engine->network->ends;
    float *to = batch->step_logits + (t->rows[v->row] * batch->steps + v->step) * classes;
    for (size_t k = 0; k < v->count; k++)
        copy_result(t->scratch->x[k], classes, to + k * classes);
}

void sl_tail_run_steps(const sl_forward_thread *t, const sl_layer_rows *outputs, size_t from, size_t to)
{
    const sluice_engine *engine = t->call->engine;
    const sl_step_layers *steps = &engine->steps;
    const size_t first = steps->before[engine->network->lstm_layers], most = t->call->sizes.vector_rows;
    /* y is merged, even where only final states go on. */
    const bool merges = first < steps->count && steps->all[first].kind == SL_STEP_MERGE;
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        const size_t end = sl_size_min(to, t->group->lengths[r]);
        for (size_t step = from; step < end; step += most) {
            const vectors v = {.count = sl_size_min(most, end - step), .row = r, .step = step, .by_step = true};
            for (size_t k = 0; k < v.count; k++)
                t->scratch->x[k] = outputs->at ? sl_layer_row(t, outputs, r, step + k) : sl_y_row(t, r, step + k);
            run_layers(t, first, first + merges, &v);
            if (t->call->copies_y)
                store_y(t, &v);
            run_layers(t, first + merges, steps->reduced, &v);
            if (t->call->batch->step_logits)
                store_steps(t, &v);
            else if (t->call->reduces != SLUICE_STEPS_ALL && t->call->reduces != SLUICE_STEPS_FINAL)
                reduce(t, &v);
        }
    }
}

void sl_tail_run_vectors(const sl_forward_thread *t)
{
    const sluice_engine *engine = t->call->engine;
    const sl_step_layers *steps = &engine->steps;
    const size_t first = engine->network->is_shape ? steps->before[engine->network->lstm_layers] : steps->reduced;
    const size_t classes = engine->network->ends, most = t->call->sizes.vector_rows;
    const sl_row_range range = sl_row_range_of(t);
    for (size_t row = range.from; row < range.to; row += most) {
        const vectors v = {.count = sl_size_min(most, range.to - row), .row = row};
        for (size_t k = 0; k < v.count; k++)
            t->scratch->x[k] = finish_reduced(t, row + k, t->scratch->vectors[(first + 1) % 2] + k * reduced_width_of(t));
        run_layers(t, first, steps->count, &v);
        for (size_t k = 0; k < v.count; k++)
            copy_result(t->scratch->x[k], classes, t->call->batch->logits + t->rows[row + k] * classes);
    }
}
