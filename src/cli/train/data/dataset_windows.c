/* Training and validation rows that are windows of series. */
#include "cli/train/data/dataset.h"

#include <stdlib.h>

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

static sl_exit read_series(const char *path, const sl_series_options *options, const sl_name_list *inputs,
                           const sl_name_list *targets, sl_data *data)
{
    const sl_csv_options table = sl_series_options_get_table(options);
    const sl_windows windows = get_windows(options);
    sl_series_table series;
    const sl_exit code = sl_series_table_read(path, &table, inputs, targets, &series);
    return code ? code : sl_data_make_windows(path, &series, &windows, data);
}

/* The columns by their names in the file that was read. */
static sl_exit take_names(sl_dataset *dataset)
{
    const sl_series_table *series = &dataset->data.windows->series;
    sl_forecast *forecast = &dataset->forecast;
    const char **targets = calloc(series->target_count, sizeof *targets);
    for (size_t k = 0; targets && k < series->target_count; k++)
        targets[k] = series->names.names[series->targets[k]];
    const bool ok = targets && sl_name_list_copy(series->names.names, series->inputs, &forecast->inputs) &&
                    sl_name_list_copy(targets, series->target_count, &forecast->targets);
    free((void *)targets);
    return ok ? SL_EXIT_OK : sl_report_memory("the names of columns");
}

/* A target that is read as an input at the same step has nothing to be learned. */
static void note_known_targets(const sl_dataset *dataset)
{
    const sl_series_table *series = &dataset->data.windows->series;
    for (size_t k = 0; k < series->target_count; k++)
        if (!dataset->forecast.windows.first_horizon && series->targets[k] < series->inputs)
            sl_report_note(
                "--horizon 0: target '%.100s' is also an input at the step that is asked for; leave it out of --columns, or "
                "give a --horizon from 1 on",
                dataset->forecast.targets.names[k]);
}

static sl_exit read_all(sl_dataset *dataset, const sl_options *options, const sl_name_list *inputs, const sl_name_list *targets)
{
    const char *validate = options->train.validate;
    sl_forecast *forecast = &dataset->forecast;
    sl_exit code = read_series(options->input, &options->series, inputs, targets, &dataset->data);
    if (code)
        return code;
    forecast->windows = dataset->data.windows->windows;
    code = take_names(dataset);
    if (!code)
        note_known_targets(dataset);
    return code || !validate
               ? code
               : read_series(validate, &options->series, &forecast->inputs, &forecast->targets, &dataset->validate_data);
}

sl_exit sl_dataset_read_windows(sl_dataset *dataset, const sl_options *options)
{
    sl_name_list inputs = {0}, targets = {0};
    const bool ok = sl_name_list_split(options->series.columns, &inputs) && sl_name_list_split(options->series.targets, &targets);
    const sl_exit code = ok ? read_all(dataset, options, &inputs, &targets) : sl_report_memory("the names of columns");
    sl_name_list_release(&inputs);
    sl_name_list_release(&targets);
    return code;
}

/* ---- Scaling ---------------------------------------------------------------------------------------------------------------- */

/* Find the scaling of the steps for training, unless it is the model's already, and scale all series. */
static sl_exit scale(sl_dataset *dataset, const sl_options *options, const size_t *lengths)
{
    sl_scaling *scaling = &dataset->scaling;
    sl_window_rows *rows = dataset->data.windows;
    const sl_scaling_kind kind = get_kind(&options->train);
    sl_exit code = SL_EXIT_OK;
    if (scaling->kind == SL_SCALING_NONE && kind != SL_SCALING_NONE)
        code = sl_scaling_find(kind, &rows->series, lengths, dataset->data.target_width, scaling);
    dataset->forecast.scaling = scaling->kind;
    if (code || scaling->kind == SL_SCALING_NONE)
        return code;
    if (scaling->inputs != dataset->data.width || scaling->outputs != dataset->data.target_width)
        return sl_report(
            SL_EXIT_DATA,
            "%s: expected %zu inputs and %zu outputs, for which the model has its scaling, found %zu and %zu; give the "
            "--columns, --target and --horizon of its training",
            sl_report_input(dataset->data.path), scaling->inputs, scaling->outputs, dataset->data.width,
            dataset->data.target_width);
    sl_scaling_apply(scaling, &rows->series);
    if (dataset->validate_data.windows)
        sl_scaling_apply(scaling, &dataset->validate_data.windows->series);
    return SL_EXIT_OK;
}

sl_exit sl_dataset_split_windows(sl_dataset *dataset, const sl_options *options, sl_row_lists *lists)
{
    const sl_window_rows *rows = dataset->data.windows;
    const double share = options->train.validate_last;
    size_t *lengths = sl_window_rows_get_lengths(rows, share);
    sl_exit code = lengths ? SL_EXIT_OK : SL_EXIT_FAILURE;
    if (!code && share > 0) {
        dataset->validation = &dataset->data;
        code = sl_window_rows_split(rows, lengths, &lists->training, &lists->training_count, &lists->validation,
                                    &lists->validation_count);
    }
    code = code ? code : scale(dataset, options, lengths);
    free(lengths);
    return code;
}
