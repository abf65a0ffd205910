/* sluice run over series, of a model that was trained on some: the forecasts of each window, or of each step of whole series, as a line of
 * a table or a row of an array. */
#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/digest.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/npy_array.h"
#include "cli/layer_output.h"
#include "cli/output/row_writer.h"
#include "cli/series/forecast.h"
#include "cli/series/window_reader.h"
#include "program/paths.h"
#include "program/progress.h"

#include <stdlib.h>

typedef struct series_run {
    sl_run_session *run;
    sl_forecast forecast;
    sl_name_list kept; /* columns that are carried through */
    sl_window_reader reader;
    sluice_streams *streams; /* of whole series, which are read as windows of one step; else NULL */
    sl_row_writer *writer;   /* of a table */
    sl_npy_array array;      /* [windows][width]; without a path where a table is written */
    size_t array_row;        /* of the next window */
    bool has_names;          /* series have names, by --sequence-column */
    size_t width;
    size_t most;    /* windows of a batch */
    float *outputs; /* [most][width]; the array's where one is written */
    size_t windows; /* where they are counted, how many there are, of the part */
    size_t digest_series,
        digest_steps; /* with --shard: of which series the first so many steps are in the digest, where windows have them */
    bool done;        /* with --skip-done: the part is there already */
} series_run;

static sl_exit choose_sizes(series_run *series)
{
    const sl_options *options = series->run->options;
    if (!sl_name_list_split(options->keep, &series->kept))
        return sl_report_memory("the names of columns");
    series->width = sl_forecast_count_outputs(&series->forecast);
    const double bytes = (double)(series->width + 2 * series->forecast.inputs.count) * sizeof(float);
    series->most = sl_chunk_rows_get(options, series->run->info.threads, bytes);
    return SL_EXIT_OK;
}

static sl_exit open_reader(series_run *series)
{
    const sl_options *options = series->run->options;
    sl_csv_options table = sl_series_options_get_table(&options->series);
    sl_windows windows;
    const sl_exit code = sl_forecast_choose_windows(&series->forecast, &options->series, &windows);
    if (code)
        return code;
    table.text_columns = series->kept.names;
    table.text_count = series->kept.count;
    windows.first_horizon = windows.last_horizon = 0; /* the targets are still to come */
    series->has_names = table.sequence_column != NULL;
    return sl_window_reader_open(options->input, &table, &series->forecast.inputs, &windows, series->most, &series->reader);
}

static sl_exit create_table(series_run *series)
{
    const sl_options *options = series->run->options;
    sl_columns columns = {0};
    sl_exit code = sl_columns_add(&columns, "series");
    code = code ? code : sl_columns_add(&columns, "step");
    for (size_t k = 0; !code && k < series->kept.count; k++)
        code = sl_columns_add(&columns, sl_series_get_text_column(series->reader.series, k)[0]
                                            ? sl_series_get_text_column(series->reader.series, k)
                                            : series->kept.names[k]);
    for (size_t k = 0; !code && k < series->width; k++) {
        char name[SL_FORECAST_NAME_BYTES];
        code = sl_columns_add(&columns, sl_forecast_name_output(&series->forecast, k, name));
    }
    code = code ? code
                : sl_row_writer_create(options->output, options->output_format, &columns, series->run->shard.part <= 1,
                                       &series->writer);
    sl_columns_release(&columns);
    return code;
}

/* The last step of a window, in its series. */
static size_t get_last_step(const series_run *series, const sl_window_batch *batch, size_t k)
{
    const sl_windows *windows = &series->reader.windows;
    return batch->first_step + k * windows->hop + windows->steps - 1;
}

static sl_exit write_window(series_run *series, const sl_window_batch *batch, size_t k)
{
    sl_row_writer *writer = series->writer;
    const size_t last_step = get_last_step(series, batch, k);
    size_t bytes;
    const char *name = sl_series_get_name(series->reader.series, &bytes);
    if (series->has_names)
        sl_row_writer_put_text(writer, name, bytes);
    else
        sl_row_writer_put_count(writer, batch->series);
    sl_row_writer_put_count(writer, last_step);
    for (size_t c = 0; c < series->kept.count; c++) {
        const char *text = sl_window_reader_get_text(&series->reader, last_step, c, &bytes);
        sl_row_writer_put_text(writer, text, bytes);
    }
    for (size_t c = 0; c < series->width; c++)
        sl_row_writer_put_number(writer, series->outputs[k * series->width + c]);
    return sl_row_writer_end(writer);
}

