/*
 * The recurrence backwards: the sorted rows, in row blocks, through the iterations of a segment from the last to the first. Threads
 * take row blocks; where there are more threads than row blocks, a thread group takes one, divides its units, and waits at a barrier
 * after each iteration.
 */
#include "engine/backward/grad_product.h"

#include <string.h>

/* The rows with sorted indices [from, to). */
typedef struct row_block {
    size_t from, to;
} row_block;

size_t sl_grad_row_blocks(const sluice_tape *tape)
{
    return tape->rows ? sl_size_div_up(tape->rows, tape->row_block_rows) : 0;
}

/* Sizes are balanced: they differ by one row at most. */
static row_block get_row_block(const sluice_tape *tape, size_t index)
{
    const size_t row_blocks = sl_grad_row_blocks(tape);
    return (row_block){tape->rows * index / row_blocks, tape->rows * (index + 1) / row_blocks};
}

/* How many of the block's rows run at an iteration; these are its first ones. */
static size_t count_running(const sluice_tape *tape, row_block rows, size_t iteration)
{
    const size_t running = sl_tape_running(tape, iteration);
    return running <= rows.from ? 0 : sl_size_min(running, rows.to) - rows.from;
}

/* ---- Ends of rows ----------------------------------------------------------------------------------------------------------- */

/* Add the gradient of a row's final h that does not come from a later step: dhn, and what comes through the head. */
static void add_dh_final(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t row, float *to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const sl_layer_dir *dir = layer_dir->dir;
    if (gradient->dhn)
        sl_grad_store(to, gradient->dhn + sl_h_offset(dir, tape->rows, row), dir->h_width, true);
    if (thread->dh_final && dir->layer + 1 == tape->engine->network->lstm_layers)
        sl_grad_store(to, thread->dh_final + row * thread->dh_final_stride + dir->first_output, dir->h_width, true);
}

static float *dy_of(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    const sluice_tape *tape = thread->tape;
    const size_t row_step = sl_tape_output(tape, layer_dir->dir, iteration, sorted);
    return layer_dir->dy + row_step * tape->grad_stride + layer_dir->dir->first_output;
}

void sl_grad_begin_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    const float *dcn = thread->gradient->dcn;
    const size_t width = layer_dir->dir->c_width, stride = layer_dir->packed->c_stride;
    for (size_t index; (index = sl_task_next(&thread->tasks)) < sl_grad_row_blocks(tape);) {
        const row_block rows = get_row_block(tape, index);
        for (size_t sorted = rows.from; sorted < rows.to; sorted++) {
            const size_t row = tape->sorted_rows[sorted];
            float *dc = tape->dc + sorted * stride;
            memset(dc, 0, stride * sizeof *dc);
            if (dcn)
                memcpy(dc, dcn + sl_c_offset(layer_dir->dir, tape->rows, row), width * sizeof *dc);
            if (tape->lengths[sorted])
                add_dh_final(thread, layer_dir, row, dy_of(thread, layer_dir, tape->lengths[sorted] - 1, sorted));
        }
    }
    sl_task_end_phase(&thread->tasks);
}

/* U' da of an iteration's rows [from, to) of the block, for blocks [block, end) of h, in scratch->product. Returns the distance of its
 * rows in floats. */
static size_t multiply_back(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t block, size_t end,
                            row_block rows, size_t iteration)
{
    const sl_packed *packed = layer_dir->packed;
    const sl_grad_matrix matrix = {&packed->weights_back, packed->weight_hh, layer_dir->dir->h_width};
    return sl_grad_multiply_back(thread, &matrix, block, end, rows.to - rows.from,
                                 sl_grad_gates(thread->tape, layer_dir, iteration, rows.from),
                                 thread->tape->layer_dirs[layer_dir->k].gate_stride);
}

