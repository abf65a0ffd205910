#include "engine/forward/tape.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/struct_size.h"
#include "engine/check.h"
#include "model/model.h"
#include "engine/schedule/limits.h"
#include "engine/schedule/partition.h"
#include "sluice_train.h"

#include <string.h>

/* Most rows of a strand that go through the turns together. */
enum { MOST_AT_ONCE = 64 };

/* Rows of a strand that go through the turns together: few enough that threads find work, and two tiles at least, since of fewer a
 * team does better to divide the units. */
static size_t choose_rows_at_once(const sluice_engine *engine, size_t rows)
{
    enum { LEAST_TILES = 2, LEAST = 12, SHARES = 2 };
    const size_t tile = engine->kernel->tile_rows, share = sl_size_div_up(rows, sl_workers(engine));
    const size_t some = share <= MOST_AT_ONCE ? share : sl_size_max(LEAST, sl_size_min(MOST_AT_ONCE, share / SHARES));
    return sl_size_min(rows, sl_size_round_up(sl_size_max(LEAST_TILES * tile, some), tile));
}

/* ---- What follows from the lengths ------------------------------------------------------------------------------------------ */

static void lay_out_index(sluice_tape *tape, sl_arena *from, size_t rows, size_t steps)
{
    tape->order = sl_arena_take(from, rows, sizeof *tape->order);
    tape->rank = sl_arena_take(from, rows, sizeof *tape->rank);
    tape->lengths = sl_arena_take(from, rows, sizeof *tape->lengths);
    tape->x_row = sl_arena_take(from, rows, sizeof *tape->x_row);
    tape->token_row = sl_arena_take(from, rows, sizeof *tape->token_row);
    const size_t iterations = steps + 1;
    tape->first = sl_arena_take(from, iterations, sizeof *tape->first);
    tape->block = sl_arena_take(from, iterations, sizeof *tape->block);
    tape->segment = sl_arena_take(from, iterations, sizeof *tape->segment);
    tape->border = sl_arena_take(from, iterations, sizeof *tape->border);
}

/* Replace a block of memory by one of `bytes` bytes if it has fewer. */
static bool grow(void **memory, size_t *has, size_t bytes)
{
    if (*memory && *has >= bytes)
        return true;
    /* Ragged batches differ a little from each other: room for the next one too, but none to spare in a tape of one batch. */
    const size_t more = *memory && bytes < SIZE_MAX / 2 ? bytes + bytes / 8 : bytes;
    void *larger = sl_alloc(more);
    if (!larger)
        return false;
    sl_free(*memory);
    *memory = larger;
    *has = more;
    return true;
}

static sluice_status fit_index(sluice_tape *tape, size_t rows, size_t steps, sluice_error *error)
{
    sl_arena paper = {.fits = steps < SIZE_MAX};
    lay_out_index(tape, &paper, rows, steps);
    if (!paper.fits)
        return sl_fail_size(error, "the tape");
    if (!grow(&tape->index, &tape->index_bytes, paper.used))
        return sl_fail_memory(error, "a tape's index", paper.used);
    sl_arena from = {.base = tape->index, .fits = true};
    lay_out_index(tape, &from, rows, steps);
    return SLUICE_STATUS_OK;
}

/* Rank the rows and count the cells. false: there are too many. */
static bool count_cells(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths)
{
    tape->rows = rows;
    for (size_t k = 0; k < rows; k++)
        tape->order[k] = k;
    if (lengths)
        sl_sort_by_length(tape->order, tape->rank, rows, steps, lengths);
    for (size_t k = 0; k < rows; k++) {
        tape->rank[tape->order[k]] = k;
        tape->lengths[k] = lengths ? (size_t)lengths[tape->order[k]] : steps;
    }
    tape->steps = rows ? tape->lengths[0] : 0;
    tape->first[0] = 0;
    size_t running = rows;
    for (size_t t = 0; t < tape->steps; t++) {
        while (tape->lengths[running - 1] <= t)
            running--;
        if (!sl_size_add(tape->first[t], running, &tape->first[t + 1]))
            return false;
    }
    tape->cells = tape->first[tape->steps];
    return true;
}