static sl_exit write_array(series_run *series, size_t rows)
{
    const sl_exit code = sl_npy_array_write(&series->array, series->array_row, rows);
    series->array_row += rows;
    return code;
}

static sl_exit write_table(series_run *series, const sl_window_batch *windows)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < windows->rows; k++)
        code = write_window(series, windows, k);
    return code ? code : sl_row_writer_flush(series->writer); /* someone may wait for them */
}

static sl_exit run_windows(series_run *series, const sl_window_batch *windows)
{
    const sl_layer_output end = sl_layer_output_of_end(series->run->model);
    const sluice_output output = {.layer = end.layer, .at = series->outputs};
    sluice_batch batch;
    sl_exit code = sl_window_reader_make_batch(&series->reader, windows, series->streams, &batch);
    if (code)
        return code;
    if (end.field == SL_OUTPUT_LOGITS) {
        batch.logits = series->outputs;
    } else {
        batch.outputs = &output;
        batch.output_count = 1;
    }
    code = sl_run_forward(series->run, &batch, (uint64_t)batch.rows * batch.steps);
    if (series->streams)
        series->run->stats.rows = windows->series + 1; /* a series is a row */
    const double started = sl_clock_get();
    if (!code)
        code = series->array.path ? write_array(series, windows->rows) : write_table(series, windows);
    series->run->stats.write_seconds += sl_clock_get() - started;
    return code;
}

/* ---- --shard --------------------------------------------------------------------------------------------------------------- */

/* Continue the digest of the part's share of the input: the places of its windows, each of their steps once, and what is written with
 * them. */
static void add_digest(series_run *series, const sl_window_batch *batch)
{
    const sl_window_reader *reader = &series->reader;
    uint64_t digest = series->run->shard.read;
    for (size_t k = 0; series->run->shard.parts && k < batch->rows; k++) {
        const size_t last = get_last_step(series, batch, k), first = last + 1 - reader->windows.steps;
        const size_t known = batch->series == series->digest_series ? series->digest_steps : 0;
        size_t bytes;
        const char *text = sl_series_get_name(reader->series, &bytes);
        digest = sl_digest_add(digest, (const size_t[]){batch->series, last}, 2 * sizeof last);
        digest = sl_digest_add(digest, text, bytes);
        for (size_t t = known > first ? known : first; t <= last; t++)
            digest =
                sl_digest_add(digest, batch->x + batch->offsets[k] + (t - first) * reader->width, reader->width * sizeof *batch->x);
        for (size_t c = 0; c < series->kept.count; c++) {
            text = sl_window_reader_get_text(reader, last, c, &bytes);
            digest = sl_digest_add(digest, text, bytes);
        }
        series->digest_series = batch->series;
        series->digest_steps = last + 1;
    }
    series->run->shard.read = digest;
}

/* Choose the windows of the part, and see whether it is done. */
static sl_exit choose_part(series_run *series, size_t total, size_t *first)
{
    sl_shard *shard = &series->run->shard;
    if (!shard->parts)
        return SL_EXIT_OK;
    *first = (size_t)sl_shard_choice_get_begin(total, shard->part, shard->parts);
    series->windows = (size_t)sl_shard_choice_get_begin(total, shard->part + 1, shard->parts) - *first;
    shard->read = SL_DIGEST_BEGIN;
    shard->outputs[SL_SHARD_OUTPUT].record.kind = series->array.path ? SL_SHARD_NPY : SL_SHARD_TEXT;
    series->array.joins = shard->in_place;
    series->array.digests = true;
    return sl_shard_begin(shard, *first, series->windows, total, &series->done);
}

/* ---- Windows that are counted ---------------------------------------------------------------------------------------------- */

static sl_exit check_countable(const series_run *series)
{
    const char *path = series->run->options->input;
    size_t count, steps;
    if (!(sl_paths_is_standard_input(path) || sl_paths_is_input_stream(path)) ||
        sl_series_get_size(series->reader.series, &count, &steps))
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_USAGE,
                     "%s: an array of forecasts begins with the number of its windows, known only at the end of a table; write "
                     "them with --format csv or jsonl, or name a file as --input",
                     sl_report_input(path));
}

/* Whether windows are counted before they are run: with --shard, and for an array. */
static bool is_counted(const series_run *series)
{
    return series->run->shard.parts || series->array.path;
}

