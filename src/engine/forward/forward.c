/*
 * The forward pass. A batch's rows are dealt to teams of threads; a team takes its rows in groups; a group goes through layers
 * and steps in passes (pass.c), each member of the team with units of its own. Rows of a group stand longest first, so that
 * those still running are always the first n: work is proportional to the sum of lengths.
 */
#include "engine/forward/forward.h"

#include "system/cpu.h"
#include "base/size.h"
#include "system/threads.h"
#include "engine/forward/recurrence.h"
#include "engine/streams.h"
#include "engine/forward/tape.h"

#include <math.h>
#include <string.h>

/* One of the threads that take a group through the network together. */
typedef struct member {
    sluice_workspace *workspace;
    const sl_scratch_sizes *sizes;
    bool wavefront;
    const sl_thread_group *shared;
    const sl_thread_scratch *own;
    sl_barrier_flag *marks; /* [count] */
    unsigned count, index;  /* of the team's members, and this one's among them */
    unsigned arrivals;      /* at the team's barrier */
} member;

static void meet(member *m)
{
    sl_barrier_wait(m->marks, m->count, m->index, &m->arrivals);
}

/* The rows of a group that a member sees to before and after the steps. */
typedef struct row_range {
    size_t from, to;
} row_range;

static row_range rows_of(const member *m, size_t count)
{
    return (row_range){count * m->index / m->count, count * (m->index + 1) / m->count};
}

/* ---- Before the steps and after them --------------------------------------------------------------------------------------- */

/* Where the batch keeps h or c of a row; NULL: nowhere. */
static const float *h0_of(const sluice_batch *batch, size_t k, size_t row, size_t hidden)
{
    if (batch->streams)
        return sl_streams_h(batch->streams, sl_streams_slot(batch->slots, row), k);
    return batch->h0 ? batch->h0 + (k * batch->rows + row) * hidden : NULL;
}

static const float *c0_of(const sluice_batch *batch, size_t k, size_t row, size_t hidden)
{
    if (batch->streams)
        return sl_streams_c(batch->streams, sl_streams_slot(batch->slots, row), k);
    return batch->c0 ? batch->c0 + (k * batch->rows + row) * hidden : NULL;
}

/* One row of h or c: padding beyond H is zero. */
static void fetch_row(const sluice_engine *engine, const float *from, float *to)
{
    const size_t hidden = from ? engine->shape.hidden : 0;
    if (hidden)
        memcpy(to, from, hidden * sizeof *to);
    memset(to + hidden, 0, (engine->state_stride - hidden) * sizeof *to);
}

static void fetch_rows(const sl_row_block *g, row_range range)
{
    const sluice_engine *engine = g->engine;
    const sluice_batch *batch = g->batch;
    const size_t hidden = engine->shape.hidden, stride = engine->state_stride;
    for (size_t r = range.from; r < range.to; r++) {
        const size_t row = g->rows[r], offset = batch->x_offsets ? batch->x_offsets[row] : row * batch->x_row_stride;
        g->shared->lengths[r] = batch->lengths ? (size_t)batch->lengths[row] : batch->steps;
        g->shared->x_row[r] = batch->x ? batch->x + offset : NULL;
        g->shared->token_row[r] = batch->tokens ? batch->tokens + offset : NULL;
        for (size_t k = 0; k < engine->shape.layers * engine->shape.directions; k++) {
            const sl_state *state = &g->shared->states[k];
            fetch_row(engine, h0_of(batch, k, row, hidden), state->h[0] + r * stride);
            fetch_row(engine, c0_of(batch, k, row, hidden), state->c + r * stride);
            if (batch->tape) { /* hn may take the place of h0, and streams go on */
                const size_t rank = batch->tape->rank[row];
                memcpy(batch->tape->layer_dirs[k].h0 + rank * hidden, state->h[0] + r * stride, hidden * sizeof(float));
                memcpy(batch->tape->layer_dirs[k].c0 + rank * hidden, state->c + r * stride, hidden * sizeof(float));
            }
        }
    }
}

/* h of a row after its last turn. */
static const float *final_h(const sl_row_block *g, size_t k, size_t r)
{
    return g->shared->states[k].h[g->shared->lengths[r] % 2] + r * g->engine->state_stride;
}

static void store_states(const sl_row_block *g, row_range range)
{
    const sluice_batch *batch = g->batch;
    const size_t hidden = g->engine->shape.hidden, bytes = hidden * sizeof(float);
    for (size_t k = 0; k < g->engine->shape.layers * g->engine->shape.directions; k++)
        for (size_t r = range.from; r < range.to; r++) {
            const size_t row = g->rows[r], at = (k * batch->rows + row) * hidden;
            const float *h = final_h(g, k, r), *c = g->shared->states[k].c + r * g->engine->state_stride;
            if (batch->hn)
                memcpy(batch->hn + at, h, bytes);
            if (batch->cn)
                memcpy(batch->cn + at, c, bytes);
            if (batch->streams) {
                const size_t slot = sl_streams_slot(batch->slots, row);
                memcpy(sl_streams_h(batch->streams, slot, k), h, bytes);
                memcpy(sl_streams_c(batch->streams, slot, k), c, bytes);
            }
        }
}

