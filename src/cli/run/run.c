/* The command `sluice run`. */
#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/digest.h"
#include "cli/input/lines.h"
#include "cli/layer_output.h"
#include "cli/notes.h"
#include "cli/run/run_session.h"
#include "cli/run/shard_identity.h"
#include "cli/run/stream_state.h"
#include "cli/shards/merge.h"
#include "cli/tuned_plans.h"
#include "program/model_shape.h"
#include "program/paths.h"
#include "program/progress.h"
#include "program/ranks/rank_group.h"

#include <stdlib.h>
#include <string.h>

static sl_exit check_paths(const sl_options *options)
{
    const sl_path_argument paths[] = {
        {"MODEL", options->model, false},   {"--plans", options->plans, options->measure},
        {"--input", options->input, false}, {"--lengths", options->lengths, false},
        {"--mask", options->mask, false},   {"--h0", options->h0, false},
        {"--c0", options->c0, false},       {"--output", options->output, true},
        {"--hn", options->hn, true},        {"--cn", options->cn, true},
        {"--head", options->head, true},    {"--state", options->state, true},
    };
    if (strcmp(options->model, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "MODEL cannot be standard input; name a safetensors file");
    return sl_paths_check(paths, sizeof paths / sizeof paths[0]);
}

static sl_exit check_array(const char *option, const char *path)
{
    return sl_row_format_choose(SL_ROWS_AUTO, path, SL_ROWS_NPY) == SL_ROWS_NPY
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_USAGE, "%s: %s writes arrays; name it .npy", path, option);
}

static sl_exit check_formats(const sl_options *options)
{
    const bool has_classes = options->text || options->top;
    if (options->format && !options->output && !options->head)
        return sl_report(SL_EXIT_USAGE, "--format is that of --output and --head; give one of them");
    if (has_classes && options->output_format == SL_ROWS_NPY)
        return sl_report(SL_EXIT_USAGE,
                         "%s: %s writes names of classes, which an array cannot hold; use another suffix or --format",
                         sl_report_output(options->output), options->top ? "--top" : "--text");
    if (!has_classes && options->output && options->output_format == SL_ROWS_LINES)
        return sl_report(SL_EXIT_USAGE, "--format lines is for classes; give --top K, or use another format");
    const sl_exit code = check_array("--hn", options->hn);
    return code ? code : check_array("--cn", options->cn);
}

