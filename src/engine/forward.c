/*
 * The forward pass. A batch's rows are divided over parts (threads); a part takes its rows in groups; a group goes through the
 * layers, and in each through all steps, in one loop (run_pass) round the kernel's step. Rows of a group stand longest first,
 * so that those still running are always the first n: work is proportional to the sum of lengths.
 *
 * A *turn* counts the steps in the order they are taken: step t for the forward direction, step length-1-t for the reverse one.
 */
#include "engine/forward.h"

#include "base/cpu.h"
#include "base/size.h"
#include "base/threads.h"
#include "engine/bulk.h"

#include <math.h>
#include <string.h>

typedef struct call {
    const sluice_engine *engine;
    const sluice_batch *batch;
    sluice_workspace *workspace;
    sl_part_sizes sizes;
} call;

/* Some rows of the batch, going through the steps together. */
typedef struct group {
    const call *call;
    sl_part *part;
    const size_t *rows; /* their places in the batch, longest first */
    size_t count;
} group;

/* One direction of one layer over a span of turns, for a group. */
typedef struct pass {
    const group *group;
    const sl_packed *packed;
    sl_state *state;
    size_t layer, direction;
    size_t from, to;    /* turns; 0 and all of them unless layers take chunks in turn */
    size_t step_stride; /* of x or tokens */
    bool use_tokens;
    bool from_zero; /* h is zero before turn 0 */
} pass;

static const size_t *lengths_of(const group *g)
{
    return g->part->lengths;
}

static size_t longest(const group *g)
{
    return lengths_of(g)[0];
}

/* How many of the first n rows are still running at a turn. */
static size_t running(const group *g, size_t n, size_t turn)
{
    while (n > 0 && lengths_of(g)[n - 1] <= turn)
        n--;
    return n;
}

static size_t step_of(const pass *p, size_t row, size_t turn)
{
    return p->direction ? lengths_of(p->group)[row] - 1 - turn : turn;
}

/* A step's place in this pass's x: between layers, a buffer that begins with the pass's first turn. */
static size_t place_of(const pass *p, size_t row, size_t turn)
{
    return step_of(p, row, turn) - (p->layer ? p->from : 0);
}

static size_t token_of(const pass *p, size_t row, size_t turn)
{
    return (size_t)p->group->part->token_row[row][place_of(p, row, turn) * p->step_stride];
}

/* Where a step's pre-activations begin, and its x where that is still to be multiplied. */
static const float *start_of(const pass *p, size_t row, size_t turn)
{
    return p->packed->table ? p->packed->table + token_of(p, row, turn) * p->group->call->engine->width : p->packed->bias;
}

static const float *x_of(const pass *p, size_t row, size_t turn)
{
    if (p->use_tokens)
        return p->group->call->engine->embedding + token_of(p, row, turn) * p->packed->inputs;
    return p->group->part->x_row[row] + place_of(p, row, turn) * p->step_stride;
}

/* Make the pre-activations x W + b of as many turns from `turn` on as there is room for, one packed row for each running row,
 * turn by turn; returns the turn after. */
static size_t hoist(const pass *p, size_t turn, size_t n)
{
    const sluice_engine *engine = p->group->call->engine;
    sl_part *part = p->group->part;
    const size_t room = p->group->call->sizes.hoist_rows, inputs = p->packed->inputs;
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    size_t rows = 0;
    for (; turn < p->to && n > 0 && rows + n <= room; turn++, n = running(p->group, n, turn))
        for (size_t r = 0; r < n; r++, rows++) {
            part->start[rows] = start_of(p, r, turn);
            if (!p->packed->table)
                part->x[rows] = x_of(p, r, turn);
        }
    if (!blis) {
        const sl_product product = {.rows = rows,
                                    .blocks = engine->width / (SL_BLOCK_VECTORS * engine->kernel->lanes),
                                    .terms = inputs,
                                    .weights = p->packed->panels_ih,
                                    .panel_stride = p->packed->panel_stride,
                                    .start = part->start,
                                    .x = part->x,
                                    .out = part->hoisted,
                                    .out_stride = engine->width};
        engine->kernel->product(&product);
        return turn;
    }
    for (size_t k = 0; k < rows; k++)
        memcpy(part->hoisted + k * engine->width, part->start[k], engine->width * sizeof(float));
    if (!p->packed->table) {
        for (size_t k = 0; k < rows; k++)
            memcpy(part->gathered + k * inputs, part->x[k], inputs * sizeof(float));
        sl_bulk_product(rows, engine->width, inputs, part->gathered, inputs, p->packed->transpose_ih, engine->width, part->hoisted,
                        engine->width);
    }
    return turn;
}

