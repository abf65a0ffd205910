/* The gradients of a layer that computes each vector by itself: dense, affine, activation, or the merge of two directions. */
#include "engine/backward/grad.h"

#include "engine/backward/grad_dense.h"
#include "engine/backward/grad_product.h"
#include "engine/tape/dropout.h"

#include <string.h>

/* One of them. */
typedef struct step_layer {
    size_t k; /* among the step layers */
    size_t lstm_layer;
    bool by_row;
    float *dy; /* [vectors], grad_stride apart: gradient of its outputs, which becomes that of its pre-activations */
    float *dx; /* likewise of its inputs; not dy */
} step_layer;

static const sl_step_layer *layer_of(const sl_grad_thread *thread, const step_layer *step)
{
    return &thread->tape->engine->steps.all[step->k];
}

static size_t count_vectors(const sluice_tape *tape, const step_layer *step)
{
    return step->by_row ? tape->rows : tape->row_steps;
}

static float *wanted(const sl_grad_thread *thread, const step_layer *step, sluice_tensor tensor)
{
    return sl_grad_wanted(thread->tape, layer_of(thread, step)->layer, 0, tensor);
}

/* ---- What the layer read --------------------------------------------------------------------------------------------------- */

/* Whether it is the first behind an LSTM layer, or behind the network's input. */
static bool is_first(const sluice_tape *tape, const step_layer *step)
{
    return !step->by_row && step->k == tape->engine->steps.before[step->lstm_layer];
}

/* Copy the network's input of row-steps [first, first + count). */
static const float *gather_inputs(const sl_grad_thread *thread, size_t first, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const size_t inputs = tape->engine->network->inputs;
    float *to = thread->scratch->gathered;
    size_t t = 0;
    for (size_t row_step = first; row_step < first + count; row_step++, to += inputs) {
        t = sl_tape_find_step(tape, t, row_step);
        memcpy(to, sl_tape_network_input(tape, t, row_step - tape->first_row_step[t]), inputs * sizeof *to);
    }
    return thread->scratch->gathered;
}

/* The layer's inputs of vectors [first, first + count), one after the other. */
static const float *inputs_of(const sl_grad_thread *thread, const step_layer *step, size_t first, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const size_t offset = first * layer_of(thread, step)->inputs;
    if (step->by_row && step->k == tape->engine->steps.reduced)
        return tape->reduced + offset;
    if (!is_first(tape, step))
        return tape->step_layers[step->k - 1].outputs + offset;
    return step->lstm_layer ? tape->given[step->lstm_layer - 1] + offset : gather_inputs(thread, first, count);
}

/* ---- Each vector ----------------------------------------------------------------------------------------------------------- */

/* What goes from the gradients of outputs to those of pre-activations: the function. */
static void apply_function(const sl_grad_thread *thread, const step_layer *step, size_t first, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_step_layer *layer = layer_of(thread, step);
    const sl_kernel *kernel = tape->engine->kernel;
    const sl_tape_step_layer *kept = &tape->step_layers[step->k];
    const sluice_function function = layer->activation.function;
    const size_t n = layer->outputs;
    if (function <= SLUICE_FUNCTION_LINEAR)
        return;
    const float *at = !sl_grad_is_of_input(function) ? kept->outputs : kept->pre_activations;
    at = at ? at + first * n : inputs_of(thread, step, first, count);
    for (size_t k = 0; k < count; k++) {
        float *d = step->dy + (first + k) * tape->grad_stride;
        if (function == SLUICE_FUNCTION_SOFTMAX)
            kernel->softmax_grad(n, at + k * n, d, d);
        else
            kernel->activate_grad(&layer->activation, n, at + k * n, d, d);
    }
}

static void merge_grad(const sl_step_layer *layer, const float *x, const float *d, float *dx)
{
    const size_t n = layer->outputs;
    for (size_t k = 0; k < n; k++) {
        const float whole = d[k];
        dx[k] = layer->merge == SLUICE_MERGE_PRODUCT ? whole * x[n + k] : layer->merge == SLUICE_MERGE_MEAN ? whole * 0.5f : whole;
        dx[n + k] = layer->merge == SLUICE_MERGE_PRODUCT ? whole * x[k] : dx[k];
    }
}

