#include "cli/train/data/minibatch.h"

#include "base/size.h"
#include "cli/train/data/row_digests.h"
#include "program/ranks/rank_group.h"

#include <stdlib.h>
#include <string.h>

void sl_minibatch_release(sl_minibatch *minibatch)
{
    free(minibatch->cut);
    free(minibatch->bounds);
    free(minibatch->numbers);
    free(minibatch->offsets);
    free(minibatch->lengths);
    free(minibatch->x);
    free(minibatch->tokens);
    free(minibatch->labels);
    free(minibatch->values);
    free(minibatch->weights);
    *minibatch = (sl_minibatch){0};
}

sl_exit sl_minibatch_set_shards(sl_minibatch *minibatch, size_t shards)
{
    minibatch->shards = shards;
    sluice_shards_of_rank(shards, sl_group_get_own(), sl_group_count(), &minibatch->first_shard, &minibatch->shard_end);
    minibatch->cut = calloc(shards + 1, sizeof *minibatch->cut);
    minibatch->bounds = calloc(shards + 1, sizeof *minibatch->bounds);
    return minibatch->cut && minibatch->bounds ? SL_EXIT_OK : sl_report_memory("the shards");
}

void sl_minibatch_select(sl_minibatch *minibatch, const sl_data *data, const size_t *rows, size_t count, bool every_step)
{
    minibatch->data = data;
    minibatch->rows = rows;
    minibatch->count = count;
    minibatch->every_step = every_step || data->every_step;
    minibatch->longest = 0;
    for (size_t n = 0; n < count; n++)
        minibatch->longest = sl_size_max(minibatch->longest, sl_data_get_length(data, rows[n]));
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

static sl_exit fail_memory(void)
{
    return sl_report(SL_EXIT_FAILURE, "out of memory for a batch; use a smaller --batch, or raise the limit");
}

sl_exit sl_minibatch_cut(sl_minibatch *minibatch)
{
    sluice_error error;
    if (!reserve_rows(minibatch))
        return fail_memory();
    for (size_t n = 0; n < minibatch->count; n++)
        minibatch->lengths[n] = (int64_t)sl_data_get_length(minibatch->data, minibatch->rows[n]);
    return sl_report_status(
        sluice_shards_cut(minibatch->count, minibatch->longest, minibatch->lengths, minibatch->shards, minibatch->cut, &error),
        &error);
}

static bool reserve_targets(sl_minibatch *minibatch, size_t steps)
{
    size_t count;
    if (!sl_size_mul(minibatch->own, minibatch->every_step ? steps : 1, &count) ||
        !sl_size_mul(count, minibatch->data->target_width, &count))
        return false;
    if (minibatch->data->labels)
        minibatch->labels = reserve(minibatch->labels, &minibatch->targets_room, count, sizeof *minibatch->labels);
    else
        minibatch->values = reserve(minibatch->values, &minibatch->targets_room, count, sizeof *minibatch->values);
    return minibatch->labels || minibatch->values;
}

size_t sl_minibatch_get_targets(const sl_minibatch *minibatch, size_t n, size_t *first)
{
    *first = n * (minibatch->every_step ? minibatch->batch.steps : 1);
    return minibatch->every_step ? (size_t)minibatch->lengths[minibatch->first + n] : 1;
}

/* Copy the targets of this rank's row n, whose first step is step `begin` of the row. */
static sl_exit take_targets(sl_minibatch *minibatch, size_t n, size_t begin)
{
    const sl_data *data = minibatch->data;
    const size_t width = data->target_width, row = minibatch->rows[minibatch->numbers[minibatch->first + n]];
    size_t first;
    const size_t targets = sl_minibatch_get_targets(minibatch, n, &first);
    const float *values = NULL;
    const sl_exit code = data->labels
                             ? SL_EXIT_OK
                             : sl_data_get_values(data, row, data->every_step ? begin : 0, data->every_step ? targets : 1, &values);
    for (size_t t = 0; !code && t < targets; t++) {
        const size_t from = data->every_step ? t : 0, to = first + t;
        if (data->labels)
            minibatch->labels[to] = data->labels[data->every_step ? row * data->steps + begin + t : row];
        else
            memcpy(minibatch->values + to * width, values + from * width, width * sizeof *values);
    }
    return code;
}

/* Before this rank's rows are used for the first time: that other ranks have the same. */
static sl_exit check_rows(const sl_minibatch *minibatch)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t n = minibatch->first; !code && n < minibatch->first + minibatch->own; n++)
        code = sl_row_digests_check(minibatch->data, minibatch->rows[minibatch->numbers[n]]);
    return code;
}

