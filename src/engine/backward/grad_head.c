/* The gradients of the head, that of the final h and that of every step, and of the last layer's outputs. */
#include "engine/backward/grad.h"

#include "engine/backward/grad_dense.h"
#include "engine/backward/grad_product.h"

#include <string.h>

static const float *last_outputs(const sluice_tape *tape, size_t row_step)
{
    return tape->outputs[tape->engine->network->lstm_layers - 1] + row_step * tape->engine->network->outputs;
}

static float *wanted(const sl_grad_thread *thread, sluice_tensor tensor)
{
    return sl_grad_wanted(thread->tape, thread->tape->engine->network->description.layer_count - 1, 0, tensor);
}

static bool wants_weights(const sl_grad_thread *thread)
{
    return sl_engine_head(thread->tape->engine) && (wanted(thread, SLUICE_TENSOR_WEIGHT) || wanted(thread, SLUICE_TENSOR_BIAS));
}

static sl_dense_sums sums_of(const sluice_tape *tape)
{
    return sl_dense_sums_of(tape, tape->engine->shape.classes, tape->engine->network->outputs);
}

/* ---- Sums ------------------------------------------------------------------------------------------------------------------- */

/* Copy the final h of `count` rows of the batch, from `row` on. */
static const float *gather_final(const sl_grad_thread *thread, size_t row, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_network *network = tape->engine->network;
    const sl_lstm_layer *last = &network->lstm[network->lstm_layers - 1];
    float *to = thread->scratch->product;
    for (size_t end = row + count; row < end; row++)
        for (size_t k = last->first; k < last->first + last->directions; to += network->dirs[k++].h_width) {
            const size_t sorted = tape->sorted_index[row];
            memcpy(to, sl_tape_h_before(tape, k, tape->lengths[sorted], sorted), network->dirs[k].h_width * sizeof *to);
        }
    return thread->scratch->product;
}

/* Copy columns [from, from + classes) of dstep_logits of `count` row-steps, from step t of row `sorted` on. */
static const float *gather_steps(const sl_grad_thread *thread, size_t t, size_t sorted, size_t count, size_t from, size_t classes)
{
    const sluice_tape *tape = thread->tape;
    const size_t all = tape->engine->shape.classes;
    float *to = thread->scratch->gathered;
    for (size_t k = 0; k < count; k++, to += classes) {
        const size_t row = tape->sorted_rows[sorted];
        memcpy(to, thread->gradient->dstep_logits + (row * tape->batch.steps + t) * all + from, classes * sizeof *to);
        if (++sorted == sl_tape_running(tape, t)) {
            t++;
            sorted = 0;
        }
    }
    return thread->scratch->gathered;
}

/* Compute a tile of a partial sum. Of the P partial sums, sum p adds chunks p, p + P, p + 2P... of the rows and of the row-steps. */
static void sum_tile(const sl_grad_thread *thread, const sl_dense_sums *sums, size_t index)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const sl_dense_tile tile = sl_dense_tile_at(sums, index);
    sl_dense_clear(sums, &tile);
    const size_t classes = sums->units, most = tape->chunk_row_steps, stride = sums->partial_sums * most;
    for (size_t row = tile.partial * most; gradient->dlogits && row < tape->rows; row += stride) {
        const size_t count = sl_size_min(most, tape->rows - row);
        sl_dense_add(thread, sums, &tile, count, gradient->dlogits + row * classes + tile.from, classes,
                     gather_final(thread, row, count));
    }
    size_t t = 0;
    for (size_t row_step = tile.partial * most; gradient->dstep_logits && row_step < tape->row_steps; row_step += stride) {
        const size_t count = sl_size_min(most, tape->row_steps - row_step);
        t = sl_tape_find_step(tape, t, row_step);
        sl_dense_add(thread, sums, &tile, count,
                     gather_steps(thread, t, row_step - tape->first_row_step[t], count, tile.from, tile.units), tile.units,
                     last_outputs(tape, row_step));
    }
}

