/* sluice-bench: runs the cases of the command line, writes a row for each, and warns if the machine was too busy for the figures to
 * be reliable. */
#include "perf/bench/case_export.h"
#include "perf/bench/choice.h"
#include "perf/bench/expect.h"
#include "perf/bench/outcome.h"
#include "perf/bench/sweep.h"
#include "perf/cases/case.h"
#include "perf/measure/context.h"
#include "perf/measure/kernel_bench.h"
#include "perf/measure/load_bench.h"
#include "perf/options/bench_options.h"
#include "perf/report/record.h"
#include "perf/report/row_fields.h"
#include "perf/scale/rank_bench.h"

#include "base/error.h"
#include "program/blis_arch.h"
#include "program/interrupt.h"
#include "program/pages/help.h"
#include "program/paths.h"
#include "program/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Report why a run failed. */
static sl_exit fail(const sluice_error *error)
{
    const sl_exit known = sl_interrupt_explain(error->status);
    if (known)
        return known;
    return sl_report(sl_exit_of_own_data(error->status), "%s", error->message);
}

/* Export the cases; those that cannot be exported are skipped with a note. */
static sl_exit run_export(const sl_bench_options *options, sluice_error *error)
{
    size_t shapes, settings;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes && !sl_interrupt_seen(); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        status = sl_export_write(&shape, options->directory, error);
        if (status == SLUICE_STATUS_UNSUPPORTED) {
            sl_report(SL_EXIT_OK, "skipped: %s", error->message);
            status = SLUICE_STATUS_OK;
        }
    }
    return status ? fail(error) : sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
}

static sluice_status run_kernels(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                 sluice_error *error)
{
    const sl_micro_run run = {&options->plan, report, tally};
    unsigned skipped = 0;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < options->isa.count && !sl_interrupt_seen(); k++) {
        const sluice_isa isa = (sluice_isa)options->isa.values[k];
        status = sl_sweep_skip(sl_kernels_run(isa, &run, error), error, isa, &skipped);
    }
    return status ? status : sl_kernels_run_rest(options->threads.count, options->threads.values, &run, error);
}

static sluice_status run_load(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally, sluice_error *error)
{
    return sl_load_run(options->model, &(sl_micro_run){&options->plan, report, tally}, error);
}

static sluice_status run_expect(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                sluice_error *error)
{
    size_t shapes, settings;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes && !sl_interrupt_seen(); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        status = sl_expect_run(&shape, &options->machines[SLUICE_ISA_AUTO], &options->threads, report, error);
        tally->rows++;
    }
    return status;
}

static sluice_status run_choice(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                sluice_error *error)
{
    size_t shapes, settings;
    sl_choice_tally choices = {0};
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes && !sl_interrupt_seen(); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        status =
            sl_choice_run(&shape, &options->machines[SLUICE_ISA_AUTO], &options->threads, &options->plan, report, &choices, error);
    }
    tally->rows = choices.rows;
    if (!status)
        fprintf(stderr, "sluice-bench: in %zu of %zu rows the chosen plan is the fastest or within %.0f %% of it\n", choices.near,
                choices.rows, 100 * SL_CHOICE_NEAR);
    return status;
}

static sluice_status run_fields(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                sluice_error *error)
{
    (void)options;
    tally->rows++;
    return sl_field_list_add(report, error);
}

/* What an action does, and the fields of its rows. */
typedef struct job {
    sluice_status (*run)(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally, sluice_error *error);
    const sl_field_table *fields;
} job;

static job job_of(sl_action action)
{
    switch (action) {
    case SL_ACTION_KERNELS:
        return (job){run_kernels, &sl_kernel_fields};
    case SL_ACTION_LOAD:
        return (job){run_load, &sl_kernel_fields};
    case SL_ACTION_FIELDS:
        return (job){run_fields, &sl_field_list_fields};
    case SL_ACTION_EXPECT:
        return (job){run_expect, &sl_expect_fields};
    case SL_ACTION_CHOICE:
        return (job){run_choice, &sl_choice_fields};
    case SL_ACTION_RANKS:
        return (job){sl_ranks_run, &sl_rank_fields};
    default:
        return (job){sl_sweep_run, &sl_case_fields};
    }
}

static void warn_busy(const sl_bench_tally *tally)
{
    if (tally->busy)
        fprintf(stderr,
                "sluice-bench: warning: in %zu of %zu rows the typical repetition or peak was %.0f %% or more slower than the "
                "quoted one: the machine was busy; run again when it is idle, or raise --repetitions\n",
                tally->busy, tally->rows, 100 * SL_SPREAD_BUSY);
}

/* Rows read from a record count as well. */
static void warn_above_peak(json_t *rows)
{
    const json_t *row;
    size_t k, above = 0;
    json_array_foreach(rows, k, row)
    {
        above += sl_row_exceeds_peak(row);
    }
    if (above)
        fprintf(stderr,
                "sluice-bench: warning: in %zu of %zu rows the share of the peak is above 1 ('!'), which is impossible: the "
                "machine was busy while the peak was measured; run these again when it is idle\n",
                above, json_array_size(rows));
}

/* A run, or a record that replaces it, and a record to compare with. */
typedef struct session {
    const sl_bench_options *options;
    sluice_precision precision; /* that engines use where none is asked for */
    json_t *context;
    json_t *from;     /* rows of a record instead of a run; NULL */
    json_t *old_rows; /* of a record to compare with; NULL */
} session;

