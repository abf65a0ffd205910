#include "run.h"

#include "carry.h"
#include "base/clock.h"
#include "commands.h"
#include "interrupt.h"
#include "paths.h"
#include "plans.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: sluice run MODEL --text [-i LINES] [-o ANSWERS]\n"
                           "       sluice run MODEL -i X.npy [-o Y.npy] [--hn, --cn, --head FILE]\n"
                           "Rows stream through in order. FILE '-' is standard input or output.\n"
                           "  --text             a line of bytes is a row of tokens, answered with a line\n"
                           "                     LABEL<TAB>PROBABILITY; an empty line is a row of length 0,\n"
                           "                     and answered; no lines, no answers\n"
                           "Without --text, .npy; any numeric type but f4 is converted with a note:\n"
                           "  -i, --input FILE   [N][T][I], or tokens [N][T]; default: -\n"
                           "  --lengths FILE     [N], the steps of each row; default: all have T\n"
                           "  --h0, --c0 FILE    states to begin with, [L*D][N][H]; default: zeros\n"
                           "  --state FILE       safetensors: rows go on from it if it exists, and end in it\n"
                           "  -o, --output FILE  the last layer's h, [N][T][D*H], zero past a row's end\n"
                           "  --hn, --cn FILE    states at the end, [L*D][N][H]\n"
                           "  --head FILE        the head's outputs, [N][C]\n"
                           "  --layout ntc|tnc   of --input, --output: rows or steps first; default: ntc\n"
                           "  --rows N           rows held in memory at once\n"
                           "  --prefix, --head-name, --embedding-name NAME, --plans FILE: sluice info --help\n"
                           "  --threads N        --isa scalar|avx2|avx512     --gemm fused|blis\n"
                           "  --schedule auto|rows|hoist|units|measure        --progress auto|always|never\n"
                           "  --stats [--json]   speed, at the end, on standard error\n"
                           "Examples:\n"
                           "  sluice run langid.safetensors --text < /usr/share/dict/words > answers.tsv\n"
                           "  sluice run lstm.safetensors -i x.npy --lengths n.npy -o y.npy --hn hn.npy\n"
                           "  sluice run lstm.safetensors --head - < x.npy > logits.npy\n";

/* Memory for the rows of a batch unless --rows says otherwise, and the most rows: beyond them speed grows no more. */
enum { BATCH_BYTES = 64 << 20, MAX_ROWS = 8192, MIN_ROWS_PER_THREAD = 16 };

size_t sl_run_get_rows(const sl_run *run, double bytes)
{
    if (run->options->rows)
        return run->options->rows;
    const size_t least = (size_t)MIN_ROWS_PER_THREAD * run->info.threads;
    const size_t rows = bytes * MAX_ROWS < BATCH_BYTES ? MAX_ROWS : (size_t)(BATCH_BYTES / bytes);
    return rows > least ? rows : least;
}

sl_exit sl_run_fail(const sluice_error *error)
{
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    return error->status == SLUICE_STATUS_IO && errno == EPIPE ? SL_EXIT_IO : sl_report_error(error);
}

sl_exit sl_run_measure(sl_run *run, size_t rows, size_t steps)
{
    const double begun = sl_clock_get();
    const sl_exit code = rows && steps ? sl_plans_measure(run->options, run->engine, rows, steps) : SL_EXIT_OK;
    const double seconds = sl_clock_get() - begun;
    run->stats.setup_seconds += seconds;
    run->started += seconds;
    return code ? code : sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
}

sl_exit sl_run_forward(sl_run *run, const sluice_batch *batch, uint64_t steps)
{
    const double started = sl_clock_get();
    sluice_error error;
    if (sluice_forward(run->engine, run->workspace, batch, &error))
        return sl_report_error(&error);
    run->stats.run_seconds += sl_clock_get() - started;
    run->stats.rows += batch->rows;
    run->stats.steps += steps;
    return SL_EXIT_OK;
}

static sl_exit check_paths(const sl_options *options)
{
    const sl_place places[] = {
        {"MODEL", options->model, false},    {"--plans", options->plans, options->measure},
        {"--input", options->input, false},  {"--lengths", options->lengths, false},
        {"--h0", options->h0, false},        {"--c0", options->c0, false},
        {"--output", options->output, true}, {"--hn", options->hn, true},
        {"--cn", options->cn, true},         {"--head", options->head, true},
        {"--state", options->state, true},
    };
    if (strcmp(options->model, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "MODEL cannot be standard input; name a safetensors file");
    return sl_paths_check(places, sizeof places / sizeof places[0]);
}

static sl_exit check_options(const sl_options *options)
{
    if (!options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL is missing; see sluice run --help");
    if (options->json && !options->stats)
        return sl_report(SL_EXIT_USAGE, "--json tells how --stats is written; add --stats");
    if (options->text &&
        (options->lengths || options->h0 || options->c0 || options->hn || options->cn || options->head || options->step_first))
        return sl_report(SL_EXIT_USAGE, "--text goes with --input and --output only, not with --lengths, --h0, --c0, --hn, --cn, "
                                        "--head or --layout tnc");
    if (options->text && options->measure)
        return sl_report(SL_EXIT_USAGE,
                         "--schedule measure times batches of equal rows, and lines are of all lengths; measure with "
                         ".npy input");
    sl_exit code = sl_carry_check(options);
    if (!code)
        code = sl_plans_check(options);
    if (code)
        return code;
    if (!options->text && !options->output && !options->hn && !options->cn && !options->head && !options->state)
        return sl_report(SL_EXIT_USAGE,
                         "no output is asked for: give --output, --hn, --cn, --head or --state, or --text to read lines");
    return check_paths(options);
}

static sl_exit set_up(sl_run *run)
{
    const double started = sl_clock_get();
    sluice_error error;
    if (sluice_model_load(run->options->model, &run->options->names, &run->model, &error))
        return sl_report_error(&error);
    run->shape = sluice_model_get_shape(run->model);
    run->info.struct_size = sizeof run->info;
    if (sluice_engine_create(run->model, &run->options->engine, &run->engine, &error) ||
        sluice_workspace_create(run->engine, 0, 0, &run->workspace, &error))
        return sl_report_error(&error);
    if (sluice_engine_get_info(run->engine, &run->info))
        return sl_report_mismatch();
    const sl_exit code = sl_plans_load(run->options, run->engine);
    run->stats.setup_seconds = sl_clock_get() - started;
    return code;
}

static sl_exit run_all(sl_run *run)
{
    sl_exit code = set_up(run);
    if (code)
        return code;
    run->started = sl_clock_get();
    code = run->options->text ? sl_run_text(run) : sl_run_npy(run);
    run->stats.seconds = sl_clock_get() - run->started;
    sl_progress_stop();
    if (code == SL_EXIT_INTERRUPTED)
        return sl_report(code, "interrupted after %llu rows; no named output was written", (unsigned long long)run->stats.rows);
    if (!code && run->options->stats)
        code = sl_stats_print(&run->stats, &run->shape, &run->info, run->options->json);
    return code;
}

sl_exit sl_command_run(int argc, char **argv)
{
    sl_options options;
    bool over;
    sl_exit code = sl_options_begin(SL_COMMAND_RUN, argc, argv, help, &options, &over);
    if (code || over)
        return code;
    options.input = options.input ? options.input : "-";
    if (options.text && !options.output)
        options.output = "-";
    code = check_options(&options);
    if (code)
        return code;
    sl_run run = {.options = &options};
    code = run_all(&run);
    sluice_workspace_destroy(run.workspace);
    sluice_engine_destroy(run.engine);
    sluice_model_destroy(run.model);
    return code;
}
