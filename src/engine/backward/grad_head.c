/* The adjoint of the head, of the final h and of every step, and the gradient of the last layer's outputs. */
#include "engine/backward/grad.h"

#include "engine/blis_gemm.h"

#include <string.h>

static size_t outputs_of(const sluice_tape *tape)
{
    return tape->engine->shape.directions * tape->engine->shape.hidden;
}

static const float *last_outputs(const sluice_tape *tape, size_t cell)
{
    return tape->outputs[tape->engine->shape.layers - 1] + cell * outputs_of(tape);
}

/* A partial sum: [C][D*H], then [C] of the bias. */
static float *slot_of(const sluice_tape *tape, size_t slot)
{
    return tape->head_sums + slot * tape->engine->shape.classes * (outputs_of(tape) + 1);
}

static bool wants_weights(const sl_grad_thread *thread)
{
    return thread->grad->gradient->head_weight || thread->grad->gradient->head_bias;
}

/* ---- Sums ------------------------------------------------------------------------------------------------------------------- */

/* Classes [from, from + classes) of a partial sum. */
typedef struct tile {
    size_t slot, from, classes;
} tile;

/* sum += dlogits' h of `count` rows, dlogits being `stride` floats apart. */
static void add_product(const sluice_tape *tape, tile of, size_t count, const float *dlogits, size_t stride, const float *h)
{
    const size_t outputs = outputs_of(tape);
    float *sum = slot_of(tape, of.slot);
    sl_blis_gemm(of.classes, outputs, count, (sl_operand){dlogits, stride, true}, (sl_operand){h, outputs, false}, true,
                 sum + of.from * outputs, outputs);
    tape->engine->kernel->add_rows(count, of.classes, dlogits, stride, sum + tape->engine->shape.classes * outputs + of.from);
}

/* The final h of `count` rows of the batch from `row` on. */
static const float *gather_final(const sl_grad_thread *thread, size_t row, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    float *to = thread->own->product;
    for (size_t end = row + count; row < end; row++)
        for (size_t d = 0; d < shape->directions; d++, to += shape->hidden) {
            const size_t k = (shape->layers - 1) * shape->directions + d, rank = tape->rank[row];
            memcpy(to, sl_tape_h_before(tape, k, tape->lengths[rank], rank), shape->hidden * sizeof *to);
        }
    return thread->own->product;
}

/* Some columns of the steps' dlogits of `count` cells from step t and `rank` on. */
static const float *gather_steps(const sl_grad_thread *thread, size_t t, size_t rank, size_t count, size_t from, size_t classes)
{
    const sluice_tape *tape = thread->tape;
    const size_t all = tape->engine->shape.classes;
    float *to = thread->own->gathered;
    for (size_t k = 0; k < count; k++, to += classes) {
        const size_t row = tape->order[rank];
        memcpy(to, thread->grad->gradient->dstep_logits + (row * tape->batch.steps + t) * all + from, classes * sizeof *to);
        if (++rank == sl_tape_running(tape, t)) {
            t++;
            rank = 0;
        }
    }
    return thread->own->gathered;
}

/* The step that has a cell; `t` is at or before it. */
static size_t step_of_cell(const sluice_tape *tape, size_t t, size_t cell)
{
    while (tape->first[t + 1] <= cell)
        t++;
    return t;
}

/* Cells and rows in chunks, dealt to slots in turn. */
static void sum_tile(const sl_grad_thread *thread, tile of, size_t slots)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t classes = tape->engine->shape.classes, outputs = outputs_of(tape), most = tape->chunk_cells;
    float *sum = slot_of(tape, of.slot);
    memset(sum + of.from * outputs, 0, of.classes * outputs * sizeof *sum);
    memset(sum + classes * outputs + of.from, 0, of.classes * sizeof *sum);
    for (size_t row = of.slot * most; gradient->dlogits && row < tape->rows; row += slots * most) {
        const size_t count = sl_size_min(most, tape->rows - row);
        add_product(tape, of, count, gradient->dlogits + row * classes + of.from, classes, gather_final(thread, row, count));
    }
    size_t t = 0;
    for (size_t cell = of.slot * most; gradient->dstep_logits && cell < tape->cells; cell += slots * most) {
        const size_t count = sl_size_min(most, tape->cells - cell);
        t = step_of_cell(tape, t, cell);
        add_product(tape, of, count, gather_steps(thread, t, cell - tape->first[t], count, of.from, of.classes), of.classes,
                    last_outputs(tape, cell));
    }
}