/* Where the layer's h of a step goes besides the state: the next layer's input, or the caller's y. */
static float *y_of(const pass *p, size_t row, size_t turn)
{
    const group *g = p->group;
    const sluice_engine *engine = g->call->engine;
    const sluice_batch *batch = g->call->batch;
    const size_t hidden = engine->shape.hidden, outputs = engine->shape.directions * hidden, step = step_of(p, row, turn);
    if (p->layer + 1 == engine->shape.layers)
        return batch->y + g->rows[row] * batch->y_row_stride + step * batch->y_step_stride + p->direction * hidden;
    return g->part->stack[p->layer % 2] + (row * (p->to - p->from) + step - p->from) * outputs + p->direction * hidden;
}

static void run_turn(const pass *p, size_t turn, size_t n, float *hoisted)
{
    const sluice_engine *engine = p->group->call->engine;
    sl_part *part = p->group->part;
    const bool wants_y = p->layer + 1 < engine->shape.layers || p->group->call->batch->y;
    const bool multiplies_x = !hoisted && !p->packed->table;
    for (size_t r = 0; r < n; r++) {
        part->start[r] = hoisted ? hoisted + r * engine->width : start_of(p, r, turn);
        if (multiplies_x)
            part->x[r] = x_of(p, r, turn);
        if (wants_y)
            part->y[r] = y_of(p, r, turn);
    }
    /* An h of zeros adds nothing: chains of products with zero are +0, and so is the sum that the kernel begins with. */
    bool multiplies_h = !(p->from_zero && turn == 0);
    if (engine->gemm == SLUICE_GEMM_BLIS && multiplies_h) {
        sl_bulk_product(n, engine->width, engine->shape.hidden, p->state->h, engine->state_stride, p->packed->transpose_hh,
                        engine->width, hoisted, engine->width);
        multiplies_h = false;
    }
    const sl_step step = {.rows = n,
                          .hidden = engine->shape.hidden,
                          .inputs = multiplies_x ? p->packed->inputs : 0,
                          .recurrent = multiplies_h ? engine->shape.hidden : 0,
                          .weights_ih = p->packed->panels_ih,
                          .weights_hh = p->packed->panels_hh,
                          .panel_stride = p->packed->panel_stride,
                          .start = part->start,
                          .x = part->x,
                          .h = p->state->h,
                          .h_next = p->state->h_next,
                          .c = p->state->c,
                          .state_stride = engine->state_stride,
                          .y = wants_y ? part->y : NULL};
    engine->kernel->step(&step);
}

/* Rows from..to-1 have taken their last step: their state must not depend on which of the two buffers is h when the others end. */
static void settle(const pass *p, size_t from, size_t to)
{
    const size_t stride = p->group->call->engine->state_stride;
    memcpy(p->state->h_next + from * stride, p->state->h + from * stride, (to - from) * stride * sizeof(float));
}

static void run_pass(const pass *p)
{
    const group *g = p->group;
    const bool hoists = sl_hoists(p->group->call->engine, p->packed, g->count);
    float *hoisted = NULL;
    size_t hoisted_to = p->from;
    size_t n = running(g, g->count, p->from);
    for (size_t turn = p->from; turn < p->to && n > 0; turn++) {
        if (hoists && turn == hoisted_to) {
            hoisted_to = hoist(p, turn, n);
            hoisted = g->part->hoisted;
        }
        run_turn(p, turn, n, hoisted);
        float *newest = p->state->h_next;
        p->state->h_next = p->state->h;
        p->state->h = newest;
        if (hoists)
            hoisted += n * g->call->engine->width;
        const size_t left = running(g, n, turn + 1);
        settle(p, left, n);
        n = left;
    }
}