/* dh before the segment's first iteration for the block's first `count` rows. */
static size_t multiply_first_back(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, size_t count)
{
    return multiply_back(thread, layer_dir, 0, layer_dir->packed->weights_back.blocks, (row_block){rows.from, rows.from + count},
                         layer_dir->from);
}

void sl_grad_first_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t index)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const sl_layer_dir *dir = layer_dir->dir;
    const size_t h_width = dir->h_width, c_width = dir->c_width, *row_of = tape->sorted_rows;
    const row_block rows = get_row_block(tape, index);
    for (size_t sorted = rows.from; gradient->dc0 && sorted < rows.to; sorted++)
        sl_grad_store(gradient->dc0 + sl_c_offset(dir, tape->rows, row_of[sorted]), tape->dc + sorted * layer_dir->packed->c_stride,
                      c_width, gradient->accumulate);
    if (!gradient->dh0)
        return;
    const size_t running = count_running(tape, rows, 0),
                 stride = running ? multiply_first_back(thread, layer_dir, rows, running) : 0;
    for (size_t sorted = rows.from; sorted < rows.to; sorted++) {
        float *dh = thread->scratch->product + (sorted - rows.from) * stride;
        if (sorted - rows.from >= running) { /* a row of no steps: its final h is h0 */
            dh = thread->scratch->product;
            memset(dh, 0, h_width * sizeof *dh);
            add_dh_final(thread, layer_dir, row_of[sorted], dh);
        }
        sl_grad_store(gradient->dh0 + sl_h_offset(dir, tape->rows, row_of[sorted]), dh, h_width, gradient->accumulate);
    }
}

/* ---- Iterations ------------------------------------------------------------------------------------------------------------ */

static const float *c_before(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    const sl_tape_layer_dir *kept = &tape->layer_dirs[layer_dir->k];
    const size_t width = layer_dir->dir->c_width;
    if (iteration == 0)
        return kept->c0 + sorted * width;
    if (iteration == layer_dir->from)
        return kept->c_checkpoints + (tape->checkpoint[iteration] + sorted) * width;
    return kept->c + (tape->first_row_step[iteration - 1] - tape->first_row_step[layer_dir->from] + sorted) * width;
}

static float *c_after(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    const size_t row_step = tape->first_row_step[iteration] - tape->first_row_step[layer_dir->from] + sorted;
    return tape->layer_dirs[layer_dir->k].c + row_step * layer_dir->dir->c_width;
}

/* Set h to that before an iteration. */
static void restore_h(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, size_t count,
                      size_t iteration)
{
    float *h = thread->scratch->h[0];
    const size_t stride = layer_dir->packed->h_stride;
    memset(h, 0, count * stride * sizeof *h);
    for (size_t r = 0; r < count; r++)
        memcpy(h + r * stride, sl_tape_h_before(thread->tape, layer_dir->k, iteration, rows.from + r),
               layer_dir->dir->h_width * sizeof *h);
}

/* Set h and c to those before the segment's first iteration. */
static void restore_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_tape_scratch *scratch = thread->scratch;
    const size_t stride = layer_dir->packed->c_stride;
    restore_h(thread, layer_dir, rows, count, layer_dir->from);
    memset(scratch->c, 0, count * stride * sizeof(float));
    for (size_t r = 0; r < count; r++) {
        memcpy(scratch->c + r * stride, c_before(tape, layer_dir, layer_dir->from, rows.from + r),
               layer_dir->dir->c_width * sizeof(float));
    }
}

