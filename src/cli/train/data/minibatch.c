#include "cli/train/data/minibatch.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

void sl_minibatch_release(sl_minibatch *minibatch)
{
    free(minibatch->numbers);
    free(minibatch->offsets);
    free(minibatch->lengths);
    free(minibatch->labels);
    free(minibatch->values);
    free(minibatch->weights);
    *minibatch = (sl_minibatch){0};
}

void sl_minibatch_select(sl_minibatch *minibatch, const sl_data *data, const size_t *rows, size_t count, bool every_step)
{
    minibatch->data = data;
    minibatch->rows = rows;
    minibatch->count = count;
    minibatch->every_step = every_step || data->every_step;
    minibatch->longest = 0;
    for (size_t n = 0; n < count; n++)
        minibatch->longest =
            (size_t)data->lengths[rows[n]] > minibatch->longest ? (size_t)data->lengths[rows[n]] : minibatch->longest;
}

/* Return an array of at least `count` elements of `bytes` bytes: `held`, which has *room elements, or a new one in its place, without
 * its contents. NULL: out of memory. */
static void *reserve(void *held, size_t *room, size_t count, size_t bytes)
{
    if (held && count <= *room)
        return held;
    free(held);
    *room = count ? count : 1;
    return calloc(*room, bytes);
}

static bool reserve_rows(sl_minibatch *minibatch)
{
    size_t numbers = minibatch->rows_room, offsets = minibatch->rows_room;
    minibatch->numbers = reserve(minibatch->numbers, &numbers, minibatch->count, sizeof *minibatch->numbers);
    minibatch->offsets = reserve(minibatch->offsets, &offsets, minibatch->count, sizeof *minibatch->offsets);
    minibatch->lengths = reserve(minibatch->lengths, &minibatch->rows_room, minibatch->count, sizeof *minibatch->lengths);
    return minibatch->numbers && minibatch->offsets && minibatch->lengths;
}

static bool reserve_targets(sl_minibatch *minibatch, size_t steps)
{
    size_t count;
    if (!sl_size_mul(minibatch->count, minibatch->every_step ? steps : 1, &count) ||
        !sl_size_mul(count, minibatch->data->target_width, &count))
        return false;
    if (minibatch->data->labels)
        minibatch->labels = reserve(minibatch->labels, &minibatch->targets_room, count, sizeof *minibatch->labels);
    else
        minibatch->values = reserve(minibatch->values, &minibatch->targets_room, count, sizeof *minibatch->values);
    return minibatch->labels || minibatch->values;
}

/* Copy the targets of row n of the batch, whose first step is step `begin` of the row. */
static void take_targets(sl_minibatch *minibatch, size_t n, size_t begin)
{
    const sl_data *data = minibatch->data;
    const size_t width = data->target_width, row = minibatch->rows[minibatch->numbers[n]];
    const size_t targets = minibatch->every_step ? (size_t)minibatch->lengths[n] : 1,
                 stride = minibatch->every_step ? minibatch->batch.steps : 1;
    for (size_t t = 0; t < targets; t++) {
        const size_t from = data->every_step ? row * data->steps + begin + t : row, to = n * stride + t;
        if (data->labels)
            minibatch->labels[to] = data->labels[from];
        else
            memcpy(minibatch->values + to * width, data->values + from * width, width * sizeof *minibatch->values);
    }
}

/* Give the batch, whose first step is step `begin` of its rows, the weights of its targets. */
static sl_exit take_weights(sl_minibatch *minibatch, size_t begin)
{
    const sl_sample_weights *weights = &minibatch->data->sample_weights;
    sluice_batch *batch = &minibatch->batch;
    const size_t stride = minibatch->every_step ? batch->steps : 1;
    if (!weights->values)
        return SL_EXIT_OK;
    minibatch->weights = reserve(minibatch->weights, &minibatch->weights_room, batch->rows * stride, sizeof *minibatch->weights);
    if (!minibatch->weights)
        return sl_report_memory("the weights of a batch");
    for (size_t n = 0; n < batch->rows; n++)
        for (size_t t = 0; t < (minibatch->every_step ? (size_t)minibatch->lengths[n] : 1); t++)
            minibatch->weights[n * stride + t] = sl_sample_weights_get(weights, minibatch->rows[minibatch->numbers[n]], begin + t);
    batch->sample_weights = minibatch->weights;
    return SL_EXIT_OK;
}

sl_exit sl_minibatch_make(sl_minibatch *minibatch, size_t begin, size_t most)
{
    const sl_data *data = minibatch->data;
    const size_t left = minibatch->longest - begin, steps = left < most ? left : most;
    if (!reserve_rows(minibatch) || !reserve_targets(minibatch, steps))
        return sl_report(SL_EXIT_FAILURE, "out of memory for a batch; use a smaller --batch, or raise the limit");
    size_t count = 0;
    minibatch->steps = 0;
    for (size_t n = 0; n < minibatch->count; n++) {
        const size_t row = minibatch->rows[n], length = (size_t)data->lengths[row];
        if (begin && length <= begin)
            continue;
        minibatch->numbers[count] = n;
        minibatch->offsets[count] = data->offsets[row] + begin * data->width;
        minibatch->lengths[count] = (int64_t)(length - begin < steps ? length - begin : steps);
        minibatch->steps += (uint64_t)minibatch->lengths[count++];
    }
    minibatch->batch = (sluice_batch){
        .struct_size = sizeof minibatch->batch,
        .steps = steps,
        .rows = count,
        .lengths = minibatch->lengths,
        .x = data->x,
        .tokens = data->tokens,
        .x_step_stride = data->width,
        .x_offsets = minibatch->offsets,
    };
    for (size_t n = 0; n < count; n++)
        take_targets(minibatch, n, begin);
    return take_weights(minibatch, begin);
}

size_t sl_minibatch_get_number(const sl_minibatch *minibatch, size_t n)
{
    return minibatch->rows[minibatch->numbers[n]] + minibatch->data->first;
}