static void count_blocks(sluice_tape *tape)
{
    tape->blocks = tape->segments = tape->segment_cells = tape->border_rows = 0;
    for (size_t iteration = 0; iteration < tape->steps;) {
        tape->block[tape->blocks++] = iteration;
        const size_t begin = tape->first[iteration];
        while (iteration < tape->steps && tape->first[iteration] - begin < SL_BLOCK_CELLS)
            iteration++;
    }
    tape->block[tape->blocks] = tape->steps;
    for (size_t iteration = 0; iteration <= tape->steps; iteration++)
        tape->border[iteration] = SIZE_MAX;
    for (size_t block = 0; block < tape->blocks;) {
        const size_t iteration = tape->block[block];
        tape->border[iteration] = tape->border_rows;
        tape->border_rows += iteration > 0 ? sl_tape_running(tape, iteration - 1) : 0;
        tape->segment[tape->segments++] = block;
        while (block < tape->blocks && (!tape->recompute || tape->block[block] - iteration < tape->recompute))
            block++;
        tape->segment_cells = sl_size_max(tape->segment_cells, tape->first[tape->block[block]] - tape->first[iteration]);
    }
    tape->segment[tape->segments] = tape->blocks;
}

/* ---- Cells ------------------------------------------------------------------------------------------------------------------ */

static void lay_out_strands(sluice_tape *tape, sl_arena *from)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t layer_dirs = shape->layers * shape->directions, row = shape->hidden * sizeof(float);
    float *gates = NULL, *c = NULL;
    tape->layer_dirs = sl_arena_take(from, layer_dirs, sizeof *tape->layer_dirs);
    for (size_t k = 0; k < layer_dirs; k++) {
        if (k == 0 || tape->segments <= 1) { /* of several segments one strand's gates are there at a time */
            gates = sl_arena_take(from, tape->segment_cells, tape->gate_stride * sizeof *gates);
            c = sl_arena_take(from, tape->segment_cells, row);
        }
        const sl_tape_layer_dir layer_dir = {.gates = gates,
                                             .c = c,
                                             .c_between = sl_arena_take(from, tape->border_rows, row),
                                             .h0 = sl_arena_take(from, tape->rows, row),
                                             .c0 = sl_arena_take(from, tape->rows, row)};
        if (tape->layer_dirs)
            tape->layer_dirs[k] = layer_dir;
    }
}

static void lay_out_layers(sluice_tape *tape, sl_arena *from)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t row = shape->directions * shape->hidden * sizeof(float);
    tape->outputs = sl_arena_take(from, shape->layers, sizeof *tape->outputs);
    tape->inputs = sl_arena_take(from, shape->layers, sizeof *tape->inputs);
    float *below = NULL;
    for (size_t layer = 0; layer < shape->layers; layer++) {
        float *inputs = layer && tape->drops ? sl_arena_take(from, tape->cells, row) : below;
        below = sl_arena_take(from, tape->cells, row);
        if (tape->outputs) {
            tape->inputs[layer] = inputs;
            tape->outputs[layer] = below;
        }
    }
}

/* Partial sums of W and U side by side, and of b, of the strand that needs most. */
static size_t sum_floats(const sluice_tape *tape)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t gates = SL_GATES * shape->hidden;
    size_t inputs = 0;
    for (size_t k = 0; k < shape->layers * shape->directions; k++)
        inputs = sl_size_max(inputs, sl_tape_inputs(tape, k));
    return sl_tape_slots(gates, tape->blocks) * gates * (inputs + shape->hidden + 1);
}

static void lay_out_part(sluice_tape *tape, sl_arena *from, sl_tape_scratch *part)
{
    const sluice_engine *engine = tape->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t outputs = shape->directions * shape->hidden, widest = sl_size_max(shape->inputs, outputs);
    const size_t back = sl_size_round_up(shape->hidden, SL_BLOCK_VECTORS * engine->kernel->lanes);
    /* For as many as any batch of no more rows might have. */
    const size_t at_once = sl_size_min(tape->rows, sl_size_round_up(MOST_AT_ONCE, engine->kernel->tile_rows));
    const size_t cells = tape->chunk_cells;
    const size_t states = tape->segments > 1 ? at_once * engine->state_stride : 0;
    part->gathered = sl_arena_take(from, cells, sl_size_max(widest + shape->hidden, shape->classes) * sizeof *part->gathered);
    part->product = sl_arena_take(from, sl_size_max(cells * widest, at_once * back), sizeof *part->product);
    part->h[0] = sl_arena_take(from, states, sizeof *part->h[0]);
    part->h[1] = sl_arena_take(from, states, sizeof *part->h[1]);
    part->c = sl_arena_take(from, states, sizeof *part->c);
    part->x = sl_arena_take(from, at_once, sizeof *part->x);
    part->start = sl_arena_take(from, at_once, sizeof *part->start);
    part->da_after = sl_arena_take(from, at_once, sizeof *part->da_after);
    part->dy = sl_arena_take(from, at_once, sizeof *part->dy);
    part->c_now = sl_arena_take(from, at_once, sizeof *part->c_now);
    part->c_before = sl_arena_take(from, at_once, sizeof *part->c_before);
    part->gates = sl_arena_take(from, at_once, sizeof *part->gates);
    part->c_kept = sl_arena_take(from, at_once, sizeof *part->c_kept);
}