/* dx of some vectors. */
static void make_inputs(const sl_grad_thread *thread, const step_layer *step, size_t first, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_step_layer *layer = layer_of(thread, step);
    const size_t stride = tape->grad_stride, inputs = layer->inputs;
    if (layer->kind == SL_STEP_DENSE) {
        sl_grad_multiply(thread, (sl_bulk_product){.rows = count,
                                                   .columns = inputs,
                                                   .terms = layer->outputs,
                                                   .a = step->dy + first * stride,
                                                   .a_stride = stride,
                                                   .b = layer->weight,
                                                   .b_stride = inputs,
                                                   .c = step->dx + first * stride,
                                                   .c_stride = stride});
        return;
    }
    const float *x = layer->kind == SL_STEP_MERGE ? inputs_of(thread, step, first, count) : NULL;
    for (size_t k = 0; k < count; k++) {
        const float *d = step->dy + (first + k) * stride;
        float *dx = step->dx + (first + k) * stride;
        if (x)
            merge_grad(layer, x + k * inputs, d, dx);
        else
            for (size_t j = 0; j < inputs; j++)
                dx[j] = layer->scale ? d[j] * layer->scale[j] : d[j];
    }
}

/* Apply the dropout of what the LSTM layer before gives to gradients of it: of a merge's outputs, or of the first layer's inputs. */
static void drop(const sl_grad_thread *thread, const step_layer *step, size_t first, size_t count, size_t width, float *of)
{
    const sluice_tape *tape = thread->tape;
    size_t t = 0;
    for (size_t row_step = first; row_step < first + count; row_step++) {
        t = sl_tape_find_step(tape, t, row_step);
        const sl_dropout dropout = {.probability = tape->batch.dropout,
                                    .key = tape->batch.dropout_key,
                                    .layer = step->lstm_layer - 1,
                                    .row = tape->batch.dropout_row + tape->sorted_rows[row_step - tape->first_row_step[t]],
                                    .step = t};
        float *d = of + row_step * tape->grad_stride;
        sl_dropout_apply(&dropout, 0, width, d, d);
    }
}

static void run_vectors(const sl_grad_thread *thread, const step_layer *step, size_t first, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_step_layer *layer = layer_of(thread, step);
    const bool is_behind = is_first(tape, step) && step->lstm_layer > 0 && step->lstm_layer < tape->engine->network->lstm_layers;
    if (sl_tape_drops_merged(tape, step->k))
        drop(thread, step, first, count, layer->outputs, step->dy);
    apply_function(thread, step, first, count);
    if (step->by_row || step->lstm_layer > 0 || !is_first(tape, step) || sl_grad_wants_inputs(thread))
        make_inputs(thread, step, first, count);
    if (is_behind && sl_tape_drops_outputs(tape, step->lstm_layer - 1))
        drop(thread, step, first, count, layer->inputs, step->dx);
}

/* Columns of an affine layer that a task sums. */
enum { COLUMNS = 64 };

/* ---- Sums over all vectors ------------------------------------------------------------------------------------------------- */

/* A tile of a partial sum, which adds chunks p, p + P, p + 2P... of the vectors. */
static void sum_tile(const sl_grad_thread *thread, const step_layer *step, const sl_dense_sums *sums, size_t index)
{
    const sluice_tape *tape = thread->tape;
    const size_t vectors = count_vectors(tape, step), most = tape->chunk_row_steps, stride = tape->grad_stride;
    const sl_dense_tile tile = sl_dense_tile_at(sums, index);
    sl_dense_clear(sums, &tile);
    for (size_t first = tile.partial * most; first < vectors; first += sums->partial_sums * most) {
        const size_t count = sl_size_min(most, vectors - first);
        sl_dense_add(thread, sums, &tile, count, step->dy + first * stride + tile.from, stride,
                     inputs_of(thread, step, first, count));
    }
}

