#include "engine/forward/row_block.h"

#include "engine/batch_row.h"
#include "engine/forward/tail.h"
#include "engine/forward/tape_record.h"
#include "engine/streams.h"

#include <string.h>

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

static void list_unmasked(const sl_forward_thread *t, size_t r)
{
    const sluice_batch *batch = t->call->batch;
    const uint8_t *mask = batch->mask + t->rows[r] * batch->mask_row_stride;
    uint32_t *list = t->group->unmasked + r * t->call->sizes->mask_steps;
    for (size_t step = 0; step < sl_row_steps(t, r); step++)
        if (mask[step * batch->mask_step_stride])
            *list++ = (uint32_t)step;
}

void sl_row_block_load(const sl_forward_thread *t)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    const sl_row_range range = sl_row_range_of(t);
    for (size_t r = range.from; r < range.to; r++) {
        const size_t row = t->rows[r];
        t->group->lengths[r] = sl_row_length(batch->lengths, batch->steps, row);
        if (batch->mask)
            list_unmasked(t, r);
        t->group->x_first[r] = sl_layout_row(sl_layout_of_x(batch), row);
        t->group->y_first[r] = sl_layout_row(sl_layout_of_y(batch), row);
        for (size_t k = 0; k < engine->network->layer_dirs; k++) {
            const sl_state *state = &t->group->states[k];
            const sl_packed *packed = &engine->layers[k];
            load_state(h0_of(batch, packed, k, row), packed->dir->h_width, packed->h_stride, state->h[0] + r * packed->h_stride);
            load_state(c0_of(batch, packed, k, row), packed->dir->c_width, packed->c_stride, state->c + r * packed->c_stride);
        }
    }
    sl_tape_record_states(t, range.from, range.to);
}

static void store_states(const sl_forward_thread *t, sl_row_range range)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        const sl_layer_dir *dir = engine->layers[k].dir;
        const size_t h_bytes = dir->h_width * sizeof(float), c_bytes = dir->c_width * sizeof(float);
        for (size_t r = range.from; r < range.to; r++) {
            const size_t row = t->rows[r];
            const float *h = sl_final_h(t, k, r), *c = t->group->states[k].c + r * engine->layers[k].c_stride;
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

/* ---- After the last iteration ---------------------------------------------------------------------------------------------- */

static void clear_y_behind_ends(const sl_forward_thread *t, sl_row_range range)
{
    for (size_t r = range.from; r < range.to; r++)
        for (size_t step = sl_row_steps(t, r); step < t->call->batch->steps; step++)
            memset(sl_y_row(t, r, step), 0, t->call->engine->network->outputs * sizeof(float));
}

static void clear_step_logits_behind_ends(const sl_forward_thread *t, sl_row_range range)
{
    const sluice_batch *batch = t->call->batch;
    const size_t classes = t->call->engine->network->ends;
    for (size_t r = range.from; r < range.to; r++) {
        const size_t steps = sl_row_steps(t, r);
        memset(batch->step_logits + (t->rows[r] * batch->steps + steps) * classes, 0,
               (batch->steps - steps) * classes * sizeof *batch->step_logits);
    }
}

static void clear_outputs_behind_ends(const sl_forward_thread *t, sl_row_range range)
{
    const sluice_batch *batch = t->call->batch;
    const sl_network *network = t->call->engine->network;
    for (size_t k = 0; k < batch->output_count; k++) {
        const sluice_output *output = &batch->outputs[k];
        const size_t bytes = network->widths[output->layer] * sizeof(float);
        for (size_t r = range.from; output->layer < network->reducing_layer && r < range.to; r++)
            for (size_t step = sl_row_steps(t, r); step < batch->steps; step++)
                memset(output->at + t->rows[r] * output->row_stride + step * output->step_stride, 0, bytes);
    }
}

void sl_row_block_store(const sl_forward_thread *t)
{
    const sluice_batch *batch = t->call->batch;
    const sl_row_range range = sl_row_range_of(t);
    if (batch->hn || batch->cn || batch->streams)
        store_states(t, range);
    if (t->call->runs_vectors && range.from < range.to)
        sl_tail_run_vectors(t);
    if (batch->output_count)
        clear_outputs_behind_ends(t, range);
    if (batch->step_logits)
        clear_step_logits_behind_ends(t, range);
    if (batch->y && sl_layout_has_padding(sl_layout_of_y(batch)))
        clear_y_behind_ends(t, range);
}