static void lay_out(sluice_tape *tape, sl_arena *from)
{
    const sluice_engine *engine = tape->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t outputs = shape->directions * shape->hidden;
    tape->gate_stride = sl_odd_lines(SL_GATES * shape->hidden);
    tape->grad_stride = sl_size_max(outputs, shape->inputs);
    tape->rows_at_once = choose_rows_at_once(engine, tape->rows);
    tape->chunk_cells = sl_size_max(1, sl_size_min(SL_BLOCK_CELLS, sl_size_max(tape->cells, tape->rows)));
    tape->threads = sl_workers(engine);
    lay_out_strands(tape, from);
    lay_out_layers(tape, from);

    const size_t grad_row = tape->grad_stride * sizeof(float);
    tape->dy[0] = sl_arena_take(from, tape->cells, grad_row);
    tape->dy[1] = shape->directions == 2 ? sl_arena_take(from, tape->cells, grad_row) : tape->dy[0];
    tape->dc = sl_arena_take(from, tape->rows, engine->state_stride * sizeof *tape->dc);
    tape->sums = sl_arena_take(from, sum_floats(tape), sizeof *tape->sums);
    tape->nothing =
        sl_arena_take(from, sl_size_round_up(shape->hidden, SL_BLOCK_VECTORS * engine->kernel->lanes), sizeof *tape->nothing);
    tape->dh_final = sl_arena_take(from, shape->classes ? tape->rows : 0, outputs * sizeof *tape->dh_final);
    tape->head_sums =
        sl_arena_take(from, sl_tape_slots(shape->classes, SIZE_MAX), shape->classes * (outputs + 1) * sizeof *tape->head_sums);
    const size_t table_rows = shape->vocabulary && engine->layers[0].table ? shape->vocabulary : 0;
    const size_t listed = shape->vocabulary && !table_rows ? shape->vocabulary : 0;
    tape->table = sl_arena_take(from, table_rows, SL_GATES * shape->hidden * sizeof *tape->table);
    tape->embedding = sl_arena_take(from, table_rows, shape->inputs * sizeof *tape->embedding);
    tape->token_first = sl_arena_take(from, listed, sizeof *tape->token_first);
    tape->token_next = sl_arena_take(from, listed ? tape->cells : 0, sizeof *tape->token_next);
    tape->marks = sl_arena_take(from, tape->threads, sizeof *tape->marks);
    tape->team_marks = sl_arena_take(from, tape->threads, sizeof *tape->team_marks);
    sl_tape_scratch *parts = sl_arena_take(from, tape->threads, sizeof *parts);
    tape->parts = parts;
    for (size_t k = 0; k < tape->threads; k++) {
        sl_tape_scratch part;
        lay_out_part(tape, from, parts ? &parts[k] : &part);
    }
}

/* All but the memory: lengths counted, `used` receives the bytes of the cells. */
static sluice_status measure(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, size_t *used,
                             sluice_error *error)
{
    size_t longest = lengths || !rows ? 0 : steps;
    for (size_t row = 0; lengths && row < rows; row++)
        longest = sl_size_max(longest, (size_t)lengths[row]);
    const sluice_status status = fit_index(tape, rows, longest, error);
    if (status)
        return status;
    if (!count_cells(tape, rows, longest, lengths))
        return sl_fail_size(error, "the tape");
    count_blocks(tape);
    sl_arena paper = {.fits = true};
    lay_out(tape, &paper);
    *used = paper.used;
    return paper.fits ? SLUICE_STATUS_OK : sl_fail_size(error, "the tape");
}

static void find_rows(sluice_tape *tape, const sluice_batch *batch)
{
    for (size_t k = 0; k < tape->rows; k++) {
        const size_t row = tape->order[k], offset = batch->x_offsets ? batch->x_offsets[row] : row * batch->x_row_stride;
        tape->x_row[k] = batch->x ? batch->x + offset : NULL;
        tape->token_row[k] = batch->tokens ? batch->tokens + offset : NULL;
    }
}

