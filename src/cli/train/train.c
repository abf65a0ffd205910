/* sluice train: trains a model on data. */
#include "cli/train/training.h"

#include "base/clock.h"
#include "cli/command_line.h"
#include "program/paths.h"
#include "program/ranks/rank_group.h"
#include "sluice_tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

/* Refuse what is of rows of their own, or with windows, of whole series, and the other way round. */
static sl_exit check_no_rows(const sl_options *options)
{
    static const char targets[] = "series have their targets in them", steps[] = "series have all their steps";
    enum { ANY, WINDOWS, WHOLE };
    static const struct {
        int kind;
        const char *name, *why, *remedy;
    } others[] = {
        {ANY, "text", "lines of text are no series", "leave it out"},
        {ANY, "lengths", steps, "leave it out"},
        {ANY, "validate-lengths", steps, "leave it out"},
        {ANY, "labels", targets, "leave it out"},
        {ANY, "values", targets, "leave it out"},
        {ANY, "validate-labels", targets, "leave it out"},
        {ANY, "validate-values", targets, "leave it out"},
        {ANY, "classes", "series are trained on to forecast values", "leave it out"},
        {ANY, "no-head", "the head gives the forecasts", "leave it out"},
        {ANY, "new-head", "--from goes on with the outputs that the model has", "leave it out"},
        {ANY, "validate-share", "rows of training would overlap those for validation", "give --validate-last"},
        {WINDOWS, "every-step", "the targets lie behind a window's last step", "leave it out, or leave out --window"},
        {WINDOWS, "truncate", "windows are trained on in any order, each from zero states",
         "leave out --window to train on whole series, whose parts follow each other"},
        {WHOLE, "every-step", "whole series have targets at every step", "leave it out"},
        {WHOLE, "hop", "whole series are not cut", "give --window, or leave it out"},
        {WHOLE, "bidirectional", "at each step the later ones, which have the targets, are not known",
         "leave it out, or give --window"},
    };
    const int kind = options->series.window ? WINDOWS : WHOLE;
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if ((others[k].kind == ANY || others[k].kind == kind) && sl_command_line_is_given(options, others[k].name))
            return sl_report(SL_EXIT_USAGE, "--%s does not go with %s, as %s; %s", others[k].name,
                             kind == WHOLE ? "--target without --window" : "--window", others[k].why, others[k].remedy);
    return SL_EXIT_OK;
}

/* --window and --target, and what goes with them alone. */
static sl_exit check_series(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const sl_series_options *series = &options->series;
    if (series->window && (!options->input || !series->targets))
        return sl_report(SL_EXIT_USAGE, "--window needs --input FILE, the series, and --target, the columns to forecast");
    if (!series->targets && (series->hop || series->horizon || series->columns || series->missing || o->validate_last > 0 ||
                             o->standardize || o->normalize || o->weight_column || sl_series_options_has_table(series)))
        return sl_report(
            SL_EXIT_USAGE,
            "--horizon, --hop, --columns, --delimiter, --header, --sequence-column, --missing, --standardize, "
            "--normalize, --weight-column and --validate-last go with series, whose columns to forecast --target names; give it, "
            "or leave them out");
    if (!series->targets)
        return SL_EXIT_OK;
    const sl_exit code = check_no_rows(options);
    if (code)
        return code;
    if (!options->input)
        return sl_report(SL_EXIT_USAGE, "--target needs --input FILE, the series");
    if (o->sample_weights && o->weight_column)
        return sl_report(SL_EXIT_USAGE, "--sample-weights and --weight-column exclude each other; give one of them");
    if (o->standardize && o->normalize)
        return sl_report(SL_EXIT_USAGE, "--standardize and --normalize exclude each other; give one of them");
    if (o->validate && o->validate_last > 0)
        return sl_report(SL_EXIT_USAGE, "--validate and --validate-last exclude each other; give one of them");
    return SL_EXIT_OK;
}

static sl_exit check_data_options(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    if (!o->text == !options->input)
        return sl_report(SL_EXIT_USAGE, "expected either --text FILE or --input FILE; see sluice train --help");
    if (o->text && (options->lengths || o->labels || o->values || o->validate_lengths || o->validate_labels || o->validate_values ||
                    o->classes || o->vocabulary || o->no_head))
        return sl_report(SL_EXIT_USAGE,
                         "--text already has lengths and labels; leave out --lengths, --labels, --values, --classes, "
                         "--vocabulary, --no-head, --validate-lengths, --validate-labels and --validate-values");
    if (options->keep_cr && !o->text)
        return sl_report(SL_EXIT_USAGE, "--keep-cr goes with --text; give --text, or leave it out");
    if (options->input && !options->series.targets && !o->labels == !o->values)
        return sl_report(SL_EXIT_USAGE,
                         "--input needs either --labels FILE or --values FILE; of series --target, the columns to forecast");
    if (o->validate && o->validate_share > 0)
        return sl_report(SL_EXIT_USAGE, "--validate and --validate-share exclude each other; give one of them");
    if (!o->validate && (o->validate_lengths || o->validate_labels || o->validate_values))
        return sl_report(SL_EXIT_USAGE, "--validate-lengths, --validate-labels and --validate-values go with --validate");
    if (o->validate && options->input && (!o->labels != !o->validate_labels || !o->values != !o->validate_values))
        return sl_report(SL_EXIT_USAGE, "--validate needs --validate-labels where there are --labels, and --validate-values where "
                                        "there are --values");
    const bool has_validation = o->validate || o->validate_share > 0 || o->validate_last > 0;
    if (o->patience && !has_validation)
        return sl_report(SL_EXIT_USAGE, "--patience needs validation rows; give --validate, --validate-share or --validate-last");
    if (o->precision > SLUICE_PRECISION_F32 && !has_validation)
        return sl_report(SL_EXIT_USAGE,
                         "--precision %s is for validation rows; give --validate or --validate-share, or leave it out, as training "
                         "is f32",
                         sluice_precision_get_name(o->precision));
    return SL_EXIT_OK;
}

