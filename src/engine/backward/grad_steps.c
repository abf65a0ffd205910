/*
 * The adjoint of the recurrence: rows in groups, by rank, through the turns of a segment backwards. Threads take groups; where there
 * are more threads than groups, a team of them takes one, divides its units, and meets after each turn.
 */
#include "engine/backward/grad.h"

#include <string.h>

/* Ranks [from, to). */
typedef struct group {
    size_t from, to;
} group;

size_t sl_grad_groups(const sluice_tape *tape)
{
    return tape->rows ? sl_size_div_up(tape->rows, tape->rows_at_once) : 0;
}

/* Even groups: the last is no stump. */
static group get_group(const sluice_tape *tape, size_t number)
{
    const size_t groups = sl_grad_groups(tape);
    const group of = {tape->rows * number / groups, tape->rows * (number + 1) / groups};
    return of;
}

/* How many of the group's rows run at a turn: the first so many. */
static size_t count_running(const sluice_tape *tape, group of, size_t iteration)
{
    const size_t running = sl_tape_running(tape, iteration);
    return running <= of.from ? 0 : sl_size_min(running, of.to) - of.from;
}

/* ---- Ends of rows ----------------------------------------------------------------------------------------------------------- */

/* What comes to h after the row's last step, from outside: to += that. */
static void add_final(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t row, float *to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const sluice_shape *shape = &tape->engine->shape;
    const size_t hidden = shape->hidden;
    if (gradient->dhn)
        sl_grad_put(to, gradient->dhn + (layer_dir->k * tape->rows + row) * hidden, hidden, true);
    if (gradient->dlogits && layer_dir->layer + 1 == shape->layers)
        sl_grad_put(to, tape->dh_final + (row * shape->directions + layer_dir->direction) * hidden, hidden, true);
}

static float *dy_of(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t rank)
{
    const sluice_tape *tape = thread->tape;
    const size_t cell = tape->first[sl_tape_step(tape, layer_dir->direction, rank, iteration)] + rank;
    return layer_dir->dy + cell * tape->grad_stride + layer_dir->direction * tape->engine->shape.hidden;
}

void sl_grad_begin_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    sluice_tape *tape = thread->tape;
    const float *dcn = thread->grad->gradient->dcn;
    const size_t hidden = tape->engine->shape.hidden, stride = tape->engine->state_stride;
    for (size_t number; (number = sl_grad_next(thread)) < sl_grad_groups(tape);) {
        const group of = get_group(tape, number);
        for (size_t rank = of.from; rank < of.to; rank++) {
            const size_t row = tape->order[rank];
            float *dc = tape->dc + rank * stride;
            memset(dc, 0, stride * sizeof *dc);
            if (dcn)
                memcpy(dc, dcn + (layer_dir->k * tape->rows + row) * hidden, hidden * sizeof *dc);
            if (tape->lengths[rank])
                add_final(thread, layer_dir, row, dy_of(thread, layer_dir, tape->lengths[rank] - 1, rank));
        }
    }
    sl_grad_end_phase(thread);
}

/* U' da of the segment's first turn, for the group's first `count` rows: own->product's rows, `back` floats apart. */
static size_t multiply_back(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, group of, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sluice_engine *engine = tape->engine;
    const sl_tape_scratch *own = thread->own;
    const sl_packed_matrix *weights = &engine->layers[layer_dir->k].weights_back;
    const size_t width = weights->blocks * sl_block_floats(engine->kernel);
    for (size_t r = 0; r < count; r++) {
        own->start[r] = tape->nothing;
        own->x[r] = sl_grad_gates(tape, layer_dir, layer_dir->from, of.from + r);
    }
    engine->kernel->product(weights, count, own->start, own->x, own->product, width);
    return width;
}

void sl_grad_first_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t number)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t hidden = tape->engine->shape.hidden, at = layer_dir->k * tape->rows;
    const group of = get_group(tape, number);
    for (size_t rank = of.from; gradient->dc0 && rank < of.to; rank++)
        sl_grad_put(gradient->dc0 + (at + tape->order[rank]) * hidden, tape->dc + rank * tape->engine->state_stride, hidden,
                    gradient->accumulate);
    if (!gradient->dh0)
        return;
    const size_t running = count_running(tape, of, 0), back = running ? multiply_back(thread, layer_dir, of, running) : 0;
    for (size_t rank = of.from; rank < of.to; rank++) {
        float *dh = thread->own->product + (rank - of.from) * back;
        if (rank - of.from >= running) { /* a row without a step: what comes in goes out */
            dh = thread->own->product;
            memset(dh, 0, hidden * sizeof *dh);
            add_final(thread, layer_dir, tape->order[rank], dh);
        }
        sl_grad_put(gradient->dh0 + (at + tape->order[rank]) * hidden, dh, hidden, gradient->accumulate);
    }
}

