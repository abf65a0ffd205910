/* sluice evaluate with series, of a model that was trained on some: their targets are steps of the series, too, and there are
 * forecasts that need no model to compare with. */
#include "cli/evaluate/evaluation.h"

#include "cli/input/chunk_rows.h"
#include "cli/series/window_reader.h"
#include "program/progress.h"

#include <math.h>
#include <stdlib.h>

typedef struct series_evaluation {
    sl_model_evaluation *evaluation;
    sl_name_list columns;   /* inputs, then those targets that are no inputs */
    size_t *target_columns; /* [targets] in memory */
    sl_window_reader reader;
    sluice_streams *streams; /* of whole series, which are read as windows of one step; else NULL */
    size_t width;            /* values of a window: targets at each horizon */
    float *values;           /* [windows of a batch][width] what forecasts are to be */
} series_evaluation;

static sl_exit choose_columns(series_evaluation *series)
{
    const sl_forecast *forecast = &series->evaluation->forecast;
    const sl_name_list *inputs = &forecast->inputs, *targets = &forecast->targets;
    const char **names = calloc(inputs->count + targets->count, sizeof *names);
    series->target_columns = calloc(targets->count, sizeof *series->target_columns);
    size_t count = inputs->count;
    bool ok = names && series->target_columns;
    for (size_t k = 0; ok && k < inputs->count; k++)
        names[k] = inputs->names[k];
    for (size_t k = 0; ok && k < targets->count; k++) {
        const size_t found = sl_name_list_find(inputs, targets->names[k]);
        series->target_columns[k] = found < inputs->count ? found : count;
        if (found == inputs->count)
            names[count++] = targets->names[k];
    }
    ok = ok && sl_name_list_copy(names, count, &series->columns);
    free((void *)names);
    return ok ? SL_EXIT_OK : sl_report_memory("the names of columns");
}

static sl_exit open_reader(series_evaluation *series)
{
    sl_model_evaluation *evaluation = series->evaluation;
    const sl_options *options = evaluation->options;
    const sl_csv_options table = sl_series_options_get_table(&options->series);
    sl_windows windows;
    const sl_exit code = sl_forecast_choose_windows(&evaluation->forecast, &options->series, &windows);
    if (code)
        return code;
    /* The targets of horizon 0 are the last step's own. */
    const bool has_naive = evaluation->season + (windows.first_horizon == 0) <= windows.steps;
    if (!has_naive && options->season)
        return sl_report(SL_EXIT_USAGE, "--season %zu: expected %zu at most, %s", evaluation->season, windows.steps,
                         evaluation->every_step ? "as whole series are read a step at a time"
                                                : "the steps of a window, whose values it takes");
    const double bytes = (double)(2 * evaluation->width + 2 * series->columns.count) * sizeof(float);
    const size_t most = sl_chunk_rows_get(options, evaluation->info.threads, bytes);
    series->width = evaluation->width / sl_model_evaluation_count_quantiles(evaluation);
    series->values = calloc(most, series->width * sizeof *series->values);
    if (has_naive)
        evaluation->naive = calloc(evaluation->width, sizeof *evaluation->naive);
    if (!series->values || (has_naive && !evaluation->naive))
        return sl_report_memory_of_rows("the targets");
    return sl_window_reader_open(evaluation->input, &table, &series->columns, &windows, most, &series->reader);
}

/* Take the targets of window k, and score the naive forecast: the last value, or that of the last season. */
static void take_targets(series_evaluation *series, const sl_window_batch *batch, size_t k)
{
    sl_model_evaluation *evaluation = series->evaluation;
    const sl_windows *windows = &series->reader.windows;
    const size_t targets = evaluation->forecast.targets.count, season = evaluation->season;
    const size_t quantiles = sl_model_evaluation_count_quantiles(evaluation);
    const float *last = batch->x + batch->offsets[k] + (windows->steps - 1) * series->reader.width;
    for (size_t n = 0; n < series->width; n++) {
        const size_t horizon = windows->first_horizon + n / targets, column = series->target_columns[n % targets];
        const float value = last[horizon * series->reader.width + column];
        const size_t back = horizon ? (season - horizon % season) % season : season; /* from the last step */
        series->values[k * series->width + n] = value;
        for (size_t output = n * quantiles; evaluation->naive && output < (n + 1) * quantiles; output++)
            sl_value_score_add(&evaluation->naive[output], &evaluation->loss, output,
                               *(last + column - back * series->reader.width), value);
    }
}

static sl_exit add_windows(series_evaluation *series, const sl_window_batch *windows)
{
    sluice_batch batch;
    sl_exit code = sl_window_reader_make_batch(&series->reader, windows, series->streams, &batch);
    if (code)
        return code;
    for (size_t k = 0; k < windows->rows; k++)
        take_targets(series, windows, k);
    sl_model_evaluation *evaluation = series->evaluation;
    if (!series->streams)
        return sl_model_evaluation_add(evaluation, &batch, (size_t)evaluation->rows, NULL, series->values);
    evaluation->first_step = windows->first_step;
    code = sl_model_evaluation_add(evaluation, &batch, windows->series, NULL, series->values);
    evaluation->rows = windows->series + 1; /* a series is a row */
    return code;
}

static sl_exit evaluate(series_evaluation *series)
{
    sl_model_evaluation *evaluation = series->evaluation;
    evaluation->every_step = sl_windows_are_whole(&evaluation->forecast.windows);
    sl_exit code = sl_model_evaluation_begin(evaluation, sl_forecast_count_outputs(&evaluation->forecast) /
                                                             sl_forecast_count_quantiles(&evaluation->forecast));
    code = code ? code : choose_columns(series);
    code = code ? code : open_reader(series);
    code = code ? code : sl_forecast_create_streams(&evaluation->forecast, evaluation->engine, &series->streams);
    if (code)
        return code;
    sl_progress_start(evaluation->options->progress, 0);
    for (;;) {
        sl_window_batch batch;
        code = sl_window_reader_next(&series->reader, &batch);
        if (code || !batch.rows)
            return code;
        code = add_windows(series, &batch);
        if (code)
            return code;
        sl_progress_update(0, evaluation->rows);
    }
}

sl_exit sl_evaluate_series(sl_model_evaluation *evaluation)
{
    series_evaluation series = {.evaluation = evaluation};
    const sl_exit code = evaluate(&series);
    sl_window_reader_close(&series.reader);
    sluice_streams_destroy(series.streams);
    sl_name_list_release(&series.columns);
    free(series.target_columns);
    free(series.values);
    return code;
}
