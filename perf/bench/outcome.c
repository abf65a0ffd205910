#include "perf/bench/outcome.h"

#include "perf/measure/bandwidth.h"
#include "perf/peers/peer.h"
#include "perf/report/compare.h"
#include "perf/report/plot.h"

#include "base/error.h"
#include "base/size.h"
#include "base/system/thread_count.h"
#include "io/output.h"
#include "program/paths.h"

#include <stdio.h>

/* ---- Before ---------------------------------------------------------------------------------------------------------------- */

/* Refuse (and report) outputs that would overwrite each other. */
static sl_exit check_outputs(const sl_bench_options *options)
{
    const sl_path_argument places[] = {
        {"--output", options->output, true}, {"--plot", options->plot, true}, {"--roofline", options->roofline, true}};
    return sl_paths_check(places, sizeof places / sizeof places[0]);
}

/* Check that a file can be written there, and leave none. A device or a FIFO is not opened before there is data for it. */
static sluice_status check_path(const char *path, sluice_error *error)
{
    sl_output output;
    if (!path || sl_paths_is_output_stream(path))
        return SLUICE_STATUS_OK;
    const sluice_status status = sl_output_create(path, &output, error);
    if (!status)
        sl_output_abort(&output);
    return status;
}

/* Lines of a picture that the peers make of a shape: of the settings only the library distinguishes more than precisions. */
static size_t count_lines(const sl_bench_options *options, size_t settings)
{
    size_t lines = 0;
    for (size_t p = 0; p < options->peers.count; p++) {
        const sl_peer *peer = sl_peer_get(options->peers.values[p]);
        lines += peer == &sl_peer_sluice  ? settings / options->threads.count
                 : peer && peer->runs_low ? options->precision.count
                                          : peer != NULL;
    }
    return lines;
}

/* Refuse pictures before time is spent on rows that would not fit into one. */
static sluice_status check_pictures(const sl_bench_options *options, sluice_error *error)
{
    size_t shapes, settings;
    if (options->action != SL_ACTION_CASES)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--plot and --roofline need cases; leave --kernels and --expect out");
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    if (status)
        return status;
    const size_t series = shapes * count_lines(options, settings);
    if (series > SL_SVG_STYLES)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "a picture has room for %d lines, and the shapes, settings and peers make %zu; ask for fewer at a time",
                       SL_SVG_STYLES, series);
    status = check_path(options->plot, error);
    return status ? status : check_path(options->roofline, error);
}

/* The most threads that the run asks for and this process has CPUs for. */
static unsigned most_threads(const sl_bench_options *options)
{
    const size_t cpus = sl_threads_cpus();
    size_t most = 0;
    for (size_t k = 0; k < options->threads.count; k++)
        most = sl_size_max(most, options->threads.values[k] ? options->threads.values[k] : cpus);
    return (unsigned)sl_size_min(most, cpus);
}

static sluice_status measure_bandwidth(const sl_bench_options *options, json_t *context, sluice_error *error)
{
    sl_bandwidth_row row;
    const sluice_status status = sl_bandwidth_measure(most_threads(options), &options->plan, &row, error);
    if (status)
        return status;
    json_t *fields = sl_fields_to_row(&sl_bandwidth_fields, &row);
    const bool added = fields && json_object_update(context, fields) == 0;
    json_decref(fields);
    return added ? SLUICE_STATUS_OK : sl_fail_memory(error, "bandwidths", sizeof row);
}

sl_exit sl_outcome_prepare(const sl_bench_options *options, json_t *context, json_t **old_rows, sluice_error *error)
{
    *old_rows = NULL;
    sl_exit code = check_outputs(options);
    if (!code && !options->from && (options->plot || options->roofline) && check_pictures(options, error))
        code = sl_report_error(error);
    if (!code && options->compare && sl_record_read(options->compare, old_rows, error))
        code = sl_report_error(error);
    if (!code && !options->from && options->roofline && measure_bandwidth(options, context, error))
        code = sl_report(SL_EXIT_FAILURE, "%s", error->message);
    if (code) {
        json_decref(*old_rows);
        *old_rows = NULL;
    }
    return code;
}

