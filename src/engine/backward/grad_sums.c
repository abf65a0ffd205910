/*
 * Sums over all cells: dW, dU and db of a strand, and products over all cells: its dx.
 *
 * Cells come in blocks, from the last to the first, and in chunks within them. A sum is made of a fixed number of partial sums,
 * slots, each of one block in so many; a chunk is one product of BLIS. Where layer 0 reads a table, da is summed by token first,
 * and the products with W and the embedding are made once, of V rows, instead of over all cells.
 */
#include "engine/backward/grad.h"

#include "engine/blis_gemm.h"
#include "engine/forward/dropout.h"
#include "model/model.h"

#include <string.h>

/* ---- Cells in order --------------------------------------------------------------------------------------------------------- */

/* A cell of a strand; with a chunk, `count` from it on. */
typedef struct cells {
    size_t iteration, rank, count;
} cells;

static cells next_cell(const sluice_tape *tape, cells at)
{
    if (++at.rank == sl_tape_running(tape, at.iteration)) {
        at.iteration++;
        at.rank = 0;
    }
    return at;
}

static size_t block_cells(const sluice_tape *tape, size_t block)
{
    return tape->first[tape->block[block + 1]] - tape->first[tape->block[block]];
}

/* The block's chunk of this number, *chunk being the one before it. false: there is none. */
static bool next_chunk(const sluice_tape *tape, size_t block, size_t number, cells *chunk)
{
    const size_t all = block_cells(tape, block), chunks = sl_size_div_up(all, tape->chunk_cells);
    if (number == chunks)
        return false;
    if (number == 0)
        *chunk = (cells){.iteration = tape->block[block]};
    else
        for (size_t k = 0, count = chunk->count; k < count; k++)
            *chunk = next_cell(tape, *chunk);
    chunk->count = all * (number + 1) / chunks - all * number / chunks;
    return true;
}

/* The blocks of a segment that belong to a slot, from the last to the first: of all the tape's, one in so many. *block is where to
 * go on below; false: no more. */
static bool next_block(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t slots, size_t slot, size_t *block)
{
    while (*block > tape->segment[layer_dir->segment])
        if ((tape->blocks - 1 - --*block) % slots == slot)
            return true;
    return false;
}

/* ---- dW, dU, db ------------------------------------------------------------------------------------------------------------- */

static size_t gate_rows(const sluice_tape *tape)
{
    return SL_GATES * tape->engine->shape.hidden;
}

static bool has_table(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    return tape->engine->layers[layer_dir->k].table != NULL;
}

/* Terms of x in the sums: none where they are summed by token. */
static size_t summed_inputs(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    return has_table(tape, layer_dir) ? 0 : sl_tape_inputs(tape, layer_dir->k);
}

static float *array_of(float *const *arrays, size_t k)
{
    return arrays ? arrays[k] : NULL;
}

static bool wants_weights(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_gradient *gradient = thread->grad->gradient;
    return array_of(gradient->weight_ih, layer_dir->k) || array_of(gradient->weight_hh, layer_dir->k) ||
           array_of(gradient->bias, layer_dir->k);
}

/* Whether anything goes on below the strand. */
static bool wants_inputs(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_gradient *gradient = thread->grad->gradient;
    return layer_dir->layer > 0 || gradient->dx || gradient->embedding;
}

static bool wants_table(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    return has_table(thread->tape, layer_dir) && (wants_weights(thread, layer_dir) || wants_inputs(thread, layer_dir));
}

/* A partial sum: [4H][inputs + H], then [4H] of the bias. */
static float *slot_of(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t slot)
{
    const size_t columns = summed_inputs(tape, layer_dir) + tape->engine->shape.hidden;
    return tape->sums + slot * gate_rows(tape) * (columns + 1);
}

/* x and h' of a chunk's cells, side by side. */
static void gather(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, cells chunk)
{
    const sluice_tape *tape = thread->tape;
    const size_t inputs = summed_inputs(tape, layer_dir), hidden = tape->engine->shape.hidden;
    float *to = thread->own->gathered;
    cells at = chunk;
    for (size_t k = 0; k < chunk.count; k++, to += inputs + hidden, at = next_cell(tape, at)) {
        if (inputs)
            memcpy(to, sl_tape_x(tape, layer_dir->k, at.iteration, at.rank), inputs * sizeof *to);
        memcpy(to + inputs, sl_tape_h_before(tape, layer_dir->k, at.iteration, at.rank), hidden * sizeof *to);
    }
}