sluice_status sl_tape_fit(sluice_tape *tape, const sluice_batch *batch, sluice_error *error)
{
    size_t used;
    tape->holds = false;
    tape->drops = batch->dropout > 0;
    const sluice_status status = measure(tape, batch->rows, batch->steps, batch->lengths, &used, error);
    if (status)
        return status;
    if (!grow(&tape->memory, &tape->memory_bytes, used))
        return sl_fail_memory(error, "a tape", used);
    sl_arena from = {.base = tape->memory, .fits = true};
    lay_out(tape, &from);
    const size_t back = sl_size_round_up(tape->engine->shape.hidden, SL_BLOCK_VECTORS * tape->engine->kernel->lanes);
    for (size_t k = 0; k < back; k++)
        tape->nothing[k] = -0.0f;
    tape->batch = *batch;
    tape->models = tape->engine->models;
    find_rows(tape, batch);
    return SLUICE_STATUS_OK;
}

/* ---- What is read of it ----------------------------------------------------------------------------------------------------- */

size_t sl_tape_token(const sluice_tape *tape, size_t direction, size_t iteration, size_t rank)
{
    return (size_t)tape->token_row[rank][sl_tape_step(tape, direction, rank, iteration) * tape->batch.x_step_stride];
}

const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t rank)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t layer = k / shape->directions, direction = k % shape->directions;
    const size_t step = sl_tape_step(tape, direction, rank, iteration);
    if (layer)
        return tape->inputs[layer] + (tape->first[step] + rank) * shape->directions * shape->hidden;
    if (shape->vocabulary)
        return tape->engine->embedding + sl_tape_token(tape, direction, iteration, rank) * shape->inputs;
    return tape->x_row[rank] + step * tape->batch.x_step_stride;
}

const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t rank)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t layer = k / shape->directions, direction = k % shape->directions, hidden = shape->hidden;
    if (iteration == 0)
        return tape->layer_dirs[k].h0 + rank * hidden;
    const size_t step = sl_tape_step(tape, direction, rank, iteration - 1);
    return tape->outputs[layer] + (tape->first[step] + rank) * shape->directions * hidden + direction * hidden;
}

/* ---- The public calls ------------------------------------------------------------------------------------------------------- */

static sluice_status check_engine(const sluice_engine *engine, const char *call, sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: engine is NULL", call);
    if (!engine->training)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: the engine was not made for training; make it with the option training", call);
    if (engine->gemm != SLUICE_GEMM_FUSED)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: the engine's path is BLIS; training has the fused path (gemm fused)",
                       call);
    return SLUICE_STATUS_OK;
}

/* What a new tape has from the options, which may be NULL. */
static sluice_status take_options(sluice_tape *tape, const sluice_tape_options *options, const char *call, sluice_error *error)
{
    sluice_tape_options known = {0};
    const sluice_status status =
        options ? sl_struct_take(&known, options, SL_STRUCT(sluice_tape_options), call, error) : SLUICE_STATUS_OK;
    tape->recompute = known.recompute;
    return status;
}

sluice_status sluice_tape_create(const sluice_engine *engine, const sluice_tape_options *options, sluice_tape **tape,
                                 sluice_error *error)
{
    if (!tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_tape_create: tape is NULL");
    *tape = NULL;
    sluice_tape new = {.engine = engine};
    sluice_status status = check_engine(engine, "sluice_tape_create", error);
    if (!status)
        status = take_options(&new, options, "sluice_tape_create", error);
    if (status)
        return status;
    sluice_tape *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a tape", sizeof *made);
    *made = new;
    *tape = made;
    return SLUICE_STATUS_OK;
}

size_t sluice_tape_get_bytes(const sluice_tape *tape)
{
    return tape->index_bytes + tape->memory_bytes;
}

sluice_status sluice_tape_required_bytes(const sluice_engine *engine, const sluice_tape_options *options, size_t rows, size_t steps,
                                         const int64_t *lengths, size_t *bytes, sluice_error *error)
{
    sluice_tape paper = {.engine = engine};
    sluice_status status = check_engine(engine, "sluice_tape_required_bytes", error);
    if (!status)
        status = take_options(&paper, options, "sluice_tape_required_bytes", error);
    if (!status && !bytes)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_tape_required_bytes: bytes is NULL");
    if (!status)
        status = sl_batch_check_lengths(rows, steps, lengths, error);
    if (status)
        return status;
    size_t used;
    status = measure(&paper, rows, steps, lengths, &used, error);
    if (!status)
        *bytes = paper.index_bytes + used;
    sl_free(paper.index);
    return status;
}

void sluice_tape_destroy(sluice_tape *tape)
{
    if (!tape)
        return;
    sl_free(tape->index);
    sl_free(tape->memory);
    sl_free(tape);
}
