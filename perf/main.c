/* sluice-bench: runs what the command line spans, one row a case, and says when the machine was too busy for the figures to
 * mean much. */
#include "cases.h"
#include "context.h"
#include "expect.h"
#include "kernels.h"
#include "options.h"

#include "base/error.h"
#include "cli/advice.h"
#include "cli/interrupt.h"
#include "cli/report.h"
#include "cli/version.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] = "usage: sluice-bench [OPTION]... [T,N,H]...\n"
                           "Time LSTMs over batches of sequences: useful GFLOP/s, and the share of the FMA\n"
                           "peak measured in between. Results are checked before they are timed.\n"
                           "  --steps, --batch, --input, --hidden, --layers LIST   all combinations; LIST is\n"
                           "                  16,32 or ranges 1-8, 32-1024*2; input as hidden if not given\n"
                           "  --case T,N,H    steps, batch, input = hidden; may be repeated, as may T,N,H\n"
                           "  --bidirectional, --ragged uniform|tail|none  1..T; one T, others T/250\n"
                           "  --seed N        of weights, inputs and lengths (1)\n"
                           "  --threads, --isa, --gemm, --schedule LIST    swept for each shape; isa of\n"
                           "                  scalar,avx2,avx512; gemm fused,blis; schedule rows,hoist,\n"
                           "                  units,measure (times them first); auto of each\n"
                           "  --kernels       time peak, product, sigmoid, tanh instead, for each of --isa\n"
                           "  --expect        time nothing: what the cost model expects at each of --threads\n"
                           "  --min-time S    each repetition lasts at least S seconds (0.005)\n"
                           "  --repetitions N the least of N repetitions is quoted (10)\n"
                           "  --warmup N      calls before anything is timed (2)\n"
                           "  --format table|csv|json|jsonl|md     -o, --output FILE     --help    --version\n"
                           "Examples:\n"
                           "  sluice-bench                                 seven shapes, large and small\n"
                           "  sluice-bench 50,64,256 100,8,256 --isa avx2 --threads 1,2\n"
                           "  sluice-bench --batch 1-256*2 --hidden 256 --format csv --output batch.csv\n"
                           "Exit status: 0 ok, 1 failed or a wrong result, 2 usage, 74 I/O, 130 interrupted\n";

static void tell(const char *kind, const char *message)
{
    fprintf(stderr, "sluice-bench: %s%s\n", kind, message);
}

static sl_exit exit_code(const sluice_error *error)
{
    tell("", error->message);
    switch (error->status) {
    case SLUICE_STATUS_BAD_ARGUMENT:
        return SL_EXIT_USAGE;
    case SLUICE_STATUS_IO:
        return SL_EXIT_IO;
    default:
        return SL_EXIT_FAILURE;
    }
}

/* An instruction set that this machine lacks is passed over, so that one command line serves many machines; said once for each. */
static sluice_status skip(const sluice_error *lacking, sluice_isa isa, unsigned *skipped)
{
    if (!(*skipped & 1u << isa))
        tell("skipped: ", lacking->message);
    *skipped |= 1u << isa;
    return SLUICE_STATUS_OK;
}

static sluice_status run_setting(sl_bed *bed, const sl_bench_options *options, const sl_setting *setting, sl_bench_report *report,
                                 sl_tally *tally, sluice_error *error)
{
    sl_result result;
    const sluice_status status = sl_bed_run(bed, setting, &options->plan, &result, error);
    if (status || result.timing.repetitions < options->plan.repetitions)
        return status;
    sl_tally_add(tally, &result.timing);
    return sl_bench_report_add(report, sl_result_to_row(&result), error);
}

static sluice_status run_cases(const sl_bench_options *options, sl_bench_report *report, sl_tally *tally, sluice_error *error)
{
    size_t shapes, settings;
    unsigned skipped = 0;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes && !sl_interrupt_seen(); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        sl_bed *bed;
        status = sl_bed_create(&shape, SL_CHECKED_FLOP, &bed, error);
        for (size_t s = 0; !status && s < settings && !sl_interrupt_seen(); s++) {
            const sl_setting setting = sl_bench_options_get_setting(options, s);
            status = run_setting(bed, options, &setting, report, tally, error);
            if (status == SLUICE_STATUS_UNSUPPORTED)
                status = skip(error, setting.isa, &skipped);
        }
        sl_bed_destroy(bed);
    }
    return status;
}