/* Rows of cases and of kernels have different columns. */
static sluice_status check_kinds(const char *path, const json_t *rows, sluice_error *error)
{
    const bool is_micro = json_object_get(json_array_get(rows, 0), "kernel") != NULL;
    for (size_t k = 1; k < json_array_size(rows); k++)
        if ((json_object_get(json_array_get(rows, k), "kernel") != NULL) != is_micro)
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: row %zu is of %s, those before it of %s; expected one kind, write them into two records", path,
                           k + 1, is_micro ? "a case" : "--kernels", is_micro ? "--kernels" : "cases");
    return SLUICE_STATUS_OK;
}

/* Keep in the context only what is the same in all rows. */
static sluice_status take_context(json_t *context, const json_t *rows, sluice_error *error)
{
    const json_t *first = json_array_get(rows, 0), *row;
    const char *key;
    json_t *value;
    void *next;
    size_t k;
    json_object_foreach_safe(context, next, key, value)
    {
        json_t *common = json_object_get(first, key);
        json_array_foreach(rows, k, row)
        {
            if (common && !json_equal(common, json_object_get(row, key)))
                common = NULL;
        }
        if (common ? json_object_set(context, key, common) != 0 : json_object_del(context, key) != 0)
            return sl_fail_memory(error, "a context", sizeof *value);
    }
    return SLUICE_STATUS_OK;
}

sl_exit sl_outcome_read(const char *path, json_t *context, json_t **rows, sluice_error *error)
{
    sluice_status status = sl_record_read(path, rows, error);
    status = status ? status : check_kinds(path, *rows, error);
    status = status ? status : take_context(context, *rows, error);
    return status ? sl_report_error(error) : SL_EXIT_OK;
}

/* ---- After ----------------------------------------------------------------------------------------------------------------- */

static void report_differences(const json_t *old_row, const json_t *new_row)
{
    const char *key;
    for (size_t k = 0; (key = sl_compare_context(old_row, new_row, k)); k++)
        fprintf(stderr, "sluice-bench: note: %s was '%s' and is '%s'\n", key, sl_record_text(old_row, key),
                sl_record_text(new_row, key));
}

static void report_comparison(const sl_comparison *comparison, double threshold)
{
    if (comparison->old_only || comparison->new_only)
        fprintf(stderr,
                "sluice-bench: note: not compared: %zu rows of the old record and %zu new ones, which the other side lacks\n",
                comparison->old_only, comparison->new_only);
    fprintf(stderr, "sluice-bench: %zu rows compared: %zu slower by more than %.3g %%, %zu unsure\n", comparison->rows,
            comparison->slower, 100 * threshold, comparison->unsure);
}

static sluice_status compare(const sl_bench_options *options, const json_t *rows, const json_t *old_rows, sl_exit *code,
                             sluice_error *error)
{
    sl_comparison comparison;
    sl_bench_report *report;
    sluice_status status = sl_bench_report_create("-", SL_BENCH_TABLE, &sl_compare_fields, 0, NULL, &report, error);
    if (status)
        return status;
    status = sl_compare_run(old_rows, rows, options->threshold, report, &comparison, error);
    if (status) {
        sl_bench_report_abort(report);
        return status;
    }
    report_differences(json_array_get(old_rows, 0), json_array_get(rows, 0));
    report_comparison(&comparison, options->threshold);
    *code = comparison.slower ? SL_EXIT_FAILURE : SL_EXIT_OK;
    return sl_bench_report_commit(report, error);
}

sl_exit sl_outcome_finish(const sl_bench_options *options, const json_t *rows, const json_t *old_rows, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    sl_exit code = SL_EXIT_OK;
    if (options->plot)
        status = sl_plot_threads(rows, options->plot, error);
    if (!status && options->roofline)
        status = sl_roofline_plot(rows, options->roofline, error);
    if (!status && old_rows)
        status = compare(options, rows, old_rows, &code, error);
    return status ? sl_report_error(error) : code;
}