/* Compute the gates of a segment again, with the forward pass's kernel: the same bits, unless BLIS makes the products. */
static void recompute(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows)
{
    const sluice_tape *tape = thread->tape;
    const sluice_engine *engine = tape->engine;
    const sl_packed *packed = layer_dir->packed;
    const sl_tape_scratch *scratch = thread->scratch;
    const bool projects = packed->projection_width > 0;
    size_t running = count_running(tape, rows, layer_dir->from);
    restore_states(thread, layer_dir, rows, running);
    for (size_t iteration = layer_dir->from; iteration < layer_dir->to && running;
         running = count_running(tape, rows, ++iteration)) {
        for (size_t r = 0; r < running; r++) {
            const size_t sorted = rows.from + r;
            if (packed->table)
                scratch->start[r] = packed->table + sl_tape_token(tape, layer_dir->dir->reverse, iteration, sorted) * packed->width;
            else {
                scratch->start[r] = packed->bias;
                scratch->x[r] = sl_tape_x(tape, layer_dir->k, iteration, sorted);
            }
            scratch->gates[r] = sl_grad_gates(tape, layer_dir, iteration, sorted);
            scratch->c_kept[r] = c_after(tape, layer_dir, iteration, sorted);
            if (projects)
                scratch->m[r] = sl_grad_m(tape, layer_dir, iteration, sorted);
        }
        /* With a projection the step makes m, of which h was made: it is on the tape. */
        const size_t parity = projects ? 0 : (iteration - layer_dir->from) % 2;
        if (projects && iteration > layer_dir->from)
            restore_h(thread, layer_dir, rows, running, iteration);
        sl_step step;
        sl_engine_set_step(engine, packed, 0, packed->width / sl_block_floats(engine->kernel), &step);
        if (engine->gemm == SLUICE_GEMM_BLIS) {
            sl_grad_pre_activations(thread, layer_dir, running, scratch->h[parity]);
            step.weights_ih.words = step.weights_hh.words = 0;
        }
        step.rows = running;
        step.from_last = iteration % 2;
        step.start = scratch->start;
        step.x = scratch->x;
        step.h = scratch->h[parity];
        step.h_next = scratch->h[1 - parity];
        step.c = scratch->c;
        step.gates = scratch->gates;
        step.c_kept = scratch->c_kept;
        step.y = projects ? scratch->m : NULL;
        engine->kernel->step[engine->cell](&step);
    }
}

/* The units of one thread of a thread group: blocks [block, end) of 4 vectors of units. */
typedef struct unit_range {
    size_t block, end;
    unsigned index, threads; /* the thread's index in the group, and the group's size */
} unit_range;

static unit_range get_unit_range(const sluice_engine *engine, size_t hidden, unsigned index, unsigned threads)
{
    const size_t blocks = sl_size_div_up(hidden, sl_block_floats(engine->kernel));
    return (unit_range){blocks * index / threads, blocks * (index + 1) / threads, index, threads};
}

static void wait_for_group(sl_grad_thread *thread, const unit_range *units)
{
    if (units->threads > 1)
        sl_barrier_wait(thread->tape->group_flags + thread->tasks.index - units->index, units->threads, units->index,
                        &thread->group_arrivals);
}

/* dh of rows [from, to) of the row block, for a share of the P outputs: dy + U' da_after. */
static void make_dh(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, const unit_range *units,
                    size_t iteration, size_t from, size_t to, bool continues)
{
    const sluice_tape *tape = thread->tape;
    const unit_range outputs = get_unit_range(tape->engine, layer_dir->dir->h_width, units->index, units->threads);
    const size_t block_floats = sl_block_floats(tape->engine->kernel), first = outputs.block * block_floats;
    if (outputs.block == outputs.end || from == to)
        return;
    const size_t count = sl_size_min(layer_dir->dir->h_width, outputs.end * block_floats) - first;
    const row_block some = {rows.from + from, rows.from + to};
    const size_t stride = continues ? multiply_back(thread, layer_dir, outputs.block, outputs.end, some, iteration + 1) : 0;
    for (size_t r = 0; r < to - from; r++) {
        const size_t sorted = rows.from + from + r;
        float *dh = sl_grad_dh(tape, layer_dir, iteration, sorted) + first;
        sl_grad_store(dh, dy_of(thread, layer_dir, iteration, sorted) + first, count, false);
        if (continues)
            sl_grad_store(dh, thread->scratch->product + r * stride, count, true);
        sl_grad_clip(tape, layer_dir, iteration, sorted, first, count, dh);
    }
}

