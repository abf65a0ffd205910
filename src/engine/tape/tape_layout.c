#include "engine/tape/tape_layout.h"

#include "base/arena.h"
#include "base/error.h"
#include "engine/batch_row.h"
#include "engine/tape/partial_sums.h"
#include "engine/tape/tape_read.h"
#include "engine/schedule/limits.h"

/* Most rows of a layer-direction that go through the iterations together. */
enum { ROW_BLOCK_ROWS_MOST = 64 };

/* Rows of a row block: few enough that all threads have work, and two tiles at least, since threads that share a row block of fewer
 * rows do better to divide its units. */
static size_t choose_row_block_rows(const sluice_engine *engine, size_t rows)
{
    enum { LEAST_TILES = 2, LEAST = 12, BLOCKS_PER_THREAD = 2 };
    const size_t tile = engine->kernel->tile_rows, share = sl_size_div_up(rows, sl_workers(engine));
    const size_t some =
        share <= ROW_BLOCK_ROWS_MOST ? share : sl_size_max(LEAST, sl_size_min(ROW_BLOCK_ROWS_MOST, share / BLOCKS_PER_THREAD));
    return sl_size_min(rows, sl_size_round_up(sl_size_max(LEAST_TILES * tile, some), tile));
}

static void take_layer_dirs(sluice_tape *tape, sl_arena *from)
{
    const sl_network *network = tape->engine->network;
    const bool keeps_gates = sl_tape_keeps_gates(tape);
    float *gates = NULL, *c = NULL;
    tape->layer_dirs = sl_arena_take(from, network->layer_dirs, sizeof *tape->layer_dirs);
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        const size_t h_row = dir->h_width * sizeof(float), c_row = dir->c_width * sizeof(float);
        const size_t gate_stride = sl_odd_lines(dir->gate_rows);
        if (k == 0 || keeps_gates) { /* else one layer-direction's gates are in memory at a time */
            const size_t units = keeps_gates ? dir->hidden : network->most_hidden;
            gates = sl_arena_take(from, tape->segment_row_steps, sl_odd_lines(SL_GATES * units) * sizeof *gates);
            c = sl_arena_take(from, tape->segment_row_steps, units * sizeof *c);
        }
        const sl_tape_layer_dir layer_dir = {.gates = gates,
                                             .gate_stride = gate_stride,
                                             .c = c,
                                             .c_checkpoints = sl_arena_take(from, tape->checkpoint_rows, c_row),
                                             .h0 = sl_arena_take(from, tape->rows, h_row),
                                             .c0 = sl_arena_take(from, tape->rows, c_row)};
        if (tape->layer_dirs)
            tape->layer_dirs[k] = layer_dir;
    }
}

static void take_layers(sluice_tape *tape, sl_arena *from)
{
    const sl_network *network = tape->engine->network;
    const size_t layers = network->lstm_layers;
    tape->outputs = sl_arena_take(from, layers, sizeof *tape->outputs);
    tape->inputs = sl_arena_take(from, layers, sizeof *tape->inputs);
    float *below = NULL;
    for (size_t layer = 0; layer < layers; layer++) {
        float *inputs =
            layer && tape->drops ? sl_arena_take(from, tape->row_steps, network->lstm[layer].inputs * sizeof(float)) : below;
        below = sl_arena_take(from, tape->row_steps, network->lstm[layer].outputs * sizeof(float));
        if (tape->outputs) {
            tape->inputs[layer] = inputs;
            tape->outputs[layer] = below;
        }
    }
}

/* Partial sums of dW and dU side by side, and of db, of the layer-direction that needs most. */
static size_t sum_floats(const sluice_tape *tape)
{
    const sl_network *network = tape->engine->network;
    size_t most = 0;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        const size_t partial_sums = sl_partial_sum_count(dir->gate_rows, tape->time_blocks);
        most = sl_size_max(most, partial_sums * dir->gate_rows * (dir->inputs + dir->h_width + 1));
    }
    return most;
}

static void take_scratch(const sluice_tape *tape, sl_arena *from, sl_tape_scratch *scratch)
{
    const sluice_engine *engine = tape->engine;
    const size_t widest = engine->network->widest_input, row_steps = tape->chunk_row_steps;
    /* For as many rows as a row block of any batch with no more rows has. */
    const size_t rows = sl_size_min(tape->rows, sl_size_round_up(ROW_BLOCK_ROWS_MOST, engine->kernel->tile_rows));
    const size_t states = sl_tape_keeps_gates(tape) ? 0 : rows * engine->sizes.widest_state;
    const size_t product = sl_size_max(row_steps * widest, rows * sl_tape_packed_units(engine));
    const size_t gathered = sl_size_max(widest + engine->network->most_hidden, engine->shape.classes);
    scratch->gathered = sl_arena_take(from, row_steps, gathered * sizeof *scratch->gathered);
    scratch->product = sl_arena_take(from, product, sizeof *scratch->product);
    scratch->h[0] = sl_arena_take(from, states, sizeof *scratch->h[0]);
    scratch->h[1] = sl_arena_take(from, states, sizeof *scratch->h[1]);
    scratch->c = sl_arena_take(from, states, sizeof *scratch->c);
    scratch->x = sl_arena_take(from, rows, sizeof *scratch->x);
    scratch->start = sl_arena_take(from, rows, sizeof *scratch->start);
    scratch->da_after = sl_arena_take(from, rows, sizeof *scratch->da_after);
    scratch->dy = sl_arena_take(from, rows, sizeof *scratch->dy);
    scratch->c_now = sl_arena_take(from, rows, sizeof *scratch->c_now);
    scratch->c_before = sl_arena_take(from, rows, sizeof *scratch->c_before);
    scratch->gates = sl_arena_take(from, rows, sizeof *scratch->gates);
    scratch->c_kept = sl_arena_take(from, rows, sizeof *scratch->c_kept);
}

