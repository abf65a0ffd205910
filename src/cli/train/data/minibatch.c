#include "cli/train/data/minibatch.h"

#include <stdlib.h>
#include <string.h>

void sl_minibatch_release(sl_minibatch *feed)
{
    free(feed->numbers);
    free(feed->offsets);
    free(feed->lengths);
    free(feed->labels);
    free(feed->values);
    *feed = (sl_minibatch){0};
}

void sl_minibatch_take(sl_minibatch *feed, const sl_data *data, const size_t *rows, size_t count, bool every_step)
{
    feed->data = data;
    feed->rows = rows;
    feed->count = count;
    feed->every_step = every_step || data->every_step;
    feed->longest = 0;
    for (size_t n = 0; n < count; n++)
        feed->longest = (size_t)data->lengths[rows[n]] > feed->longest ? (size_t)data->lengths[rows[n]] : feed->longest;
}

/* An array of at least `count` elements of `bytes` bytes in place of `held`, of `*room`, whose elements are lost. NULL: no
 * memory. */
static void *reserve(void *held, size_t *room, size_t count, size_t bytes)
{
    if (held && count <= *room)
        return held;
    free(held);
    *room = count ? count : 1;
    return calloc(*room, bytes);
}

static bool reserve_rows(sl_minibatch *feed)
{
    size_t numbers = feed->rows_room, offsets = feed->rows_room;
    feed->numbers = reserve(feed->numbers, &numbers, feed->count, sizeof *feed->numbers);
    feed->offsets = reserve(feed->offsets, &offsets, feed->count, sizeof *feed->offsets);
    feed->lengths = reserve(feed->lengths, &feed->rows_room, feed->count, sizeof *feed->lengths);
    return feed->numbers && feed->offsets && feed->lengths;
}

static bool reserve_targets(sl_minibatch *feed, size_t steps)
{
    size_t count;
    if (__builtin_mul_overflow(feed->count, feed->every_step ? steps : 1, &count) ||
        __builtin_mul_overflow(count, feed->data->target_width, &count))
        return false;
    if (feed->data->labels)
        feed->labels = reserve(feed->labels, &feed->targets_room, count, sizeof *feed->labels);
    else
        feed->values = reserve(feed->values, &feed->targets_room, count, sizeof *feed->values);
    return feed->labels || feed->values;
}

/* The targets of row n of the batch, whose first step is the row's step `begin`. */
static void take_targets(sl_minibatch *feed, size_t n, size_t begin)
{
    const sl_data *data = feed->data;
    const size_t width = data->target_width, row = feed->rows[feed->numbers[n]];
    const size_t targets = feed->every_step ? (size_t)feed->lengths[n] : 1, apart = feed->every_step ? feed->batch.steps : 1;
    for (size_t t = 0; t < targets; t++) {
        const size_t from = data->every_step ? row * data->steps + begin + t : row, to = n * apart + t;
        if (data->labels)
            feed->labels[to] = data->labels[from];
        else
            memcpy(feed->values + to * width, data->values + from * width, width * sizeof *feed->values);
    }
}

sl_exit sl_minibatch_make(sl_minibatch *feed, size_t begin, size_t most)
{
    const sl_data *data = feed->data;
    const size_t left = feed->longest - begin, steps = left < most ? left : most;
    if (!reserve_rows(feed) || !reserve_targets(feed, steps))
        return sl_report(SL_EXIT_FAILURE, "out of memory for a batch; use a smaller --batch, or raise the limit");
    size_t count = 0;
    feed->steps = 0;
    for (size_t n = 0; n < feed->count; n++) {
        const size_t row = feed->rows[n], length = (size_t)data->lengths[row];
        if (begin && length <= begin)
            continue;
        feed->numbers[count] = n;
        feed->offsets[count] = data->offsets[row] + begin * data->width;
        feed->lengths[count] = (int64_t)(length - begin < steps ? length - begin : steps);
        feed->steps += (uint64_t)feed->lengths[count++];
    }
    feed->batch = (sluice_batch){
        .struct_size = sizeof feed->batch,
        .steps = steps,
        .rows = count,
        .lengths = feed->lengths,
        .x = data->x,
        .tokens = data->tokens,
        .x_step_stride = data->width,
        .x_offsets = feed->offsets,
    };
    for (size_t n = 0; n < count; n++)
        take_targets(feed, n, begin);
    return SL_EXIT_OK;
}

size_t sl_minibatch_get_number(const sl_minibatch *feed, size_t n)
{
    return feed->rows[feed->numbers[n]] + feed->data->first;
}