static sl_exit check_options(const sl_options *options)
{
    if (!options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL is missing; see sluice run --help");
    if (options->json && !options->stats)
        return sl_report(SL_EXIT_USAGE, "--json is the format of --stats; add --stats");
    if (!options->text && options->keep_cr)
        return sl_report(SL_EXIT_USAGE, "--keep-cr goes with --text; give --text, or leave it out");
    if (!options->text && options->top && (!options->output || options->layer))
        return sl_report(SL_EXIT_USAGE, "--top has --output write classes, instead of a layer's outputs; give --output FILE%s",
                         options->layer ? ", and leave out --layer" : " too");
    if (options->layer && !options->output)
        return sl_report(SL_EXIT_USAGE, "--layer chooses what --output writes; give --output FILE too");
    if (options->text && (options->lengths || options->mask || options->layer || options->h0 || options->c0 || options->hn ||
                          options->cn || options->head || options->step_first))
        return sl_report(SL_EXIT_USAGE, "--text goes with --input and --output only, not with --lengths, --mask, --h0, --c0, "
                                        "--layer, --hn, --cn, --head or --layout tnc");
    if (options->text && options->measure)
        return sl_report(SL_EXIT_USAGE,
                         "--schedule measure times batches of rows of equal length, and lines differ in length; measure with "
                         ".npy input");
    sl_exit code = check_formats(options);
    code = code ? code : sl_stream_state_check(options);
    code = code ? code : sl_plans_check(options);
    if (code)
        return code;
    if (!options->text && !options->output && !options->hn && !options->cn && !options->head && !options->state)
        return sl_report(SL_EXIT_USAGE,
                         "no output is requested: give --output, --hn, --cn, --head or --state, or --text to read lines");
    return check_paths(options);
}

/* Refuse options that the network does not support. */
static sl_exit check_network(const sl_run_session *run)
{
    const sl_options *options = run->options;
    const char *what = options->text ? "--text prints classes from" : options->top ? "--top writes classes from" : "--head writes";
    const bool needs_head = options->text || options->top || options->head;
    const sl_exit code = options->text ? sl_lines_check_model(options->model, run->model) : SL_EXIT_OK;
    if (code)
        return code;
    if (needs_head && !run->shape.classes && !sluice_model_is_shape(run->model))
        return sl_report(SL_EXIT_DATA, "%s: %s outputs of layers behind the LSTM layers, and the network has none; use --output%s",
                         options->model, what, options->top ? " without --top" : "");
    if (options->text && run->shape.classes && sl_layer_output_of_end(run->model).has_steps)
        return sl_report(SL_EXIT_DATA,
                         "%s: --text prints a class for each line, and the network gives outputs at every step; use .npy input and "
                         "--head",
                         options->model);
    if (needs_head && !run->shape.classes)
        return sl_report(
            SL_EXIT_DATA, "%s: %s the outputs of a head [C][D*H], and the model has %s", options->model, what,
            sl_notes_get_missing(run->model, "head", "none; use .npy input and --hn, or name the tensor with --head-name").text);
    if (options->top > run->shape.classes)
        return sl_report(SL_EXIT_USAGE, "--top %zu: expected %zu at most, the number of classes of %s", options->top,
                         run->shape.classes, options->model);
    return SL_EXIT_OK;
}

static sl_exit set_up(sl_run_session *run)
{
    const double started = sl_clock_get();
    sluice_error error;
    if (sluice_model_load(run->options->model, &run->options->names, &run->model, &error))
        return sl_report_error(&error);
    run->shape = sl_model_shape(run->model);
    sl_exit code = check_network(run);
    if (code)
        return code;
    sl_notes_report(run->options->model, run->model);
    run->info.struct_size = sizeof run->info;
    if (sluice_engine_create(run->model, &run->options->engine, &run->engine, &error) ||
        sluice_workspace_create(run->engine, 0, 0, &run->workspace, &error))
        return sl_report_error(&error);
    if (sluice_engine_get_info(run->engine, &run->info))
        return sl_report_mismatch();
    code = sl_plans_load(run->options, run->engine);
    if (!code && run->shard.parts)
        code = sl_shard_identity_get(run->options, run->model, &run->info, &run->shard.same);
    run->stats.setup_seconds = sl_clock_get() - started;
    return code;
}

/* What the ranks of a run have to share. */
typedef struct common_run {
    sl_shard_record record; /* model, input and options */
    uint64_t outputs;       /* digest of their names, and of how they are written */
} common_run;

static common_run get_common(const sl_run_session *run)
{
    common_run common = {.record = run->shard.same, .outputs = SL_DIGEST_BEGIN};
    for (const sl_shard_output *output = run->shard.outputs; output < run->shard.outputs + SL_SHARD_OUTPUTS; output++)
        common.outputs = sl_digest_add(common.outputs, output->out ? output->out : "", output->out ? strlen(output->out) + 1 : 0);
    common.outputs = sl_digest_add(common.outputs, &run->shard.in_place, sizeof run->shard.in_place);
    return common;
}

/* Refuse ranks that are not alike before they begin, rather than when their parts are put together. */
static sl_exit compare_ranks(const sl_run_session *run)
{
    const common_run own = get_common(run);
    if (sl_group_count() == 1)
        return SL_EXIT_OK;
    common_run *all = calloc(sl_group_count(), sizeof *all);
    sl_exit code = sl_group_agree(all ? SL_EXIT_OK : sl_report_memory("what the ranks exchange"));
    code = code ? code : sl_group_gather(&own, sizeof own, all);
    if (!code) {
        const char *differs = sl_shard_record_compare(&all[0].record, &own.record);
        differs = differs ? differs : own.outputs != all[0].outputs ? "other outputs" : NULL;
        if (differs)
            code = sl_report(SL_EXIT_USAGE, "expected the run of rank 0, found %s; give all ranks the same files and options",
                             differs);
    }
    free(all);
    return sl_group_agree(code);
}

/* Whether forecasts of windows may be asked for: with no option that only rows of their own have. */
static bool may_be_series(const sl_options *o)
{
    return o->output && !o->text && !o->top && !o->layer && !o->lengths && !o->mask && !o->step_first && !o->h0 && !o->c0 &&
           !o->hn && !o->cn && !o->head && !o->state && !o->measure;
}

/* Whether an option is given that only series have. */
static bool has_series_options(const sl_options *options)
{
    return options->series.window || options->series.hop || options->keep || sl_series_options_has_table(&options->series);
}

static sl_exit run_input(sl_run_session *run)
{
    const sl_options *options = run->options;
    bool is_series = false;
    if (options->text)
        return sl_run_text(run);
    const sl_exit code = may_be_series(options) ? sl_run_series(run, &is_series) : SL_EXIT_OK;
    if (code || is_series)
        return code;
    if (has_series_options(options))
        return sl_report(SL_EXIT_USAGE,
                         "--window, --hop, --keep and options of tables are for series: for a model that sluice train --target has "
                         "made, and --output alone");
    return sl_run_npy(run);
}

static sl_exit run_all(sl_run_session *run)
{
    sl_exit code = sl_group_agree(set_up(run));
    code = code ? code : compare_ranks(run);
    run->started = sl_clock_get();
    code = code ? code : run_input(run);
    run->stats.seconds = sl_clock_get() - run->started;
    sl_progress_stop();
    if (code == SL_EXIT_INTERRUPTED)
        return sl_report(code, "interrupted after %llu rows; no named output was written", (unsigned long long)run->stats.rows);
    if (!code && run->options->stats)
        code = sl_stats_print(&run->stats, run->model, &run->info, run->options->json);
    return code;
}

static sl_exit parse(int argc, char **argv, sl_options *options, bool *done)
{
    const sl_exit code = sl_command_line_parse(SL_COMMAND_RUN, argc, argv, options, done);
    if (code || *done)
        return code;
    options->input = options->input ? options->input : "-";
    if (options->text && !options->output)
        options->output = "-";
    const sl_row_format head = options->format == SL_ROWS_LINES ? SL_ROWS_AUTO : options->format;
    options->output_format =
        sl_row_format_choose(options->format, options->output, options->text || options->top ? SL_ROWS_LINES : SL_ROWS_NPY);
    options->head_format = sl_row_format_choose(head, options->head, SL_ROWS_NPY);
    return check_options(options);
}

/* Where ranks run parts, and one has failed, all remove theirs, unless the next run is to skip those that are done. */
static sl_exit run_command(sl_options *options)
{
    sl_run_session run = {.options = options};
    sl_exit code = sl_shard_open(&run.shard, options);
    code = code ? code : check_paths(options); /* again, as the outputs may be those of a part now */
    code = code ? code : sl_command_line_choose_machine(options, false);
    code = sl_group_agree(code ? code : run_all(&run));
    if (code && sl_group_count() > 1 && !options->skip_done)
        sl_shard_remove(&run.shard);
    sl_shard_close(&run.shard);
    sluice_workspace_destroy(run.workspace);
    sluice_engine_destroy(run.engine);
    sluice_model_destroy(run.model);
    return code;
}

/* Rank r runs part r + 1. When all have ended well, rank 0 puts these parts together, whatever a run of more or fewer ranks has left. */
static sl_exit run_on_ranks(sl_options *options)
{
    const char *const outputs[] = {options->output, options->hn, options->cn, options->head};
    const size_t count = sizeof outputs / sizeof outputs[0];
    if (options->shard.text)
        return sl_report(SL_EXIT_USAGE, "--shard is what the ranks do by themselves; leave it out");
    options->shard = (sl_shard_choice){.part = sl_group_get_own() + 1, .parts = sl_group_count()};
    sl_exit code = run_command(options);
    if (code == SL_EXIT_INTERRUPTED)
        sl_report(code, "interrupted; no named output was written"); /* of the ranks that were not, the first of which speaks */
    for (size_t k = 0; !code && sl_group_is_first() && k < count; k++)
        code = outputs[k] ? sl_merge(outputs[k], options->shard.parts, true) : SL_EXIT_OK;
    return code;
}

sl_exit sl_command_run(int argc, char **argv)
{
    sl_options options;
    bool done;
    const sl_exit code = parse(argc, argv, &options, &done);
    if (code || done)
        return code;
    return sl_group_count() > 1 ? run_on_ranks(&options) : run_command(&options);
}
