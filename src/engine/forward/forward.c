/*
 * A batch's rows are divided over thread groups (partition.c). A group takes its rows in row blocks. A row block goes through the
 * layers a time chunk after the other, and each thread of the group computes a range of the units (recurrence.c).
 */
#include "engine/forward/forward.h"

#include "base/size.h"
#include "base/system/cpu.h"
#include "engine/batch_row.h"
#include "engine/forward/recurrence.h"
#include "engine/forward/row_block.h"
#include "engine/forward/tail.h"
#include "engine/forward/tape_record.h"
#include "engine/forward/workspace_pool.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/exec_plan.h"

static void wait_for_group(sl_forward_thread *t)
{
    sl_barrier_wait(t->flags, t->threads, t->index, &t->arrivals);
}

/* A buffer between layers, for a time chunk. Rows are set in place: in a call of one step, copies of them would take longer than
 * all else here. */
static void get_buffer(const sl_forward_thread *t, size_t buffer, size_t width, size_t chunk, sl_layer_rows *rows)
{
    const size_t from = chunk * t->chunk_steps, floats = t->row_count * t->chunk_steps * t->call->engine->sizes.widest_buffer;
    *rows = (sl_layer_rows){.at = t->group->layer_buffers + buffer * floats,
                            .width = width,
                            .from = from,
                            .steps = sl_size_min(t->group->lengths[0] - from, t->chunk_steps)};
}

/* What an LSTM layer reads of a time chunk. */
static void get_inputs(const sl_forward_thread *t, size_t layer, size_t chunk, sl_layer_rows *rows)
{
    const sluice_engine *engine = t->call->engine;
    const size_t buffer = t->wavefront ? 2 * (layer - 1) + chunk % 2 : engine->steps.input_buffer[layer];
    if (t->call->batch->tape) {
        *rows = sl_tape_inputs_of(t->call->batch->tape, layer);
        rows->from = chunk * t->chunk_steps;
        rows->steps = t->chunk_steps;
    } else if (t->wavefront ? layer == 0 : buffer == SIZE_MAX) {
        rows->at = NULL;
    } else {
        get_buffer(t, buffer, engine->network->lstm[layer].inputs, chunk, rows);
    }
}

/* Where its outputs go. */
static void get_outputs(const sl_forward_thread *t, size_t layer, size_t chunk, sl_layer_rows *rows)
{
    const sluice_engine *engine = t->call->engine;
    const bool is_last = layer + 1 == engine->network->lstm_layers;
    const size_t outputs = engine->network->lstm[layer].outputs, input = engine->steps.input_buffer[layer];
    if (t->call->batch->tape)
        *rows = sl_tape_outputs_of(t->call->batch->tape, layer);
    else if (is_last && !t->call->keeps)
        rows->at = NULL;
    else if (t->wavefront)
        get_buffer(t, 2 * layer + (is_last ? 0 : chunk % 2), outputs, chunk, rows);
    else
        get_buffer(t, input == SIZE_MAX ? 0 : 1 - input, outputs, chunk, rows);
}

/* The same as the layers behind it read them: after dropout. */
static void get_given(const sl_forward_thread *t, size_t layer, size_t chunk, sl_layer_rows *rows)
{
    if (t->call->batch->tape)
        *rows = sl_tape_given_by(t->call->batch->tape, layer);
    else
        get_outputs(t, layer, chunk, rows);
}

/* The layer-directions that run now: those of an LSTM layer, in a wavefront all. */
typedef struct dir_range {
    size_t first, count;
} dir_range;

static dir_range get_dirs(const sl_forward_thread *t, size_t layer)
{
    const sl_network *network = t->call->engine->network;
    const sl_lstm_layer *lstm = &network->lstm[layer];
    return t->wavefront ? (dir_range){0, network->layer_dirs} : (dir_range){lstm->first, lstm->directions};
}

/* Begin the recurrences of this thread's units in an LSTM layer and time chunk; of a wavefront, in all layers, each a chunk behind the
 * one below it. Returns how many. */
