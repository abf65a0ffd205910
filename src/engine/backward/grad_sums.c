/*
 * Sums over all row-steps (row_steps.h), dW, dU and db of a layer-direction, and its dx. Where layer 0 reads a table, da is summed by
 * token first; the products with W and the embedding then have V rows instead of all row-steps.
 */
#include "engine/backward/grad_product.h"
#include "engine/backward/row_steps.h"
#include "engine/tape/dropout.h"
#include "engine/tape/partial_sums.h"

#include <string.h>

/* ---- dW, dU, db ------------------------------------------------------------------------------------------------------------- */

static bool has_table(const sl_grad_layer_dir *layer_dir)
{
    return layer_dir->packed->table != NULL;
}

/* Columns of dW in the partial sums: none where da is summed by token. */
static size_t summed_inputs(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    return has_table(layer_dir) ? 0 : sl_tape_inputs(tape, layer_dir->k);
}

/* Whether it is the first, or the last, direction of its layer. */
static bool is_first(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    return layer_dir->k == tape->engine->network->lstm[layer_dir->dir->layer].first;
}

static bool is_last(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    const sl_lstm_layer *lstm = &tape->engine->network->lstm[layer_dir->dir->layer];
    return layer_dir->k + 1 == lstm->first + lstm->directions;
}

static float *wanted(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, sluice_tensor tensor)
{
    return sl_grad_wanted_of_dir(thread->tape, layer_dir->k, tensor);
}

static bool wants_weights(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    return wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_IH) || wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_HH) ||
           wanted(thread, layer_dir, SLUICE_TENSOR_BIAS);
}

/* The step layers between the layer and the LSTM layer before it. */
static bool has_steps_before(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    const size_t *before = tape->engine->steps.before + layer_dir->dir->layer;
    return before[0] < before[1];
}

/* Whether the gradient of the layer's inputs is needed. */
static bool wants_inputs(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    return layer_dir->dir->layer > 0 || has_steps_before(thread->tape, layer_dir) || sl_grad_wants_inputs(thread);
}

static bool wants_token_sums(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    return has_table(layer_dir) && (wants_weights(thread, layer_dir) || wants_inputs(thread, layer_dir));
}

/* A partial sum: [4H][inputs + H], then [4H] of the bias. */
static float *partial_sum(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t partial)
{
    const size_t columns = summed_inputs(tape, layer_dir) + layer_dir->dir->h_width;
    return tape->sums + partial * layer_dir->dir->gate_rows * (columns + 1);
}

/* Copy x and h of the iteration before, side by side, of a chunk's row-steps. */
static void gather(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, sl_row_steps chunk)
{
    const sluice_tape *tape = thread->tape;
    const size_t inputs = summed_inputs(tape, layer_dir), hidden = layer_dir->dir->h_width;
    float *to = thread->scratch->gathered;
    sl_row_steps at = chunk;
    for (size_t k = 0; k < chunk.count; k++, to += inputs + hidden, at = sl_row_steps_next(tape, at)) {
        if (inputs)
            memcpy(to, sl_tape_x(tape, layer_dir->k, at.iteration, at.sorted), inputs * sizeof *to);
        memcpy(to + inputs, sl_tape_h_before(tape, layer_dir->k, at.iteration, at.sorted), hidden * sizeof *to);
    }
}

/* Whether the only partial sum is the total, which is then made where the caller wants it. */
static bool sums_in_place(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    return tape->time_blocks > 0 && !thread->gradient->accumulate &&
           sl_partial_sum_count(layer_dir->dir->gate_rows, tape->time_blocks) == 1;
}

/* Columns of x and h side by side whose sums one product makes, and where rows of these go. */
typedef struct sum_columns {
    size_t first, count;
    float *to;
    size_t stride;
} sum_columns;

/* Rows from `from` on of a partial sum: where they go, and their bias, which is NULL if it is not wanted. */
typedef struct sum_place {
    sum_columns parts[2];
    size_t part_count;
    float *bias;
} sum_place;

