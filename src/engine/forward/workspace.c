#include "engine/forward/workspace.h"

#include "base/arena.h"
#include "base/error.h"
#include "engine/schedule/scratch_sizes.h"

static sl_state lay_out_state(sl_arena *arena, const sluice_engine *engine, const sl_packed *packed, size_t rows)
{
    const size_t h_bytes = packed->h_stride * sizeof(float), c_bytes = packed->c_stride * sizeof(float);
    const bool has_gates = !packed->is_plain && engine->gemm != SLUICE_GEMM_BLIS;
    sl_state state = {.h = {sl_arena_take(arena, rows, h_bytes), sl_arena_take(arena, rows, h_bytes)},
                      .c = sl_arena_take(arena, rows, c_bytes)};
    state.m = packed->projection_width ? sl_arena_take(arena, rows, c_bytes) : NULL;
    state.gates = has_gates ? sl_arena_take(arena, rows, sl_gates_stride(packed) * sizeof *state.gates) : NULL;
    state.normed = packed->gain ? sl_arena_take(arena, rows, 2 * c_bytes) : NULL;
    return state;
}

static sl_thread_group lay_out_group(sl_arena *arena, const sluice_engine *engine, const sl_scratch_sizes *sizes)
{
    const size_t layer_dirs = engine->network->layer_dirs, rows = sizes->block_rows;
    sl_thread_group group = {.states = sl_arena_take(arena, layer_dirs, sizeof *group.states)};
    for (size_t k = 0; k < layer_dirs; k++) {
        const sl_state state = lay_out_state(arena, engine, &engine->layers[k], rows);
        if (group.states)
            group.states[k] = state;
    }
    group.layer_buffers = sl_arena_take(arena, sizes->layer_buffer_floats, sizeof *group.layer_buffers);
    group.reduced =
        sl_arena_take(arena, engine->steps.reduces > SLUICE_STEPS_FINAL ? rows : 0, sizes->vector_width * sizeof *group.reduced);
    if (sizes->mask_steps)
        group.unmasked = sl_arena_take(arena, rows, sizes->mask_steps * sizeof *group.unmasked);
    group.lengths = sl_arena_take(arena, rows, sizeof *group.lengths);
    group.x_first = sl_arena_take(arena, rows, sizeof *group.x_first);
    group.y_first = sl_arena_take(arena, rows, sizeof *group.y_first);
    return group;
}

static sl_thread_scratch lay_out_thread(sl_arena *arena, const sluice_engine *engine, const sl_scratch_sizes *sizes)
{
    const size_t layer_dirs = engine->network->layer_dirs, rows = sizes->block_rows;
    const size_t pointers = sl_size_max(sl_size_max(rows, sizes->hoist_rows), sizes->vector_rows);
    const size_t kept_rows = engine->training ? rows : 0;
    sl_thread_scratch thread;
    thread.ranges = sl_arena_take(arena, layer_dirs, sizeof *thread.ranges);
    thread.recurrences = sl_arena_take(arena, layer_dirs, sizeof *thread.recurrences);
    thread.hoisted = sl_arena_take(arena, sizes->hoist_floats, sizeof *thread.hoisted);
    thread.gathered = sl_arena_take(arena, sizes->gather_floats, sizeof *thread.gathered);
    const size_t prepared_bytes = engine->sizes.prepared_stride * sizeof(float);
    thread.prepared_x = sl_arena_take(arena, sl_size_max(rows, sizes->hoist_rows), prepared_bytes);
    thread.prepared_h = sl_arena_take(arena, rows, prepared_bytes);
    for (size_t k = 0; k < 2; k++)
        thread.vectors[k] = sl_arena_take(arena, sizes->vector_rows, sizes->vector_width * sizeof *thread.vectors[k]);
    thread.x = sl_arena_take(arena, pointers, sizeof *thread.x);
    thread.start = sl_arena_take(arena, pointers, sizeof *thread.start);
    thread.y = sl_arena_take(arena, rows, sizeof *thread.y);
    thread.gates = sl_arena_take(arena, kept_rows, sizeof *thread.gates);
    thread.c_kept = sl_arena_take(arena, kept_rows, sizeof *thread.c_kept);
    return thread;
}

/* Lay out a workspace that knows its engine, rows and steps in the memory at `base`. With base NULL this is the arena's sizing pass:
 * it only counts. `bytes` receives the sum; false: it does not fit size_t. */
static bool lay_out(sluice_workspace *out, char *base, size_t *bytes)
{
    const sluice_engine *engine = out->engine;
    const size_t rows = out->size.rows;
    sl_scratch_sizes sizes;
    sl_arena arena = {.base = base, .fits = sl_scratch_sizes_get(engine, &out->size, &sizes)};
    sl_partition *partition = &out->partition;
    out->lengths = sl_arena_take(&arena, out->size.masked ? rows : 0, sizeof *out->lengths);
    if (out->size.masked && engine->network->description.masking)
        out->mask = sl_arena_take(&arena, rows, out->size.steps * sizeof *out->mask);
    out->groups = sl_arena_take(&arena, sizes.thread_groups, sizeof *out->groups);
    out->threads = sl_arena_take(&arena, sizes.threads, sizeof *out->threads);
    out->flags = sl_arena_take(&arena, sizes.threads, sizeof *out->flags);
    partition->order = sl_arena_take(&arena, rows, sizeof *partition->order);
    partition->sorted = sl_arena_take(&arena, rows, sizeof *partition->sorted);
    partition->owner = sl_arena_take(&arena, rows, sizeof *partition->owner);
    partition->first = sl_arena_take(&arena, sizes.thread_groups + 1, sizeof *partition->first);
    partition->work = sl_arena_take(&arena, sizes.thread_groups, sizeof *partition->work);
    partition->heap = sl_arena_take(&arena, sizes.thread_groups, sizeof *partition->heap);
    for (size_t k = 0; k < sizes.thread_groups; k++) {
        const sl_thread_group group = lay_out_group(&arena, engine, &sizes);
        if (out->groups)
            out->groups[k] = group;
    }
    for (size_t k = 0; k < sizes.threads; k++) {
        const sl_thread_scratch thread = lay_out_thread(&arena, engine, &sizes);
        if (out->threads)
            out->threads[k] = thread;
    }
    *bytes = arena.used;
    return arena.fits;
}

bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes)
{
    sluice_workspace sizing = {.engine = engine, .size = {rows, steps, false}};
    return lay_out(&sizing, NULL, bytes);
}

/* A layout for a batch fits all smaller ones, so a workspace has memory enough for every batch that it has ever fitted. */
static sluice_status lay_out_for(sluice_workspace *workspace, const sl_batch_size *size, sluice_error *error)
{
    sluice_workspace other = {.engine = workspace->engine, .size = *size};
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

sluice_status sl_workspace_fit(sluice_workspace *workspace, const sl_batch_size *size, sluice_error *error)
{
    const sl_batch_size *has = &workspace->size, *last = &workspace->batch;
    if (!workspace->memory || size->rows > has->rows || size->steps > has->steps || size->masked != has->masked) {
        const sluice_status status = lay_out_for(workspace, size, error);
        if (status)
            return status;
    }
    if (size->rows != last->rows || size->steps != last->steps || size->masked != last->masked) {
        workspace->batch = *size;
        (void)sl_scratch_sizes_get(workspace->engine, size, &workspace->sizes); /* it succeeded for the layout, which is as large */
    }
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
    const sluice_status status = sl_workspace_fit(made, &(sl_batch_size){rows, steps, false}, error);
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