static sluice_status add_rows(json_t *rows, sl_bench_report *report, sl_bench_tally *tally, sluice_error *error)
{
    json_t *row;
    sluice_status status = SLUICE_STATUS_OK;
    json_array_foreach(rows, tally->rows, row)
    {
        status = status ? status : sl_bench_report_add(report, json_incref(row), error);
    }
    return status;
}

/* The fields of rows whose columns are shown, besides those that always are. A record may be of peers. */
static unsigned choose_shown(const session *all)
{
    bool has_networks = false,
         has_low = !all->from && (sl_precision_is_low(all->precision) || sl_bench_options_have_low(all->options));
    for (size_t k = 0; k < all->options->sets.count; k++)
        has_networks |= sl_set_get(all->options->sets.values[k]).network_count > 0;
    for (size_t k = 0; k < json_array_size(all->from); k++) {
        const json_t *row = json_array_get(all->from, k);
        has_networks |= *sl_record_text(row, "network") != '\0';
        has_low |= strcmp(sl_record_text(row, "precision"), "f32") != 0;
    }
    return (all->from || all->options->peers.count > 1 ? SL_FIELD_OF_PEERS : 0) | (has_networks ? SL_FIELD_OF_NETWORKS : 0) |
           (has_low ? SL_FIELD_OF_PRECISIONS : 0);
}

/* Write all rows into a report, which is kept only if everything went well. `rows` receives them; NULL if it did not. */
static sl_exit write_rows(const session *all, json_t **rows, sluice_error *error)
{
    const sl_bench_options *options = all->options;
    const bool is_micro = all->from && json_object_get(json_array_get(all->from, 0), "kernel");
    const job todo = job_of(is_micro ? SL_ACTION_KERNELS : all->from ? SL_ACTION_CASES : options->action);
    /* Standard output is the comparison's. */
    const char *output = all->old_rows && sl_paths_is_standard_output(options->output) ? "/dev/null" : options->output;
    sl_bench_tally tally = {0};
    sl_bench_report *report;
    *rows = NULL;
    json_t *context = todo.fields == &sl_field_list_fields ? NULL : all->context; /* which does not depend on the machine */
    sluice_status status = sl_bench_report_create(output, options->format, todo.fields, choose_shown(all), context, &report, error);
    if (status)
        return fail(error);
    status = all->from ? add_rows(all->from, report, &tally, error) : todo.run(options, report, &tally, error);
    if (!status && !sl_interrupt_seen() && !tally.rows)
        status =
            sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "nothing was run: this machine has none of what --isa or --peer asks for");
    if (status || sl_interrupt_seen()) {
        sl_bench_report_abort(report);
        return status ? fail(error) : SL_EXIT_INTERRUPTED;
    }
    json_t *written = json_incref(sl_bench_report_get_rows(report));
    status = sl_bench_report_commit(report, error);
    const sl_exit code = status ? fail(error) : SL_EXIT_OK;
    warn_busy(&tally);
    warn_above_peak(written);
    if (!status)
        *rows = written;
    else
        json_decref(written);
    return code;
}

static sl_exit run(session *all, sluice_error *error)
{
    const sl_bench_options *options = all->options;
    json_t *rows = NULL;
    sl_exit code = sl_outcome_prepare(options, all->context, &all->old_rows, error);
    if (!code && options->from)
        code = sl_outcome_read(options->from, all->context, &all->from, error);
    code = code ? code : write_rows(all, &rows, error);
    if (!code && rows)
        code = sl_outcome_finish(options, rows, all->old_rows, error);
    json_decref(rows);
    json_decref(all->from);
    json_decref(all->old_rows);
    return code;
}

static void report_threads(const sl_bench_options *options)
{
    if (options->threads_most)
        fprintf(stderr, "sluice-bench: skipped: more than %u threads, %s\n", options->threads_most,
                options->action == SL_ACTION_KERNELS ? "for there are no more CPUs to read memory"
                                                     : "the most under this OMP_THREAD_LIMIT and GOMP_CPU_AFFINITY");
}

static sl_exit run_action(sl_bench_options *options, char **argv, sluice_error *error)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    /* BLIS reads its variable at its first use; where it does not know the CPU, the baseline would be a slow portable kernel's. */
    if (sl_blis_arch_set(error) || sluice_environment_get(NULL, &environment, error))
        return fail(error);
    const sluice_status chosen = sl_bench_options_choose_machines(options, error);
    if (chosen)
        return chosen == SLUICE_STATUS_CANCELLED ? SL_EXIT_INTERRUPTED : fail(error);
    json_t *context = sl_context_create(&environment, argv);
    if (!context)
        return sl_report_memory("the context");
    report_threads(options);
    options->plan.stopped = sl_interrupt_seen;
    session all = {.options = options, .precision = environment.precision, .context = context};
    sl_exit code = SL_EXIT_OK;
    if (options->action == SL_ACTION_VERSION)
        sl_version_print("sluice-bench", json_string_value(json_object_get(context, "git")), &environment);
    else
        code = options->action == SL_ACTION_EXPORT ? run_export(options, error) : run(&all, error);
    json_decref(context);
    return code;
}

int main(int argc, char **argv)
{
    sl_bench_options options;
    sluice_error error = {0};
    sl_exit code = SL_EXIT_OK;
    sl_paths_hold_standard();
    sl_interrupt_install();
    if (sl_bench_options_parse(argc, argv, &options, &error))
        code = fail(&error);
    else if (options.action == SL_ACTION_HELP)
        sl_help_write(&sl_program_this, &sl_bench_page, stdout);
    else
        code = run_action(&options, argv, &error);
    if (code == SL_EXIT_INTERRUPTED)
        sl_report(code, "interrupted");
    return (int)sl_interrupt_finish(sl_report_flush(code));
}
