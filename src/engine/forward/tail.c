#include "engine/forward/tail.h"

#include "base/size.h"
#include "engine/forward/tape_record.h"
#include "engine/step_layers.h"
#include "engine/streams.h"

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

/* Compute the results of step layer k, [count] layer->width apart, of the vectors at scratch->x. */
static void run_layer(const sl_forward_thread *t, size_t k, const vectors *v, float *out)
{
    const sl_step_layer *layer = &t->call->engine->steps.all[k];
    const sl_kernel *kernel = t->call->engine->kernel;
    const sl_thread_scratch *scratch = t->scratch;
    const sluice_tape *tape = t->call->batch->tape;
    if (layer->kind == SL_STEP_DENSE) {
        for (size_t j = 0; j < v->count; j++)
            scratch->start[j] = layer->bias;
        kernel->product(&layer->weights, v->count, scratch->start, scratch->x, out, layer->width);
    }
    for (size_t j = 0; j < v->count; j++) {
        float *to = out + j * layer->width;
        const float *from = layer->kind == SL_STEP_ACTIVATION ? scratch->x[j] : to;
        const sl_tape_vector vector = {k, t->rows[v->by_step ? v->row : v->row + j], v->by_step ? v->step + j : 0, v->by_step};
        if (layer->kind == SL_STEP_AFFINE)
            kernel->affine(layer->outputs, scratch->x[j], layer->scale, layer->shift, to);
        else if (layer->kind == SL_STEP_MERGE)
            merge(layer, scratch->x[j], to);
        if (tape)
            sl_tape_record_pre_activations(tape, &vector, from);
        activate(kernel, layer, from, to);
        if (tape)
            sl_tape_record_vector(tape, &vector, to);
    }
}

/* ---- Outputs of layers ----------------------------------------------------------------------------------------------------- */

/* Whether a layer gives a vector for each step of a row. */
static bool has_steps(const sl_forward_thread *t, size_t layer)
{
    return layer < t->call->engine->network->reducing_layer;
}

/* Results go to the caller; which of several NaNs a sum passes on is the compiler's choice, so all become the one NaN. */
static void copy_result(const float *from, size_t count, float *to)
{
    const uint32_t nan = SL_NAN_BITS;
    for (size_t k = 0; k < count; k++)
        memcpy(&to[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof *to);
}

/* Store vectors at scratch->x, which are outputs of a layer, where the batch wants these. */
static void store_outputs(const sl_forward_thread *t, size_t layer, const vectors *v)
{
    const sluice_batch *batch = t->call->batch;
    for (size_t k = 0; k < batch->output_count; k++) {
        const sluice_output *output = &batch->outputs[k];
        if (output->layer != layer || v->by_step != has_steps(t, layer) || output->at == batch->y)
            continue; /* an output that stands for y has been written */
        for (size_t j = 0; j < v->count; j++) {
            const size_t row = t->rows[v->by_step ? v->row : v->row + j], step = v->by_step ? v->step + j : 0;
            copy_result(t->scratch->x[j], t->call->engine->network->widths[layer],
                        output->at + row * output->row_stride + step * output->step_stride);
        }
    }
}

static void store_y(const sl_forward_thread *t, const vectors *v)
{
    const size_t bytes = t->call->engine->network->outputs * sizeof(float);
    for (size_t k = 0; k < v->count; k++)
        memcpy(sl_y_row(t, v->row, v->step + k), t->scratch->x[k], bytes);
}

static void store_step_logits(const sl_forward_thread *t, const vectors *v)
{
    const sluice_batch *batch = t->call->batch;
    const size_t classes = t->call->engine->network->ends;
    float *to = batch->step_logits + (t->rows[v->row] * batch->steps + v->step) * classes;
    for (size_t k = 0; k < v->count; k++)
        copy_result(t->scratch->x[k], classes, to + k * classes);
}

/* ---- Several layers -------------------------------------------------------------------------------------------------------- */

/* Take vectors through layers [first, end): scratch->x then points at the results. */
static void run_layers(const sl_forward_thread *t, size_t first, size_t end, const vectors *v)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    for (size_t k = first; k < end; k++) {
        const sl_step_layer *layer = &steps->all[k];
        float *out = t->scratch->vectors[k % 2];
        run_layer(t, k, v, out);
        for (size_t j = 0; j < v->count; j++)
            t->scratch->x[j] = out + j * layer->width;
        store_outputs(t, layer->layer, v);
    }
}