static size_t begin_recurrences(sl_forward_thread *t, size_t layer, size_t chunk)
{
    const sluice_engine *engine = t->call->engine;
    const dir_range dirs = get_dirs(t, layer);
    const size_t steps = t->group->lengths[0];
    const size_t ranges = sl_unit_split(engine, dirs.first, dirs.count, t->threads, t->index, t->scratch->ranges, &t->divided);
    size_t count = 0, floats = 0;
    for (size_t k = 0; k < ranges; k++) {
        const sl_unit_range *range = &t->scratch->ranges[k];
        const sl_packed *packed = &engine->layers[range->layer_dir];
        const size_t own_layer = packed->dir->layer, chunks_behind = t->wavefront ? own_layer : 0,
                     own_chunk = chunk - chunks_behind;
        if (chunk < chunks_behind || own_chunk * t->chunk_steps >= steps)
            continue;
        sl_recurrence *p = &t->scratch->recurrences[count++];
        p->thread = t;
        p->layer_dir = range->layer_dir;
        p->packed = packed;
        p->block = range->block;
        p->blocks = range->blocks;
        p->from = own_chunk * t->chunk_steps;
        p->to = p->from + sl_size_min(steps - p->from, t->chunk_steps);
        get_inputs(t, own_layer, own_chunk, &p->below);
        get_outputs(t, own_layer, own_chunk, &p->above);
        floats += p->blocks * sl_block_floats(engine->kernel);
    }
    /* The buffer of hoisted products is shared where recurrences run alternately; else each has all of it. */
    float *buffer = t->scratch->hoisted;
    for (size_t k = 0; k < count; k++) {
        sl_recurrence *p = &t->scratch->recurrences[k];
        const size_t own_floats = p->blocks * sl_block_floats(engine->kernel);
        const size_t rows = t->call->sizes->hoist_floats / (t->divided ? floats : own_floats);
        sl_recurrence_begin(p, buffer, sl_size_min(rows, t->call->sizes->hoist_rows));
        buffer += t->divided ? rows * own_floats : 0;
    }
    return count;
}

/* The most phases that an iteration has in the layers that run now; the same in all threads of the group. */
static unsigned count_phases(const sl_forward_thread *t, size_t layer)
{
    const sluice_engine *engine = t->call->engine;
    const dir_range dirs = get_dirs(t, layer);
    unsigned phases = 1;
    for (size_t k = dirs.first; k < dirs.first + dirs.count; k++)
        phases = engine->layers[k].phases > phases ? engine->layers[k].phases : phases;
    return phases;
}

static void run_layer_chunk(sl_forward_thread *t, size_t layer, size_t chunk)
{
    const size_t count = begin_recurrences(t, layer, chunk), iterations = sl_size_min(t->group->lengths[0], t->chunk_steps);
    const unsigned phases = count_phases(t, layer);
    sl_recurrence *recurrences = t->scratch->recurrences;
    if (t->divided) { /* the next phase reads what all threads made */
        for (size_t iteration = 0; iteration < iterations; iteration++)
            for (unsigned phase = 0; phase < phases; phase++) {
                for (size_t k = 0; k < count; k++)
                    sl_recurrence_step(&recurrences[k], phase);
                wait_for_group(t);
            }
        return;
    }
    for (size_t k = 0; k < count; k++)
        for (size_t iteration = 0; iteration < iterations; iteration++)
            for (unsigned phase = 0; phase < phases; phase++)
                sl_recurrence_step(&recurrences[k], phase);
    wait_for_group(t);
}

/* Divide time into chunks. Returns how many. */
static size_t divide_steps(sl_forward_thread *t)
{
    const size_t steps = t->group->lengths[0];
    t->chunk_steps = 0;
    if (steps == 0)
        return 0;
    t->chunk_steps = sl_chunk_steps(t->call->engine, t->call->sizes, t->wavefront, t->row_count, steps);
    return sl_size_div_up(steps, t->chunk_steps);
}

/* Take a time chunk through the step layers before an LSTM layer. */
static void run_steps_before(sl_forward_thread *t, size_t layer, size_t chunk)
{
    const sl_step_layers *steps = &t->call->engine->steps;
    if (steps->before[layer] == steps->before[layer + 1])
        return;
    sl_layer_rows from = {.at = NULL}, to;
    if (layer > 0)
        get_given(t, layer - 1, chunk, &from);
    get_inputs(t, layer, chunk, &to);
    sl_steps_run_before(t, layer, &from, &to);
    wait_for_group(t);
}

