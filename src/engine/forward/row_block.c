#include "engine/forward/row_block.h"

#include "base/size.h"
#include "engine/forward/tape_record.h"
#include "engine/streams.h"

#include <math.h>
#include <string.h>

/* The rows of the row block that a thread loads and stores. */
typedef struct row_range {
    size_t from, to;
} row_range;

static row_range range_of(const sl_forward_thread *t)
{
    return (row_range){t->row_count * t->index / t->threads, t->row_count * (t->index + 1) / t->threads};
}

/* ---- States ---------------------------------------------------------------------------------------------------------------- */

/* Where h, or c, of a row before the first step is, in the batch or as it was learned; NULL: it is zero. */
static const float *h0_of(const sluice_batch *batch, const sl_packed *packed, size_t layer_dir, size_t row)
{
    if (batch->streams)
        return sl_streams_h(batch->streams, sl_streams_slot(batch->slots, row), layer_dir);
    return batch->h0 ? batch->h0 + sl_h_offset(packed->dir, batch->rows, row) : packed->initial_h;
}

static const float *c0_of(const sluice_batch *batch, const sl_packed *packed, size_t layer_dir, size_t row)
{
    if (batch->streams)
        return sl_streams_c(batch->streams, sl_streams_slot(batch->slots, row), layer_dir);
    return batch->c0 ? batch->c0 + sl_c_offset(packed->dir, batch->rows, row) : packed->initial_c;
}

/* One row of h or c, zeros if `from` is NULL. Padding behind it is zero. */
static void load_state(const float *from, size_t width, size_t stride, float *to)
{
    const size_t count = from ? width : 0;
    if (count)
        memcpy(to, from, count * sizeof *to);
    memset(to + count, 0, (stride - count) * sizeof *to);
}

void sl_row_block_load(const sl_forward_thread *t)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    const row_range range = range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        const size_t row = t->rows[r], offset = batch->x_offsets ? batch->x_offsets[row] : row * batch->x_row_stride;
        t->group->lengths[r] = batch->lengths ? (size_t)batch->lengths[row] : batch->steps;
        t->group->x_row[r] = batch->x ? batch->x + offset : NULL;
        t->group->token_row[r] = batch->tokens ? batch->tokens + offset : NULL;
        for (size_t k = 0; k < engine->network->layer_dirs; k++) {
            const sl_state *state = &t->group->states[k];
            const sl_packed *packed = &engine->layers[k];
            load_state(h0_of(batch, packed, k, row), packed->dir->h_width, packed->h_stride, state->h[0] + r * packed->h_stride);
            load_state(c0_of(batch, packed, k, row), packed->dir->c_width, packed->c_stride, state->c + r * packed->c_stride);
        }
    }
    sl_tape_record_states(t, range.from, range.to);
}

/* h of a row after its last iteration. */
static const float *final_h(const sl_forward_thread *t, size_t layer_dir, size_t r)
{
    return t->group->states[layer_dir].h[t->group->lengths[r] % 2] + r * t->call->engine->layers[layer_dir].h_stride;
}

static void store_states(const sl_forward_thread *t, row_range range)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        const sl_layer_dir *dir = engine->layers[k].dir;
        const size_t h_bytes = dir->h_width * sizeof(float), c_bytes = dir->c_width * sizeof(float);
        for (size_t r = range.from; r < range.to; r++) {
            const size_t row = t->rows[r];
            const float *h = final_h(t, k, r), *c = t->group->states[k].c + r * engine->layers[k].c_stride;
            if (batch->hn)
                memcpy(batch->hn + sl_h_offset(dir, batch->rows, row), h, h_bytes);
            if (batch->cn)
                memcpy(batch->cn + sl_c_offset(dir, batch->rows, row), c, c_bytes);
            if (batch->streams) {
                const size_t slot = sl_streams_slot(batch->slots, row);
                memcpy(sl_streams_h(batch->streams, slot, k), h, h_bytes);
                memcpy(sl_streams_c(batch->streams, slot, k), c, c_bytes);
            }
        }
    }
}