/* A slot's share of a segment, for some rows of the sum. */
static void sum_tile(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t slot, size_t slots, size_t from,
                     size_t rows)
{
    const sluice_tape *tape = thread->tape;
    const size_t columns = summed_inputs(tape, layer_dir) + tape->engine->shape.hidden;
    float *sum = slot_of(tape, layer_dir, slot) + from * columns,
          *bias = slot_of(tape, layer_dir, slot) + gate_rows(tape) * columns + from;
    cells chunk = {0};
    for (size_t block = tape->segment[layer_dir->segment + 1]; next_block(tape, layer_dir, slots, slot, &block);) {
        const bool first_block = block + 1 + slot == tape->blocks;
        for (size_t number = 0; next_chunk(tape, block, number, &chunk); number++) {
            const float *da = sl_grad_gates(tape, layer_dir, chunk.iteration, chunk.rank) + from;
            const bool first = first_block && number == 0;
            gather(thread, layer_dir, chunk);
            sl_blis_gemm(rows, columns, chunk.count, (sl_operand){da, tape->gate_stride, true},
                         (sl_operand){thread->own->gathered, columns, false}, !first, sum, columns);
            if (first)
                memset(bias, 0, rows * sizeof *bias);
            tape->engine->kernel->add_rows(chunk.count, rows, da, tape->gate_stride, bias);
        }
    }
}

/* da by token, of some of its columns. */
static void sum_tokens(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t columns)
{
    const sluice_tape *tape = thread->tape;
    const size_t gates = gate_rows(tape);
    if (layer_dir->segment + 1 == tape->segments)
        for (size_t token = 0; token < tape->engine->shape.vocabulary; token++)
            memset(tape->table + token * gates + from, 0, columns * sizeof *tape->table);
    for (size_t block = tape->segment[layer_dir->segment + 1]; block-- > tape->segment[layer_dir->segment];) {
        cells at = {.iteration = tape->block[block]};
        for (size_t k = block_cells(tape, block); k > 0; k--, at = next_cell(tape, at)) {
            const size_t token = sl_tape_token(tape, layer_dir->direction, at.iteration, at.rank);
            tape->engine->kernel->add_rows(1, columns, sl_grad_gates(tape, layer_dir, at.iteration, at.rank) + from, 0,
                                           tape->table + token * gates + from);
        }
    }
}

/* ---- dx --------------------------------------------------------------------------------------------------------------------- */

/* What of a row's dx goes on below the dropout between the layers. */
static void drop(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t step, size_t rank, float *dx)
{
    const sl_dropout drop = {.probability = tape->batch.dropout,
                             .key = tape->batch.dropout_key,
                             .layer = layer_dir->layer - 1,
                             .row = tape->order[rank],
                             .step = step};
    sl_dropout_apply(&drop, 0, sl_tape_inputs(tape, layer_dir->k), dx, dx);
}

/* dx = W' da of a block's cells; the second direction adds to the first's. */
static void make_inputs(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t block)
{
    const sluice_tape *tape = thread->tape;
    const sl_tape_scratch *own = thread->own;
    const size_t gates = gate_rows(tape), inputs = sl_tape_inputs(tape, layer_dir->k);
    const bool is_last = layer_dir->direction + 1 == tape->engine->shape.directions;
    const bool drops = is_last && layer_dir->layer > 0 && tape->drops;
    cells chunk = {0};
    for (size_t number = 0; next_chunk(tape, block, number, &chunk); number++) {
        const float *da = sl_grad_gates(tape, layer_dir, chunk.iteration, chunk.rank);
        sl_blis_gemm(chunk.count, inputs, gates, (sl_operand){da, tape->gate_stride, false},
                     (sl_operand){tape->engine->layers[layer_dir->k].weight_ih, inputs, false}, false, own->product, inputs);
        cells at = chunk;
        for (size_t k = 0; k < chunk.count; k++, at = next_cell(tape, at)) {
            const size_t step = sl_tape_step(tape, layer_dir->direction, at.rank, at.iteration);
            float *dx = layer_dir->dx + (tape->first[step] + at.rank) * tape->grad_stride;
            sl_grad_put(dx, own->product + k * inputs, inputs, layer_dir->direction > 0);
            if (drops)
                drop(tape, layer_dir, step, at.rank, dx);
        }
    }
}

