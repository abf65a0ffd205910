#include "cli/train/series/train_windows.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

void sl_window_rows_destroy(sl_window_rows *rows)
{
    if (!rows)
        return;
    sl_series_table_release(&rows->series);
    free(rows->first);
    free(rows->targets);
    free(rows);
}

size_t sl_window_rows_count(const sl_window_rows *rows)
{
    return rows->first[rows->series.count];
}

size_t sl_window_rows_count_targets(const sl_window_rows *rows)
{
    return (rows->windows.last_horizon - rows->windows.first_horizon + 1) * rows->series.target_count;
}

/* Steps of a window and its targets; of a whole series the fewest that have a target. */
static size_t get_span(const sl_windows *windows)
{
    return sl_size_max(windows->steps, 1) + windows->last_horizon;
}

static sl_exit count_rows(sl_window_rows *rows)
{
    const sl_series_table *series = &rows->series;
    const bool are_whole = sl_windows_are_whole(&rows->windows);
    const size_t span = get_span(&rows->windows);
    size_t skipped = 0;
    for (size_t n = 0; n < series->count; n++) {
        const size_t length = sl_series_table_get_length(series, n);
        const size_t found = are_whole ? length >= span : sl_windows_count(&rows->windows, length);
        rows->first[n + 1] = rows->first[n] + found;
        skipped += !found;
    }
    if (!sl_window_rows_count(rows) && are_whole)
        return sl_report(SL_EXIT_DATA,
                         "%s: none of the %zu series has a target, for which it needs %zu steps; give a smaller --horizon",
                         sl_report_input(series->path), series->count, span);
    if (!sl_window_rows_count(rows))
        return sl_report(SL_EXIT_DATA,
                         "%s: none of the %zu series has a window and its targets, %zu steps; give a smaller --window or --horizon",
                         sl_report_input(series->path), series->count, span);
    if (skipped)
        sl_report_note("%s: %zu of %zu series are skipped, as %s %zu steps", sl_report_input(series->path), skipped, series->count,
                       are_whole ? "a step and its targets take" : "a window and its targets take", span);
    return SL_EXIT_OK;
}

sl_exit sl_window_rows_create(sl_series_table *series, const sl_windows *windows, sl_window_rows **rows)
{
    sl_window_rows *made = calloc(1, sizeof *made);
    *rows = NULL;
    if (!made) {
        sl_series_table_release(series);
        return sl_report_memory("the windows");
    }
    made->series = *series;
    made->windows = *windows;
    *series = (sl_series_table){0};
    made->first = calloc(made->series.count + 1, sizeof *made->first);
    const sl_exit code = made->first ? count_rows(made) : sl_report_memory("the windows");
    if (code)
        sl_window_rows_destroy(made);
    else
        *rows = made;
    return code;
}

/* The step, among those of all series, with which a row begins. */
static size_t get_begin(const sl_window_rows *rows, size_t row)
{
    size_t n = 0, end = rows->series.count; /* rows->first[n] <= row < rows->first[end] */
    while (end - n > 1) {
        const size_t middle = n + (end - n) / 2;
        if (rows->first[middle] <= row)
            n = middle;
        else
            end = middle;
    }
    return rows->series.starts[n] + (row - rows->first[n]) * rows->windows.hop;
}

size_t sl_window_rows_get_offset(const sl_window_rows *rows, size_t row)
{
    return get_begin(rows, row) * rows->series.width;
}

/* Make room for the targets of so many steps. */
static bool reserve_targets(sl_window_rows *rows, size_t steps)
{
    size_t floats, bytes;
    if (steps <= rows->room)
        return true;
    if (!sl_size_mul(steps, sl_window_rows_count_targets(rows), &floats) || !sl_size_mul(floats, sizeof(float), &bytes))
        return false;
    float *targets = realloc(rows->targets, bytes);
    rows->targets = targets ? targets : rows->targets;
    rows->room = targets ? steps : rows->room;
    return targets != NULL;
}

sl_exit sl_window_rows_get_targets(sl_window_rows *rows, size_t step, size_t count, const float **targets)
{
    const sl_series_table *series = &rows->series;
    if (!reserve_targets(rows, count))
        return sl_report_memory("the targets");
    float *to = rows->targets;
    for (size_t t = step; t < step + count; t++)
        for (size_t horizon = rows->windows.first_horizon; horizon <= rows->windows.last_horizon; horizon++)
            for (size_t k = 0; k < series->target_count; k++)
                *to++ = series->values[(t + horizon) * series->width + series->targets[k]];
    *targets = rows->targets;
    return SL_EXIT_OK;
}

/* ---- Training and validation ------------------------------------------------------------------------------------------------ */

size_t *sl_window_rows_get_lengths(const sl_window_rows *rows, double share)
{
    size_t *lengths = calloc(rows->series.count, sizeof *lengths);
    for (size_t n = 0; lengths && n < rows->series.count; n++) {
        const size_t steps = sl_series_table_get_length(&rows->series, n);
        const size_t last = (size_t)round(share * (double)steps);
        lengths[n] = steps - sl_size_min(last, steps);
    }
    if (!lengths)
        sl_report_memory("the series");
    return lengths;
}

static void append_rows(size_t first, size_t end, size_t *list, size_t *count)
{
    for (size_t row = first; row < end; row++)
        list[(*count)++] = row;
}

/* The rows of series n that are for training, first[n] .. *end - 1, and for validation, *begin .. first[n + 1] - 1. */
static void split_series(const sl_window_rows *rows, size_t n, size_t length, size_t *end, size_t *begin)
{
    const size_t all = rows->first[n + 1] - rows->first[n];
    *end = rows->first[n] + sl_windows_count(&rows->windows, length);
    *begin = rows->first[n] + sl_size_min(sl_windows_find_behind(&rows->windows, length), all);
}

sl_exit sl_window_rows_split(const sl_window_rows *rows, const size_t *lengths, size_t **training, size_t *training_count,
                             size_t **validation, size_t *validation_count)
{
    size_t end, begin, counts[2] = {0};
    for (size_t n = 0; n < rows->series.count; n++) {
        split_series(rows, n, lengths[n], &end, &begin);
        counts[0] += end - rows->first[n];
        counts[1] += rows->first[n + 1] - begin;
    }
    if (!counts[0] || !counts[1])
        return sl_report(
            SL_EXIT_DATA, "%s: --validate-last leaves no windows for %s; give a %s share, or a smaller --window or --horizon",
            sl_report_input(rows->series.path), counts[0] ? "validation" : "training", counts[0] ? "larger" : "smaller");
    *training = calloc(counts[0], sizeof **training);
    *validation = calloc(counts[1], sizeof **validation);
    if (!*training || !*validation)
        return sl_report_memory("the order of the rows");
    *training_count = *validation_count = 0;
    for (size_t n = 0; n < rows->series.count; n++) {
        split_series(rows, n, lengths[n], &end, &begin);
        append_rows(rows->first[n], end, *training, training_count);
        append_rows(begin, rows->first[n + 1], *validation, validation_count);
    }
    return SL_EXIT_OK;
}