static void load_state(const group *g, size_t k)
{
    const sluice_engine *engine = g->call->engine;
    const sluice_batch *batch = g->call->batch;
    const size_t hidden = engine->shape.hidden, stride = engine->state_stride;
    sl_state *state = &g->part->states[k];
    memset(state->h, 0, g->count * stride * sizeof(float));
    memset(state->h_next, 0, g->count * stride * sizeof(float));
    memset(state->c, 0, g->count * stride * sizeof(float));
    for (size_t r = 0; r < g->count; r++) {
        const size_t at = (k * batch->rows + g->rows[r]) * hidden;
        if (batch->h0) {
            memcpy(state->h + r * stride, batch->h0 + at, hidden * sizeof(float));
            memcpy(state->h_next + r * stride, batch->h0 + at, hidden * sizeof(float));
        }
        if (batch->c0)
            memcpy(state->c + r * stride, batch->c0 + at, hidden * sizeof(float));
    }
}

static void store_state(const group *g, size_t k)
{
    const sluice_batch *batch = g->call->batch;
    const size_t hidden = g->call->engine->shape.hidden, stride = g->call->engine->state_stride;
    const sl_state *state = &g->part->states[k];
    for (size_t r = 0; r < g->count; r++) {
        const size_t at = (k * batch->rows + g->rows[r]) * hidden;
        if (batch->hn)
            memcpy(batch->hn + at, state->h + r * stride, hidden * sizeof(float));
        if (batch->cn)
            memcpy(batch->cn + at, state->c + r * stride, hidden * sizeof(float));
    }
}

