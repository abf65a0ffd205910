#include "train/ranks/shard_batch.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/batch_row.h"
#include "engine/check.h"

#include <stdbool.h>
#include <string.h>

/* Copy the states h, or c, of some rows between an array of all rows' and one of theirs. */
static void copy_states(const sl_network *network, bool is_c, float *of_whole, size_t rows, size_t first, float *of_part,
                        size_t part_rows, bool to_whole)
{
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        const size_t bytes = part_rows * (is_c ? dir->c_width : dir->h_width) * sizeof(float);
        float *whole = of_whole + (is_c ? sl_c_offset(dir, rows, first) : sl_h_offset(dir, rows, first));
        float *part = of_part + (is_c ? sl_c_offset(dir, part_rows, 0) : sl_h_offset(dir, part_rows, 0));
        if (bytes)
            memcpy(to_whole ? whole : part, to_whole ? part : whole, bytes);
    }
}

static sluice_status place_states(sl_shard_batch *own, const sl_network *network, const sluice_batch *whole, size_t first,
                                  sluice_batch *part, sluice_error *error)
{
    if (!whole->h0 && !whole->c0 && !whole->hn && !whole->cn)
        return SLUICE_STATUS_OK;
    const size_t rows = part->rows, h = network->h_floats, c = network->c_floats;
    const sluice_status status = sl_buffer_fit(&own->states, rows, h + c, 2, "the states of a shard", error);
    if (status)
        return status;
    float *at = own->states.floats;
    if (whole->h0) {
        copy_states(network, false, (float *)whole->h0, whole->rows, first, at, rows, false);
        part->h0 = at;
    }
    if (whole->c0) {
        copy_states(network, true, (float *)whole->c0, whole->rows, first, at + rows * h, rows, false);
        part->c0 = at + rows * h;
    }
    part->hn = whole->hn ? at + rows * (h + c) : NULL;
    part->cn = whole->cn ? at + rows * (2 * h + c) : NULL;
    return SLUICE_STATUS_OK;
}

/* A stream's slot is by default that of its row's index. */
static sluice_status place_slots(sl_shard_batch *own, const sluice_batch *whole, size_t first, sluice_batch *part,
                                 sluice_error *error)
{
    if (whole->slots)
        part->slots = whole->slots + first;
    if (!whole->streams || whole->slots)
        return SLUICE_STATUS_OK;
    if (own->slot_count < whole->rows) {
        size_t *slots = sl_alloc_array(whole->rows, sizeof *slots);
        if (!slots)
            return sl_fail_memory(error, "the slots of a shard", whole->rows * sizeof *slots);
        for (size_t row = 0; row < whole->rows; row++)
            slots[row] = row;
        sl_free(own->slots);
        own->slots = slots;
        own->slot_count = whole->rows;
    }
    part->slots = own->slots + first;
    return SLUICE_STATUS_OK;
}

/* Whether all rows begin within memory. */
static bool fits(const sl_network *network, const sluice_batch *whole)
{
    const sl_layout x = sl_layout_fill(sl_layout_of_x(whole), whole->steps, network->step_inputs);
    const sl_layout y = sl_layout_fill(sl_layout_of_y(whole), whole->steps, network->outputs);
    bool fit = sl_strides_fit(whole->rows, x.offsets ? 0 : x.row_stride, 0, 0, 0) &&
               sl_strides_fit(whole->rows, y.offsets ? 0 : y.row_stride, 0, 0, 0) &&
               sl_strides_fit(whole->rows, whole->mask_row_stride, 0, 0, 0) &&
               sl_floats_fit(whole->rows, whole->steps, sl_size_max(1, network->ends));
    for (size_t k = 0; whole->outputs && k < whole->output_count && k < SLUICE_MAX_OUTPUTS; k++)
        fit = fit && sl_strides_fit(whole->rows, whole->outputs[k].row_stride, 0, 0, 0);
    return fit;
}

static void place_outputs(sl_shard_batch *own, const sl_network *network, const sluice_batch *whole, size_t first,
                          sluice_batch *part)
{
    if (!whole->outputs || whole->output_count > SLUICE_MAX_OUTPUTS)
        return; /* sluice_forward refuses them */
    for (size_t k = 0; k < whole->output_count; k++) {
        sluice_output *output = &own->outputs[k];
        *output = whole->outputs[k];
        if (output->layer >= network->description.layer_count || !output->at)
            continue; /* likewise */
        const size_t steps = output->layer < network->reducing_layer ? whole->steps : 1;
        const bool is_contiguous = !output->row_stride && !output->step_stride;
        output->at += first * (is_contiguous ? steps * network->widths[output->layer] : output->row_stride);
    }
    part->outputs = own->outputs;
}

/* Have an array of a batch begin with row `first`. */
#define BEGIN_WITH(array, distance) ((array) = (array) ? (array) + (distance) : NULL)

static void place_arrays(const sl_network *network, const sluice_batch *whole, size_t first, sluice_batch *part)
{
    const size_t steps = whole->steps, classes = network->ends;
    const sl_layout x = sl_layout_fill(sl_layout_of_x(whole), steps, network->step_inputs);
    const sl_layout y = sl_layout_fill(sl_layout_of_y(whole), steps, network->outputs);
    const size_t x_first = x.offsets ? 0 : first * x.row_stride, y_first = y.offsets ? 0 : first * y.row_stride;
    BEGIN_WITH(part->lengths, first);
    BEGIN_WITH(part->x, x_first);
    BEGIN_WITH(part->tokens, x_first);
    BEGIN_WITH(part->byte_tokens, x_first);
    BEGIN_WITH(part->y, y_first);
    BEGIN_WITH(part->x_offsets, first);
    BEGIN_WITH(part->y_offsets, first);
    BEGIN_WITH(part->logits, first * classes);
    BEGIN_WITH(part->step_logits, first * steps * classes);
    BEGIN_WITH(part->mask, first * (whole->mask_row_stride || whole->mask_step_stride ? whole->mask_row_stride : steps));
}

sluice_status sl_shard_batch_begin(sl_shard_batch *own, const sl_network *network, const sluice_batch *whole, size_t first,
                                   size_t rows, sluice_batch *part, sluice_error *error)
{
    *part = *whole;
    part->rows = rows;
    part->dropout_row += first;
    if (rows == whole->rows)
        return SLUICE_STATUS_OK;
    if (!fits(network, whole))
        return sl_fail_size(error, "the batch");
    place_arrays(network, whole, first, part);
    place_outputs(own, network, whole, first, part);
    sluice_status status = place_states(own, network, whole, first, part, error);
    if (!status)
        status = place_slots(own, whole, first, part, error);
    return status;
}

void sl_shard_batch_end(const sl_network *network, const sluice_batch *whole, size_t first, const sluice_batch *part)
{
    if (part->rows == whole->rows)
        return;
    if (whole->hn)
        copy_states(network, false, whole->hn, whole->rows, first, part->hn, part->rows, true);
    if (whole->cn)
        copy_states(network, true, whole->cn, whole->rows, first, part->cn, part->rows, true);
}

void sl_shard_batch_free(sl_shard_batch *own)
{
    sl_free(own->states.floats);
    sl_free(own->slots);
}
