#include "cli/series/window_reader.h"

#include "base/size.h"
#include "cli/series/series_steps.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void sl_window_reader_close(sl_window_reader *reader)
{
    sl_series_close(reader->series);
    free(reader->from);
    free(reader->block);
    free(reader->x);
    free(reader->offsets);
    *reader = (sl_window_reader){0};
}

/* ---- Opening --------------------------------------------------------------------------------------------------------------- */

/* The numbers of an array's row that columns are, by their numbers; a model of named columns has them all, in their order. */
static sl_exit choose_numbers(sl_window_reader *reader, const sl_name_list *columns, size_t width)
{
    bool has_numbers = true;
    for (size_t k = 0; k < columns->count; k++) {
        char *end;
        const unsigned long long number = strtoull(columns->names[k], &end, 10);
        has_numbers = has_numbers && !*end && number >= 1 && number <= width;
        reader->from[k] = has_numbers ? (size_t)number - 1 : k;
    }
    for (size_t k = 0; !has_numbers && k < columns->count; k++)
        reader->from[k] = k;
    if (has_numbers || columns->count == width)
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_DATA, "%s: expected the %zu columns of the model, found %zu", sl_report_input(reader->path),
                     columns->count, width);
}

static sl_exit choose_columns(sl_window_reader *reader, const sl_csv_options *table, const sl_name_list *columns)
{
    sl_csv_options options = *table;
    sluice_error error;
    options.columns = columns->names;
    options.column_count = columns->count;
    options.are_of_model = true;
    reader->width = columns->count;
    reader->from = calloc(columns->count, sizeof *reader->from);
    if (!reader->from)
        return sl_report_memory("the columns");
    if (sl_series_open(reader->path, &options, &reader->series, &error))
        return sl_report_error(&error);
    for (size_t k = 0; k < columns->count; k++)
        reader->from[k] = k;
    return sl_series_get_loss(reader->series) ? choose_numbers(reader, columns, sl_series_get_width(reader->series)) : SL_EXIT_OK;
}