static sl_exit check_network_options(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const bool has_layers = o->layers.count || o->layers.list;
    const sluice_names *names = &options->names;
    if (!o->from && !o->resume &&
        (names->lstm || names->head_activation || names->head_input || names->activation || names->recurrent_activation ||
         names->to || names->onnx_clip))
        return sl_report(SL_EXIT_USAGE, "--lstm, --head-activation, --head-input, --activation, --recurrent-activation, --to and "
                                        "--onnx-clip say how the file of --from is read; give --from, or leave them out");
    if (o->from && (o->hidden || has_layers || o->forget_bias > 0 || o->bidirectional || o->embedding || o->vocabulary ||
                    o->no_bias || o->no_head || (!o->new_head && (o->classes || sl_command_line_is_given(options, "--init")))))
        return sl_report(SL_EXIT_USAGE,
                         "--from determines the network; leave out --hidden, --layers, --bidirectional, --embedding, "
                         "--vocabulary, --no-bias, --forget-bias and --no-head; --classes and --init go with --new-head");
    if (o->new_head && !o->from && !o->resume)
        return sl_report(SL_EXIT_USAGE,
                         "--new-head makes the last layer of a trained model anew; give --from MODEL, or leave it out");
    if (o->layers.list && (o->hidden || o->bidirectional || o->no_bias))
        return sl_report(SL_EXIT_USAGE, "--layers LIST describes each layer; leave out --hidden, --bidirectional and --no-bias");
    if (o->forget_bias > 0 && o->no_bias)
        return sl_report(SL_EXIT_USAGE, "--forget-bias sets a bias; leave out --no-bias");
    if (o->labels && o->no_head)
        return sl_report(SL_EXIT_USAGE, "--labels needs a head; leave out --no-head");
    return SL_EXIT_OK;
}

static sl_exit check_training_options(const sl_options *options)
{
    enum { MOST_EPOCHS = 1000000 }; /* the number of updates fits then */
    const sl_train_options *o = &options->train;
    const bool has_values = o->values || options->series.targets;
    if (o->trainer.momentum > 0 && o->trainer.optimizer != SLUICE_OPTIMIZER_SGD)
        return sl_report(SL_EXIT_USAGE, "--momentum goes with --optimizer sgd");
    if (o->trainer.warmup_steps && o->trainer.schedule == SLUICE_RATE_ONE_CYCLE)
        return sl_report(SL_EXIT_USAGE, "--warmup does not go with --rate-schedule one-cycle, which has its own warm-up");
    if (o->trainer.label_smoothing > 0 && has_values)
        return sl_report(SL_EXIT_USAGE, "--label-smoothing goes with labels, not with --values");
    if (o->loss.text && !has_values)
        return sl_report(SL_EXIT_USAGE, "--loss goes with --values or --target; the loss of labels is cross-entropy");
    if (o->head_only && o->no_head)
        return sl_report(SL_EXIT_USAGE, "--head-only trains the head; leave out --no-head");
    if (o->class_weights && has_values)
        return sl_report(SL_EXIT_USAGE, "--class-weights goes with labels, not with --values");
    if (o->epochs > MOST_EPOCHS)
        return sl_report(SL_EXIT_USAGE, "--epochs: expected %d at most, found %zu", MOST_EPOCHS, o->epochs);
    if ((o->checkpoint_steps || o->checkpoint_minutes) && !o->checkpoint)
        return sl_report(SL_EXIT_USAGE, "--checkpoint-every needs --checkpoint FILE");
    return SL_EXIT_OK;
}

