#include "engine/tape/tape_layout.h"

#include "base/arena.h"
#include "base/error.h"
#include "engine/batch_row.h"
#include "engine/schedule/limits.h"
#include "engine/step_layers.h"
#include "engine/tape/partial_sums.h"
#include "engine/tape/tape_read.h"

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

/* The largest P of all layer-directions with a projection; 0: none has one. */
static size_t most_projected(const sluice_engine *engine)
{
    size_t most = 0;
    for (size_t k = 0; k < engine->network->layer_dirs; k++)
        most = sl_size_max(most, engine->layers[k].projection_width ? engine->network->dirs[k].h_width : 0);
    return most;
}

static void take_layer_dirs(sluice_tape *tape, sl_arena *from)
{
    const sl_network *network = tape->engine->network;
    const bool keeps_gates = sl_tape_keeps_gates(tape);
    float *gates = NULL, *c = NULL, *m = NULL;
    tape->layer_dirs = sl_arena_take(from, network->layer_dirs, sizeof *tape->layer_dirs);
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        const size_t h_row = dir->h_width * sizeof(float), c_row = dir->c_width * sizeof(float);
        const size_t gate_stride = sl_odd_lines(dir->gate_rows);
        if (k == 0 || keeps_gates) { /* else one layer-direction's gates are in memory at a time */
            const size_t units = keeps_gates ? dir->hidden : network->most_hidden;
            gates = sl_arena_take(from, tape->segment_row_steps, sl_odd_lines(SL_GATES * units) * sizeof *gates);
            c = sl_arena_take(from, tape->segment_row_steps, units * sizeof *c);
            const bool keeps_m = keeps_gates ? tape->engine->layers[k].projection_width > 0 : most_projected(tape->engine) > 0;
            m = keeps_m ? sl_arena_take(from, tape->segment_row_steps, units * sizeof *m) : NULL;
        }
        const sl_tape_layer_dir layer_dir = {.gates = gates,
                                             .gate_stride = gate_stride,
                                             .c = c,
                                             .m = m,
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
    tape->given = sl_arena_take(from, layers, sizeof *tape->given);
    for (size_t layer = 0; layer < layers; layer++) {
        const size_t row = network->lstm[layer].outputs * sizeof(float);
        float *outputs = sl_arena_take(from, tape->row_steps, row);
        float *given = sl_tape_drops_outputs(tape, layer) ? sl_arena_take(from, tape->row_steps, row) : outputs;
        if (tape->outputs) {
            tape->outputs[layer] = outputs;
            tape->given[layer] = given;
        }
    }
}

/* Where each LSTM layer reads, which is where the layer before it has put its outputs. */
static void set_inputs(sluice_tape *tape)
{
    const sl_step_layers *steps = &tape->engine->steps;
    for (size_t layer = 0; layer < tape->engine->network->lstm_layers; layer++)
        tape->inputs[layer] = steps->before[layer] < steps->before[layer + 1]
                                  ? tape->step_layers[steps->before[layer + 1] - 1].outputs
                              : layer ? tape->given[layer - 1]
                                      : NULL;
}

/* What is kept of step layer k. */
static sl_tape_step_layer take_step_layer(const sluice_tape *tape, sl_arena *from, size_t k)
{
    const sl_step_layers *steps = &tape->engine->steps;
    const sl_step_layer *layer = &steps->all[k];
    const size_t count = k < steps->reduced ? tape->row_steps : tape->rows, row = layer->outputs * sizeof(float);
    const bool of_input = sl_grad_is_of_input(layer->activation.function);
    /* The inputs of an activation layer are kept as outputs of the layer before it. */
    const bool keeps_pre = of_input && layer->kind != SL_STEP_ACTIVATION;
    const bool is_read = k + 1 < steps->count || k < steps->before[tape->engine->network->lstm_layers];
    const bool is_linear = layer->activation.function <= SLUICE_FUNCTION_LINEAR;
    const bool keeps_outputs = is_read || !(of_input || is_linear) || steps->reduces == SLUICE_STEPS_MAX;
    return (sl_tape_step_layer){.pre_activations = keeps_pre ? sl_arena_take(from, count, row) : NULL,
                                .outputs = keeps_outputs ? sl_arena_take(from, count, row) : NULL};
}

static void take_step_layers(sluice_tape *tape, sl_arena *from)
{
    const sl_step_layers *steps = &tape->engine->steps;
    const bool is_shape = tape->engine->network->is_shape;
    tape->step_layers = sl_arena_take(from, steps->count, sizeof *tape->step_layers);
    for (size_t k = 0; k < steps->count; k++) {
        const sl_tape_step_layer kept = is_shape ? (sl_tape_step_layer){NULL} : take_step_layer(tape, from, k);
        if (tape->step_layers)
            tape->step_layers[k] = kept;
    }
    const size_t reduced = is_shape || steps->reduces == SLUICE_STEPS_ALL ? 0 : tape->rows;
    tape->reduced = sl_arena_take(from, reduced, sl_step_layers_reduced_width(tape->engine) * sizeof *tape->reduced);
}

/* Partial sums of the dense layer that needs most. */
static size_t dense_sum_floats(const sluice_engine *engine)
{
    size_t most = 0;
    for (size_t k = 0; k < engine->steps.count; k++) {
        const sl_step_layer *layer = &engine->steps.all[k];
        if (layer->kind == SL_STEP_DENSE)
            most = sl_size_max(most, sl_partial_sum_count(layer->outputs, SIZE_MAX) * layer->outputs * (layer->inputs + 1));
    }
    return most;
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

/* The same of dW_p and of its bias. */
static size_t projection_sum_floats(const sluice_tape *tape)
{
    const sl_network *network = tape->engine->network;
    size_t most = 0;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        if (tape->engine->layers[k].projection_width)
            most = sl_size_max(most, sl_partial_sum_count(dir->h_width, tape->time_blocks) * dir->h_width * (dir->hidden + 1));
    }
    return most;
}

static void take_scratch(const sluice_tape *tape, sl_arena *from, sl_tape_scratch *scratch)
{
    const sluice_engine *engine = tape->engine;
    const size_t widest = tape->grad_stride, row_steps = tape->chunk_row_steps;
    /* For as many rows as a row block of any batch with no more rows has. */
    const size_t rows = sl_size_min(tape->rows, sl_size_round_up(ROW_BLOCK_ROWS_MOST, engine->kernel->tile_rows));
    const size_t states = sl_tape_keeps_gates(tape) ? 0 : rows * engine->sizes.widest_state;
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    const size_t block_row = blis ? engine->sizes.widest_row : sl_tape_packed_units(engine);
    /* One row of a gradient of weights, too, which a batch of no rows has as well. */
    const size_t product = sl_size_max(sl_size_max(row_steps * widest, engine->network->most_hidden), rows * block_row);
    const size_t side_by_side = widest + engine->network->most_hidden; /* x and h, the widest b of all products */
    const size_t gathered = sl_size_max(side_by_side, engine->network->is_shape ? engine->shape.classes : 0);
    scratch->gathered = sl_arena_take(from, row_steps, gathered * sizeof *scratch->gathered);
    scratch->product = sl_arena_take(from, product, sizeof *scratch->product);
    scratch->panels = sl_arena_take(from, blis ? 0 : sl_bulk_panel_floats(side_by_side), sizeof *scratch->panels);
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
    scratch->m = sl_arena_take(from, rows, sizeof *scratch->m);
}

static void take_gradients(sluice_tape *tape, sl_arena *from)
{
    const sluice_engine *engine = tape->engine;
    const sluice_shape *shape = &engine->shape;
    const sl_network *network = engine->network;
    const size_t grad_row = tape->grad_stride * sizeof(float);
    const bool needs_two =
        network->layer_dirs > network->lstm_layers || network->has_order || (engine->steps.count && !network->is_shape);
    const size_t vectors = engine->steps.reduces == SLUICE_STEPS_ALL ? 0 : tape->rows;
    tape->dy[0] = sl_arena_take(from, tape->row_steps, grad_row);
    tape->dy[1] = needs_two ? sl_arena_take(from, tape->row_steps, grad_row) : tape->dy[0];
    for (size_t k = 0; k < 2; k++)
        tape->drows[k] = sl_arena_take(from, vectors, grad_row);
    const size_t kept = tape->is_kept && sl_tape_keeps_gates(tape) ? tape->row_steps : 0;
    float *da = sl_arena_take(from, kept, sl_odd_lines(SL_GATES * network->most_hidden) * sizeof *da);
    tape->da = kept ? da : NULL;
    tape->dc = sl_arena_take(from, tape->rows, engine->sizes.widest_state * sizeof *tape->dc);
    tape->dh = sl_arena_take(from, tape->segment_row_steps, most_projected(engine) * sizeof *tape->dh);
    tape->projection_sums = sl_arena_take(from, projection_sum_floats(tape), sizeof *tape->projection_sums);
    tape->sums = sl_arena_take(from, sum_floats(tape), sizeof *tape->sums);
    tape->minus_zeros = sl_arena_take(from, sl_tape_packed_units(engine), sizeof *tape->minus_zeros);
    tape->dh_final = sl_arena_take(from, sl_engine_head(engine) ? tape->rows : 0, network->outputs * sizeof *tape->dh_final);
    tape->dense_sums = sl_arena_take(from, dense_sum_floats(engine), sizeof *tape->dense_sums);
    tape->wanted = sl_arena_take(from, network->description.layer_count, sizeof *tape->wanted);
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

/* The widest gradient of a step or a row: of an LSTM layer's inputs and outputs, and of all step layers but a shape's head. */
static size_t find_widest(const sluice_engine *engine)
{
    size_t widest = engine->network->widest_input;
    for (size_t k = 0; !engine->network->is_shape && k < engine->steps.count; k++)
        widest = sl_size_max(widest, sl_size_max(engine->steps.all[k].inputs, engine->steps.all[k].outputs));
    return widest;
}

/* Take the tape's arrays from the arena, for the batch that the index was made for. */
static void lay_out(sluice_tape *tape, sl_arena *from)
{
    const sluice_engine *engine = tape->engine;
    tape->grad_stride = find_widest(engine);
    tape->row_block_rows = choose_row_block_rows(engine, tape->rows);
    tape->chunk_row_steps = sl_size_max(1, sl_size_min(SL_TIME_BLOCK_ROW_STEPS, sl_size_max(tape->row_steps, tape->rows)));
    take_layer_dirs(tape, from);
    take_layers(tape, from);
    take_step_layers(tape, from);
    if (tape->inputs)
        set_inputs(tape);
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
    for (size_t k = 0; k < tape->rows; k++)
        tape->x_first[k] = sl_layout_row(sl_layout_of_x(batch), tape->sorted_rows[k]);
    for (size_t t = 0; t < tape->steps; t++)
        tape->x_step[t] = sl_layout_step(sl_layout_of_x(batch), t);
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