static sluice_status run_kernels(const sl_bench_options *options, sl_bench_report *report, sl_tally *tally, sluice_error *error)
{
    unsigned skipped = 0;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < options->isa.count && !sl_interrupt_seen(); k++) {
        const sluice_isa isa = (sluice_isa)options->isa.values[k];
        status = sl_kernels_run(isa, &options->plan, report, tally, error);
        if (status == SLUICE_STATUS_UNSUPPORTED)
            status = skip(error, isa, &skipped);
    }
    return status;
}

static sluice_status run_expect(const sl_bench_options *options, sl_bench_report *report, sl_tally *tally, sluice_error *error)
{
    size_t shapes, settings;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes && !sl_interrupt_seen(); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        status = sl_expect_run(&shape, &options->threads, report, error);
        tally->rows++;
    }
    return status;
}

/* What an action does, and the columns of its rows. */
typedef struct job {
    sluice_status (*run)(const sl_bench_options *options, sl_bench_report *report, sl_tally *tally, sluice_error *error);
    const sl_column *columns;
    size_t count;
} job;

static job job_of(sl_action action)
{
    switch (action) {
    case SL_ACTION_KERNELS:
        return (job){run_kernels, sl_kernel_columns, SL_KERNEL_COLUMNS};
    case SL_ACTION_EXPECT:
        return (job){run_expect, sl_expect_columns, SL_EXPECT_COLUMNS};
    default:
        return (job){run_cases, sl_result_columns, SL_RESULT_COLUMNS};
    }
}

static void warn_busy(const sl_tally *tally)
{
    if (tally->busy)
        fprintf(stderr,
                "sluice-bench: warning: in %zu of %zu rows the typical repetition or peak was %.0f %% or more slower than the "
                "quoted one: the "
                "machine was busy; run again when it is idle, or raise --repetitions\n",
                tally->busy, tally->rows, 100 * SL_SPREAD_BUSY);
}

/* Run it all into a report, which is kept only if everything went well. */
static sl_exit run(const sl_bench_options *options, json_t *context, sluice_error *error)
{
    const job todo = job_of(options->action);
    sl_tally tally = {0};
    sl_bench_report *report;
    sluice_status status =
        sl_bench_report_create(options->output, options->format, todo.columns, todo.count, context, &report, error);
    if (status)
        return exit_code(error);
    status = todo.run(options, report, &tally, error);
    if (!status && !sl_interrupt_seen() && !tally.rows)
        status = sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "nothing was run: this machine has none of what --isa asks for");
    if (status || sl_interrupt_seen()) {
        sl_bench_report_abort(report);
        return status ? exit_code(error) : SL_EXIT_INTERRUPTED;
    }
    status = sl_bench_report_commit(report, error);
    warn_busy(&tally);
    return status ? exit_code(error) : SL_EXIT_OK;
}

static sl_exit print_version(const sluice_environment *environment, const json_t *context)
{
    sl_version_print("sluice-bench", json_string_value(json_object_get(context, "git")), environment);
    return fflush(stdout) == 0 ? SL_EXIT_OK : SL_EXIT_IO;
}

int main(int argc, char **argv)
{
    sl_bench_options options;
    sluice_error error = {0};
    sluice_environment environment = {.struct_size = sizeof environment};
    if (sl_bench_options_parse(argc, argv, &options, &error))
        return exit_code(&error);
    if (options.action == SL_ACTION_HELP)
        return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? SL_EXIT_OK : SL_EXIT_IO;
    /* BLIS reads its variable at its first use; where it does not know the CPU, the baseline would be a slow portable kernel's. */
    if (sl_blis_advise(&error) || sluice_environment_get(NULL, &environment, &error))
        return exit_code(&error);
    json_t *context = sl_context_create(&environment);
    if (!context) {
        tell("", "out of memory");
        return SL_EXIT_FAILURE;
    }
    sl_interrupt_install();
    options.plan.stopped = sl_interrupt_seen;
    const sl_exit code =
        options.action == SL_ACTION_VERSION ? print_version(&environment, context) : run(&options, context, &error);
    json_decref(context);
    return code;
}