/* The gradients of m of rows [from, to), W_p' dh, for a range of the units; they are what scratch->dy points at then. */
static void make_dm(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, const unit_range *units,
                    size_t iteration, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sl_packed *packed = layer_dir->packed;
    const sl_grad_matrix matrix = {&packed->projection_back, packed->weight_projection, layer_dir->dir->hidden};
    if (from == to)
        return;
    const size_t stride = sl_grad_multiply_back(thread, &matrix, units->block, units->end, to - from,
                                                sl_grad_dh(tape, layer_dir, iteration, rows.from + from), layer_dir->dir->h_width);
    for (size_t r = 0; r < to - from; r++)
        thread->scratch->dy[r] = thread->scratch->product + r * stride;
}

/* BLIS only: the gradients of h of rows [from, to), dy + U' da_after, likewise. */
static void make_dh_of_units(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows,
                             const unit_range *units, size_t iteration, size_t from, size_t to)
{
    const sl_tape_scratch *scratch = thread->scratch;
    const size_t block_floats = sl_block_floats(thread->tape->engine->kernel), unit = units->block * block_floats;
    const size_t count = sl_size_min(layer_dir->dir->hidden, units->end * block_floats) - unit;
    const row_block some = {rows.from + from, rows.from + to};
    const size_t stride = multiply_back(thread, layer_dir, units->block, units->end, some, iteration + 1);
    for (size_t r = 0; r < to - from; r++) {
        float *dh = scratch->product + r * stride;
        sl_grad_store(dh, scratch->dy[r], count, true);
        scratch->dy[r] = dh;
    }
}

/* Copy the thread's units of a row's gates from a tape that is kept. */
static void copy_gates(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted, size_t unit,
                       size_t count, float *to)
{
    const sl_tape_layer_dir *kept = &tape->layer_dirs[layer_dir->k];
    const float *from = kept->gates + (tape->first_row_step[iteration] + sorted) * kept->gate_stride + unit;
    for (size_t gate = 0; gate < SL_GATES; gate++, from += layer_dir->dir->hidden, to += layer_dir->dir->hidden)
        memcpy(to, from, count * sizeof *to);
}

/* An iteration of rows [from, to) of the row block. `continues`: they have a later iteration in the segment; all of them or none. */
static void run_iteration(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, const unit_range *units,
                          size_t iteration, size_t from, size_t to, bool continues)
{
    const sluice_tape *tape = thread->tape;
    const sluice_engine *engine = tape->engine;
    const sl_tape_scratch *scratch = thread->scratch;
    const size_t unit = units->block * sl_block_floats(engine->kernel);
    const size_t count = sl_size_min(layer_dir->dir->hidden, units->end * sl_block_floats(engine->kernel)) - unit;
    const bool projects = layer_dir->packed->projection_width > 0;
    for (size_t r = 0; r < to - from; r++) {
        const size_t sorted = rows.from + from + r;
        scratch->da_after[r] = continues ? sl_grad_gates(tape, layer_dir, iteration + 1, sorted) : NULL;
        scratch->dy[r] = dy_of(thread, layer_dir, iteration, sorted) + unit;
        scratch->c_now[r] = c_after(tape, layer_dir, iteration, sorted) + unit;
        scratch->c_before[r] = c_before(tape, layer_dir, iteration, sorted) + unit;
        scratch->gates[r] = sl_grad_gates(tape, layer_dir, iteration, sorted) + unit;
        if (tape->da)
            copy_gates(tape, layer_dir, iteration, sorted, unit, count, scratch->gates[r]);
    }
    const bool by_blis = engine->gemm == SLUICE_GEMM_BLIS;
    if (projects)
        make_dm(thread, layer_dir, rows, units, iteration, from, to);
    else if (continues && by_blis)
        make_dh_of_units(thread, layer_dir, rows, units, iteration, from, to);
    sl_packed_matrix weights = {.words = 0}; /* dy is all of dh, or of dm */
    if (continues && !projects && !by_blis)
        sl_packed_set_range(&layer_dir->packed->weights_back, units->block, units->end - units->block, &weights);
    const sl_step_grad step = {.rows = to - from,
                               .from_last = iteration % 2,
                               .units = count,
                               .weights = weights,
                               .da_after = scratch->da_after,
                               .dy = scratch->dy,
                               .c = scratch->c_now,
                               .c_before = scratch->c_before,
                               .gates = scratch->gates,
                               .gate_stride = layer_dir->dir->hidden,
                               .dc = tape->dc + (rows.from + from) * layer_dir->packed->c_stride + unit,
                               .dc_stride = layer_dir->packed->c_stride};
    engine->kernel->step_grad[engine->cell](&step);
}