/* ---- Steps of an LSTM layer, masked ones among them ------------------------------------------------------------------------ */

/* The list of the steps of a row that are not masked. */
static const uint32_t *get_unmasked(const sl_forward_thread *t, size_t r)
{
    return t->group->unmasked + r * t->call->sizes->mask_steps;
}

/* How many iterations a layer in processing order has made when it comes to its output `step`, of a row with a mask: the steps that
 * are not masked from n-1-step, where it is then, to the last. */
static size_t count_iterations(const sl_forward_thread *t, size_t r, size_t step)
{
    const uint32_t *unmasked = get_unmasked(t, r);
    const size_t at = sl_row_steps(t, r) - 1 - step, count = t->group->lengths[r];
    size_t first = 0, end = count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (unmasked[middle] < at)
            first = middle + 1;
        else
            end = middle;
    }
    return count - first;
}

/* What such a layer gives there, where `iterations` are as counted; NULL: zeros. Its outputs lie by iterations. */
static const float *get_in_order(const sl_forward_thread *t, const sl_lstm_layer *lstm, const sl_layer_rows *outputs, size_t r,
                                 size_t step, size_t iterations)
{
    const size_t at = sl_row_steps(t, r) - 1 - step, count = t->group->lengths[r];
    if (iterations == 0 || (get_unmasked(t, r)[count - iterations] != at &&
                            t->call->engine->network->description.layers[lstm->layer].masked_outputs_zero))
        return NULL;
    return sl_layer_row(t, outputs, r, iterations - 1);
}

static bool is_in_order(const sl_forward_thread *t, const sl_lstm_layer *lstm)
{
    return t->call->engine->layers[lstm->first].dir->in_order;
}

/* Goes over the steps of a row of the row block, and counts those before it that are not masked. */
typedef struct step_walk {
    const sl_forward_thread *t;
    const sl_lstm_layer *lstm;
    const sl_layer_rows *outputs; /* of the LSTM layer, by steps that are not masked, or by iterations */
    const uint8_t *mask;          /* of the row; NULL: no step is masked */
    size_t r, step, unmasked;
} step_walk;

static step_walk begin_walk(const sl_forward_thread *t, const sl_lstm_layer *lstm, const sl_layer_rows *outputs, size_t r,
                            size_t step)
{
    const sluice_batch *batch = t->call->batch;
    return (step_walk){.t = t,
                       .lstm = lstm,
                       .outputs = outputs,
                       .mask = batch->mask ? batch->mask + t->rows[r] * batch->mask_row_stride : NULL,
                       .r = r,
                       .step = step,
                       .unmasked = step};
}

static bool is_masked(const step_walk *walk)
{
    return walk->mask && !walk->mask[walk->step * walk->t->call->batch->mask_step_stride];
}

/* What a direction of the layer gives at a masked step: its outputs of the iteration before, NULL if they are zeros. Before the first
 * iteration of a stream's piece they are the state that the stream has, unless that is the one it began with. */
static const float *get_repeated(const step_walk *walk, size_t layer_dir)
{
    const sl_forward_thread *t = walk->t;
    const sl_layer_dir *dir = t->call->engine->layers[layer_dir].dir;
    const sluice_batch *batch = t->call->batch;
    if (t->call->engine->network->description.layers[walk->lstm->layer].masked_outputs_zero)
        return NULL;
    if (dir->reverse)
        return walk->unmasked < t->group->lengths[walk->r]
                   ? sl_layer_row(t, walk->outputs, walk->r, walk->unmasked) + dir->first_output
                   : NULL;
    if (walk->unmasked)
        return sl_layer_row(t, walk->outputs, walk->r, walk->unmasked - 1) + dir->first_output;
    if (!batch->streams)
        return NULL;
    const float *h = sl_streams_h(batch->streams, sl_streams_slot(batch->slots, t->rows[walk->r]), layer_dir);
    const float *initial = batch->streams->initial ? batch->streams->initial + dir->h_before : NULL;
    return initial && memcmp(h, initial, dir->h_width * sizeof *h) == 0 ? NULL : h;
}

