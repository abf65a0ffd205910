#include "cli/train/series/dataset_windows.h"

#include "cli/train/data/train_order.h"
#include "cli/train/series/whole_series.h"

#include <stdlib.h>
#include <string.h>

/* ---- Options ---------------------------------------------------------------------------------------------------------------- */

static sl_windows get_windows(const sl_series_options *options)
{
    sl_windows windows = {.steps = options->window, .hop = options->hop ? options->hop : 1, .first_horizon = 1, .last_horizon = 1};
    if (options->horizon && sl_horizon_parse("--horizon", options->horizon, &windows.first_horizon, &windows.last_horizon, NULL))
        windows.first_horizon = windows.last_horizon = 1; /* not reached: the command line was checked */
    return windows;
}

static sl_scaling_kind get_kind(const sl_train_options *options)
{
    return options->standardize ? SL_SCALING_STANDARDIZE : options->normalize ? SL_SCALING_NORMALIZE : SL_SCALING_NONE;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

static sl_exit read_series(const char *path, const sl_series_options *options, const sl_series_columns *columns, bool are_of_model,
                           sl_data *data)
{
    sl_csv_options table = sl_series_options_get_table(options);
    table.are_of_model = are_of_model;
    const sl_windows windows = get_windows(options);
    sl_series_table series;
    const sl_exit code = sl_series_table_read(path, &table, columns, &series);
    return code ? code : sl_data_make_windows(path, &series, &windows, data);
}

/* The columns by their names in the file that was read. */
static sl_exit take_names(const sl_series_table *series, sl_forecast *forecast)
{
    const char **targets = calloc(series->target_count, sizeof *targets);
    for (size_t k = 0; targets && k < series->target_count; k++)
        targets[k] = series->names.names[series->targets[k]];
    const bool ok = targets && sl_name_list_copy(series->names.names, series->inputs, &forecast->inputs) &&
                    sl_name_list_copy(targets, series->target_count, &forecast->targets);
    free((void *)targets);
    return ok ? SL_EXIT_OK : sl_report_memory("the names of columns");
}

/* A target that is read as an input at the same step has nothing to be learned. */
static void note_known_targets(const sl_series_table *series, const sl_forecast *forecast)
{
    for (size_t k = 0; k < series->target_count; k++)
        if (!forecast->windows.first_horizon && series->targets[k] < series->inputs)
            sl_report_note(
                "--horizon 0: target '%.100s' is also an input at the step that is asked for; leave it out of --columns, or "
                "give a --horizon from 1 on",
                forecast->targets.names[k]);
}

sl_exit sl_dataset_windows_read(const sl_options *options, sl_forecast *forecast, sl_data *data, sl_data *validate_data)
{
    const char *validate = options->train.validate;
    sl_series_columns columns = {.weights = options->train.weight_column};
    const bool ok = sl_name_list_split(options->series.columns, &columns.inputs) &&
                    sl_name_list_split(options->series.targets, &columns.targets);
    sl_exit code =
        ok ? read_series(options->input, &options->series, &columns, false, data) : sl_report_memory("the names of columns");
    sl_name_list_release(&columns.inputs);
    sl_name_list_release(&columns.targets);
    code = code ? code : take_names(&data->windows->series, forecast);
    if (code)
        return code;
    forecast->windows = data->windows->windows;
    forecast->quantile_count = options->train.loss.quantile_count;
    memcpy(forecast->quantiles, options->train.loss.quantiles, sizeof forecast->quantiles);
    note_known_targets(&data->windows->series, forecast);
    columns =
        (sl_series_columns){.inputs = forecast->inputs, .targets = forecast->targets}; /* all steps of --validate weigh the same */
    return validate ? read_series(validate, &options->series, &columns, true, validate_data) : SL_EXIT_OK;
}

/* ---- Scaling ---------------------------------------------------------------------------------------------------------------- */

static sl_exit check_scaling(const sl_scaling *scaling, const sl_data *data, const sl_forecast *forecast)
{
    const size_t outputs = sl_forecast_count_outputs(forecast);
    return scaling->inputs == data->width && scaling->outputs == outputs
               ? SL_EXIT_OK
               : sl_report(
                     SL_EXIT_DATA,
                     "%s: expected %zu inputs and %zu outputs, for which the model has its scaling, found %zu and %zu; give the "
                     "--columns, --target, --horizon and --loss of its training",
                     sl_report_input(data->path), scaling->inputs, scaling->outputs, data->width, outputs);
}

/* The rows of whole series for training, and then those for validation. */
static sl_exit split_whole(sl_data *data, const size_t *lengths, sl_row_lists *lists)
{
    sl_exit code = sl_whole_series_divide(data, lengths, &lists->training_count);
    if (code)
        return code;
    lists->validation_count = data->rows - lists->training_count;
    if (!lists->training_count || !lists->validation_count)
        return sl_report(SL_EXIT_DATA, "%s: --validate-last leaves no steps for %s; give a %s share, or a smaller --horizon",
                         sl_report_input(data->path), lists->training_count ? "validation" : "training",
                         lists->training_count ? "larger" : "smaller");
    lists->training = sl_order_count(lists->training_count);
    lists->validation = sl_order_count(lists->validation_count);
    for (size_t k = 0; lists->validation && k < lists->validation_count; k++)
        lists->validation[k] += lists->training_count;
    return lists->training && lists->validation ? SL_EXIT_OK : SL_EXIT_FAILURE;
}

static sl_exit split(sl_data *data, const size_t *lengths, sl_row_lists *lists)
{
    return sl_windows_are_whole(&data->windows->windows)
               ? split_whole(data, lengths, lists)
               : sl_window_rows_split(data->windows, lengths, &lists->training, &lists->training_count, &lists->validation,
                                      &lists->validation_count);
}

sl_exit sl_dataset_windows_split(const sl_options *options, sl_data *data, sl_data *validate_data, sl_forecast *forecast,
                                 sl_scaling *scaling, sl_row_lists *lists)
{
    sl_window_rows *rows = data->windows;
    const double share = options->train.validate_last;
    const sl_scaling_kind kind = get_kind(&options->train);
    const size_t quantiles = sl_forecast_count_quantiles(forecast);
    size_t *lengths = sl_window_rows_get_lengths(rows, share);
    sl_exit code = lengths ? SL_EXIT_OK : SL_EXIT_FAILURE;
    if (!code && share > 0)
        code = split(data, lengths, lists);
    if (!code && scaling->kind == SL_SCALING_NONE && kind != SL_SCALING_NONE)
        code = sl_scaling_find(kind, &rows->series, lengths, sl_forecast_count_outputs(forecast), quantiles, scaling);
    free(lengths);
    forecast->scaling = scaling->kind;
    if (code || scaling->kind == SL_SCALING_NONE)
        return code;
    code = check_scaling(scaling, data, forecast);
    if (!code)
        sl_scaling_apply(scaling, quantiles, &rows->series);
    if (!code && validate_data->windows)
        sl_scaling_apply(scaling, quantiles, &validate_data->windows->series);
    return code;
}