static void run_row_block(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, row_block rows, const unit_range *units)
{
    const sluice_tape *tape = thread->tape;
    const bool is_first = units->index == 0, projects = layer_dir->packed->projection_width > 0;
    if (!sl_tape_keeps_gates(tape)) {
        if (is_first)
            recompute(thread, layer_dir, rows);
        wait_for_group(thread, units);
    }
    size_t later = 0;
    for (size_t iteration = layer_dir->to; iteration-- > layer_dir->from;) {
        const size_t running = count_running(tape, rows, iteration);
        if (projects && running) {
            make_dh(thread, layer_dir, rows, units, iteration, 0, later, true);
            make_dh(thread, layer_dir, rows, units, iteration, later, running, false);
            wait_for_group(thread, units);
        }
        run_iteration(thread, layer_dir, rows, units, iteration, 0, later, true);
        run_iteration(thread, layer_dir, rows, units, iteration, later, running, false);
        if (running)
            wait_for_group(thread, units);
        later = running;
    }
    if (layer_dir->from == 0 || later == 0 || !is_first)
        return;
    /* The segment before will overwrite these gates, so dh of its last iteration is added to its dy now. */
    const size_t width = layer_dir->dir->h_width, stride = multiply_first_back(thread, layer_dir, rows, later);
    for (size_t r = 0; r < later; r++)
        sl_grad_store(dy_of(thread, layer_dir, layer_dir->from - 1, rows.from + r), thread->scratch->product + r * stride, width,
                      true);
}

/* The threads that share a row block: as many as have work enough in an iteration to be worth a barrier. */
static unsigned choose_threads_per_group(const sl_grad_thread *thread, const sl_layer_dir *dir, size_t row_blocks)
{
    const double least = 1e5; /* operations of a thread in an iteration */
    const sluice_engine *engine = thread->tape->engine;
    const double operations = 8 * (double)dir->hidden * (double)dir->h_width * (double)thread->tape->row_block_rows;
    const size_t blocks = sl_size_div_up(dir->hidden, sl_block_floats(engine->kernel));
    const size_t available = sl_size_min(blocks, thread->tasks.threads / row_blocks), worth = (size_t)(operations / least);
    return (unsigned)sl_size_max(1, sl_size_min(available, worth));
}

void sl_grad_steps(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    const size_t row_blocks = sl_grad_row_blocks(tape); /* at least 1, for there is a segment */
    const unsigned group_threads = choose_threads_per_group(thread, layer_dir->dir, row_blocks),
                   group = thread->tasks.index / group_threads;
    const unit_range units =
        get_unit_range(tape->engine, layer_dir->dir->hidden, thread->tasks.index % group_threads, group_threads);
    if (group_threads == 1)
        for (size_t index; (index = sl_task_next(&thread->tasks)) < row_blocks;)
            run_row_block(thread, layer_dir, get_row_block(tape, index), &units);
    else if (group < row_blocks)
        run_row_block(thread, layer_dir, get_row_block(tape, group), &units);
    sl_task_end_phase(&thread->tasks);
}