/* The layer's outputs of the next step, where the order of processing decides which steps repeat others. */
static const float *next_in_order(step_walk *walk, float *to)
{
    const sl_forward_thread *t = walk->t;
    const size_t iterations = count_iterations(t, walk->r, walk->step);
    const float *from = get_in_order(t, walk->lstm, walk->outputs, walk->r, walk->step, iterations);
    walk->unmasked += !is_masked(walk);
    walk->step++;
    return from ? from : memset(to, 0, walk->lstm->outputs * sizeof *to);
}

/* The layer's outputs of the next step; those of a masked step are put together in `to`. */
static const float *next_outputs(step_walk *walk, float *to)
{
    const sl_forward_thread *t = walk->t;
    if (walk->mask && is_in_order(t, walk->lstm))
        return next_in_order(walk, to);
    if (is_masked(walk)) {
        for (size_t k = walk->lstm->first; k < walk->lstm->first + walk->lstm->directions; k++) {
            const sl_layer_dir *dir = t->call->engine->layers[k].dir;
            const float *from = get_repeated(walk, k);
            memset(to + dir->first_output, 0, dir->h_width * sizeof *to);
            if (from)
                memcpy(to + dir->first_output, from, dir->h_width * sizeof *to);
        }
        walk->step++;
        return to;
    }
    const size_t step = walk->unmasked++;
    walk->step++;
    return walk->outputs->at ? sl_layer_row(t, walk->outputs, walk->r, step) : sl_y_row(t, walk->r, step);
}

/* The network's input at the next step, masked or not. */
static const float *next_inputs(step_walk *walk)
{
    const sl_forward_thread *t = walk->t;
    const sluice_batch *batch = t->call->batch;
    const size_t at = sl_x_place(t, walk->r, walk->step);
    walk->unmasked += !is_masked(walk);
    walk->step++;
    return batch->x ? batch->x + at : t->call->engine->embedding + sl_batch_token(batch, at) * t->call->engine->network->inputs;
}

/* Put what the layer gives at the row's unmasked step number j, counted from the first, to place j of its outputs. */
static void arrange_step(const sl_forward_thread *t, const sl_lstm_layer *lstm, const sl_layer_rows *outputs, size_t r, size_t j,
                         size_t iterations)
{
    const float *from = get_in_order(t, lstm, outputs, r, get_unmasked(t, r)[j], iterations);
    float *to = sl_layer_row(t, outputs, r, j);
    if (!from)
        memset(to, 0, outputs->width * sizeof *to);
    else if (from != to)
        memcpy(to, from, outputs->width * sizeof *to);
}

void sl_steps_arrange(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *outputs)
{
    const sl_lstm_layer *lstm = &t->call->engine->network->lstm[lstm_layer];
    const sl_row_range range = sl_row_range_of(t);
    if (!is_in_order(t, lstm))
        return;
    for (size_t r = range.from; r < range.to; r++) {
        /* In place: the iterations made grow with j. So no place is read once it was written, if those that are read at or behind j
         * are written from the first on, and after them the others from the last on. */
        for (size_t j = 0; j < t->group->lengths[r]; j++) {
            const size_t iterations = count_iterations(t, r, get_unmasked(t, r)[j]);
            if (iterations > j)
                arrange_step(t, lstm, outputs, r, j, iterations);
        }
        for (size_t j = t->group->lengths[r]; j-- > 0;) {
            const size_t iterations = count_iterations(t, r, get_unmasked(t, r)[j]);
            if (iterations <= j)
                arrange_step(t, lstm, outputs, r, j, iterations);
        }
    }
}

/* ---- Before LSTM layers ---------------------------------------------------------------------------------------------------- */

/* Take the steps of a row through the layers before an LSTM layer, those that are not masked alone. */
static void run_before(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *from_rows, const sl_layer_rows *to_rows,
                       size_t r)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    const size_t end = sl_size_min(to_rows->from + to_rows->steps, t->group->lengths[r]), most = t->call->sizes->vector_rows;
    for (size_t step = to_rows->from; step < end; step += most) {
        const vectors v = {.count = sl_size_min(most, end - step), .row = r, .step = step, .by_step = true};
        for (size_t k = 0; k < v.count; k++)
            t->scratch->x[k] = sl_input_row(t, from_rows, r, step + k);
        run_layers(t, steps->before[lstm_layer], steps->before[lstm_layer + 1], &v);
        for (size_t k = 0; k < v.count && !t->call->batch->tape; k++) /* which has recorded them there */
            memcpy(sl_layer_row(t, to_rows, r, step + k), t->scratch->x[k], to_rows->width * sizeof(float));
    }
}