static sum_place place_sum(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t partial, size_t from)
{
    const size_t inputs = summed_inputs(thread->tape, layer_dir), hidden = layer_dir->dir->h_width, columns = inputs + hidden;
    if (!sums_in_place(thread, layer_dir)) {
        float *sum = partial_sum(thread->tape, layer_dir, partial);
        return (sum_place){{{0, columns, sum + from * columns, columns}}, 1, sum + layer_dir->dir->gate_rows * columns + from};
    }
    float *weight_ih = wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_IH);
    float *weight_hh = wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_HH), *bias = wanted(thread, layer_dir, SLUICE_TENSOR_BIAS);
    sum_place place = {.bias = bias ? bias + from : NULL};
    if (weight_ih && inputs)
        place.parts[place.part_count++] = (sum_columns){0, inputs, weight_ih + from * inputs, inputs};
    if (weight_hh)
        place.parts[place.part_count++] = (sum_columns){inputs, hidden, weight_hh + from * hidden, hidden};
    return place;
}

/* Add a segment's row-steps to rows [from, from + rows) of a partial sum. */
static void sum_tile(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t partial, size_t partial_sums,
                     size_t from, size_t rows)
{
    const sluice_tape *tape = thread->tape;
    const size_t columns = summed_inputs(tape, layer_dir) + layer_dir->dir->h_width;
    const size_t gate_stride = tape->layer_dirs[layer_dir->k].gate_stride;
    const sum_place place = place_sum(thread, layer_dir, partial, from);
    sl_row_steps chunk = {0};
    for (size_t block = tape->segment[layer_dir->segment + 1]; sl_next_block(tape, layer_dir, partial_sums, partial, &block);) {
        const bool first_block = block + 1 + partial == tape->time_blocks;
        for (size_t index = 0; sl_next_chunk(tape, block, index, &chunk); index++) {
            const float *da = sl_grad_gates(tape, layer_dir, chunk.iteration, chunk.sorted) + from;
            const bool first = first_block && index == 0;
            gather(thread, layer_dir, chunk);
            for (const sum_columns *part = place.parts; part < place.parts + place.part_count; part++)
                sl_grad_multiply(thread, (sl_bulk_product){.rows = rows,
                                                           .columns = part->count,
                                                           .terms = chunk.count,
                                                           .a = da,
                                                           .a_stride = gate_stride,
                                                           .a_transposed = true,
                                                           .b = thread->scratch->gathered + part->first,
                                                           .b_stride = columns,
                                                           .adds = !first,
                                                           .c = part->to,
                                                           .c_stride = part->stride});
            if (place.bias && first)
                memset(place.bias, 0, rows * sizeof *place.bias);
            if (place.bias)
                tape->engine->kernel->add_rows(chunk.count, rows, da, gate_stride, place.bias);
        }
    }
}

/* Add a segment's da, columns [from, from + columns), to the sums by token. */
static void sum_tokens(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t columns)
{
    const sluice_tape *tape = thread->tape;
    const size_t gates = layer_dir->dir->gate_rows;
    if (layer_dir->segment + 1 == tape->segments)
        for (size_t token = 0; token < tape->engine->shape.vocabulary; token++)
            memset(tape->table + token * gates + from, 0, columns * sizeof *tape->table);
    for (size_t block = tape->segment[layer_dir->segment + 1]; block-- > tape->segment[layer_dir->segment];) {
        sl_row_steps at = {.iteration = tape->time_block[block]};
        for (size_t k = sl_block_row_steps(tape, block); k > 0; k--, at = sl_row_steps_next(tape, at)) {
            const size_t token = sl_tape_token(tape, layer_dir->dir->reverse, at.iteration, at.sorted);
            tape->engine->kernel->add_rows(1, columns, sl_grad_gates(tape, layer_dir, at.iteration, at.sorted) + from, 0,
                                           tape->table + token * gates + from);
        }
    }
}

/* ---- dx --------------------------------------------------------------------------------------------------------------------- */

/* A task computes so many inputs of a time block: the last tasks of the phase are short, so that threads end it together, and each
 * still packs other columns of W. */
enum { INPUTS_OF_TASK = 64 };

/* Apply the dropout between the layers to `count` inputs of a row-step's dx, from input `from` on. */
static void drop(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t step, size_t sorted, size_t from, size_t count,
                 float *dx)
{
    const sl_dropout drop = {.probability = tape->batch.dropout,
                             .key = tape->batch.dropout_key,
                             .layer = layer_dir->dir->layer - 1,
                             .row = tape->batch.dropout_row + tape->sorted_rows[sorted],
                             .step = step};
    sl_dropout_apply(&drop, from, count, dx, dx);
}