/* ---- dh and dy -------------------------------------------------------------------------------------------------------------- */

/* dlogits of `count` vectors times the head's weights; c is as far apart as c_stride says. */
static void multiply_head(const sl_grad_thread *thread, size_t count, const float *dlogits, bool adds, float *c, size_t c_stride)
{
    const sluice_engine *engine = thread->tape->engine;
    sl_grad_multiply(thread, (sl_bulk_product){.rows = count,
                                               .columns = engine->network->outputs,
                                               .terms = engine->shape.classes,
                                               .a = dlogits,
                                               .a_stride = engine->shape.classes,
                                               .b = sl_engine_head(engine)->weight,
                                               .b_stride = engine->network->outputs,
                                               .adds = adds,
                                               .c = c,
                                               .c_stride = c_stride});
}

static void make_final(const sl_grad_thread *thread, size_t row, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const size_t classes = tape->engine->shape.classes, outputs = tape->engine->network->outputs;
    multiply_head(thread, count, thread->gradient->dlogits + row * classes, false, tape->dh_final + row * outputs, outputs);
}

/* Set dy of `count` row-steps: the caller's dy, and what comes through the head of every step. */
static void make_outputs(const sl_grad_thread *thread, size_t first, size_t count, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const size_t outputs = tape->engine->network->outputs, classes = tape->engine->shape.classes;
    const size_t begin = sl_tape_find_step(tape, 0, first), sorted = first - tape->first_row_step[begin];
    size_t t = begin;
    for (size_t row_step = first; row_step < first + count; row_step++) {
        t = sl_tape_find_step(tape, t, row_step);
        const size_t row = tape->sorted_rows[row_step - tape->first_row_step[t]];
        float *to = dy + row_step * tape->grad_stride;
        memset(to, 0, outputs * sizeof *to);
        if (gradient->dy)
            memcpy(to, gradient->dy + sl_layout_place(sl_layout_of_dy(gradient), row, t), outputs * sizeof *to);
    }
    if (!gradient->dstep_logits)
        return;
    multiply_head(thread, count, gather_steps(thread, begin, sorted, count, 0, classes), true, dy + first * tape->grad_stride,
                  tape->grad_stride);
}

/* ---- The phase -------------------------------------------------------------------------------------------------------------- */

void sl_grad_head(sl_grad_thread *thread, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const sl_dense_sums of_head = sums_of(tape);
    const size_t most = tape->chunk_row_steps, sums = wants_weights(thread) ? of_head.partial_sums * of_head.tiles : 0;
    const size_t finals = gradient->dlogits ? sl_size_div_up(tape->rows, most) : 0;
    const size_t chunks = sl_size_div_up(tape->row_steps, most);
    for (size_t task; (task = sl_task_next(&thread->tasks)) < sums + finals + chunks;) {
        if (task < sums) {
            sum_tile(thread, &of_head, task);
        } else if (task < sums + finals) {
            const size_t row = (task - sums) * most;
            make_final(thread, row, sl_size_min(most, tape->rows - row));
        } else {
            const size_t row_step = (task - sums - finals) * most;
            make_outputs(thread, row_step, sl_size_min(most, tape->row_steps - row_step), dy);
        }
    }
    sl_task_end_phase(&thread->tasks);
    for (size_t class; wants_weights(thread) && (class = sl_task_next(&thread->tasks)) < of_head.units;)
        sl_dense_finish_unit(&of_head, class, thread->scratch->product, wanted(thread, SLUICE_TENSOR_WEIGHT),
                             wanted(thread, SLUICE_TENSOR_BIAS), gradient->accumulate);
    sl_task_end_phase(&thread->tasks);
    thread->dh_final = gradient->dlogits ? tape->dh_final : NULL;
    thread->dh_final_stride = tape->engine->network->outputs;
}