/* The head of own->x[0..count-1], into own->logits. */
static void apply_head(const sluice_engine *engine, const sl_thread_scratch *own, size_t count)
{
    for (size_t r = 0; r < count; r++)
        own->start[r] = engine->head_bias;
    engine->kernel->product(&engine->head, count, own->start, own->x, own->logits, engine->head_width);
}

/* A row of what apply_head made. */
static void copy_logits(const sluice_engine *engine, const sl_thread_scratch *own, size_t r, float *logits)
{
    const float *from = own->logits + r * engine->head_width;
    for (size_t k = 0; k < engine->shape.classes; k++) {
        const uint32_t nan = SL_NAN_BITS; /* which of several NaNs in h0 a sum passes on is the compiler's choice */
        memcpy(&logits[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof logits[k]);
    }
}

static void store_logits(const sl_row_block *g, row_range range, const sl_thread_scratch *own)
{
    const sluice_shape *shape = &g->engine->shape;
    const size_t hidden = shape->hidden, outputs = shape->directions * hidden, count = range.to - range.from;
    for (size_t r = 0; r < count; r++) {
        for (size_t d = 0; d < shape->directions; d++)
            memcpy(own->final_h + r * outputs + d * hidden, final_h(g, (shape->layers - 1) * shape->directions + d, range.from + r),
                   hidden * sizeof(float));
        own->x[r] = own->final_h + r * outputs;
    }
    apply_head(g->engine, own, count);
    for (size_t r = 0; r < count; r++)
        copy_logits(g->engine, own, r, g->batch->logits + g->rows[range.from + r] * shape->classes);
}

/* Where the last layer's outputs of a step are, y or the tape. */
static const float *outputs_of(const sl_row_block *g, size_t r, size_t step)
{
    const sluice_batch *batch = g->batch;
    const size_t row = g->rows[r];
    if (!batch->tape)
        return batch->y + row * batch->y_row_stride + step * batch->y_step_stride;
    const size_t cell = batch->tape->first[step] + batch->tape->rank[row];
    return batch->tape->outputs[g->engine->shape.layers - 1] + cell * g->engine->shape.directions * g->engine->shape.hidden;
}

static void store_step_logits(const sl_row_block *g, row_range range, const sl_thread_scratch *own, size_t at_once)
{
    const sluice_batch *batch = g->batch;
    const size_t classes = g->engine->shape.classes;
    for (size_t r = range.from; r < range.to; r++) {
        float *logits = batch->step_logits + g->rows[r] * batch->steps * classes;
        const size_t steps = g->shared->lengths[r];
        for (size_t t = 0; t < steps; t += at_once) {
            const size_t count = sl_size_min(at_once, steps - t);
            for (size_t k = 0; k < count; k++)
                own->x[k] = outputs_of(g, r, t + k);
            apply_head(g->engine, own, count);
            for (size_t k = 0; k < count; k++)
                copy_logits(g->engine, own, k, logits + (t + k) * classes);
        }
        memset(logits + steps * classes, 0, (batch->steps - steps) * classes * sizeof(float));
    }
}

/* y, which the layers have left on the tape. */
static void store_outputs(const sl_row_block *g, row_range range)
{
    const sluice_batch *batch = g->batch;
    for (size_t r = range.from; r < range.to; r++)
        for (size_t t = 0; t < g->shared->lengths[r]; t++)
            memcpy(batch->y + g->rows[r] * batch->y_row_stride + t * batch->y_step_stride, outputs_of(g, r, t),
                   g->engine->shape.directions * g->engine->shape.hidden * sizeof(float));
}

/* y past the rows' ends. */
static void clear_rest(const sl_row_block *g, row_range range)
{
    const sluice_batch *batch = g->batch;
    const size_t outputs = g->engine->shape.directions * g->engine->shape.hidden;
    for (size_t r = range.from; r < range.to; r++)
        for (size_t t = g->shared->lengths[r]; t < batch->steps; t++)
            memset(batch->y + g->rows[r] * batch->y_row_stride + t * batch->y_step_stride, 0, outputs * sizeof(float));
}

/* ---- The steps ------------------------------------------------------------------------------------------------------------- */

/* A member's pieces being taken through a span of turns each: those of one layer, or of all layers of a wavefront, each layer a
 * span behind the one below it. */
typedef struct stage {
    size_t layer;       /* that the pieces' strands count from */
    size_t number;      /* the span of that layer; of the j-th above it, number - j */
    size_t span, steps; /* turns of a span, and of the longest row */
    size_t pieces;      /* of this member */
    bool divided;       /* some strand is divided between members */
    size_t hoisted_rows;
} stage;

/* The buffer between a layer and the next that holds its span. */
static float *buffer_of(const sl_row_block *g, const stage *now, size_t layer, size_t number, bool wavefront)
{
    const size_t floats = g->count * now->span * g->engine->shape.directions * g->engine->shape.hidden;
    return g->shared->stack + (wavefront ? 2 * layer + number % 2 : layer % 2) * floats;
}

/* What a layer's span reads; NULL: the batch's x or tokens. */
static const float *inputs_of(const sl_row_block *g, const stage *now, size_t layer, size_t number, bool wavefront)
{
    if (g->batch->tape)
        return g->batch->tape->inputs[layer];
    return layer ? buffer_of(g, now, layer - 1, number, wavefront) : NULL;
}

/* Where its outputs go; NULL: the batch's y. */
static float *layer_outputs(const sl_row_block *g, const stage *now, size_t layer, size_t number, bool wavefront)
{
    if (g->batch->tape)
        return g->batch->tape->outputs[layer];
    return layer + 1 < g->engine->shape.layers ? buffer_of(g, now, layer, number, wavefront) : NULL;
}

/* Set up the passes of a stage, but for their room; returns how many. */
static size_t make_passes(const member *m, const sl_row_block *g, const stage *now)
{
    const sluice_engine *engine = g->engine;
    const sluice_shape *shape = &engine->shape;
    size_t count = 0;
    for (size_t k = 0; k < now->pieces; k++) {
        const sl_unit_range *piece = &m->own->pieces[k];
        const size_t layer_dir = now->layer * shape->directions + piece->layer_dir, layer = layer_dir / shape->directions;
        const size_t back = layer - now->layer, number = now->number - back, from = number * now->span;
        if (now->number < back || from >= now->steps)
            continue;
        m->own->passes[count++] = (sl_recurrence){.group = g,
                                                  .own = m->own,
                                                  .packed = &engine->layers[layer_dir],
                                                  .state = &g->shared->states[layer_dir],
                                                  .layer_dir = layer_dir,
                                                  .direction = layer_dir % shape->directions,
                                                  .block = piece->block,
                                                  .blocks = piece->blocks,
                                                  .from = from,
                                                  .to = sl_size_min(now->steps, from + now->span),
                                                  .below = inputs_of(g, now, layer, number, m->wavefront),
                                                  .above = layer_outputs(g, now, layer, number, m->wavefront)};
    }
    return count;
}

/* Give the passes room for hoisted products: all of it to each, or a share where they take their turns in turn; of a layer behind
 * a table only BLIS needs any. */
static void begin_passes(const member *m, const sluice_engine *engine, const stage *now, size_t count)
{
    const size_t block_floats = SL_BLOCK_VECTORS * engine->kernel->lanes;
    size_t blocks = 0;
    for (size_t k = 0; k < count; k++)
        blocks += m->own->passes[k].blocks;
    float *room = m->own->hoisted;
    for (size_t k = 0; k < count; k++) {
        sl_recurrence *pass = &m->own->passes[k];
        const size_t rows = m->sizes->hoist_floats / ((now->divided ? blocks : pass->blocks) * block_floats);
        const bool hoists = engine->gemm == SLUICE_GEMM_BLIS || !pass->packed->table;
        pass->hoist_room = sl_size_min(rows, m->sizes->hoist_rows);
        pass->hoisted_rows = hoists ? sl_size_min(now->hoisted_rows, pass->hoist_room) : 0;
        pass->room = room;
        room += now->divided ? rows * pass->blocks * block_floats : 0;
        sl_recurrence_begin(pass);
    }
}

static void run_stage(member *m, const sl_row_block *g, const stage *now)
{
    const size_t count = make_passes(m, g, now), iterations = sl_size_min(now->steps, now->span);
    sl_recurrence *passes = m->own->passes;
    begin_passes(m, g->engine, now, count);
    if (now->divided) {
        for (size_t iteration = 0; iteration < iterations; iteration++) {
            for (size_t k = 0; k < count; k++)
                sl_recurrence_step(&passes[k]);
            meet(m);
        }
        return;
    }
    for (size_t k = 0; k < count; k++)
        for (size_t iteration = 0; iteration < iterations; iteration++)
            sl_recurrence_step(&passes[k]);
    meet(m);
}

/* Layer after layer for one span of turns, then the next span; or all layers in wavefront. */
static void run_steps(member *m, const sl_row_block *g)
{
    const sluice_engine *engine = g->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t steps = g->shared->lengths[0];
    if (steps == 0)
        return;
    stage now = {.span = sl_chunk_get(engine, m->sizes, m->wavefront, g->count, steps),
                 .steps = steps,
                 .hoisted_rows = sl_hoisted_rows(engine, &m->workspace->deal.way)};
    /* Layer by layer, all are cut as the first: the strands of one are alike. */
    const size_t layer_dirs = (m->wavefront ? shape->layers : 1) * shape->directions;
    now.pieces = sl_unit_split(engine, layer_dirs, m->count, m->index, m->own->pieces, &now.divided);
    const size_t spans = sl_size_div_up(steps, now.span);
    const size_t stages = m->wavefront ? spans + shape->layers - 1 : spans * shape->layers;
    for (size_t k = 0; k < stages; k++) {
        now.layer = m->wavefront ? 0 : k % shape->layers;
        now.number = m->wavefront ? k : k / shape->layers;
        run_stage(m, g, &now);
    }
}

static void run_group(member *m, const sl_row_block *g)
{
    const row_range range = rows_of(m, g->count);
    fetch_rows(g, range);
    meet(m);
    run_steps(m, g);
    if (g->batch->hn || g->batch->cn || g->batch->streams)
        store_states(g, range);
    if (g->batch->logits && range.from < range.to)
        store_logits(g, range, m->own);
    if (g->batch->y && g->batch->tape)
        store_outputs(g, range);
    if (g->batch->step_logits)
        store_step_logits(g, range, m->own, m->sizes->group_rows);
    if (g->batch->y)
        clear_rest(g, range);
    meet(m);
}

/* ---- The call -------------------------------------------------------------------------------------------------------------- */

typedef struct call {
    const sluice_engine *engine;
    const sluice_batch *batch;
    sluice_workspace *workspace;
    sl_scratch_sizes sizes;
} call;

/* Take rows through the network, group by group. */
static void run_rows(member *m, const call *c, const size_t *rows, size_t left)
{
    while (left > 0) {
        const size_t steps = c->batch->lengths ? (size_t)c->batch->lengths[rows[0]] : c->batch->steps;
        const size_t groups = sl_size_div_up(left, sl_rows_at_once(c->engine, &c->sizes, steps));
        const sl_row_block g = {
            .engine = c->engine, .batch = c->batch, .shared = m->shared, .rows = rows, .count = sl_size_div_up(left, groups)};
        run_group(m, &g);
        rows += g.count;
        left -= g.count;
    }
}

/* With fewer threads than planned for, teams have fewer members, or a thread takes several teams' rows one after the other. */
static void run_thread(void *context, unsigned thread, unsigned threads)
{
    const call *c = context;
    sluice_workspace *workspace = c->workspace;
    const sl_partition *deal = &workspace->deal;
    const unsigned teams = deal->way.teams, members = threads > teams ? threads / teams : 1;
    const sl_float_mode mode = sl_float_mode_set(c->engine->flush_to_zero);
    member m = {.workspace = workspace,
                .sizes = &c->sizes,
                .shared = &workspace->team[0],
                .own = &workspace->part[thread],
                .marks = workspace->marks,
                .count = threads,
                .index = thread};
    run_rows(&m, c, deal->order, deal->tail);
    m.count = members;
    m.index = thread % members;
    m.wavefront = members > 1 && deal->way.wavefront;
    for (unsigned team = thread / members; team < teams; team += threads / members) {
        m.shared = &workspace->team[team];
        m.marks = workspace->marks + team * members;
        run_rows(&m, c, deal->order + deal->first[team], deal->first[team + 1] - deal->first[team]);
    }
    sl_float_mode_restore(mode);
}

void sl_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    call c = {.engine = engine, .batch = batch, .workspace = workspace};
    sl_partition *deal = &workspace->deal;
    sl_load load = sl_load_get(engine, batch->rows, batch->steps, batch->lengths);
    (void)sl_scratch_sizes_get(engine, load.rows, load.steps, &c.sizes); /* it fitted when the workspace was fitted */
    const unsigned calls = sl_pool_begin(engine->pool);
    if (engine->schedule == SLUICE_SCHEDULE_AUTO) /* callers that run at the same time share the CPUs */
        load.workers = sl_size_max(1, load.workers / calls);
    deal->way = sl_exec_plan_choose(engine, &load);
    sl_partition_rows(deal, engine, &load, batch->lengths);
    const unsigned threads = deal->way.teams * deal->way.members;
    for (unsigned k = 0; k < threads; k++)
        atomic_store_explicit(&workspace->marks[k].arrived, 0, memory_order_relaxed);
    sl_threads_run(threads, run_thread, &c);
    sl_pool_end(engine->pool);
}