/* Columns [from, from + columns) of an affine layer's gradients: the sums of d x and of d, in the order of the vectors. */
static void sum_columns(const sl_grad_thread *thread, const step_layer *step, size_t from, size_t columns)
{
    const sluice_tape *tape = thread->tape;
    const sl_kernel *kernel = tape->engine->kernel;
    const size_t vectors = count_vectors(tape, step), most = tape->chunk_row_steps, stride = tape->grad_stride;
    const size_t inputs = layer_of(thread, step)->inputs;
    float *products = thread->scratch->product, *scale = wanted(thread, step, SLUICE_TENSOR_SCALE),
          *shift = wanted(thread, step, SLUICE_TENSOR_SHIFT), scales[COLUMNS] = {0}, shifts[COLUMNS] = {0};
    for (size_t first = 0; first < vectors; first += most) {
        const size_t count = sl_size_min(most, vectors - first);
        const float *x = inputs_of(thread, step, first, count) + from, *d = step->dy + first * stride + from;
        for (size_t k = 0; k < count; k++)
            for (size_t j = 0; j < columns; j++)
                products[k * columns + j] = d[k * stride + j] * x[k * inputs + j];
        kernel->add_rows(count, columns, products, columns, scales);
        kernel->add_rows(count, columns, d, stride, shifts);
    }
    if (scale)
        sl_grad_store(scale + from, scales, columns, thread->gradient->accumulate);
    if (shift)
        sl_grad_store(shift + from, shifts, columns, thread->gradient->accumulate);
}

static void run_dense_sums(sl_grad_thread *thread, const step_layer *step)
{
    const sl_step_layer *layer = layer_of(thread, step);
    float *weight = wanted(thread, step, SLUICE_TENSOR_WEIGHT), *bias = wanted(thread, step, SLUICE_TENSOR_BIAS);
    const sl_dense_sums sums = sl_dense_sums_of(thread->tape, layer->outputs, layer->inputs);
    if (!weight && !bias)
        return;
    for (size_t task; (task = sl_task_next(&thread->tasks)) < sums.partial_sums * sums.tiles;)
        sum_tile(thread, step, &sums, task);
    sl_task_end_phase(&thread->tasks);
    for (size_t unit; (unit = sl_task_next(&thread->tasks)) < layer->outputs;)
        sl_dense_finish_unit(&sums, unit, thread->scratch->product, weight, bias, thread->gradient->accumulate);
    sl_task_end_phase(&thread->tasks);
}

static void run_affine_sums(sl_grad_thread *thread, const step_layer *step)
{
    const size_t width = layer_of(thread, step)->outputs, tasks = sl_size_div_up(width, COLUMNS);
    if (!wanted(thread, step, SLUICE_TENSOR_SCALE) && !wanted(thread, step, SLUICE_TENSOR_SHIFT))
        return;
    for (size_t task; (task = sl_task_next(&thread->tasks)) < tasks;)
        sum_columns(thread, step, task * COLUMNS, sl_size_min(COLUMNS, width - task * COLUMNS));
    sl_task_end_phase(&thread->tasks);
}

static void run_step_layer(sl_grad_thread *thread, const step_layer *step)
{
    const sluice_tape *tape = thread->tape;
    const size_t vectors = count_vectors(tape, step), most = tape->chunk_row_steps, chunks = sl_size_div_up(vectors, most);
    for (size_t task; (task = sl_task_next(&thread->tasks)) < chunks;)
        run_vectors(thread, step, task * most, sl_size_min(most, vectors - task * most));
    sl_task_end_phase(&thread->tasks);
    if (layer_of(thread, step)->kind == SL_STEP_DENSE)
        run_dense_sums(thread, step);
    else if (layer_of(thread, step)->kind == SL_STEP_AFFINE)
        run_affine_sums(thread, step);
}

void sl_grad_run_step_layers(sl_grad_thread *thread, const sl_grad_step_range *range, float **dy, float **dx)
{
    for (size_t k = range->end; k-- > range->first;) {
        const step_layer step = {.k = k, .lstm_layer = range->lstm_layer, .by_row = range->by_row, .dy = *dy, .dx = *dx};
        run_step_layer(thread, &step);
        sl_grad_swap(dy, dx);
    }
}