sl_exit sl_window_reader_open(const char *path, const sl_csv_options *table, const sl_name_list *columns, const sl_windows *windows,
                              size_t most, sl_window_reader *reader)
{
    size_t block, floats;
    *reader = (sl_window_reader){.path = path, .windows = *windows, .most = most, .left = SIZE_MAX};
    const sl_exit code = choose_columns(reader, table, columns);
    if (code)
        return code;
    reader->room = windows->steps + windows->last_horizon + most; /* each is far below the largest size */
    if (sl_size_mul(most, sl_series_get_width(reader->series), &block) && sl_size_mul(reader->room, reader->width, &floats)) {
        reader->block = calloc(block, sizeof *reader->block);
        reader->x = calloc(floats, sizeof *reader->x);
        reader->offsets = calloc(most, sizeof *reader->offsets);
    }
    return reader->block && reader->x && reader->offsets ? SL_EXIT_OK : sl_report_memory_of_rows("the windows");
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static void begin_series(sl_window_reader *reader)
{
    reader->skipped += reader->has_steps && !reader->runs;
    reader->number += reader->has_steps;
    reader->begin = reader->held = reader->next = reader->runs = 0;
    reader->has_steps = false;
}

/* Drop the steps before the next window. */
static void drop_steps(sl_window_reader *reader)
{
    const size_t before = reader->next - reader->begin, drop = before < reader->held ? before : reader->held;
    reader->held -= drop;
    reader->begin += drop;
    memmove(reader->x, reader->x + drop * reader->width, reader->held * reader->width * sizeof *reader->x);
}

/* Read some steps behind those that are held. */
static sl_exit read_steps(sl_window_reader *reader)
{
    const size_t width = sl_series_get_width(reader->series);
    sl_series_rows rows;
    const sl_exit code = sl_series_steps_read(reader->series, reader->most, reader->block, &rows);
    if (code)
        return code;
    reader->read_from = reader->begin + reader->held;
    for (size_t t = 0; t < rows.count; t++, reader->held++)
        for (size_t k = 0; k < reader->width; k++)
            reader->x[reader->held * reader->width + k] = reader->block[t * width + reader->from[k]];
    reader->has_steps = reader->has_steps || rows.count;
    reader->ends = rows.ends;
    reader->is_over = rows.is_last;
    return SL_EXIT_OK;
}

static void note_skipped(const sl_window_reader *reader, size_t skipped, size_t count)
{
    if (skipped)
        sl_report_note("%s: %zu of %zu series %s too short for a window of %zu step%s%s, and skipped",
                       sl_report_input(reader->path), skipped, count, skipped == 1 ? "is" : "are", reader->windows.steps,
                       reader->windows.steps == 1 ? "" : "s", reader->windows.last_horizon ? " and its targets" : "");
}

/* Those that are wanted of the windows all of whose steps are there. */
static void give_windows(sl_window_reader *reader, sl_window_batch *batch)
{
    const size_t span = reader->windows.steps + reader->windows.last_horizon;
    *batch = (sl_window_batch){.x = reader->x, .offsets = reader->offsets, .series = reader->number};
    for (; reader->left && reader->next + span <= reader->begin + reader->held; reader->next += reader->windows.hop) {
        reader->runs++;
        if (reader->before) {
            reader->before--;
            continue;
        }
        if (!batch->rows)
            batch->first_step = reader->next;
        reader->offsets[batch->rows++] = (reader->next - reader->begin) * reader->width;
        reader->left--;
    }
}

sl_exit sl_window_reader_next(sl_window_reader *reader, sl_window_batch *batch)
{
    *batch = (sl_window_batch){0};
    while (!batch->rows && reader->left && !reader->is_over) {
        if (reader->ends)
            begin_series(reader);
        drop_steps(reader);
        const sl_exit code = read_steps(reader);
        if (code)
            return code;
        give_windows(reader, batch);
    }
    if (!batch->rows && reader->left) {
        begin_series(reader);
        note_skipped(reader, reader->skipped, reader->number);
        reader->skipped = 0;
    }
    return SL_EXIT_OK;
}

sl_exit sl_window_reader_make_batch(const sl_window_reader *reader, const sl_window_batch *windows, sluice_streams *streams,
                                    sluice_batch *batch)
{
    static const size_t slot = 0;
    sluice_error error;
    *batch = (sluice_batch){.struct_size = sizeof *batch,
                            .rows = windows->rows,
                            .steps = reader->windows.steps,
                            .x = windows->x,
                            .x_step_stride = reader->width,
                            .x_offsets = windows->offsets};
    if (!streams)
        return SL_EXIT_OK;
    batch->rows = 1;
    batch->steps = windows->rows;
    batch->streams = streams;
    batch->slots = &slot;
    return windows->first_step ? SL_EXIT_OK : sl_report_status(sluice_streams_set(streams, slot, NULL, NULL, &error), &error);
}

/* ---- A part of the windows ------------------------------------------------------------------------------------------------- */

sl_exit sl_window_reader_count(sl_window_reader *reader, size_t *count)
{
    size_t series, steps;
    sl_window_batch batch;
    sl_exit code;
    *count = 0;
    if (sl_series_get_size(reader->series, &series, &steps)) {
        const size_t windows = sl_windows_count(&reader->windows, steps);
        *count = series * windows;
        note_skipped(reader, steps && !windows ? series : 0, series);
        return SL_EXIT_OK;
    }
    do {
        code = sl_window_reader_next(reader, &batch);
        *count += batch.rows;
    } while (!code && batch.rows);
    return code;
}

sl_exit sl_window_reader_choose(sl_window_reader *reader, size_t first, size_t count)
{
    size_t series, steps;
    sluice_error error;
    reader->before = first;
    reader->left = count;
    if (!count || !sl_series_get_size(reader->series, &series, &steps))
        return SL_EXIT_OK;
    const size_t windows = sl_windows_count(&reader->windows, steps), step = first % windows * reader->windows.hop;
    const sluice_status status = sl_series_seek(reader->series, first / windows, step, &error);
    if (status == SLUICE_STATUS_UNSUPPORTED)
        return SL_EXIT_OK;
    reader->number = first / windows;
    reader->begin = reader->next = step;
    reader->before = 0;
    return sl_report_status(status, &error);
}

const char *sl_window_reader_get_text(const sl_window_reader *reader, size_t step, size_t k, size_t *bytes)
{
    return sl_series_get_text(reader->series, step - reader->read_from, k, bytes);
}
