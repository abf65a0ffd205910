/* The command `sluice evaluate`. */
#include "cli/command_line.h"
#include "cli/evaluate/evaluation.h"
#include "cli/notes.h"
#include "program/model_shape.h"
#include "program/paths.h"
#include "program/progress.h"

#include <stdlib.h>
#include <string.h>

static sl_exit check_options(const sl_options *options)
{
    const sl_train_options *data = &options->train;
    if (!options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL is missing; see sluice evaluate --help");
    if (!data->text == !options->input)
        return sl_report(SL_EXIT_USAGE, data->text
                                            ? "--text and --input are two kinds of data; leave one of them out"
                                            : "no data are named: give --text FILE, or --input FILE with --labels or --values");
    if (data->text && (data->labels || data->values || options->lengths || options->mask))
        return sl_report(SL_EXIT_USAGE, "--text has labels in its lines; leave out --labels, --values, --lengths and --mask");
    const bool has_targets = data->labels || data->values;
    if ((options->step_first || data->every_step) && !has_targets)
        return sl_report(SL_EXIT_USAGE, "--layout and --every-step are of arrays: give --labels or --values, or leave them out");
    if (data->labels && data->values)
        return sl_report(SL_EXIT_USAGE, "--labels and --values are two kinds of targets; leave one of them out");
    if (data->loss.text && !data->values)
        return sl_report(SL_EXIT_USAGE, "--loss goes with --values; a forecast's quantiles are known from its model; leave it out");
    if (!data->text && options->keep_cr)
        return sl_report(SL_EXIT_USAGE, "--keep-cr goes with --text; give --text, or leave it out");
    const sl_path_argument paths[] = {
        {"MODEL", options->model, false},       {"--text", data->text, false},         {"--input", options->input, false},
        {"--lengths", options->lengths, false}, {"--mask", options->mask, false},      {"--labels", data->labels, false},
        {"--values", data->values, false},      {"--picture", options->picture, true},
    };
    return sl_paths_check(paths, sizeof paths / sizeof paths[0]);
}

static sl_exit set_up(sl_model_evaluation *evaluation)
{
    const sl_options *options = evaluation->options;
    sluice_error error;
    if (sluice_model_load(options->model, &options->names, &evaluation->model, &error))
        return sl_report_error(&error);
    sl_notes_report(options->model, evaluation->model);
    evaluation->shape = sl_model_shape(evaluation->model);
    evaluation->info.struct_size = sizeof evaluation->info;
    if (sluice_engine_create(evaluation->model, &options->engine, &evaluation->engine, &error))
        return sl_report_error(&error);
    return sluice_engine_get_info(evaluation->engine, &evaluation->info) ? sl_report_mismatch() : SL_EXIT_OK;
}

/* Without labels and values the targets are columns of series. */
static sl_exit evaluate_series(sl_model_evaluation *evaluation)
{
    const sl_options *options = evaluation->options;
    const sl_exit code = sl_forecast_read(evaluation->model, options->model, &evaluation->forecast, &evaluation->is_series);
    if (code)
        return code;
    if (!evaluation->is_series)
        return sl_report(SL_EXIT_USAGE,
                         "--input goes with targets: give --labels FILE or --values FILE; only models that sluice train "
                         "--target has made know their targets");
    if (options->lengths || options->mask)
        return sl_report(SL_EXIT_USAGE,
                         "--lengths and --mask are of rows, and windows of series have all their steps; leave them out");
    if (evaluation->forecast.quantile_count) {
        evaluation->loss.kind = SLUICE_LOSS_QUANTILE;
        evaluation->loss.quantile_count = evaluation->forecast.quantile_count;
        memcpy(evaluation->loss.quantiles, evaluation->forecast.quantiles, sizeof evaluation->loss.quantiles);
    }
    evaluation->targets = options->input;
    return sl_evaluate_series(evaluation);
}

static sl_exit evaluate(sl_model_evaluation *evaluation)
{
    const sl_options *options = evaluation->options;
    sl_exit code = set_up(evaluation);
    if (!code)
        code = options->train.text   ? sl_evaluate_text(evaluation)
               : evaluation->targets ? sl_evaluate_npy(evaluation)
                                     : evaluate_series(evaluation);
    sl_progress_stop();
    if (code == SL_EXIT_INTERRUPTED)
        return sl_report(code, "interrupted after %llu rows; nothing was written", (unsigned long long)evaluation->rows);
    if (!code && options->picture)
        code = sl_evaluation_draw(evaluation, options->picture);
    return code ? code : sl_evaluation_print(evaluation);
}

sl_exit sl_command_evaluate(int argc, char **argv)
{
    sl_options options;
    bool done;
    sl_exit code = sl_command_line_parse(SL_COMMAND_EVALUATE, argc, argv, &options, &done);
    if (code || done)
        return code;
    code = check_options(&options);
    code = code ? code : sl_command_line_choose_machine(&options, false);
    if (code)
        return code;
    const sl_train_options *data = &options.train;
    sl_model_evaluation evaluation = {.options = &options,
                                      .input = data->text ? data->text : options.input,
                                      .targets = data->text     ? data->text
                                                 : data->labels ? data->labels
                                                                : data->values,
                                      .has_classes = data->text || data->labels,
                                      .row_name = data->text ? "line" : "row",
                                      .first_row = data->text ? 1 : 0,
                                      .loss = data->loss.text ? data->loss : (sl_train_loss){.kind = SLUICE_LOSS_SQUARED_ERROR},
                                      .season = options.season ? options.season : 1};
    code = evaluate(&evaluation);
    sl_class_scores_release(&evaluation.classes);
    free(evaluation.values);
    free(evaluation.naive);
    sl_forecast_release(&evaluation.forecast);
    free(evaluation.picture[0]);
    free(evaluation.picture[1]);
    free(evaluation.outputs);
    free(evaluation.y);
    sluice_engine_destroy(evaluation.engine);
    sluice_model_destroy(evaluation.model);
    return code;
}