/* dx = W' da of a time block's row-steps, inputs [from, from + count) of it; the second direction adds to the first one's. */
static void make_inputs(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t block, size_t from, size_t count)
{
    const sluice_tape *tape = thread->tape;
    const sl_tape_scratch *scratch = thread->scratch;
    const size_t gates = layer_dir->dir->gate_rows, inputs = sl_tape_inputs(tape, layer_dir->k);
    const bool is_second = !is_first(tape, layer_dir);
    const bool drops = is_last(tape, layer_dir) && layer_dir->dir->layer > 0 && tape->drops && !has_steps_before(tape, layer_dir);
    sl_row_steps chunk = {0};
    for (size_t index = 0; sl_next_chunk(tape, block, index, &chunk); index++) {
        const float *da = sl_grad_gates(tape, layer_dir, chunk.iteration, chunk.sorted);
        sl_grad_multiply(thread, (sl_bulk_product){.rows = chunk.count,
                                                   .columns = count,
                                                   .terms = gates,
                                                   .a = da,
                                                   .a_stride = tape->layer_dirs[layer_dir->k].gate_stride,
                                                   .b = layer_dir->packed->weight_ih + from,
                                                   .b_stride = inputs,
                                                   .c = scratch->product,
                                                   .c_stride = count});
        sl_row_steps at = chunk;
        for (size_t k = 0; k < chunk.count; k++, at = sl_row_steps_next(tape, at)) {
            const size_t step = sl_tape_step(tape, layer_dir->dir->reverse, at.sorted, at.iteration);
            float *dx = layer_dir->dx + (tape->first_row_step[step] + at.sorted) * tape->grad_stride + from;
            sl_grad_store(dx, scratch->product + k * count, count, is_second);
            if (drops)
                drop(tape, layer_dir, step, at.sorted, from, count, dx);
        }
    }
}

/* ---- The phases ------------------------------------------------------------------------------------------------------------- */

enum { TOKEN_COLUMNS = 128 };

void sl_grad_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    const size_t gates = layer_dir->dir->gate_rows;
    const size_t partial_sums = sl_partial_sum_count(gates, tape->time_blocks), tiles = sl_partial_sum_tiles(gates, partial_sums);
    const size_t sums = wants_weights(thread, layer_dir) ? partial_sums * tiles : 0;
    const size_t tokens = wants_token_sums(thread, layer_dir) ? sl_size_div_up(gates, TOKEN_COLUMNS) : 0;
    const size_t first = tape->segment[layer_dir->segment], end = tape->segment[layer_dir->segment + 1];
    const size_t inputs = sl_tape_inputs(tape, layer_dir->k), parts = sl_size_div_up(inputs, INPUTS_OF_TASK);
    const size_t products = wants_inputs(thread, layer_dir) && !has_table(layer_dir) ? (end - first) * parts : 0;
    for (size_t task; (task = sl_task_next(&thread->tasks)) < sums + tokens + products;) {
        if (task < sums) {
            const size_t tile = task % tiles, from = gates * tile / tiles;
            sum_tile(thread, layer_dir, task / tiles, partial_sums, from, gates * (tile + 1) / tiles - from);
        } else if (task < sums + tokens) {
            const size_t from = (task - sums) * TOKEN_COLUMNS;
            sum_tokens(thread, layer_dir, from, sl_size_min(TOKEN_COLUMNS, gates - from));
        } else {
            const size_t product = task - sums - tokens, from = product % parts * INPUTS_OF_TASK;
            make_inputs(thread, layer_dir, first + product / parts, from, sl_size_min(INPUTS_OF_TASK, inputs - from));
        }
    }
    sl_task_end_phase(&thread->tasks);
}

/* Add `count` floats of all partial sums, in order, and store the total in `to`. It is zero where there is no row-step. */
static void add_partial_sums(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t offset, size_t count,
                             float *to)
{
    const sluice_tape *tape = thread->tape;
    const size_t partial_sums = sl_partial_sum_count(layer_dir->dir->gate_rows, tape->time_blocks);
    float *sum = thread->scratch->product;
    memset(sum, 0, count * sizeof *sum);
    for (size_t partial = 0; partial < partial_sums && tape->time_blocks > 0; partial++)
        sl_grad_store(sum, partial_sum(tape, layer_dir, partial) + offset, count, partial > 0);
    sl_grad_store(to, sum, count, thread->gradient->accumulate);
}