/* ---- The head -------------------------------------------------------------------------------------------------------------- */

/* Multiply the head with scratch->x[0..count-1], into scratch->logits. */
static void apply_head(const sluice_engine *engine, const sl_thread_scratch *scratch, size_t count)
{
    for (size_t r = 0; r < count; r++)
        scratch->start[r] = engine->head_bias;
    engine->kernel->product(&engine->head, count, scratch->start, scratch->x, scratch->logits, engine->head_width);
}

/* Copy a row of what apply_head made. */
static void copy_logits(const sluice_engine *engine, const sl_thread_scratch *scratch, size_t r, float *logits)
{
    const float *from = scratch->logits + r * engine->head_width;
    for (size_t k = 0; k < engine->shape.classes; k++) {
        const uint32_t nan = SL_NAN_BITS; /* which of several NaNs in h0 a sum passes on is the compiler's choice */
        memcpy(&logits[k], isnan(from[k]) ? (const void *)&nan : &from[k], sizeof logits[k]);
    }
}

static void store_logits(const sl_forward_thread *t, row_range range)
{
    const sluice_engine *engine = t->call->engine;
    const sl_thread_scratch *scratch = t->scratch;
    const sl_lstm_layer *last = &engine->network->lstm[engine->network->lstm_layers - 1];
    const size_t count = range.to - range.from;
    for (size_t r = 0; r < count; r++) {
        float *h = scratch->final_h + r * last->outputs;
        for (size_t k = last->first; k < last->first + last->directions; k++)
            memcpy(h + engine->layers[k].dir->first_output, final_h(t, k, range.from + r),
                   engine->layers[k].dir->h_width * sizeof *h);
        scratch->x[r] = h;
    }
    apply_head(engine, scratch, count);
    for (size_t r = 0; r < count; r++)
        copy_logits(engine, scratch, r, t->call->batch->logits + t->rows[range.from + r] * engine->shape.classes);
}

static void store_step_logits(const sl_forward_thread *t, row_range range, const sl_layer_rows *outputs)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    const sl_thread_scratch *scratch = t->scratch;
    const size_t classes = engine->shape.classes, most = t->call->sizes.block_rows;
    for (size_t r = range.from; r < range.to; r++) {
        float *logits = batch->step_logits + t->rows[r] * batch->steps * classes;
        const size_t steps = t->group->lengths[r];
        for (size_t step = 0; step < steps; step += most) {
            const size_t count = sl_size_min(most, steps - step);
            for (size_t k = 0; k < count; k++)
                scratch->x[k] = outputs->at ? sl_layer_row(t, outputs, r, step + k) : sl_y_row(t, r, step + k);
            apply_head(engine, scratch, count);
            for (size_t k = 0; k < count; k++)
                copy_logits(engine, scratch, k, logits + (step + k) * classes);
        }
        memset(logits + steps * classes, 0, (batch->steps - steps) * classes * sizeof *logits);
    }
}

/* ---- After the last iteration ---------------------------------------------------------------------------------------------- */

static void clear_y_behind_ends(const sl_forward_thread *t, row_range range)
{
    for (size_t r = range.from; r < range.to; r++)
        for (size_t step = t->group->lengths[r]; step < t->call->batch->steps; step++)
            memset(sl_y_row(t, r, step), 0, t->call->engine->network->outputs * sizeof(float));
}

void sl_row_block_store(const sl_forward_thread *t, const sl_layer_rows *outputs)
{
    const sluice_batch *batch = t->call->batch;
    const row_range range = range_of(t);
    if (batch->hn || batch->cn || batch->streams)
        store_states(t, range);
    if (batch->logits && range.from < range.to)
        store_logits(t, range);
    if (batch->step_logits)
        store_step_logits(t, range, outputs);
    if (batch->y)
        clear_y_behind_ends(t, range);
}