/* Read this rank's rows of data in a file: their steps from step `begin` on. */
static sl_exit read_inputs(sl_minibatch *minibatch, size_t begin)
{
    const sl_data *data = minibatch->data;
    const size_t end = minibatch->first + minibatch->own;
    size_t count = 0;
    for (size_t n = minibatch->first; n < end; n++) {
        minibatch->offsets[n] = count;
        count += (size_t)minibatch->lengths[n] * data->width; /* fits, as the file has them */
    }
    if (data->has_x)
        minibatch->x = reserve(minibatch->x, &minibatch->inputs_room, count, sizeof *minibatch->x);
    else
        minibatch->tokens = reserve(minibatch->tokens, &minibatch->inputs_room, count, sizeof *minibatch->tokens);
    if (!minibatch->x && !minibatch->tokens)
        return fail_memory();
    sl_exit code = SL_EXIT_OK;
    for (size_t n = minibatch->first; !code && n < end; n++) {
        const size_t steps = (size_t)minibatch->lengths[n];
        const void *inputs;
        code = sl_data_get_inputs(data, minibatch->rows[minibatch->numbers[n]], begin, steps, &inputs);
        if (!code && data->has_x)
            memcpy(minibatch->x + minibatch->offsets[n], inputs, steps * data->width * sizeof *minibatch->x);
        else if (!code)
            memcpy(minibatch->tokens + minibatch->offsets[n], inputs, steps * sizeof *minibatch->tokens);
    }
    return code;
}

/* Give the batch the weights of the targets of this rank's rows, whose first step is step `begin`. */
static sl_exit take_weights(sl_minibatch *minibatch, size_t begin)
{
    const size_t count = minibatch->own * (minibatch->every_step ? minibatch->batch.steps : 1); /* as many as targets */
    if (!sl_data_has_weights(minibatch->data))
        return SL_EXIT_OK;
    minibatch->weights = reserve(minibatch->weights, &minibatch->weights_room, count, sizeof *minibatch->weights);
    if (!minibatch->weights)
        return fail_memory();
    for (size_t n = 0; n < minibatch->own; n++) {
        size_t first;
        const size_t targets = sl_minibatch_get_targets(minibatch, n, &first);
        const size_t row = minibatch->rows[minibatch->numbers[minibatch->first + n]];
        for (size_t t = 0; t < targets; t++)
            minibatch->weights[first + t] = sl_data_get_weight(minibatch->data, row, begin + t);
    }
    minibatch->batch.sample_weights = minibatch->weights;
    return SL_EXIT_OK;
}

sl_exit sl_minibatch_make(sl_minibatch *minibatch, size_t begin, size_t most)
{
    const sl_data *data = minibatch->data;
    const size_t left = minibatch->longest - begin, steps = left < most ? left : most;
    size_t count = 0, shard = 0;
    minibatch->steps = 0;
    for (size_t n = 0; n < minibatch->count; n++) {
        for (; minibatch->cut[shard] <= n && shard < minibatch->shards; shard++)
            minibatch->bounds[shard] = count;
        const size_t row = minibatch->rows[n], length = sl_data_get_length(data, row);
        if (begin && length <= begin)
            continue;
        minibatch->numbers[count] = n;
        minibatch->offsets[count] = sl_data_get_offset(data, row) + begin * data->stride;
        minibatch->lengths[count] = (int64_t)(length - begin < steps ? length - begin : steps);
        minibatch->steps += (uint64_t)minibatch->lengths[count++];
    }
    for (; shard <= minibatch->shards; shard++)
        minibatch->bounds[shard] = count;
    minibatch->first = minibatch->bounds[minibatch->first_shard];
    minibatch->own = minibatch->bounds[minibatch->shard_end] - minibatch->first;
    minibatch->batch = (sluice_batch){
        .struct_size = sizeof minibatch->batch,
        .steps = steps,
        .rows = count,
        .lengths = minibatch->lengths,
        .shards = minibatch->bounds,
        .x = data->x,
        .tokens = data->tokens,
        .x_step_stride = data->stride,
        .x_offsets = minibatch->offsets + minibatch->first,
    };
    if (!reserve_targets(minibatch, steps))
        return fail_memory();
    sl_exit code = check_rows(minibatch);
    if (!code && data->file)
        code = read_inputs(minibatch, begin);
    if (data->file) {
        minibatch->batch.x = minibatch->x;
        minibatch->batch.tokens = minibatch->tokens;
    }
    for (size_t n = 0; !code && n < minibatch->own; n++)
        code = take_targets(minibatch, n, begin);
    return code ? code : take_weights(minibatch, begin);
}

size_t sl_minibatch_get_number(const sl_minibatch *minibatch, size_t n)
{
    return minibatch->rows[minibatch->numbers[n]] + minibatch->data->first;
}