/* Give the caller outputs of an LSTM layer before the last. If they are merged, the step layer that does it has given them. */
static void give_layer_outputs(sl_forward_thread *t, size_t layer, size_t chunk)
{
    const sl_network *network = t->call->engine->network;
    const size_t from = chunk * t->chunk_steps;
    if (!t->call->gives_layers || layer + 1 == network->lstm_layers ||
        network->description.layers[network->lstm[layer].layer].merge != SLUICE_MERGE_CONCAT)
        return;
    sl_layer_rows outputs;
    get_outputs(t, layer, chunk, &outputs);
    sl_steps_give_outputs(t, layer, &outputs, from, t->call->batch->mask ? SIZE_MAX : from + t->chunk_steps);
}

/* Where outputs in processing order do not lie at the steps at which the next LSTM layer reads them, put them there, unless the step
 * layers between go over all steps. */
static void arrange_layer_outputs(sl_forward_thread *t, size_t layer, size_t chunk)
{
    const sluice_engine *engine = t->call->engine;
    const sl_step_layers *steps = &engine->steps;
    if (!t->call->batch->mask || !engine->network->has_order || layer + 1 == engine->network->lstm_layers ||
        (t->call->gives_layers && steps->before[layer + 1] < steps->before[layer + 2]))
        return;
    sl_layer_rows outputs;
    get_outputs(t, layer, chunk, &outputs);
    sl_steps_arrange(t, layer, &outputs);
    wait_for_group(t);
}

/* Take a time chunk through what is behind the last LSTM layer. */
static void run_tail(sl_forward_thread *t, size_t chunk)
{
    const size_t from = chunk * t->chunk_steps;
    if (!t->call->runs_tail)
        return;
    sl_layer_rows outputs;
    get_outputs(t, t->call->engine->network->lstm_layers - 1, chunk, &outputs);
    sl_tail_run_steps(t, &outputs, from, t->call->batch->mask ? SIZE_MAX : from + t->chunk_steps);
    wait_for_group(t);
}

static void run_row_block(sl_forward_thread *t)
{
    const size_t layers = t->call->engine->network->lstm_layers;
    sl_row_block_load(t);
    wait_for_group(t);
    const size_t chunks = divide_steps(t);
    if (t->call->gives_layers && t->call->engine->embedding)
        sl_steps_give_embedding(t);
    for (size_t round = 0; t->wavefront && chunks && round < chunks + layers - 1; round++) {
        run_layer_chunk(t, 0, round);
        if (round + 1 >= layers)
            run_tail(t, round + 1 - layers);
    }
    /* Masked steps have outputs even where no row has any other. */
    for (size_t chunk = 0; !t->wavefront && (chunk < chunks || (t->call->batch->mask && chunk == 0)); chunk++) {
        for (size_t layer = 0; layer < layers; layer++) {
            run_steps_before(t, layer, chunk);
            run_layer_chunk(t, layer, chunk);
            give_layer_outputs(t, layer, chunk);
            arrange_layer_outputs(t, layer, chunk);
        }
        run_tail(t, chunk);
    }
    sl_row_block_store(t);
    wait_for_group(t);
}

/* Go on to the next row block, an even share of the rows left, as many as there is room for. false: none are left. */
static bool next_row_block(sl_forward_thread *t)
{
    const sl_forward_call *call = t->call;
    t->rows += t->row_count;
    t->rows_left -= t->row_count;
    t->row_count = 0;
    if (t->rows_left == 0)
        return false;
    const size_t steps = sl_row_length(call->batch->lengths, call->batch->steps, t->rows[0]);
    const size_t row_blocks = sl_size_div_up(t->rows_left, sl_rows_at_once(call->engine, call->sizes, steps));
    t->row_count = sl_size_div_up(t->rows_left, row_blocks);
    return true;
}

/* With fewer threads than planned for, groups have fewer threads, or a thread takes the rows of several groups one after the
 * other. */