/* The same of all steps, as the caller wants outputs of these layers. */
static void run_before_of_all(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *from_rows,
                              const sl_layer_rows *to_rows, size_t r)
{
    const sluice_engine *engine = t->call->engine;
    const size_t first = engine->steps.before[lstm_layer], end = engine->steps.before[lstm_layer + 1];
    const sl_lstm_layer *below = lstm_layer ? &engine->network->lstm[lstm_layer - 1] : NULL;
    step_walk walk = begin_walk(t, below, from_rows, r, 0);
    while (walk.step < sl_row_steps(t, r)) {
        const vectors v = {.count = 1, .row = r, .step = walk.step, .by_step = true};
        const size_t unmasked = walk.unmasked;
        const bool masked = is_masked(&walk);
        if (below)
            t->scratch->x[0] = next_outputs(&walk, t->scratch->vectors[(first + 1) % 2]);
        else
            t->scratch->x[0] = next_inputs(&walk);
        run_layers(t, first, end, &v);
        if (!masked)
            memcpy(sl_layer_row(t, to_rows, r, unmasked), t->scratch->x[0], to_rows->width * sizeof(float));
    }
}

void sl_steps_run_before(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *from_rows,
                         const sl_layer_rows *to_rows)
{
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++)
        if (t->call->batch->mask && t->call->gives_layers)
            run_before_of_all(t, lstm_layer, from_rows, to_rows, r);
        else
            run_before(t, lstm_layer, from_rows, to_rows, r);
}

/* ---- Reduction ------------------------------------------------------------------------------------------------------------- */

/* Add a step that is not masked, number `step` of these, to a row's one vector. */
static void reduce(const sl_forward_thread *t, size_t r, size_t step, const float *from)
{
    const sluice_steps how = t->call->reduces;
    const size_t n = sl_step_layers_reduced_width(t->call->engine);
    float *to = t->group->reduced + r * n;
    if (how == SLUICE_STEPS_LAST ? step + 1 == t->group->lengths[r] : step == 0)
        memcpy(to, from, n * sizeof *to);
    else if (how == SLUICE_STEPS_MEAN)
        for (size_t k = 0; k < n; k++)
            to[k] += from[k];
    else if (how == SLUICE_STEPS_MAX)
        for (size_t k = 0; k < n; k++)
            to[k] = from[k] > to[k] || isnan(from[k]) ? from[k] : to[k];
}

/* A row's one vector, complete; it is made in `to` where it is not kept. */
static const float *finish_reduced(const sl_forward_thread *t, size_t r, float *to)
{
    const sluice_engine *engine = t->call->engine;
    const sl_lstm_layer *last = &engine->network->lstm[engine->network->lstm_layers - 1];
    const size_t steps = t->group->lengths[r], n = sl_step_layers_reduced_width(t->call->engine);
    if (t->call->reduces == SLUICE_STEPS_FINAL) {
        for (size_t k = last->first; k < last->first + last->directions; k++)
            memcpy(to + engine->layers[k].dir->first_output, sl_final_h(t, k, r), engine->layers[k].dir->h_width * sizeof *to);
        return to;
    }
    float *reduced = t->group->reduced + r * n;
    if (steps == 0)
        memset(reduced, 0, n * sizeof *reduced);
    for (size_t k = 0; t->call->reduces == SLUICE_STEPS_MEAN && steps && k < n; k++)
        reduced[k] /= (float)steps;
    return reduced;
}

/* ---- Behind LSTM layers ---------------------------------------------------------------------------------------------------- */

void sl_steps_give_embedding(const sl_forward_thread *t)
{
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        step_walk walk = begin_walk(t, NULL, NULL, r, 0);
        while (walk.step < sl_row_steps(t, r)) {
            const vectors v = {.count = 1, .row = r, .step = walk.step, .by_step = true};
            t->scratch->x[0] = next_inputs(&walk);
            store_outputs(t, 0, &v);
        }
    }
}

