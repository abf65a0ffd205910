/*
 * The forward pass. A batch's rows are dealt to teams of threads; a team takes its rows in groups; a group goes through layers
 * and steps in passes (pass.c), each member of the team with units of its own. Rows of a group stand longest first, so that
 * those still running are always the first n: work is proportional to the sum of lengths.
 */
#include "engine/forward.h"

#include "base/cpu.h"
#include "base/size.h"
#include "base/threads.h"
#include "engine/pass.h"
#include "engine/streams.h"

#include <math.h>
#include <string.h>

/* One of the threads that take a group through the network together. */
typedef struct member {
    sluice_workspace *workspace;
    const sl_part_sizes *sizes;
    bool wavefront;
    unsigned first, count; /* the team's parts */
    unsigned index;        /* among them */
    unsigned arrivals;     /* at the team's barrier */
} member;

static void meet(member *m)
{
    sl_barrier_wait(m->workspace->marks + m->first, m->count, m->index, &m->arrivals);
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
        return sl_streams_h(batch->streams, batch->slots ? batch->slots[row] : row, k);
    return batch->h0 ? batch->h0 + (k * batch->rows + row) * hidden : NULL;
}

static const float *c0_of(const sluice_batch *batch, size_t k, size_t row, size_t hidden)
{
    if (batch->streams)
        return sl_streams_c(batch->streams, batch->slots ? batch->slots[row] : row, k);
    return batch->c0 ? batch->c0 + (k * batch->rows + row) * hidden : NULL;
}

/* One row of h or c: padding beyond H is zero. */
static void load_row(const sluice_engine *engine, const float *from, float *to)
{
    const size_t hidden = from ? engine->shape.hidden : 0;
    if (hidden)
        memcpy(to, from, hidden * sizeof *to);
    memset(to + hidden, 0, (engine->state_stride - hidden) * sizeof *to);
}

static void load_rows(const sl_group *g, row_range range)
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
            load_row(engine, h0_of(batch, k, row, hidden), state->h[0] + r * stride);
            load_row(engine, c0_of(batch, k, row, hidden), state->c + r * stride);
        }
    }
}

/* h of a row after its last turn. */
static const float *final_h(const sl_group *g, size_t k, size_t r)
{
    return g->shared->states[k].h[g->shared->lengths[r] % 2] + r * g->engine->state_stride;
}

static void store_states(const sl_group *g, row_range range)
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
                const size_t slot = batch->slots ? batch->slots[row] : row;
                memcpy(sl_streams_h(batch->streams, slot, k), h, bytes);
                memcpy(sl_streams_c(batch->streams, slot, k), c, bytes);
            }
        }
}