/* Count the windows where that has to be known, and choose those of the part; the shape of the array is then known. */
static sl_exit count_windows(series_run *series)
{
    const sl_shard *shard = &series->run->shard;
    size_t total, first = 0;
    if (!is_counted(series))
        return SL_EXIT_OK;
    if (shard->parts && series->streams)
        return sl_report(SL_EXIT_USAGE,
                         "--shard goes with windows; the states of whole series go on from step to step; leave it out");
    sl_exit code = check_countable(series);
    code = code ? code : sl_window_reader_count(&series->reader, &total);
    if (code)
        return code;
    series->windows = total;
    code = choose_part(series, total, &first);
    if (!code && series->reader.is_over) { /* a table, which has been read for its windows to be counted */
        sl_window_reader_close(&series->reader);
        code = open_reader(series);
    }
    code = code ? code : sl_window_reader_choose(&series->reader, first, series->windows);
    const size_t rows = shard->in_place ? total : series->windows;
    series->array_row = shard->in_place ? first : 0;
    return code ? code : sl_npy_array_shape(&series->array, 2, (const size_t[]){rows, series->width}, 1, rows, series->width);
}

/* Whether the input has the windows that were counted. */
static sl_exit check_windows(const series_run *series, size_t windows)
{
    return !is_counted(series) || windows == series->windows
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_DATA, "%s: changed while it was read: expected %zu windows, found %zu; run it again",
                           series->run->options->input, series->windows, windows);
}

/* ---- The run --------------------------------------------------------------------------------------------------------------- */

/* Read all windows, and run them unless the part is done. */
static sl_exit read_all(series_run *series)
{
    sl_stats *stats = &series->run->stats;
    for (size_t windows = 0;;) {
        sl_window_batch batch;
        const double started = sl_clock_get();
        sl_exit code = sl_window_reader_next(&series->reader, &batch);
        if (!code)
            add_digest(series, &batch);
        stats->read_seconds += sl_clock_get() - started;
        if (code || !batch.rows)
            return code ? code : check_windows(series, windows);
        windows += batch.rows;
        code = series->done ? SL_EXIT_OK : run_windows(series, &batch);
        if (code)
            return code;
        sl_progress_update(0, stats->rows);
    }
}

static sl_exit create_output(series_run *series)
{
    if (!series->array.path) {
        series->outputs = calloc(series->most, series->width * sizeof *series->outputs);
        return series->outputs ? create_table(series) : sl_report_memory_of_rows("the forecasts");
    }
    const sl_exit code = sl_npy_array_allocate(&series->array, series->most, true);
    series->outputs = series->array.data;
    return code ? code : sl_npy_array_create(&series->array);
}

static sl_exit commit(series_run *series)
{
    sl_shard *shard = &series->run->shard;
    if (!series->array.path)
        return sl_run_commit_table(series->run, series->writer);
    shard->outputs[SL_SHARD_OUTPUT].written = series->array.digest;
    sl_exit code = sl_shard_prepare(shard);
    code = code ? code : sl_npy_array_commit(&series->array);
    return code ? code : sl_shard_commit(shard);
}

static sl_exit run_all(series_run *series)
{
    sl_run_session *run = series->run;
    sl_exit code = choose_sizes(series);
    code = code ? code : open_reader(series);
    code = code ? code : sl_forecast_create_streams(&series->forecast, run->engine, &series->streams);
    code = code ? code : count_windows(series);
    if (!code && !series->done)
        code = create_output(series);
    if (code)
        return code;
    sl_progress_start(run->options->progress, 0);
    code = read_all(series);
    if (code)
        return code;
    return series->done ? sl_shard_confirm(&run->shard) : commit(series);
}

sl_exit sl_run_series(sl_run_session *run, bool *is_series)
{
    const bool is_array = run->options->output_format == SL_ROWS_NPY;
    series_run series = {.run = run, .array = {.option = "--output", .path = is_array ? run->options->output : NULL}};
    sl_exit code = sl_forecast_read(run->model, run->options->model, &series.forecast, is_series);
    if (!code && *is_series && is_array && run->options->keep)
        code =
            sl_report(SL_EXIT_USAGE, "--keep is for tables, as an array has no texts; give --format csv or jsonl, or leave it out");
    if (!code && *is_series)
        code = run_all(&series);
    sl_row_writer_destroy(series.writer);
    if (!is_array)
        free(series.outputs);
    sl_npy_array_close(&series.array);
    sl_window_reader_close(&series.reader);
    sluice_streams_destroy(series.streams);
    sl_name_list_release(&series.kept);
    sl_forecast_release(&series.forecast);
    return code;
}