/* Store rows [from, to) of dW, dU and db. */
static void finish_rows(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const size_t inputs = summed_inputs(tape, layer_dir), hidden = layer_dir->dir->h_width, columns = inputs + hidden;
    float *weight_ih = wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_IH);
    float *weight_hh = wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_HH), *bias = wanted(thread, layer_dir, SLUICE_TENSOR_BIAS);
    for (size_t row = from; row < to; row++) {
        if (weight_ih && inputs)
            add_partial_sums(thread, layer_dir, row * columns, inputs, weight_ih + row * inputs);
        if (weight_hh)
            add_partial_sums(thread, layer_dir, row * columns + inputs, hidden, weight_hh + row * hidden);
        if (bias)
            add_partial_sums(thread, layer_dir, layer_dir->dir->gate_rows * columns + row, 1, bias + row);
    }
}

/* Store rows [from, to) of dW = S' E, S being the sums of da by token and E the embedding, V rows each. */
static void finish_table_rows(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    float *weight_ih = wanted(thread, layer_dir, SLUICE_TENSOR_WEIGHT_IH), *product = thread->scratch->product;
    if (!weight_ih)
        return;
    if (tape->time_blocks > 0)
        sl_grad_multiply(thread, (sl_bulk_product){.rows = to - from,
                                                   .columns = shape->inputs,
                                                   .terms = shape->vocabulary,
                                                   .a = tape->table + from,
                                                   .a_stride = layer_dir->dir->gate_rows,
                                                   .a_transposed = true,
                                                   .b = tape->engine->embedding,
                                                   .b_stride = shape->inputs,
                                                   .c = product,
                                                   .c_stride = shape->inputs});
    else
        memset(product, 0, (to - from) * shape->inputs * sizeof *product);
    sl_grad_store(weight_ih + from * shape->inputs, product, (to - from) * shape->inputs, thread->gradient->accumulate);
}

/* Rows [from, to) of the embedding's gradient, S W; after the last direction store the sum of both. */
static void finish_tokens(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    const size_t gates = layer_dir->dir->gate_rows, count = (to - from) * shape->inputs;
    float *sum = tape->embedding + from * shape->inputs, *embedding = sl_grad_wanted(tape, 0, 0, SLUICE_TENSOR_EMBEDDING);
    if (!embedding)
        return;
    if (tape->time_blocks > 0)
        sl_grad_multiply(thread, (sl_bulk_product){.rows = to - from,
                                                   .columns = shape->inputs,
                                                   .terms = gates,
                                                   .a = tape->table + from * gates,
                                                   .a_stride = gates,
                                                   .b = layer_dir->packed->weight_ih,
                                                   .b_stride = shape->inputs,
                                                   .adds = !is_first(tape, layer_dir),
                                                   .c = sum,
                                                   .c_stride = shape->inputs});
    else
        memset(sum, 0, count * sizeof *sum);
    if (is_last(tape, layer_dir))
        sl_grad_store(embedding + from * shape->inputs, sum, count, thread->gradient->accumulate);
}

void sl_grad_end_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    enum { ROWS = 64 };
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    const size_t gates = layer_dir->dir->gate_rows, vocabulary = wants_token_sums(thread, layer_dir) ? shape->vocabulary : 0;
    const size_t table_rows = sl_size_min(tape->chunk_row_steps, ROWS); /* scratch->product has room for as many */
    const bool wants_totals = wants_weights(thread, layer_dir) && !sums_in_place(thread, layer_dir);
    const size_t row_blocks = sl_grad_row_blocks(tape), rows = wants_totals ? sl_size_div_up(gates, ROWS) : 0;
    const size_t of_table = vocabulary ? sl_size_div_up(gates, table_rows) : 0, tokens = sl_size_div_up(vocabulary, ROWS);
    for (size_t task; (task = sl_task_next(&thread->tasks)) < row_blocks + rows + of_table + tokens;) {
        if (task < row_blocks) {
            sl_grad_first_states(thread, layer_dir, task);
        } else if (task < row_blocks + rows) {
            const size_t from = (task - row_blocks) * ROWS;
            finish_rows(thread, layer_dir, from, sl_size_min(gates, from + ROWS));
        } else if (task < row_blocks + rows + of_table) {
            const size_t from = (task - row_blocks - rows) * table_rows;
            finish_table_rows(thread, layer_dir, from, sl_size_min(gates, from + table_rows));
        } else {
            const size_t from = (task - row_blocks - rows - of_table) * ROWS;
            finish_tokens(thread, layer_dir, from, sl_size_min(vocabulary, from + ROWS));
        }
    }
    sl_task_end_phase(&thread->tasks);
}
