#include "engine/forward/recurrence.h"

#include "base/size.h"
#include "engine/blis_gemm.h"
#include "engine/forward/dropout.h"
#include "engine/forward/tape.h"

#include <assert.h>
#include <string.h>

static size_t block_floats(const sl_recurrence *p)
{
    return SL_BLOCK_VECTORS * p->group->engine->kernel->lanes;
}

static size_t outputs_of(const sl_recurrence *p)
{
    return p->group->engine->shape.directions * p->group->engine->shape.hidden;
}

/* How many of the first n rows are still running at a turn. */
static size_t running(const sl_recurrence *p, size_t n, size_t iteration)
{
    while (n > 0 && p->group->shared->lengths[n - 1] <= iteration)
        n--;
    return n;
}

static size_t step_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    return p->direction ? p->group->shared->lengths[row] - 1 - iteration : iteration;
}

static size_t token_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    return (size_t)p->group->shared->token_row[row][step_of(p, row, iteration) * p->group->batch->x_step_stride];
}

/* Where a step's pre-activations begin, and its x where that is still to be multiplied. */
static const float *start_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    const float *start =
        p->packed->table ? p->packed->table + token_of(p, row, iteration) * p->group->engine->width : p->packed->bias;
    return start + p->block * block_floats(p);
}

static size_t rank_of(const sl_recurrence *p, size_t row)
{
    return p->group->batch->tape->rank[p->group->rows[row]];
}

/* The place of a step in a buffer between layers, or on the tape. */
static size_t place_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    const size_t step = step_of(p, row, iteration);
    const sluice_tape *tape = p->group->batch->tape;
    return (tape ? tape->first[step] + rank_of(p, row) : row * (p->to - p->from) + step - p->from) * outputs_of(p);
}

static const float *x_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    if (p->below)
        return p->below + place_of(p, row, iteration);
    if (p->group->batch->tokens)
        return p->group->engine->embedding + token_of(p, row, iteration) * p->packed->inputs;
    return p->group->shared->x_row[row] + step_of(p, row, iteration) * p->group->batch->x_step_stride;
}

/* Where the layer's h of a step goes besides the state. */
static float *y_of(const sl_recurrence *p, size_t row, size_t iteration)
{
    const sluice_batch *batch = p->group->batch;
    float *y = p->above ? p->above + place_of(p, row, iteration)
                        : batch->y + p->group->rows[row] * batch->y_row_stride + step_of(p, row, iteration) * batch->y_step_stride;
    return y + p->direction * p->group->engine->shape.hidden + p->block * p->group->engine->kernel->lanes;
}

/* x W + b of the rows that own->x and own->start point at. */
static void multiply_inputs(const sl_recurrence *p, size_t rows)
{
    const sl_thread_scratch *own = p->own;
    const size_t inputs = p->packed->inputs, width = p->blocks * block_floats(p);
    if (p->group->engine->gemm != SLUICE_GEMM_BLIS) {
        const sl_packed_matrix weights = sl_packed_range(&p->packed->weights_ih, p->block, p->blocks);
        p->group->engine->kernel->product(&weights, rows, own->start, own->x, p->room, width);
        return;
    }
    for (size_t k = 0; k < rows; k++)
        memcpy(p->room + k * width, own->start[k], width * sizeof(float));
    if (p->packed->table)
        return;
    for (size_t k = 0; k < rows; k++)
        memcpy(own->gathered + k * inputs, own->x[k], inputs * sizeof(float));
    sl_blis_gemm(rows, width, inputs, (sl_operand){own->gathered, inputs, false},
                 (sl_operand){p->packed->transpose_ih, width, false}, true, p->room, width);
}

/* Make the products of as many turns as there is room for. */
static void hoist(sl_recurrence *p)
{
    size_t rows = 0;
    for (size_t n = p->running; p->hoisted_to < p->to && n > 0 && rows + n <= p->hoist_room; n = running(p, n, p->hoisted_to)) {
        for (size_t r = 0; r < n; r++, rows++) {
            p->own->start[rows] = start_of(p, r, p->hoisted_to);
            if (!p->packed->table)
                p->own->x[rows] = x_of(p, r, p->hoisted_to);
        }
        p->hoisted_to++;
    }
    multiply_inputs(p, rows);
    p->hoisted = p->room;
}

