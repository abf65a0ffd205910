#include "perf/bench/sweep.h"

#include "perf/bench/fixture.h"
#include "perf/bench/result_row.h"
#include "perf/peers/peer.h"
#include "perf/report/compare.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

typedef struct sl_sweep {
    const sl_bench_options *options;
    sl_bench_report *report;
    sl_bench_tally *tally;
    double *alone;    /* [settings but for the threads][peers] GFLOP/s of one thread; 0: not measured yet */
    json_t *rows;     /* of the shape that are not written yet */
    json_t *reported; /* an object whose keys are the notes that were printed; each is printed once */
} sl_sweep;

sluice_status sl_sweep_skip(sluice_status status, const sluice_error *error, sluice_isa isa, unsigned *skipped)
{
    if (status != SLUICE_STATUS_UNSUPPORTED)
        return status;
    if (!(*skipped & 1u << isa))
        fprintf(stderr, "sluice-bench: skipped: %s\n", error->message);
    *skipped |= 1u << isa;
    return SLUICE_STATUS_OK;
}

double sl_sweep_efficiency(double gflops, unsigned threads, double alone)
{
    return alone > 0 ? gflops / (threads * alone) : 0;
}

/* The steps of the longest row of a thread group without the batch's longest row: with a tail known, otherwise assumed equal. */
static double steps_of_others(const sl_case *shape)
{
    return shape->ragged == SL_RAGGED_TAIL ? fmax((double)(shape->steps / SL_TAIL), 1) : (double)shape->steps;
}

/* How many weights one forward pass reads. Those of h are read at each step; those of x too, unless the products of x are computed
 * for many steps at once. */
static double count_weights(const sl_result *result, bool hoists)
{
    const sl_case *shape = &result->shape;
    const double hidden = (double)shape->hidden, groups = result->plan.thread_groups;
    const double steps = (double)shape->steps + (groups - 1) * steps_of_others(shape);
    double weights = 0;
    for (size_t l = 0; l < shape->layers; l++) {
        const double in = (double)(l ? shape->directions * shape->hidden : shape->input);
        const double of_x = in * (hoists ? groups : steps);
        weights += 4 * hidden * (of_x + hidden * steps) * (double)shape->directions;
    }
    return weights;
}

static double bytes_of_weight(sluice_precision precision)
{
    return precision == SLUICE_PRECISION_INT8 ? 1 : precision == SLUICE_PRECISION_BF16 ? 2 : sizeof(float);
}

double sl_sweep_bytes(const sl_result *result)
{
    const sl_case *shape = &result->shape;
    const double units = (double)(shape->directions * shape->hidden), steps = (double)result->total_steps;
    const double outputs = shape->ragged == SL_RAGGED_TAIL ? 0 : units, inputs = (double)shape->input;
    const double tape = 6 * units * (double)shape->layers; /* of a step: four gates, c and h */
    const double of_weight = bytes_of_weight(result->setting.precision) / sizeof(float);
    double floats = of_weight * count_weights(result, result->plan.hoists) + steps * (inputs + outputs);
    if (shape->train)
        floats += steps * tape;
    if (shape->train == SL_TRAIN_BOTH)
        floats += count_weights(result, true) + steps * (tape + outputs + 2 * inputs); /* dy is read, x as well, dx written */
    return sizeof(float) * floats;
}

/* The row of a result, compared with one thread alone. */
static json_t *to_row(const sl_sweep *sweep, const sl_result *result, double alone)
{
    sl_case_row row;
    sl_result_row_fill(result, &row);
    row.scaling = sl_scaling_get_name(sweep->options->scaling);
    row.efficiency = sl_sweep_efficiency(row.gflops, row.threads, alone);
    if (result->plan.thread_groups > 0 && !result->shape.network)
        row.flop_per_byte = sl_result_flop(result) / sl_sweep_bytes(result);
    return sl_fields_to_row(&sl_case_fields, &row);
}

/* Print a note on a setting that is not run; this is not a failure. */
static sluice_status skip(sl_sweep *sweep, sluice_status status, const sluice_error *error)
{
    if (status != SLUICE_STATUS_UNSUPPORTED)
        return status;
    if (!json_object_get(sweep->reported, error->message))
        fprintf(stderr, "sluice-bench: skipped: %s\n", error->message);
    (void)json_object_set_new(sweep->reported, error->message, json_true()); /* without memory it is printed again */
    return SLUICE_STATUS_OK;
}

/* Run a setting and keep its row. */
static sluice_status run_setting(sl_sweep *sweep, sl_fixture *fixture, const sl_setting *setting, double *alone,
                                 sluice_error *error)
{
    const sl_timing_plan *plan = &sweep->options->plan;
    sl_result result;
    const sluice_status status = sl_fixture_run(fixture, setting, plan, &result, error);
    if (status)
        return skip(sweep, status, error);
    if (result.timing.repetitions < plan->repetitions)
        return SLUICE_STATUS_OK;
    const double gflops = sl_result_flop(&result) / result.timing.seconds.min * 1e-9;
    if (result.setting.threads == 1)
        *alone = gflops;
    sl_bench_tally_add(sweep->tally, &result.timing);
    return json_array_append_new(sweep->rows, to_row(sweep, &result, *alone)) == 0
               ? SLUICE_STATUS_OK
               : sl_fail_memory(error, "a row of results", sizeof result);
}