/* ---- dh and dy -------------------------------------------------------------------------------------------------------------- */

static sl_operand head_of(const sluice_tape *tape)
{
    return (sl_operand){tape->engine->head_weight, outputs_of(tape), false};
}

static void make_final(const sl_grad_thread *thread, size_t row, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const size_t classes = tape->engine->shape.classes, outputs = outputs_of(tape);
    sl_blis_gemm(count, outputs, classes, (sl_operand){thread->grad->gradient->dlogits + row * classes, classes, false},
                 head_of(tape), false, tape->dh_final + row * outputs, outputs);
}

/* dy of `count` cells: the caller's, and what comes through the head of their steps. */
static void make_outputs(const sl_grad_thread *thread, size_t first, size_t count, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t outputs = outputs_of(tape), classes = tape->engine->shape.classes, begin = step_of_cell(tape, 0, first);
    size_t t = begin;
    for (size_t cell = first; cell < first + count; cell++) {
        t = step_of_cell(tape, t, cell);
        const size_t row = tape->order[cell - tape->first[t]];
        float *to = dy + cell * tape->grad_stride;
        memset(to, 0, outputs * sizeof *to);
        if (gradient->dy)
            memcpy(to, gradient->dy + row * gradient->dy_row_stride + t * gradient->dy_step_stride, outputs * sizeof *to);
    }
    if (gradient->dstep_logits)
        sl_blis_gemm(count, outputs, classes,
                     (sl_operand){gather_steps(thread, begin, first - tape->first[begin], count, 0, classes), classes, false},
                     head_of(tape), true, dy + first * tape->grad_stride, tape->grad_stride);
}

/* ---- The phase -------------------------------------------------------------------------------------------------------------- */

/* A class's sums, slot after slot, to the caller. */
static void finish_class(const sl_grad_thread *thread, size_t class, size_t slots)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t outputs = outputs_of(tape), at = tape->engine->shape.classes * outputs;
    float *sum = thread->own->product, bias = 0;
    for (size_t slot = 0; slot < slots; slot++) {
        sl_grad_put(sum, slot_of(tape, slot) + class * outputs, outputs, slot > 0);
        bias += slot_of(tape, slot)[at + class];
    }
    if (gradient->head_weight)
        sl_grad_put(gradient->head_weight + class * outputs, sum, outputs, gradient->accumulate);
    if (gradient->head_bias)
        sl_grad_put(gradient->head_bias + class, &bias, 1, gradient->accumulate);
}

void sl_grad_head(sl_grad_thread *thread, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t classes = tape->engine->shape.classes, most = tape->chunk_cells;
    const size_t slots = sl_tape_slots(classes, SIZE_MAX), tiles = sl_tape_tiles(classes, slots);
    const size_t sums = wants_weights(thread) ? slots * tiles : 0;
    const size_t finals = gradient->dlogits ? sl_size_div_up(tape->rows, most) : 0;
    const size_t chunks = sl_size_div_up(tape->cells, most);
    for (size_t task; (task = sl_grad_next(thread)) < sums + finals + chunks;) {
        if (task < sums) {
            const size_t number = task % tiles, from = classes * number / tiles;
            sum_tile(thread, (tile){task / tiles, from, classes * (number + 1) / tiles - from}, slots);
        } else if (task < sums + finals) {
            const size_t row = (task - sums) * most;
            make_final(thread, row, sl_size_min(most, tape->rows - row));
        } else {
            const size_t cell = (task - sums - finals) * most;
            make_outputs(thread, cell, sl_size_min(most, tape->cells - cell), dy);
        }
    }
    sl_grad_end_phase(thread);
    for (size_t class; wants_weights(thread) && (class = sl_grad_next(thread)) < classes;)
        finish_class(thread, class, slots);
    sl_grad_end_phase(thread);
}