/* Have the kernel keep the turn's gates and c, or of these c alone if a segment follows. */
static void keep_step(const sl_recurrence *p, sl_step *step)
{
    const sluice_tape *tape = p->group->batch->tape;
    const sl_thread_scratch *own = p->own;
    const size_t hidden = p->group->engine->shape.hidden, unit = p->block * p->group->engine->kernel->lanes,
                 iteration = p->iteration;
    const sl_tape_layer_dir *layer_dir = &tape->layer_dirs[p->layer_dir];
    const bool keeps_gates = sl_tape_keeps_gates(tape);
    if (!keeps_gates && tape->border[iteration + 1] == SIZE_MAX)
        return;
    for (size_t r = 0; r < step->rows; r++) {
        const size_t rank = rank_of(p, r), cell = tape->first[iteration] + rank;
        if (keeps_gates)
            own->gates[r] = layer_dir->gates + cell * tape->gate_stride + unit;
        own->c_kept[r] =
            (keeps_gates ? layer_dir->c + cell * hidden : layer_dir->c_between + (tape->border[iteration + 1] + rank) * hidden) +
            unit;
    }
    step->gates = keeps_gates ? own->gates : NULL;
    step->gate_stride = hidden;
    step->c_kept = own->c_kept;
}

/* What the layer above reads of a turn that has been taken. */
static void drop_outputs(const sl_recurrence *p, const sl_step *step)
{
    const sluice_batch *batch = p->group->batch;
    const sluice_shape *shape = &p->group->engine->shape;
    const size_t layer = p->layer_dir / shape->directions;
    if (!batch->tape->drops || layer + 1 == shape->layers)
        return;
    const size_t first = p->direction * shape->hidden + p->block * p->group->engine->kernel->lanes;
    for (size_t r = 0; r < step->rows; r++) {
        const sl_dropout drop = {.share = batch->dropout,
                                 .key = batch->dropout_key,
                                 .layer = layer,
                                 .row = p->group->rows[r],
                                 .step = step_of(p, r, p->iteration)};
        sl_dropout_apply(&drop, first, step->units, step->y[r],
                         batch->tape->inputs[layer + 1] + place_of(p, r, p->iteration) + first);
    }
}

static void take_step(const sl_recurrence *p, bool hoisted)
{
    const sluice_engine *engine = p->group->engine;
    const sl_thread_scratch *own = p->own;
    const size_t n = p->running, iteration = p->iteration, unit = p->block * engine->kernel->lanes,
                 width = p->blocks * block_floats(p);
    const bool wants_y = p->above || p->group->batch->y, multiplies_x = !hoisted && !p->packed->table;
    for (size_t r = 0; r < n; r++) {
        own->start[r] = hoisted ? p->hoisted + r * width : start_of(p, r, iteration);
        if (multiplies_x)
            own->x[r] = x_of(p, r, iteration);
        if (wants_y)
            own->y[r] = y_of(p, r, iteration);
    }
    /* An h of zeros adds nothing: chains of products with zero are +0, and so is the sum that the kernel begins with. */
    bool multiplies_h = iteration > 0 || p->group->batch->h0 || p->group->batch->streams;
    if (engine->gemm == SLUICE_GEMM_BLIS && multiplies_h) {
        assert(hoisted); /* there is room for all rows of a group */
        sl_blis_gemm(n, width, engine->shape.hidden, (sl_operand){p->state->h[iteration % 2], engine->state_stride, false},
                     (sl_operand){p->packed->transpose_hh, width, false}, true, p->hoisted, width);
        multiplies_h = false;
    }
    sl_step step = sl_engine_step(engine, p->packed, p->block, p->blocks);
    step.rows = n;
    step.weights_ih.terms = multiplies_x ? p->packed->inputs : 0;
    step.weights_hh.terms = multiplies_h ? engine->shape.hidden : 0;
    step.start = own->start;
    step.x = own->x;
    step.h = p->state->h[iteration % 2];
    step.h_next = p->state->h[(iteration + 1) % 2] + unit;
    step.c = p->state->c + unit;
    step.y = wants_y ? own->y : NULL;
    if (p->group->batch->tape)
        keep_step(p, &step);
    engine->kernel->step[engine->cell](&step);
    if (p->group->batch->tape)
        drop_outputs(p, &step);
}

void sl_recurrence_begin(sl_recurrence *p)
{
    p->iteration = p->hoisted_to = p->from;
    p->running = running(p, p->group->count, p->from);
}

void sl_recurrence_step(sl_recurrence *p)
{
    if (p->iteration == p->to || p->running == 0)
        return;
    if (p->iteration == p->hoisted_to && p->running <= p->hoisted_rows)
        hoist(p);
    const bool hoisted = p->iteration < p->hoisted_to;
    take_step(p, hoisted);
    if (hoisted)
        p->hoisted += p->running * p->blocks * block_floats(p);
    p->iteration++;
    p->hoisted_to = sl_size_max(p->hoisted_to, p->iteration);
    p->running = running(p, p->running, p->iteration);
}