/* ---- The phases ------------------------------------------------------------------------------------------------------------- */

enum { TOKEN_COLUMNS = 128 };

void sl_grad_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    const size_t gates = gate_rows(tape), slots = sl_tape_slots(gates, tape->blocks), tiles = sl_tape_tiles(gates, slots);
    const size_t sums = wants_weights(thread, layer_dir) ? slots * tiles : 0;
    const size_t tokens = wants_table(thread, layer_dir) ? sl_size_div_up(gates, TOKEN_COLUMNS) : 0;
    const size_t first = tape->segment[layer_dir->segment], end = tape->segment[layer_dir->segment + 1];
    const size_t products = wants_inputs(thread, layer_dir) && !has_table(tape, layer_dir) ? end - first : 0;
    for (size_t task; (task = sl_grad_next(thread)) < sums + tokens + products;) {
        if (task < sums) {
            const size_t tile = task % tiles, from = gates * tile / tiles;
            sum_tile(thread, layer_dir, task / tiles, slots, from, gates * (tile + 1) / tiles - from);
        } else if (task < sums + tokens) {
            const size_t from = (task - sums) * TOKEN_COLUMNS;
            sum_tokens(thread, layer_dir, from, sl_size_min(TOKEN_COLUMNS, gates - from));
        } else {
            make_inputs(thread, layer_dir, first + task - sums - tokens);
        }
    }
    sl_grad_end_phase(thread);
}

/* Columns [from, from + count) of a row of all slots, one after the other, to `to`. Without a cell it is zero. */
static void add_slots(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t offset, size_t count, float *to)
{
    const sluice_tape *tape = thread->tape;
    const size_t slots = sl_tape_slots(gate_rows(tape), tape->blocks);
    float *sum = thread->own->product;
    memset(sum, 0, count * sizeof *sum);
    for (size_t slot = 0; slot < slots && tape->blocks > 0; slot++)
        sl_grad_put(sum, slot_of(tape, layer_dir, slot) + offset, count, slot > 0);
    sl_grad_put(to, sum, count, thread->grad->gradient->accumulate);
}

/* Rows [from, to) of dW, dU and db to the caller. */
static void finish_rows(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t inputs = summed_inputs(tape, layer_dir), hidden = tape->engine->shape.hidden, columns = inputs + hidden;
    float *weight_ih = array_of(gradient->weight_ih, layer_dir->k), *weight_hh = array_of(gradient->weight_hh, layer_dir->k);
    float *bias = array_of(gradient->bias, layer_dir->k);
    for (size_t row = from; row < to; row++) {
        if (weight_ih && inputs)
            add_slots(thread, layer_dir, row * columns, inputs, weight_ih + row * inputs);
        if (weight_hh)
            add_slots(thread, layer_dir, row * columns + inputs, hidden, weight_hh + row * hidden);
        if (bias)
            add_slots(thread, layer_dir, gate_rows(tape) * columns + row, 1, bias + row);
    }
}

/* Rows [from, to) of dW by way of the sums by token: da' E, of the V rows of each. */
static void finish_table_rows(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    float *weight_ih = array_of(thread->grad->gradient->weight_ih, layer_dir->k), *product = thread->own->product;
    if (!weight_ih)
        return;
    if (tape->blocks > 0)
        sl_blis_gemm(to - from, shape->inputs, shape->vocabulary, (sl_operand){tape->table + from, gate_rows(tape), true},
                     (sl_operand){tape->engine->embedding, shape->inputs, false}, false, product, shape->inputs);
    else
        memset(product, 0, (to - from) * shape->inputs * sizeof *product);
    sl_grad_put(weight_ih + from * shape->inputs, product, (to - from) * shape->inputs, thread->grad->gradient->accumulate);
}

/* Rows [from, to) of the embedding's gradient, da W by token; both directions' sum goes to the caller. */
static void finish_tokens(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t gates = gate_rows(tape), count = (to - from) * shape->inputs;
    float *sum = tape->embedding + from * shape->inputs;
    if (!gradient->embedding)
        return;
    if (tape->blocks > 0)
        sl_blis_gemm(to - from, shape->inputs, gates, (sl_operand){tape->table + from * gates, gates, false},
                     (sl_operand){tape->engine->layers[layer_dir->k].weight_ih, shape->inputs, false}, layer_dir->direction > 0,
                     sum, shape->inputs);
    else
        memset(sum, 0, count * sizeof *sum);
    if (layer_dir->direction + 1 == shape->directions)
        sl_grad_put(gradient->embedding + from * shape->inputs, sum, count, gradient->accumulate);
}

