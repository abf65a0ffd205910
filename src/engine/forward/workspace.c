#include "engine/forward/workspace.h"

#include "base/arena.h"
#include "base/error.h"
#include "engine/forward/recurrence.h"

static sl_thread_group cut_team(sl_arena *from, const sluice_engine *engine, const sl_scratch_sizes *sizes)
{
    const size_t layer_dirs = engine->shape.layers * engine->shape.directions, rows = sizes->group_rows;
    sl_thread_group team = {.states = sl_arena_take(from, layer_dirs, sizeof *team.states)};
    for (size_t k = 0; k < layer_dirs; k++) {
        const sl_state state = {
            .h = {sl_arena_take(from, sizes->state_floats, sizeof(float)), sl_arena_take(from, sizes->state_floats, sizeof(float))},
            .c = sl_arena_take(from, sizes->state_floats, sizeof(float))};
        if (team.states)
            team.states[k] = state;
    }
    team.stack = sl_arena_take(from, sizes->stack_floats, sizeof *team.stack);
    team.lengths = sl_arena_take(from, rows, sizeof *team.lengths);
    team.x_row = sl_arena_take(from, rows, sizeof *team.x_row);
    team.token_row = sl_arena_take(from, rows, sizeof *team.token_row);
    return team;
}

static sl_thread_scratch cut_part(sl_arena *from, const sluice_engine *engine, const sl_scratch_sizes *sizes)
{
    const size_t layer_dirs = engine->shape.layers * engine->shape.directions, rows = sizes->group_rows;
    const size_t pointers = sl_size_max(rows, sizes->hoist_rows), headed = engine->shape.classes ? rows : 0;
    sl_thread_scratch part = {0};
    part.pieces = sl_arena_take(from, layer_dirs, sizeof *part.pieces);
    part.passes = sl_arena_take(from, layer_dirs, sizeof *part.passes);
    part.hoisted = sl_arena_take(from, sizes->hoist_floats, sizeof *part.hoisted);
    part.gathered = sl_arena_take(from, sizes->gather_floats, sizeof *part.gathered);
    part.final_h = sl_arena_take(from, headed, engine->shape.directions * engine->shape.hidden * sizeof *part.final_h);
    part.logits = sl_arena_take(from, headed, engine->head_width * sizeof *part.logits);
    part.x = sl_arena_take(from, pointers, sizeof *part.x);
    part.start = sl_arena_take(from, pointers, sizeof *part.start);
    part.y = sl_arena_take(from, rows, sizeof *part.y);
    part.gates = sl_arena_take(from, engine->training ? rows : 0, sizeof *part.gates);
    part.c_kept = sl_arena_take(from, engine->training ? rows : 0, sizeof *part.c_kept);
    return part;
}

/* Lay out a workspace that knows its engine, rows and steps, in memory at `base` or, with base NULL, on paper: `bytes` receives how
 * many it takes. */
static bool lay_out(sluice_workspace *out, char *base, size_t *bytes)
{
    const sluice_engine *engine = out->engine;
    const size_t rows = out->rows;
    sl_scratch_sizes sizes;
    sl_arena from = {.base = base, .fits = sl_scratch_sizes_get(engine, rows, out->steps, &sizes)};
    sl_partition *deal = &out->deal;
    out->team = sl_arena_take(&from, sizes.teams, sizeof *out->team);
    out->part = sl_arena_take(&from, sizes.parts, sizeof *out->part);
    out->marks = sl_arena_take(&from, sizes.parts, sizeof *out->marks);
    deal->order = sl_arena_take(&from, rows, sizeof *deal->order);
    deal->sorted = sl_arena_take(&from, rows, sizeof *deal->sorted);
    deal->owner = sl_arena_take(&from, rows, sizeof *deal->owner);
    deal->first = sl_arena_take(&from, sizes.teams + 1, sizeof *deal->first);
    deal->work = sl_arena_take(&from, sizes.teams, sizeof *deal->work);
    deal->heap = sl_arena_take(&from, sizes.teams, sizeof *deal->heap);
    for (size_t k = 0; k < sizes.teams; k++) {
        const sl_thread_group team = cut_team(&from, engine, &sizes);
        if (out->team)
            out->team[k] = team;
    }
    for (size_t k = 0; k < sizes.parts; k++) {
        const sl_thread_scratch part = cut_part(&from, engine, &sizes);
        if (out->part)
            out->part[k] = part;
    }
    *bytes = from.used;
    return from.fits;
}

bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes)
{
    sluice_workspace paper = {.engine = engine, .rows = rows, .steps = steps};
    return lay_out(&paper, NULL, bytes);
}

/* What fits a batch fits all smaller ones, so the bytes that a workspace has been given once are enough for each it has fitted. */
sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error)
{
    if (workspace->memory && rows <= workspace->rows && steps <= workspace->steps)
        return SLUICE_STATUS_OK;
    sluice_workspace other = {.engine = workspace->engine, .rows = rows, .steps = steps};
    if (!lay_out(&other, NULL, &other.bytes))
        return sl_fail_size(error, "the workspace");
    const bool grows = !workspace->memory || other.bytes > workspace->bytes;
    if (!grows)
        other.bytes = workspace->bytes;
    other.memory = grows ? sl_alloc(other.bytes) : workspace->memory;
    if (!other.memory)
        return sl_fail_memory(error, "a workspace", other.bytes);
    size_t used;
    (void)lay_out(&other, other.memory, &used);
    if (grows)
        sl_free(workspace->memory);
    *workspace = other;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_workspace_create(const sluice_engine *engine, size_t rows, size_t steps, sluice_workspace **workspace,
                                      sluice_error *error)
{
    if (!workspace)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_workspace_create: workspace is NULL");
    *workspace = NULL;
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_workspace_create: engine is NULL");
    sluice_workspace *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a workspace", sizeof *made);
    made->engine = engine;
    const sluice_status status = sl_workspace_fit(made, rows, steps, error);
    if (status) {
        sluice_workspace_destroy(made);
        return status;
    }
    *workspace = made;
    return SLUICE_STATUS_OK;
}

size_t sluice_workspace_get_bytes(const sluice_workspace *workspace)
{
    return workspace->bytes;
}

void sluice_workspace_destroy(sluice_workspace *workspace)
{
    if (!workspace)
        return;
    sl_free(workspace->memory);
    sl_free(workspace);
}

/* A place each for so many calls at the same time; a workspace too many is freed. */
enum { POOL_PLACES = 64 };

struct sl_pool {
    _Atomic(sluice_workspace *) idle[POOL_PLACES];
    atomic_uint calls;
};

sl_pool *sl_pool_create(void)
{
    return sl_alloc(sizeof(sl_pool));
}

/* No lock: whoever exchanges a place's workspace for NULL has it. A fork in between loses at most what others had taken. */
sluice_status sl_pool_take(sl_pool *pool, const sluice_engine *engine, size_t rows, size_t steps, sluice_workspace **workspace,
                           sluice_error *error)
{
    *workspace = NULL;
    for (size_t k = 0; k < POOL_PLACES && !*workspace; k++)
        if (atomic_load_explicit(&pool->idle[k], memory_order_relaxed))
            *workspace = atomic_exchange_explicit(&pool->idle[k], NULL, memory_order_acquire);
    if (!*workspace)
        return sluice_workspace_create(engine, rows, steps, workspace, error);
    const sluice_status status = sl_workspace_fit(*workspace, rows, steps, error);
    if (status) {
        sl_pool_give_back(pool, *workspace);
        *workspace = NULL;
    }
    return status;
}

void sl_pool_give_back(sl_pool *pool, sluice_workspace *workspace)
{
    for (size_t k = 0; k < POOL_PLACES; k++) {
        sluice_workspace *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&pool->idle[k], &none, workspace, memory_order_release, memory_order_relaxed))
            return;
    }
    sluice_workspace_destroy(workspace);
}

unsigned sl_pool_begin(sl_pool *pool)
{
    return atomic_fetch_add_explicit(&pool->calls, 1, memory_order_relaxed) + 1;
}

void sl_pool_end(sl_pool *pool)
{
    atomic_fetch_sub_explicit(&pool->calls, 1, memory_order_relaxed);
}

void sl_pool_destroy(sl_pool *pool)
{
    for (size_t k = 0; pool && k < POOL_PLACES; k++)
        sluice_workspace_destroy(atomic_load_explicit(&pool->idle[k], memory_order_relaxed));
    sl_free(pool);
}