static sl_exit check_paths(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const bool same = o->resume && o->checkpoint && strcmp(o->resume, o->checkpoint) == 0;
    const sl_path_argument paths[] = {
        {"--text", o->text, false},
        {"--input", options->input, false},
        {"--lengths", options->lengths, false},
        {"--labels", o->labels, false},
        {"--values", o->values, false},
        {"--validate", o->validate, false},
        {"--validate-lengths", o->validate_lengths, false},
        {"--validate-labels", o->validate_labels, false},
        {"--validate-values", o->validate_values, false},
        {"--class-weights", sl_train_is_balanced(o) ? NULL : o->class_weights, false},
        {"--sample-weights", o->sample_weights, false},
        {"--from", o->from, false},
        {"--resume", same ? NULL : o->resume, false},
        {"--output", options->output, true},
        {"--checkpoint", o->checkpoint, true},
        {"--curve", o->curve_csv, true},
        {"--curve", o->curve_svg, true},
    };
    const size_t count = sizeof paths / sizeof paths[0];
    if (o->from && strcmp(o->from, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "--from cannot be standard input; name a file");
    for (size_t k = 0; sl_group_count() > 1 && k < count; k++)
        if (paths[k].path && !paths[k].is_output && sl_paths_is_standard_input(paths[k].path))
            return sl_report(SL_EXIT_USAGE, "%s cannot be standard input, which one rank alone has; name a file", paths[k].option);
    sl_exit code = sl_paths_check(paths, count);
    for (size_t k = 0; !code && k < count; k++)
        if (paths[k].is_output)
            code = sl_paths_check_file(&paths[k], "is written more than once");
    return code;
}

/* Before the options are recorded in a checkpoint, so that --resume compares values, whether or not they were given. The network of
 * --from has its own. */
static void put_defaults(sl_options *options)
{
    sl_train_options *o = &options->train;
    options->batch = options->batch ? options->batch : SL_TRAIN_BATCH;
    o->epochs = o->epochs ? o->epochs : SL_TRAIN_EPOCHS;
    o->trainer.shards = o->trainer.shards > 1 ? o->trainer.shards : 0; /* one is none; earlier releases recorded none */
    o->trainer.rate = o->trainer.rate > 0 ? o->trainer.rate : SL_TRAIN_RATE;
    o->rate_schedule.text = o->rate_schedule.text ? o->rate_schedule.text : sluice_rate_get_name(SLUICE_RATE_CONSTANT);
    o->trainer.schedule = o->rate_schedule.rate;
    o->loss.kind = o->loss.text ? o->loss.kind : SLUICE_LOSS_SQUARED_ERROR;
    if (o->from || o->layers.list)
        return;
    o->hidden = o->hidden ? o->hidden : SL_TRAIN_HIDDEN;
    o->layers.count = o->layers.count ? o->layers.count : SL_TRAIN_LAYERS;
}

static sl_exit check_options(const sl_options *options)
{
    if (!options->output)
        return sl_report(SL_EXIT_USAGE, "--output MODEL is missing; see sluice train --help");
    sl_exit code = check_series(options);
    code = code ? code : check_data_options(options);
    code = code ? code : check_network_options(options);
    code = code ? code : check_training_options(options);
    return code ? code : check_paths(options);
}

/* Complete the options that are not given: from the checkpoint of --resume, or else with the defaults. */
static sl_exit complete_options(sl_training *train, sl_options *options)
{
    sl_train_options *o = &options->train;
    if (o->resume && sl_paths_is_standard_input(o->resume))
        return sl_report(SL_EXIT_USAGE, "--resume cannot be standard input; name the file of --checkpoint");
    sl_exit code = sl_command_line_choose_machine(options, false);
    code = code || !o->resume ? code : sl_checkpoint_load(train, options);
    if (code)
        return code;
    o->checkpoint = o->checkpoint ? o->checkpoint : o->resume;
    put_defaults(options);
    code = o->resume ? sl_checkpoint_compare(train) : SL_EXIT_OK;
    return code ? code : check_options(options);
}

/* ---- The command ------------------------------------------------------------------------------------------------------------ */

static void release(sl_training *train)
{
    sluice_streams_destroy(train->streams);
    free(train->position.states);
    sluice_engine_destroy(train->evaluation.engine);
    sluice_trainer_destroy(train->trainer);
    sl_minibatch_release(&train->minibatch);
    sl_dataset_release(&train->dataset);
    sl_curve_release(&train->curve);
    free(train->class_weights.owned);
    free(train->evaluation.outputs);
    free(train->evaluation.y);
    free(train->evaluation.scores);
    free(train->evaluation.shard_scores);
    free(train->evaluation.parts);
    free(train->best.scores);
    json_decref(train->checkpoint.note);
}

static sl_exit run_all(sl_training *train)
{
    sl_exit code = sl_train_set_up(train);
    if (code == SL_EXIT_INTERRUPTED)
        return sl_report(code, "interrupted while reading the data; nothing was written");
    if (code)
        return code;
    const double started = sl_clock_get();
    train->stats.training = true;
    sl_train_report_resumed(train);
    sl_train_report_weights(train);
    code = sl_train_run_epochs(train);
    train->stats.seconds = sl_clock_get() - started;
    code = code ? code : sl_train_summarize(train);
    if (!code && train->options->stats)
        code = sl_stats_print(&train->stats, sluice_trainer_get_model(train->trainer), &train->info, train->options->json);
    return code;
}

sl_exit sl_command_train(int argc, char **argv)
{
    sl_options options;
    bool done;
    sl_exit code = sl_command_line_parse(SL_COMMAND_TRAIN, argc, argv, &options, &done);
    if (code || done)
        return code;
    sl_training train = {.options = &options};
    code = complete_options(&train, &options);
    code = code ? code : run_all(&train);
    release(&train);
    return code;
}