static void store_logits(const sl_group *g, row_range range, const sl_part *own)
{
    const sluice_engine *engine = g->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t hidden = shape->hidden, outputs = shape->directions * hidden;
    const size_t count = range.to - range.from;
    for (size_t r = 0; r < count; r++) {
        for (size_t d = 0; d < shape->directions; d++)
            memcpy(own->final_h + r * outputs + d * hidden, final_h(g, (shape->layers - 1) * shape->directions + d, range.from + r),
                   hidden * sizeof(float));
        own->x[r] = own->final_h + r * outputs;
        own->start[r] = engine->head_bias;
    }
    const sl_product product = {.rows = count,
                                .blocks = engine->head_blocks,
                                .terms = outputs,
                                .weights = engine->head,
                                .panel_stride = engine->head_panel_stride,
                                .start = own->start,
                                .x = own->x,
                                .out = own->logits,
                                .out_stride = engine->head_width};
    engine->kernel->product(&product);
    for (size_t r = 0; r < count; r++) {
        float *logits = g->batch->logits + g->rows[range.from + r] * shape->classes;
        const float *from = own->logits + r * engine->head_width;
        for (size_t k = 0; k < shape->classes; k++) {
            const uint32_t nan = SL_NAN_BITS; /* which of several NaNs in h0 a sum passes on is the compiler's choice */
            memcpy(&logits[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof logits[k]);
        }
    }
}

/* y past the rows' ends. */
static void clear_rest(const sl_group *g, row_range range)
{
    const sluice_batch *batch = g->batch;
    const size_t outputs = g->engine->shape.directions * g->engine->shape.hidden;
    for (size_t r = range.from; r < range.to; r++)
        for (size_t t = g->shared->lengths[r]; t < batch->steps; t++)
            memset(batch->y + g->rows[r] * batch->y_row_stride + t * batch->y_step_stride, 0, outputs * sizeof(float));
}

/* ---- The steps ------------------------------------------------------------------------------------------------------------- */

/* The layers that are taken through a span of turns at the same time, and which span each is at. */
typedef struct stage {
    size_t layer, layers; /* the first of them, and how many */
    size_t number;        /* layer l takes span number - (l - layer) */
    sl_spans spans;
    size_t steps; /* of the longest row */
} stage;

/* The strands (directions of layers) of a stage stand one after the other as lines of units, each as long as the terms it takes,
 * and are cut into equal pieces: where in strand k the piece of member `index` begins. */
static size_t first_line(const sluice_engine *engine, const stage *now, size_t k, unsigned index, unsigned members)
{
    const size_t first = now->layer * engine->shape.directions, strands = now->layers * engine->shape.directions;
    size_t before = 0, whole = 0, terms = 0;
    for (size_t j = first; j < first + strands; j++) {
        const sl_packed *packed = &engine->layers[j];
        const size_t its = (packed->table ? 0 : packed->inputs) + engine->shape.hidden;
        before += j < k ? its : 0;
        terms = j == k ? its : terms;
        whole += its;
    }
    const size_t lines = sl_lines(engine);
    const double place = (double)whole * (double)lines * index / members - (double)before * (double)lines;
    if (place <= 0)
        return 0;
    return sl_size_min(lines, (size_t)(place / (double)terms + 0.5));
}

/* Whether any strand of a stage is divided between members, who must then meet after every turn. */
static bool is_divided(const sluice_engine *engine, const stage *now, unsigned members)
{
    const size_t first = now->layer * engine->shape.directions, strands = now->layers * engine->shape.directions;
    for (unsigned index = 1; index < members; index++)
        for (size_t k = first; k < first + strands; k++) {
            const size_t line = first_line(engine, now, k, index, members);
            if (line > 0 && line < sl_lines(engine))
                return true;
        }
    return false;
}

/* The buffer between a layer and the next that holds its span. */
static float *buffer_of(const sl_group *g, const stage *now, size_t layer, size_t span, bool wavefront)
{
    const size_t floats = g->count * now->spans.steps * g->engine->shape.directions * g->engine->shape.hidden;
    return g->shared->stack + (wavefront ? 2 * layer + span % 2 : layer % 2) * floats;
}

/* Fill in the member's passes of a stage; returns how many. */
static size_t begin_passes(const member *m, const sl_group *g, const stage *now, size_t hoisted_rows)
{
    const sluice_engine *engine = g->engine;
    const sluice_shape *shape = &engine->shape;
    const sl_part *own = &m->workspace->part[m->first + m->index];
    const size_t line_blocks = SL_LINE_UNITS / engine->kernel->lanes,
                 all_blocks = sl_size_div_up(shape->hidden, engine->kernel->lanes);
    size_t count = 0, blocks = 0;
    for (size_t k = now->layer * shape->directions; k < (now->layer + now->layers) * shape->directions; k++) {
        const size_t layer = k / shape->directions, back = layer - now->layer;
        const size_t first = line_blocks * first_line(engine, now, k, m->index, m->count);
        const size_t last = sl_size_min(all_blocks, line_blocks * first_line(engine, now, k, m->index + 1, m->count));
        const size_t span = now->number - back, from = span * now->spans.steps;
        if (first >= last || now->number < back || from >= now->steps)
            continue;
        own->passes[count++] = (sl_pass){.group = g,
                                         .own = own,
                                         .packed = &engine->layers[k],
                                         .state = &g->shared->states[k],
                                         .layer = layer,
                                         .direction = k % shape->directions,
                                         .block = first,
                                         .blocks = last - first,
                                         .from = from,
                                         .to = sl_size_min(now->steps, from + now->spans.steps),
                                         .below = layer ? buffer_of(g, now, layer - 1, span, m->wavefront) : NULL,
                                         .above = layer + 1 < shape->layers ? buffer_of(g, now, layer, span, m->wavefront) : NULL};
        blocks += last - first;
    }
    /* Each has its share of the room for hoisted products; of a layer behind a table only BLIS needs any. */
    float *room = own->hoisted;
    const size_t rows = blocks ? m->sizes->hoist_floats / (blocks * SL_BLOCK_VECTORS * engine->kernel->lanes) : 0;
    for (size_t k = 0; k < count; k++) {
        sl_pass *pass = &own->passes[k];
        const bool hoists = engine->gemm == SLUICE_GEMM_BLIS || !pass->packed->table;
        pass->hoisted_rows = hoists ? sl_size_min(hoisted_rows, rows) : 0;
        pass->room = room;
        pass->hoist_room = sl_size_min(rows, m->sizes->hoist_rows);
        room += rows * pass->blocks * SL_BLOCK_VECTORS * engine->kernel->lanes;
        sl_pass_begin(pass);
    }
    return count;
}

static void run_stage(member *m, const sl_group *g, const stage *now, size_t hoisted_rows)
{
    sl_pass *passes = m->workspace->part[m->first + m->index].passes;
    const size_t count = begin_passes(m, g, now, hoisted_rows), turns = sl_size_min(now->steps, now->spans.steps);
    if (is_divided(g->engine, now, m->count)) {
        for (size_t turn = 0; turn < turns; turn++) {
            for (size_t k = 0; k < count; k++)
                sl_pass_turn(&passes[k]);
            meet(m);
        }
        return;
    }
    for (size_t k = 0; k < count; k++)
        for (size_t turn = 0; turn < turns; turn++)
            sl_pass_turn(&passes[k]);
    meet(m);
}

/* Layer after layer for one span of turns, then the next span; or, in wavefront, all layers at once, each a span behind the one
 * below it. */
static void run_steps(member *m, const sl_group *g)
{
    const sluice_engine *engine = g->engine;
    const size_t steps = g->shared->lengths[0], layers = engine->shape.layers;
    const size_t hoisted_rows = sl_hoisted_rows(engine, &m->workspace->deal.way);
    if (steps == 0)
        return;
    stage now = {.steps = steps, .spans = sl_spans_get(engine, m->sizes, m->wavefront, g->count, steps)};
    const size_t spans = sl_size_div_up(steps, now.spans.steps);
    now.layers = m->wavefront ? layers : 1;
    const size_t stages = m->wavefront ? spans + layers - 1 : spans * layers;
    for (size_t k = 0; k < stages; k++) {
        now.layer = m->wavefront ? 0 : k % layers;
        now.number = m->wavefront ? k : k / layers;
        run_stage(m, g, &now, hoisted_rows);
    }
}

static void run_group(member *m, const sl_group *g)
{
    const row_range range = rows_of(m, g->count);
    load_rows(g, range);
    meet(m);
    run_steps(m, g);
    if (g->batch->hn || g->batch->cn || g->batch->streams)
        store_states(g, range);
    if (g->batch->logits && range.from < range.to)
        store_logits(g, range, &m->workspace->part[m->first + m->index]);
    if (g->batch->y)
        clear_rest(g, range);
    meet(m);
}

/* ---- The call -------------------------------------------------------------------------------------------------------------- */

typedef struct call {
    const sluice_engine *engine;
    const sluice_batch *batch;
    sluice_workspace *workspace;
    sl_part_sizes sizes;
} call;

/* Take rows through the network, group by group. */
static void run_rows(member *m, const call *c, const size_t *rows, size_t left)
{
    while (left > 0) {
        const size_t steps = c->batch->lengths ? (size_t)c->batch->lengths[rows[0]] : c->batch->steps;
        const size_t groups = sl_size_div_up(left, sl_rows_at_once(c->engine, &c->sizes, steps));
        const sl_group g = {.engine = c->engine,
                            .batch = c->batch,
                            .shared = &c->workspace->part[m->first],
                            .rows = rows,
                            .count = sl_size_div_up(left, groups)};
        run_group(m, &g);
        rows += g.count;
        left -= g.count;
    }
}

static unsigned count_threads(const sl_deal *deal)
{
    return deal->way.teams * deal->way.members;
}

static void run_thread(void *context, unsigned thread, unsigned threads)
{
    const call *c = context;
    const sl_deal *deal = &c->workspace->deal;
    const unsigned wanted = count_threads(deal);
    /* With fewer threads than planned for, each goes alone through the rows of one team after the other. */
    const unsigned members = threads == wanted ? deal->way.members : 1;
    const sl_float_mode mode = sl_float_mode_set(c->engine->flush_to_zero);
    member m = {.workspace = c->workspace, .sizes = &c->sizes, .count = threads == wanted ? wanted : 1, .index = thread};
    if (m.index < m.count)
        run_rows(&m, c, deal->order, deal->tail);
    m.count = members;
    m.index = thread % members;
    m.wavefront = members > 1 && deal->way.wavefront;
    for (unsigned team = thread / members; team < deal->way.teams; team += threads / members) {
        m.first = team * members;
        run_rows(&m, c, deal->order + deal->first[team], deal->first[team + 1] - deal->first[team]);
    }
    sl_float_mode_restore(mode);
}

void sl_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    call c = {.engine = engine, .batch = batch, .workspace = workspace};
    (void)sl_part_sizes_get(engine, batch->rows, batch->steps, &c.sizes); /* it fitted when the workspace was fitted */
    sl_deal *deal = &workspace->deal;
    const sl_load load = sl_load_get(batch->rows, batch->steps, batch->lengths);
    deal->way = sl_way_choose(engine, &load);
    sl_deal_rows(deal, engine, &load, batch->lengths);
    const unsigned threads = count_threads(deal);
    for (unsigned k = 0; k < threads; k++)
        atomic_store_explicit(&workspace->marks[k].arrived, 0, memory_order_relaxed);
    sl_threads_run(threads, run_thread, &c);
}
