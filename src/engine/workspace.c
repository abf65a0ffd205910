#include "engine/workspace.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

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
    const size_t pointers = sl_size_max(rows, sizes->hoist_rows);
    sl_part out = {.states = cut(from, layers, sizeof *out.states)};
    for (size_t k = 0; k < layers; k++) {
        const sl_state state = {.h = cut(from, sizes->state_floats, sizeof(float)),
                                .h_next = cut(from, sizes->state_floats, sizeof(float)),
                                .c = cut(from, sizes->state_floats, sizeof(float))};
        if (out.states)
            out.states[k] = state;
    }
    for (int k = 0; k < 2; k++)
        out.stack[k] = cut(from, sizes->stack_floats, sizeof(float));
    out.hoisted = cut(from, sizes->hoist_floats, sizeof(float));
    out.gathered = cut(from, sizes->gather_floats, sizeof(float));
    out.final_h = cut(from, engine->shape.classes ? rows : 0, engine->shape.directions * engine->shape.hidden * sizeof(float));
    out.logits = cut(from, engine->shape.classes ? rows : 0, engine->head_width * sizeof(float));
    out.lengths = cut(from, rows, sizeof *out.lengths);
    out.x_row = cut(from, rows, sizeof *out.x_row);
    out.token_row = cut(from, rows, sizeof *out.token_row);
    out.x = cut(from, pointers, sizeof *out.x);
    out.start = cut(from, pointers, sizeof *out.start);
    out.y = cut(from, rows, sizeof *out.y);
    if (part)
        *part = out;
}

static void lay_out(cutter *from, const sluice_engine *engine, const sl_part_sizes *sizes, sluice_workspace *out)
{
    const size_t rows = out->rows;
    out->part = cut(from, out->parts, sizeof *out->part);
    out->plan.order = cut(from, rows, sizeof(size_t));
    out->plan.sorted = cut(from, rows, sizeof(size_t));
    out->plan.owner = cut(from, rows, sizeof(size_t));
    out->plan.first = cut(from, out->parts + 1, sizeof(size_t));
    out->plan.load = cut(from, out->parts, sizeof(size_t));
    for (unsigned k = 0; k < out->parts; k++)
        lay_out_part(from, engine, sizes, out->part ? &out->part[k] : NULL);
}

sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error)
{
    if (workspace->memory && rows <= workspace->rows && steps <= workspace->steps)
        return SLUICE_STATUS_OK;
    const sluice_engine *engine = workspace->engine;
    sluice_workspace grown = {
        .engine = engine, .rows = sl_size_max(rows, workspace->rows), .steps = sl_size_max(steps, workspace->steps)};
    grown.parts = (unsigned)sl_size_max(1, sl_size_min(engine->threads, grown.rows));
    sl_part_sizes sizes;
    cutter count = {.fits = sl_part_sizes_get(engine, grown.rows, grown.steps, &sizes)};
    lay_out(&count, engine, &sizes, &grown);
    if (!count.fits)
        return sl_fail_size(error, "the workspace");
    grown.bytes = count.used;
    grown.memory = sl_alloc(grown.bytes);
    if (!grown.memory)
        return sl_fail_memory(error, "a workspace", grown.bytes);
    cutter real = {.base = grown.memory, .fits = true};
    lay_out(&real, engine, &sizes, &grown);
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