/* ---- Turns ------------------------------------------------------------------------------------------------------------------ */

static const float *c_before(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t rank)
{
    const sl_tape_layer_dir *kept = &tape->layer_dirs[layer_dir->k];
    const size_t hidden = tape->engine->shape.hidden;
    if (iteration == 0)
        return kept->c0 + rank * hidden;
    if (iteration == layer_dir->from)
        return kept->c_between + (tape->border[iteration] + rank) * hidden;
    return kept->c + (tape->first[iteration - 1] - tape->first[layer_dir->from] + rank) * hidden;
}

static float *c_after(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t rank)
{
    return tape->layer_dirs[layer_dir->k].c +
           (tape->first[iteration] - tape->first[layer_dir->from] + rank) * tape->engine->shape.hidden;
}

/* The states that the group's rows begin a segment with. */
static void restore_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, group of, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_tape_scratch *own = thread->own;
    const size_t hidden = tape->engine->shape.hidden, stride = tape->engine->state_stride, bytes = hidden * sizeof(float);
    memset(own->h[0], 0, count * stride * sizeof(float));
    memset(own->c, 0, count * stride * sizeof(float));
    for (size_t r = 0; r < count; r++) {
        memcpy(own->h[0] + r * stride, sl_tape_h_before(tape, layer_dir->k, layer_dir->from, of.from + r), bytes);
        memcpy(own->c + r * stride, c_before(tape, layer_dir, layer_dir->from, of.from + r), bytes);
    }
}

/* The gates of a segment, computed again by the kernel that did it first. */
static void recompute(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, group of)
{
    const sluice_tape *tape = thread->tape;
    const sluice_engine *engine = tape->engine;
    const sl_packed *packed = &engine->layers[layer_dir->k];
    const sl_tape_scratch *own = thread->own;
    size_t running = count_running(tape, of, layer_dir->from);
    restore_states(thread, layer_dir, of, running);
    for (size_t iteration = layer_dir->from; iteration < layer_dir->to && running; running = count_running(tape, of, ++iteration)) {
        for (size_t r = 0; r < running; r++) {
            const size_t rank = of.from + r;
            if (packed->table)
                own->start[r] = packed->table + sl_tape_token(tape, layer_dir->direction, iteration, rank) * engine->width;
            else {
                own->start[r] = packed->bias;
                own->x[r] = sl_tape_x(tape, layer_dir->k, iteration, rank);
            }
            own->gates[r] = sl_grad_gates(tape, layer_dir, iteration, rank);
            own->c_kept[r] = c_after(tape, layer_dir, iteration, rank);
        }
        const size_t parity = (iteration - layer_dir->from) % 2;
        sl_step step = sl_engine_step(engine, packed, 0, packed->weights_hh.blocks);
        step.rows = running;
        step.start = own->start;
        step.x = own->x;
        step.h = own->h[parity];
        step.h_next = own->h[1 - parity];
        step.c = own->c;
        step.gates = own->gates;
        step.c_kept = own->c_kept;
        engine->kernel->step[engine->cell](&step);
    }
}

/* Units that a thread sees to: blocks of 4 vectors, [block, end). Of one thread they are all. */
typedef struct piece {
    size_t block, end;
    unsigned index, count; /* of the team, and its thread */
} piece;

static size_t block_units(const sluice_engine *engine)
{
    return SL_BLOCK_VECTORS * engine->kernel->lanes;
}

static piece get_piece(const sluice_engine *engine, unsigned index, unsigned count)
{
    const size_t blocks = sl_size_div_up(engine->shape.hidden, block_units(engine));
    return (piece){blocks * index / count, blocks * (index + 1) / count, index, count};
}

static void meet(sl_grad_thread *thread, const piece *own)
{
    if (own->count > 1)
        sl_barrier_wait(thread->tape->team_marks + thread->index - own->index, own->count, own->index, &thread->team_arrivals);
}