void sl_forward_run_thread(void *context, unsigned thread, unsigned threads)
{
    const sl_forward_call *call = context;
    const sluice_workspace *workspace = call->workspace;
    const sl_partition *partition = &workspace->partition;
    const unsigned groups = partition->plan.thread_groups, per_group = threads > groups ? threads / groups : 1;
    const sl_float_mode mode = sl_float_mode_set(sl_engine_flushes(call->engine));
    sl_forward_thread t = {.call = call,
                           .scratch = &workspace->threads[thread],
                           .group = &workspace->groups[0],
                           .flags = workspace->flags,
                           .threads = threads,
                           .index = thread,
                           .rows = partition->order,
                           .rows_left = partition->shared_rows};
    while (next_row_block(&t)) /* all threads as one group */
        run_row_block(&t);
    t.threads = per_group;
    t.index = thread % per_group;
    t.wavefront = per_group > 1 && partition->plan.wavefront && !call->gives_layers && !call->batch->mask;
    for (unsigned group = thread / per_group; group < groups; group += threads / per_group) {
        t.group = &workspace->groups[group];
        t.flags = workspace->flags + group * per_group;
        t.rows = partition->order + partition->first[group];
        t.rows_left = partition->first[group + 1] - partition->first[group];
        while (next_row_block(&t))
            run_row_block(&t);
    }
    sl_float_mode_restore(mode);
}

/* Count the steps of each row that are not masked, and take these for the lengths. */
static void apply_mask(sl_forward_call *call)
{
    const sluice_batch *batch = call->batch;
    int64_t *lengths = call->workspace->lengths;
    for (size_t row = 0; row < batch->rows; row++) {
        const size_t steps = sl_row_length(batch->lengths, batch->steps, row);
        lengths[row] = 0;
        for (size_t step = 0; step < steps; step++)
            lengths[row] += batch->mask[row * batch->mask_row_stride + step * batch->mask_step_stride] != 0;
    }
    call->masked = *batch;
    call->masked.lengths = lengths;
    call->batch = &call->masked;
}

/* Decide what happens behind the LSTM layers. */
static void choose_outputs(sl_forward_call *call)
{
    const sluice_engine *engine = call->engine;
    const sluice_batch *batch = call->batch;
    const sl_network *network = engine->network;
    const size_t last = network->lstm[network->lstm_layers - 1].layer;
    call->reduces = network->is_shape ? SLUICE_STEPS_FINAL : engine->steps.reduces;
    call->keeps = engine->steps.takes_steps || batch->mask || (engine->steps.merges && (batch->y || batch->tape));
    call->copies_y = call->keeps && batch->y;
    call->runs_tail = call->keeps || batch->step_logits;
    call->runs_vectors = batch->logits || (batch->tape && !network->is_shape && call->reduces != SLUICE_STEPS_ALL);
    for (size_t k = 0; k < batch->output_count; k++) {
        const size_t layer = batch->outputs[k].layer;
        call->runs_tail = call->runs_tail || (layer == last && layer < network->reducing_layer);
        call->runs_vectors = call->runs_vectors || layer >= network->reducing_layer;
        call->gives_layers = call->gives_layers || layer < last;
    }
}

unsigned sl_forward_begin(sluice_workspace *workspace, const sluice_batch *batch, sl_forward_call *call)
{
    const sluice_engine *engine = workspace->engine;
    sl_partition *partition = &workspace->partition;
    call->engine = engine;
    call->batch = batch;
    call->lengths = batch->lengths;
    call->workspace = workspace;
    call->sizes = &workspace->sizes;
    call->gives_layers = false;
    if (batch->mask)
        apply_mask(call);
    batch = call->batch;
    choose_outputs(call);
    sl_batch_load load = sl_batch_load_get(engine, batch->rows, batch->steps, batch->lengths);
    const unsigned calls = sl_pool_begin(engine->pool);
    if (engine->schedule == SLUICE_SCHEDULE_AUTO) /* calls that run at the same time share the CPUs */
        load.workers = sl_size_max(1, load.workers / calls);
    if (batch->max_threads)
        load.workers = sl_size_min(load.workers, batch->max_threads);
    /* Estimates, which one thread needs none of, are to be the same in any mode of the caller's. */
    const bool estimates = load.workers > 1;
    const sl_float_mode mode = estimates ? sl_float_mode_set(false) : 0;
    partition->plan = sl_exec_plan_choose(engine, &load);
    call->hoisted_rows = sl_exec_plan_hoisted_rows(engine, &partition->plan);
    sl_partition_rows(partition, engine, &load, batch->lengths);
    if (estimates)
        sl_float_mode_restore(mode);
    const unsigned threads = partition->plan.thread_groups * partition->plan.threads_per_group;
    for (unsigned k = 0; k < threads; k++)
        atomic_store_explicit(&workspace->flags[k].arrived, 0, memory_order_relaxed);
    return threads;
}

void sl_forward_end(const sl_forward_call *call)
{
    sl_pool_end(call->engine->pool);
}
