/* sluice run over series, of a model that was trained on windows of some: a line for each window, with its forecasts. */
#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/input/chunk_rows.h"
#include "cli/layer_output.h"
#include "cli/output/row_writer.h"
#include "cli/series/forecast.h"
#include "cli/series/window_reader.h"
#include "program/progress.h"

#include <stdlib.h>

typedef struct series_run {
    sl_run_session *run;
    sl_forecast forecast;
    sl_name_list kept; /* columns that are carried through */
    sl_window_reader reader;
    sl_row_writer *writer;
    bool has_names; /* series have names, by --sequence-column */
    size_t width;
    float *outputs; /* [windows of a batch][width] */
} series_run;

static sl_exit open_reader(series_run *series)
{
    const sl_options *options = series->run->options;
    sl_csv_options table = sl_series_options_get_table(&options->series);
    sl_windows windows = series->forecast.windows;
    if (!sl_name_list_split(options->keep, &series->kept))
        return sl_report_memory("the names of columns");
    table.text_columns = series->kept.names;
    table.text_count = series->kept.count;
    windows.steps = options->series.window ? options->series.window : windows.steps;
    windows.hop = options->series.hop ? options->series.hop : windows.hop;
    windows.first_horizon = windows.last_horizon = 0; /* the targets are still to come */
    series->has_names = table.sequence_column != NULL;
    series->width = sl_forecast_count_outputs(&series->forecast);
    const double bytes = (double)(series->width + 2 * series->forecast.inputs.count) * sizeof(float);
    const size_t most = sl_chunk_rows_get(options, series->run->info.threads, bytes);
    series->outputs = calloc(most, series->width * sizeof *series->outputs);
    if (!series->outputs)
        return sl_report_memory_of_rows("the forecasts");
    return sl_window_reader_open(options->input, &table, &series->forecast.inputs, &windows, most, &series->reader);
}

static sl_exit create_output(series_run *series)
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
    code = code ? code : sl_row_writer_create(options->output, options->output_format, &columns, true, &series->writer);
    sl_columns_release(&columns);
    return code;
}

static sl_exit write_window(series_run *series, const sl_window_batch *batch, size_t k)
{
    sl_row_writer *writer = series->writer;
    const sl_windows *windows = &series->reader.windows;
    const size_t last_step = batch->first_step + k * windows->hop + windows->steps - 1;
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

static sl_exit run_windows(series_run *series, const sl_window_batch *windows)
{
    const sl_layer_output end = sl_layer_output_of_end(series->run->model);
    const sluice_output output = {.layer = end.layer, .at = series->outputs};
    sluice_batch batch = {.struct_size = sizeof batch,
                          .rows = windows->rows,
                          .steps = series->reader.windows.steps,
                          .x = windows->x,
                          .x_step_stride = series->reader.width,
                          .x_offsets = windows->offsets};
    if (end.field == SL_OUTPUT_LOGITS) {
        batch.logits = series->outputs;
    } else {
        batch.outputs = &output;
        batch.output_count = 1;
    }
    sl_exit code = sl_run_forward(series->run, &batch, (uint64_t)windows->rows * batch.steps);
    const double started = sl_clock_get();
    for (size_t k = 0; !code && k < windows->rows; k++)
        code = write_window(series, windows, k);
    code = code ? code : sl_row_writer_flush(series->writer); /* someone may wait for them */
    series->run->stats.write_seconds += sl_clock_get() - started;
    return code;
}

static sl_exit run_all(series_run *series)
{
    sl_exit code = open_reader(series);
    code = code ? code : create_output(series);
    if (code)
        return code;
    sl_progress_start(series->run->options->progress, 0);
    for (;;) {
        sl_window_batch batch;
        const double started = sl_clock_get();
        code = sl_window_reader_next(&series->reader, &batch);
        series->run->stats.read_seconds += sl_clock_get() - started;
        if (code || !batch.rows)
            return code ? code : sl_row_writer_commit(series->writer);
        code = run_windows(series, &batch);
        if (code)
            return code;
        sl_progress_update(0, series->run->stats.rows);
    }
}

sl_exit sl_run_series(sl_run_session *run, bool *is_series)
{
    series_run series = {.run = run};
    sl_exit code = sl_forecast_read(run->model, run->options->model, &series.forecast, is_series);
    if (!code && *is_series)
        code = run->shard.parts
                   ? sl_report(SL_EXIT_USAGE,
                               "--shard, or ranks, cut rows, and windows of series overlap: cut the series into files, or "
                               "give rows of their own and -o FILE.npy")
                   : run_all(&series);
    sl_row_writer_destroy(series.writer);
    sl_window_reader_close(&series.reader);
    sl_name_list_release(&series.kept);
    sl_forecast_release(&series.forecast);
    free(series.outputs);
    return code;
}