/* A turn of the group's rows [from, to), counted in the group, which all have a later turn in the segment, or none has. */
static void take_turn(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, group of, const piece *units,
                      size_t iteration, size_t from, size_t to, bool goes_on)
{
    const sluice_tape *tape = thread->tape;
    const sluice_engine *engine = tape->engine;
    const sl_tape_scratch *own = thread->own;
    const size_t hidden = engine->shape.hidden, unit = units->block * block_units(engine);
    for (size_t r = 0; r < to - from; r++) {
        const size_t rank = of.from + from + r;
        own->da_after[r] = goes_on ? sl_grad_gates(tape, layer_dir, iteration + 1, rank) : NULL;
        own->dy[r] = dy_of(thread, layer_dir, iteration, rank) + unit;
        own->c_now[r] = c_after(tape, layer_dir, iteration, rank) + unit;
        own->c_before[r] = c_before(tape, layer_dir, iteration, rank) + unit;
        own->gates[r] = sl_grad_gates(tape, layer_dir, iteration, rank) + unit;
    }
    sl_packed_matrix weights = sl_packed_range(&engine->layers[layer_dir->k].weights_back, units->block, units->end - units->block);
    weights.terms = goes_on ? weights.terms : 0;
    const sl_step_grad step = {.rows = to - from,
                               .units = sl_size_min(hidden, units->end * block_units(engine)) - unit,
                               .weights = weights,
                               .da_after = own->da_after,
                               .dy = own->dy,
                               .c = own->c_now,
                               .c_before = own->c_before,
                               .gates = own->gates,
                               .gate_stride = hidden,
                               .dc = tape->dc + (of.from + from) * engine->state_stride + unit,
                               .dc_stride = engine->state_stride};
    engine->kernel->step_grad[engine->cell](&step);
}

static void run_group(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, group of, const piece *units)
{
    const sluice_tape *tape = thread->tape;
    const bool is_first = units->index == 0;
    if (!sl_tape_keeps_gates(tape)) {
        if (is_first)
            recompute(thread, layer_dir, of);
        meet(thread, units);
    }
    size_t later = 0;
    for (size_t iteration = layer_dir->to; iteration-- > layer_dir->from;) {
        const size_t running = count_running(tape, of, iteration);
        take_turn(thread, layer_dir, of, units, iteration, 0, later, true);
        take_turn(thread, layer_dir, of, units, iteration, later, running, false);
        if (running)
            meet(thread, units);
        later = running;
    }
    if (layer_dir->from == 0 || later == 0 || !is_first)
        return;
    /* The gates make room for those of the segment before: what they still have to give joins its dy. */
    const size_t hidden = tape->engine->shape.hidden, back = multiply_back(thread, layer_dir, of, later);
    for (size_t r = 0; r < later; r++)
        sl_grad_put(dy_of(thread, layer_dir, layer_dir->from - 1, of.from + r), thread->own->product + r * back, hidden, true);
}

/* Threads that take a group together: where a turn's products are worth the meeting. */
static unsigned choose_members(const sl_grad_thread *thread, size_t groups)
{
    const double least = 1e5; /* operations of a member in a turn */
    const sluice_engine *engine = thread->tape->engine;
    const double hidden = (double)engine->shape.hidden, operations = 8 * hidden * hidden * (double)thread->tape->rows_at_once;
    const size_t blocks = sl_size_div_up(engine->shape.hidden, block_units(engine));
    const size_t members = sl_size_min(blocks, thread->count / groups), worth = (size_t)(operations / least);
    return (unsigned)sl_size_max(1, sl_size_min(members, worth));
}

void sl_grad_steps(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const size_t groups = sl_grad_groups(thread->tape); /* there is a row, for there is a segment */
    const unsigned members = choose_members(thread, groups);
    if (members > 1) {
        const piece own = get_piece(thread->tape->engine, thread->index % members, members);
        if (thread->index / members < groups)
            run_group(thread, layer_dir, get_group(thread->tape, thread->index / members), &own);
    } else {
        const piece all = get_piece(thread->tape->engine, 0, 1);
        for (size_t number; (number = sl_grad_next(thread)) < groups;)
            run_group(thread, layer_dir, get_group(thread->tape, number), &all);
    }
    sl_grad_end_phase(thread);
}
