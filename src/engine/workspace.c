#include "engine/workspace.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/pass.h"

/* Hands out pieces of a block; with base NULL it only counts. */
typedef struct cutter {
    char *base;
    size_t used;
    bool fits;
} cutter;

static void *cut(cutter *from, size_t count, size_t bytes)
{
    size_t size;
    void *piece = from->base ? from->base + from->used : NULL;
    from->fits = from->fits && sl_size_mul(count, bytes, &size) && size < SIZE_MAX - SL_ALIGNMENT &&
                 sl_size_add(from->used, sl_size_round_up(size, SL_ALIGNMENT), &from->used);
    return piece;
}

static void lay_out_part(cutter *from, const sluice_engine *engine, const sl_part_sizes *sizes, sl_part *part)
{
    const size_t layers = engine->shape.layers * engine->shape.directions, rows = sizes->group_rows;
    const size_t pointers = sl_size_max(rows, sizes->hoist_rows), classes = engine->shape.classes;
    sl_part out = {.states = cut(from, layers, sizeof *out.states)};
    for (size_t k = 0; k < layers; k++) {
        const sl_state state = {.h = {cut(from, sizes->state_floats, sizeof(float)), cut(from, sizes->state_floats, sizeof(float))},
                                .c = cut(from, sizes->state_floats, sizeof(float))};
        if (out.states)
            out.states[k] = state;
    }
    out.stack = cut(from, sizes->stack_floats, sizeof(float));
    out.lengths = cut(from, rows, sizeof *out.lengths);
    out.x_row = cut(from, rows, sizeof *out.x_row);
    out.token_row = cut(from, rows, sizeof *out.token_row);
    out.passes = cut(from, layers, sizeof *out.passes);
    out.hoisted = cut(from, sizes->hoist_floats, sizeof(float));
    out.gathered = cut(from, sizes->gather_floats, sizeof(float));
    out.final_h = cut(from, classes ? rows : 0, engine->shape.directions * engine->shape.hidden * sizeof(float));
    out.logits = cut(from, classes ? rows : 0, engine->head_width * sizeof(float));
    out.x = cut(from, pointers, sizeof *out.x);
    out.start = cut(from, pointers, sizeof *out.start);
    out.y = cut(from, rows, sizeof *out.y);
    if (part)
        *part = out;
}

static void lay_out(cutter *from, const sluice_engine *engine, const sl_part_sizes *sizes, sluice_workspace *out)
{
    const size_t rows = out->rows, parts = out->parts;
    out->part = cut(from, parts, sizeof *out->part);
    out->marks = cut(from, parts, sizeof *out->marks);
    out->deal.order = cut(from, rows, sizeof *out->deal.order);
    out->deal.sorted = cut(from, rows, sizeof *out->deal.sorted);
    out->deal.owner = cut(from, rows, sizeof *out->deal.owner);
    out->deal.first = cut(from, parts + 1, sizeof *out->deal.first);
    out->deal.load = cut(from, parts, sizeof *out->deal.load);
    out->deal.heap = cut(from, parts, sizeof *out->deal.heap);
    for (size_t k = 0; k < parts; k++)
        lay_out_part(from, engine, sizes, out->part ? &out->part[k] : NULL);
}

/* Lay out a workspace that knows its engine, rows and steps, in memory at `base` or, with base NULL, on paper. */
static bool lay_out_all(sluice_workspace *out, char *base)
{
    out->parts = out->engine->threads;
    sl_part_sizes sizes;
    cutter from = {.base = base, .fits = sl_part_sizes_get(out->engine, out->rows, out->steps, &sizes)};
    lay_out(&from, out->engine, &sizes, out);
    out->bytes = from.used;
    return from.fits;
}

bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes)
{
    sluice_workspace paper = {.engine = engine, .rows = rows, .steps = steps};
    const bool fits = lay_out_all(&paper, NULL);
    *bytes = paper.bytes;
    return fits;
}

sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error)
{
    if (workspace->memory && rows <= workspace->rows && steps <= workspace->steps)
        return SLUICE_STATUS_OK;
    sluice_workspace grown = {
        .engine = workspace->engine, .rows = sl_size_max(rows, workspace->rows), .steps = sl_size_max(steps, workspace->steps)};
    if (!lay_out_all(&grown, NULL))
        return sl_fail_size(error, "the workspace");
    char *memory = sl_alloc(grown.bytes);
    if (!memory)
        return sl_fail_memory(error, "a workspace", grown.bytes);
    (void)lay_out_all(&grown, memory);
    grown.memory = memory;
    sl_free(workspace->memory);
    *workspace = grown;
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

void sl_pool_destroy(sl_pool *pool)
{
    for (size_t k = 0; pool && k < POOL_PLACES; k++)
        sluice_workspace_destroy(atomic_load_explicit(&pool->idle[k], memory_order_relaxed));
    sl_free(pool);
}