static bool stopped(const sl_sweep *sweep)
{
    return sweep->options->plan.stopped && sweep->options->plan.stopped();
}

/* Run setting s with each peer. Peers other than the library distinguish settings only by their threads and their precision, so that
 * they run only the first of each of these. */
static sluice_status run_peers(sl_sweep *sweep, sl_fixture *fixture, size_t s, sluice_error *error)
{
    const sl_bench_options *options = sweep->options;
    const size_t peers = options->peers.count, of_peers = options->threads.count * options->precision.count; /* they vary fastest */
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t p = 0; !status && p < peers && !stopped(sweep); p++) {
        sl_setting setting = sl_bench_options_get_setting(options, s);
        setting.peer = sl_peer_get(options->peers.values[p]);
        if (setting.peer && (setting.peer == &sl_peer_sluice || s < of_peers))
            status = run_setting(sweep, fixture, &setting, &sweep->alone[s / options->threads.count * peers + p], error);
    }
    return status;
}

/* Write the rows that were collected. */
static sluice_status report_rows(sl_sweep *sweep, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (sweep->options->peers.count > 1 && sl_versus_fill(sweep->rows) != 0)
        status = sl_fail_memory(error, "rows of results", sizeof *sweep->rows);
    for (size_t k = 0; !status && k < json_array_size(sweep->rows); k++)
        status = sl_bench_report_add(sweep->report, json_incref(json_array_get(sweep->rows, k)), error);
    (void)json_array_clear(sweep->rows);
    return status;
}

/* Run the shape with the settings first, first + step, ... below settings. */
static sluice_status run_shape(sl_sweep *sweep, const sl_case *shape, size_t first, size_t step, size_t settings,
                               sluice_error *error)
{
    sl_fixture *fixture;
    sluice_status status = sl_fixture_create(shape, SL_CHECKED_FLOP, &fixture, error);
    for (size_t s = first; !status && s < settings && !stopped(sweep); s += step) {
        status = run_peers(sweep, fixture, s, error);
        if (!status && sweep->options->peers.count == 1)
            status = report_rows(sweep, error);
    }
    status = status ? status : report_rows(sweep, error);
    sl_fixture_destroy(fixture);
    return status;
}

/* A batch that grows with the threads is a different batch for each number of them. */
static sluice_status run_weak(sl_sweep *sweep, const sl_case *shape, size_t settings, sluice_error *error)
{
    const sl_list *threads = &sweep->options->threads;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < threads->count && !stopped(sweep); k++) {
        sl_case grown = *shape;
        grown.batch *= threads->values[k];
        status = run_shape(sweep, &grown, k, threads->count, settings, error);
    }
    return status;
}

/* The largest batch that a sweep makes of `shape`. */
static sl_case grow_shape(const sl_bench_options *options, sl_case shape)
{
    if (options->scaling == SL_SCALING_WEAK)
        shape.batch *= options->threads.values[options->threads.count - 1]; /* they rise */
    return shape;
}

/* Refuse a shape that does not fit into memory before time is spent on the shapes before it. */
static sluice_status check_shapes(const sl_bench_options *options, size_t shapes, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < shapes; k++) {
        const sl_case largest = grow_shape(options, sl_bench_options_get_case(options, k));
        status = sl_case_check(&largest, error);
    }
    return status;
}

static void report_missing_peers(const sl_list *peers)
{
    for (size_t p = 0; p < peers->count; p++)
        if (!sl_peer_get(peers->values[p]))
            fprintf(stderr, "sluice-bench: skipped: %s is not part of this build\n", sl_peer_get_name(peers->values[p]));
}

sluice_status sl_sweep_run(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally, sluice_error *error)
{
    sl_sweep sweep = {.options = options, .report = report, .tally = tally};
    size_t shapes, settings;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    status = status ? status : check_shapes(options, shapes, error);
    if (status)
        return status;
    const size_t series = settings / options->threads.count * options->peers.count;
    sweep.alone = sl_alloc_array(series, sizeof *sweep.alone);
    sweep.rows = json_array();
    sweep.reported = json_object();
    if (!sweep.alone || !sweep.rows || !sweep.reported)
        status = sl_fail_memory(error, "a sweep", series * sizeof *sweep.alone);
    else
        report_missing_peers(&options->peers);
    for (size_t k = 0; !status && k < shapes && !stopped(&sweep); k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        for (size_t s = 0; s < series; s++)
            sweep.alone[s] = 0;
        status = options->scaling == SL_SCALING_WEAK ? run_weak(&sweep, &shape, settings, error)
                                                     : run_shape(&sweep, &shape, 0, 1, settings, error);
    }
    json_decref(sweep.rows);
    json_decref(sweep.reported);
    sl_free(sweep.alone);
    return status;
}
