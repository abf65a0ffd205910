#include "cli/train/data/row_digests.h"

#include "base/size.h"
#include "cli/digest.h"
#include "program/interrupt.h"
#include "program/ranks/rank_group.h"
#include "sluice_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest token of some rows, and the first row that has it; -1: none. */
typedef struct largest_token {
    int64_t token;
    uint64_t row;
} largest_token;

/* ---- A row ------------------------------------------------------------------------------------------------------------------ */

/* Refuse a non-finite number among `steps` steps of `width` numbers. */
static sl_exit check_finite(const char *path, const char *what, size_t row, const float *numbers, size_t steps, size_t width)
{
    for (size_t k = 0; k < steps * width; k++)
        if (!isfinite(numbers[k]))
            return sl_report(SL_EXIT_DATA,
                             "%s: row %zu, step %zu, %s %zu: expected a finite number, found %s; correct the data, or leave out "
                             "the row",
                             sl_report_input(path), row, k / width, what, k % width,
                             isnan(numbers[k]) ? "nan"
                             : numbers[k] > 0  ? "inf"
                                               : "-inf");
    return SL_EXIT_OK;
}

static sl_exit add_inputs(const sl_data *data, size_t row, uint64_t *digest, largest_token *largest)
{
    const size_t steps = (size_t)data->lengths[row];
    const void *inputs;
    sl_exit code = sl_data_get_inputs(data, row, 0, steps, &inputs);
    if (!code && data->has_x)
        code = check_finite(data->path, "input", row, inputs, steps, data->width);
    if (code)
        return code;
    size_t step;
    const int32_t token = data->has_x ? -1 : sl_data_find_largest(inputs, steps, &step);
    if (token > largest->token)
        *largest = (largest_token){token, row};
    *digest = sl_digest_add(*digest, inputs, steps * data->width * sizeof(float)); /* tokens are as wide */
    return SL_EXIT_OK;
}

static sl_exit add_targets(const sl_data *data, size_t row, uint64_t *digest)
{
    const size_t targets = sl_data_count_targets(data, row);
    const float *values;
    if (data->labels) {
        *digest = sl_digest_add(*digest, sl_data_get_labels(data, row), targets * sizeof *data->labels);
        return SL_EXIT_OK;
    }
    sl_exit code = sl_data_get_values(data, row, 0, targets, &values);
    code = code ? code : check_finite(data->target_path, "value", row, values, targets, data->target_width);
    if (!code)
        *digest = sl_digest_add(*digest, values, targets * data->target_width * sizeof *values);
    return code;
}

/* Continue *digest with a row, and *largest. */
static sl_exit add_row(const sl_data *data, size_t row, uint64_t *digest, largest_token *largest)
{
    const sl_exit code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : add_inputs(data, row, digest, largest);
    return code ? code : add_targets(data, row, digest);
}

sl_exit sl_row_digests_chain(const sl_data *data, uint64_t *digest)
{
    largest_token unused = {.token = -1};
    sl_exit code = SL_EXIT_OK;
    for (size_t row = 0; !code && !data->windows && row < data->rows; row++)
        code = add_row(data, row, digest, &unused);
    return code;
}

/* ---- The rows of all ranks -------------------------------------------------------------------------------------------------- */

/* The rows that a rank reads. */
static size_t get_share(const sl_data *data, size_t rank, size_t *first)
{
    size_t end;
    sluice_shards_of_rank(data->rows, rank, sl_group_count(), first, &end);
    return end - *first;
}

static sl_exit read_share(const sl_data *data, uint64_t *digests, largest_token *largest)
{
    size_t first;
    const size_t count = get_share(data, sl_group_get_own(), &first);
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; !code && n < count; n++) {
        digests[n] = SL_DIGEST_BEGIN;
        code = add_row(data, first + n, &digests[n], largest);
    }
    return code;
}

/* Put the digests of all ranks, which are `most` apart, one behind the other. */
static void close_gaps(const sl_data *data, size_t most, uint64_t *digests)
{
    for (size_t r = 0; r < sl_group_count(); r++) {
        size_t first;
        const size_t count = get_share(data, r, &first);
        memmove(digests + first, digests + r * most, count * sizeof *digests);
    }
}

static void take_largest(sl_data *data, const largest_token *all)
{
    data->largest = -1;
    for (size_t r = 0; r < sl_group_count(); r++)
        if (all[r].token > data->largest) {
            data->largest = (int32_t)all[r].token;
            data->largest_row = (size_t)all[r].row;
        }
}

/* Read this rank's share, and gather the digests [ranks][most] and the largest tokens [ranks]. `own` [most] is for the share's. */
static sl_exit gather(const sl_data *data, size_t most, uint64_t *own, uint64_t *digests, largest_token *all)
{
    largest_token largest = {.token = -1};
    const bool has_room = own && digests && all;
    sl_exit code = has_room ? read_share(data, own, &largest) : sl_report_memory("the digests of the rows");
    code = sl_group_agree(code);
    code = code ? code : sl_group_gather(own, most * sizeof *own, digests);
    return code ? code : sl_group_gather(&largest, sizeof largest, all);
}

sl_exit sl_row_digests_make(sl_data *data, uint64_t *digest)
{
    const size_t ranks = sl_group_count(), most = data->rows / ranks + 1;
    size_t room, first;
    if (data->windows)
        return SL_EXIT_OK;
    const bool fits = sl_size_mul(most, ranks, &room);
    uint64_t *own = calloc(most, sizeof *own);
    largest_token *all = calloc(ranks, sizeof *all);
    data->row_digests = fits ? calloc(room, sizeof *data->row_digests) : NULL;
    const sl_exit code = gather(data, most, own, data->row_digests, all);
    if (!code) {
        take_largest(data, all);
        close_gaps(data, most, data->row_digests);
        *digest = sl_digest_add(*digest, data->row_digests, data->rows * sizeof *data->row_digests);
        const size_t count = get_share(data, sl_group_get_own(), &first);
        memset(data->row_digests + first, 0, count * sizeof *data->row_digests); /* this rank has read them */
    }
    if (ranks == 1) {
        free(data->row_digests);
        data->row_digests = NULL;
    }
    free(own);
    free(all);
    return code;
}

/* ---- Rows that other ranks have read ---------------------------------------------------------------------------------------- */

static sl_exit fail_other(const sl_data *data, size_t row)
{
    size_t rank = 0, first, count = get_share(data, 0, &first);
    while (row >= first + count)
        count = get_share(data, ++rank, &first);
    return sl_report(SL_EXIT_DATA, "%s: %s %zu, or its target, is not that of rank %zu; give all ranks the same data",
                     sl_report_input(data->path), data->row_name, row + data->first, rank);
}

sl_exit sl_row_digests_check(const sl_data *data, size_t row)
{
    largest_token unused = {.token = -1};
    uint64_t digest = SL_DIGEST_BEGIN;
    if (!data->row_digests || !data->row_digests[row])
        return SL_EXIT_OK;
    const sl_exit code = add_row(data, row, &digest, &unused);
    if (!code && digest != data->row_digests[row])
        return fail_other(data, row);
    data->row_digests[row] = code ? data->row_digests[row] : 0;
    return code;
}