void sl_grad_end_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    enum { ROWS = 64 };
    const sluice_tape *tape = thread->tape;
    const sluice_shape *shape = &tape->engine->shape;
    const size_t gates = gate_rows(tape), vocabulary = wants_table(thread, layer_dir) ? shape->vocabulary : 0;
    const size_t table_rows = sl_size_min(tape->chunk_cells, ROWS); /* as many have room in own->product */
    const size_t groups = sl_grad_groups(tape), rows = wants_weights(thread, layer_dir) ? sl_size_div_up(gates, ROWS) : 0;
    const size_t of_table = vocabulary ? sl_size_div_up(gates, table_rows) : 0, tokens = sl_size_div_up(vocabulary, ROWS);
    for (size_t task; (task = sl_grad_next(thread)) < groups + rows + of_table + tokens;) {
        if (task < groups) {
            sl_grad_first_states(thread, layer_dir, task);
        } else if (task < groups + rows) {
            const size_t from = (task - groups) * ROWS;
            finish_rows(thread, layer_dir, from, sl_size_min(gates, from + ROWS));
        } else if (task < groups + rows + of_table) {
            const size_t from = (task - groups - rows) * table_rows;
            finish_table_rows(thread, layer_dir, from, sl_size_min(gates, from + table_rows));
        } else {
            const size_t from = (task - groups - rows - of_table) * ROWS;
            finish_tokens(thread, layer_dir, from, sl_size_min(vocabulary, from + ROWS));
        }
    }
    sl_grad_end_phase(thread);
}

/* ---- Inputs ----------------------------------------------------------------------------------------------------------------- */

static void store_row(const sl_grad_thread *thread, const float *dx, size_t rank)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t inputs = tape->engine->shape.inputs, row = tape->order[rank];
    float *to = gradient->dx + (gradient->dx_offsets ? gradient->dx_offsets[row] : row * gradient->dx_row_stride);
    for (size_t t = 0; t < tape->lengths[rank]; t++)
        sl_grad_put(to + t * gradient->dx_step_stride, dx + (tape->first[t] + rank) * tape->grad_stride, inputs,
                    gradient->accumulate);
    for (size_t t = tape->lengths[rank]; !gradient->accumulate && !gradient->dx_offsets && t < tape->batch.steps; t++)
        memset(to + t * gradient->dx_step_stride, 0, inputs * sizeof *to);
}

/* The embedding's rows [from, to): each the sum of its cells' dx, in their order. */
static void store_tokens(const sl_grad_thread *thread, const float *dx, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t inputs = tape->engine->shape.inputs;
    for (size_t token = from; token < to; token++)
        tape->token_first[token] = SIZE_MAX;
    for (size_t t = tape->steps; t-- > 0;) /* each is put before those that are there */
        for (size_t rank = sl_tape_running(tape, t); rank-- > 0;) {
            const size_t token = sl_tape_token(tape, 0, t, rank), cell = tape->first[t] + rank;
            if (token >= from && token < to) {
                tape->token_next[cell] = tape->token_first[token];
                tape->token_first[token] = cell;
            }
        }
    float *sum = thread->own->product;
    for (size_t token = from; token < to; token++) {
        memset(sum, 0, inputs * sizeof *sum);
        for (size_t cell = tape->token_first[token]; cell != SIZE_MAX; cell = tape->token_next[cell])
            sl_grad_put(sum, dx + cell * tape->grad_stride, inputs, true);
        sl_grad_put(gradient->embedding + token * inputs, sum, inputs, gradient->accumulate);
    }
}

void sl_grad_inputs(sl_grad_thread *thread, const float *dx)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->grad->gradient;
    const size_t vocabulary = tape->engine->shape.vocabulary, shares = thread->count;
    const size_t rows = gradient->dx ? tape->rows : 0;
    const size_t tokens = gradient->embedding && !tape->engine->layers[0].table ? shares : 0;
    for (size_t task; (task = sl_grad_next(thread)) < rows + tokens;) {
        if (task < rows)
            store_row(thread, dx, task);
        else
            store_tokens(thread, dx, vocabulary * (task - rows) / shares, vocabulary * (task - rows + 1) / shares);
    }
    sl_grad_end_phase(thread);
}