void sl_steps_give_outputs(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *outputs, size_t from, size_t to)
{
    const sl_lstm_layer *lstm = &t->call->engine->network->lstm[lstm_layer];
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        step_walk walk = begin_walk(t, lstm, outputs, r, from);
        while (walk.step < sl_size_min(to, sl_row_steps(t, r))) {
            const vectors v = {.count = 1, .row = r, .step = walk.step, .by_step = true};
            t->scratch->x[0] = next_outputs(&walk, t->scratch->vectors[0]);
            store_outputs(t, lstm->layer, &v);
        }
    }
}

/* Take some steps of a row, whose outputs of the last LSTM layer are at scratch->x, to the end of the network, or to the reduction. */
static void finish_steps(const sl_forward_thread *t, const vectors *v)
{
    const sluice_engine *engine = t->call->engine;
    const sl_step_layers *steps = &engine->steps;
    const size_t lstm_layers = engine->network->lstm_layers, first = steps->before[lstm_layers];
    if (steps->merges) /* y is, even where only final states go on */
        run_layers(t, first, first + 1, v);
    else
        store_outputs(t, engine->network->lstm[lstm_layers - 1].layer, v);
    if (t->call->copies_y)
        store_y(t, v);
    run_layers(t, first + steps->merges, steps->reduced, v);
    if (t->call->batch->step_logits)
        store_step_logits(t, v);
}

void sl_tail_run_steps(const sl_forward_thread *t, const sl_layer_rows *outputs, size_t from, size_t to)
{
    const sluice_engine *engine = t->call->engine;
    const sl_lstm_layer *last = &engine->network->lstm[engine->network->lstm_layers - 1];
    const size_t first = engine->steps.before[engine->network->lstm_layers], most = t->call->sizes->vector_rows;
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        const size_t end = sl_size_min(to, sl_row_steps(t, r));
        step_walk walk = begin_walk(t, last, outputs, r, from), counted = walk;
        while (walk.step < end) {
            const vectors v = {.count = sl_size_min(most, end - walk.step), .row = r, .step = walk.step, .by_step = true};
            for (size_t k = 0; k < v.count; k++)
                t->scratch->x[k] = next_outputs(&walk, t->scratch->vectors[(first + 1) % 2] + k * t->call->sizes->vector_width);
            finish_steps(t, &v);
            for (size_t k = 0; k < v.count && t->call->reduces > SLUICE_STEPS_FINAL; k++, counted.step++)
                if (!is_masked(&counted))
                    reduce(t, r, counted.unmasked++, t->scratch->x[k]);
        }
    }
}

void sl_tail_run_vectors(const sl_forward_thread *t)
{
    const sluice_engine *engine = t->call->engine;
    const sl_network *network = engine->network;
    const sl_step_layers *steps = &engine->steps;
    const size_t first = network->is_shape ? steps->before[network->lstm_layers] : steps->reduced;
    /* Final states are merged by a layer, whose outputs then are the LSTM layer's. */
    const bool merges = steps->merges && t->call->reduces == SLUICE_STEPS_FINAL;
    const size_t most = t->call->sizes->vector_rows;
    const sl_row_range range = sl_row_range_of(t);
    for (size_t row = range.from; row < range.to; row += most) {
        const vectors v = {.count = sl_size_min(most, range.to - row), .row = row};
        for (size_t k = 0; k < v.count; k++)
            t->scratch->x[k] = finish_reduced(t, row + k, t->scratch->vectors[(first + 1) % 2] + k * t->call->sizes->vector_width);
        for (size_t k = 0; k < v.count && t->call->batch->tape && !network->is_shape; k++)
            sl_tape_record_reduced(t->call->batch->tape, t->rows[row + k], t->scratch->x[k]);
        if (!merges && !network->is_shape)
            store_outputs(t, network->reducing_layer, &v);
        run_layers(t, first, steps->count, &v);
        for (size_t k = 0; k < v.count && t->call->batch->logits; k++)
            copy_result(t->scratch->x[k], network->ends, t->call->batch->logits + t->rows[row + k] * network->ends);
    }
}