static void take_gradients(sluice_tape *tape, sl_arena *from)
{
    const sluice_engine *engine = tape->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t outputs = engine->network->outputs, grad_row = tape->grad_stride * sizeof(float);
    tape->dy[0] = sl_arena_take(from, tape->row_steps, grad_row);
    tape->dy[1] =
        engine->network->layer_dirs > engine->network->lstm_layers ? sl_arena_take(from, tape->row_steps, grad_row) : tape->dy[0];
    tape->dc = sl_arena_take(from, tape->rows, engine->sizes.widest_state * sizeof *tape->dc);
    tape->sums = sl_arena_take(from, sum_floats(tape), sizeof *tape->sums);
    tape->minus_zeros = sl_arena_take(from, sl_tape_packed_units(engine), sizeof *tape->minus_zeros);
    tape->dh_final = sl_arena_take(from, shape->classes ? tape->rows : 0, outputs * sizeof *tape->dh_final);
    tape->head_sums = sl_arena_take(from, sl_partial_sum_count(shape->classes, SIZE_MAX),
                                    shape->classes * (outputs + 1) * sizeof *tape->head_sums);
    const size_t table_rows = shape->vocabulary && engine->layers[0].table ? shape->vocabulary : 0;
    const size_t listed = shape->vocabulary && !table_rows ? shape->vocabulary : 0;
    tape->table = sl_arena_take(from, table_rows, engine->network->dirs[0].gate_rows * sizeof *tape->table);
    tape->embedding = sl_arena_take(from, table_rows, shape->inputs * sizeof *tape->embedding);
    tape->token_first = sl_arena_take(from, listed, sizeof *tape->token_first);
    tape->token_next = sl_arena_take(from, listed ? tape->row_steps : 0, sizeof *tape->token_next);
}

static void take_threads(sluice_tape *tape, sl_arena *from)
{
    tape->threads = sl_workers(tape->engine);
    tape->phase_flags = sl_arena_take(from, tape->threads, sizeof *tape->phase_flags);
    tape->group_flags = sl_arena_take(from, tape->threads, sizeof *tape->group_flags);
    tape->scratch = sl_arena_take(from, tape->threads, sizeof *tape->scratch);
    for (size_t k = 0; k < tape->threads; k++) {
        sl_tape_scratch unused;
        take_scratch(tape, from, tape->scratch ? &tape->scratch[k] : &unused);
    }
}

/* Take the tape's arrays from the arena, for the batch that the index was made for. */
static void lay_out(sluice_tape *tape, sl_arena *from)
{
    const sluice_engine *engine = tape->engine;
    tape->grad_stride = engine->network->widest_input;
    tape->row_block_rows = choose_row_block_rows(engine, tape->rows);
    tape->chunk_row_steps = sl_size_max(1, sl_size_min(SL_TIME_BLOCK_ROW_STEPS, sl_size_max(tape->row_steps, tape->rows)));
    take_layer_dirs(tape, from);
    take_layers(tape, from);
    take_gradients(tape, from);
    take_threads(tape, from);
}

sluice_status sl_tape_measure(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, size_t *bytes,
                              sluice_error *error)
{
    const sluice_status status = sl_tape_index_make(tape, rows, steps, lengths, error);
    if (status)
        return status;
    sl_arena sizes = {.fits = true};
    lay_out(tape, &sizes);
    *bytes = sizes.used;
    return sizes.fits ? SLUICE_STATUS_OK : sl_fail_size(error, "the tape");
}

static void find_inputs(sluice_tape *tape, const sluice_batch *batch)
{
    for (size_t k = 0; k < tape->rows; k++) {
        const size_t row = tape->sorted_rows[k], offset = sl_row_offset(batch->x_offsets, batch->x_row_stride, row);
        tape->x_row[k] = batch->x ? batch->x + offset : NULL;
        tape->token_row[k] = batch->tokens ? batch->tokens + offset : NULL;
    }
}

sluice_status sl_tape_fit(sluice_tape *tape, const sluice_batch *batch, sluice_error *error)
{
    size_t bytes;
    tape->holds = false;
    tape->drops = batch->dropout > 0;
    const sluice_status status = sl_tape_measure(tape, batch->rows, batch->steps, batch->lengths, &bytes, error);
    if (status)
        return status;
    if (!sl_tape_grow(&tape->memory, &tape->memory_bytes, bytes))
        return sl_fail_memory(error, "a tape", bytes);
    sl_arena from = {.base = tape->memory, .fits = true};
    lay_out(tape, &from);
    for (size_t k = 0; k < sl_tape_packed_units(tape->engine); k++)
        tape->minus_zeros[k] = -0.0f;
    tape->batch = *batch;
    tape->models = tape->engine->models;
    find_inputs(tape, batch);
    return SLUICE_STATUS_OK;
}