static void store_logits(const group *g)
{
    const sluice_engine *engine = g->call->engine;
    const sluice_shape *shape = &engine->shape;
    sl_part *part = g->part;
    const size_t hidden = shape->hidden, outputs = shape->directions * hidden;
    for (size_t r = 0; r < g->count; r++) {
        for (size_t d = 0; d < shape->directions; d++) {
            const sl_state *state = &part->states[(shape->layers - 1) * shape->directions + d];
            memcpy(part->final_h + r * outputs + d * hidden, state->h + r * engine->state_stride, hidden * sizeof(float));
        }
        part->x[r] = part->final_h + r * outputs;
        part->start[r] = engine->head_bias;
    }
    const sl_product product = {.rows = g->count,
                                .blocks = engine->head_blocks,
                                .terms = outputs,
                                .weights = engine->head,
                                .panel_stride = engine->head_panel_stride,
                                .start = part->start,
                                .x = part->x,
                                .out = part->logits,
                                .out_stride = engine->head_width};
    engine->kernel->product(&product);
    for (size_t r = 0; r < g->count; r++) {
        float *logits = g->call->batch->logits + g->rows[r] * shape->classes;
        const float *from = part->logits + r * engine->head_width;
        for (size_t k = 0; k < shape->classes; k++) {
            const uint32_t nan = SL_NAN_BITS; /* which of several NaNs in h0 a sum passes on is the compiler's choice */
            memcpy(&logits[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof logits[k]);
        }
    }
}

/* y past the rows' ends. */
static void clear_rest(const group *g)
{
    const sluice_batch *batch = g->call->batch;
    const size_t outputs = g->call->engine->shape.directions * g->call->engine->shape.hidden;
    for (size_t r = 0; r < g->count; r++)
        for (size_t t = lengths_of(g)[r]; t < batch->steps; t++)
            memset(batch->y + g->rows[r] * batch->y_row_stride + t * batch->y_step_stride, 0, outputs * sizeof(float));
}

/* Point x_row or token_row at the input of a layer, for the turns from `from` to `to`; returns the step stride. */
static size_t point_at_input(const group *g, size_t layer, size_t from, size_t to)
{
    const sluice_batch *batch = g->call->batch;
    const size_t outputs = g->call->engine->shape.directions * g->call->engine->shape.hidden;
    for (size_t r = 0; r < g->count; r++) {
        const size_t offset = batch->x_offsets ? batch->x_offsets[g->rows[r]] : g->rows[r] * batch->x_row_stride;
        if (layer)
            g->part->x_row[r] = g->part->stack[(layer - 1) % 2] + r * (to - from) * outputs;
        else if (batch->tokens)
            g->part->token_row[r] = batch->tokens + offset;
        else
            g->part->x_row[r] = batch->x + offset;
    }
    return layer ? outputs : batch->x_step_stride;
}

static void run_group(const group *g)
{
    const sluice_engine *engine = g->call->engine;
    const sluice_batch *batch = g->call->batch;
    const sluice_shape *shape = &engine->shape;
    for (size_t r = 0; r < g->count; r++)
        g->part->lengths[r] = batch->lengths ? (size_t)batch->lengths[g->rows[r]] : batch->steps;
    for (size_t k = 0; k < shape->layers * shape->directions; k++)
        load_state(g, k);

    /* A stack of forward layers takes a chunk of steps through all layers, then the next, so that what lies between them stays
     * small. */
    const size_t steps = longest(g);
    const size_t chunk = shape->layers > 1 && shape->directions == 1 ? engine->limits.chunk_steps : sl_size_max(steps, 1);
    for (size_t from = 0; from < steps; from += chunk) {
        const size_t to = sl_size_min(steps, from + chunk);
        for (size_t layer = 0; layer < shape->layers; layer++) {
            const size_t step_stride = point_at_input(g, layer, from, to);
            for (size_t direction = 0; direction < shape->directions; direction++) {
                const size_t k = layer * shape->directions + direction;
                const pass p = {.group = g,
                                .packed = &engine->layers[k],
                                .state = &g->part->states[k],
                                .layer = layer,
                                .direction = direction,
                                .from = from,
                                .to = to,
                                .step_stride = step_stride,
                                .use_tokens = batch->tokens && layer == 0,
                                .from_zero = !batch->h0};
                run_pass(&p);
            }
        }
    }
    for (size_t k = 0; (batch->hn || batch->cn) && k < shape->layers * shape->directions; k++)
        store_state(g, k);
    if (batch->logits)
        store_logits(g);
    if (batch->y)
        clear_rest(g);
}

/* Rows of a part that go together: as many as there is room for between the layers. */
static size_t rows_at_once(const call *c, size_t steps)
{
    const sluice_shape *shape = &c->engine->shape;
    if (shape->layers == 1 || shape->directions == 1 || steps == 0)
        return c->sizes.group_rows;
    return sl_size_min(c->sizes.group_rows, c->sizes.stack_floats / (steps * shape->directions * shape->hidden));
}

static void run_part(void *context, unsigned index)
{
    const call *c = context;
    const sl_plan *plan = &c->workspace->plan;
    const size_t *rows = plan->order + plan->first[index];
    size_t left = plan->first[index + 1] - plan->first[index];
    const sl_float_mode mode = sl_float_mode_set(c->engine->flush_to_zero);
    while (left > 0) {
        const size_t steps = c->batch->lengths ? (size_t)c->batch->lengths[rows[0]] : c->batch->steps;
        const size_t groups = sl_size_div_up(left, rows_at_once(c, steps));
        const group g = {.call = c, .part = &c->workspace->part[index], .rows = rows, .count = sl_size_div_up(left, groups)};
        run_group(&g);
        rows += g.count;
        left -= g.count;
    }
    sl_float_mode_restore(mode);
}

void sl_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    call c = {.engine = engine, .batch = batch, .workspace = workspace};
    (void)sl_part_sizes_get(engine, batch->rows, batch->steps, &c.sizes); /* it fitted when the workspace was fitted */
    const unsigned parts = sl_threads_alone() ? 1 : (unsigned)sl_size_min(workspace->parts, batch->rows);
    sl_plan_rows(&workspace->plan, parts, batch->rows, batch->steps, batch->lengths);
    sl_threads_run(parts, run_part, &c);
}
