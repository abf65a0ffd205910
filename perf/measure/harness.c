#include "perf/measure/harness.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

/* A clock tick of 1 ns and a call of a few: this many calls take a second at the very least, so doubling ends. */
enum { CALLS_MAX = 1 << 30 };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

sl_summary sl_summarise(size_t count, double *values)
{
    assert(count > 0);
    qsort(values, count, sizeof *values, by_value);
    return (sl_summary){values[0], 0.5 * (values[(count - 1) / 2] + values[count / 2]), values[count - 1]};
}

double sl_timing_spread(const sl_timing *timing)
{
    return timing->seconds.min > 0 ? timing->seconds.median / timing->seconds.min - 1 : 0;
}

double sl_timing_reference_spread(const sl_timing *timing)
{
    return timing->reference.median > 0 ? timing->reference.max / timing->reference.median - 1 : 0;
}

bool sl_timing_is_busy(const sl_timing *timing)
{
    return sl_timing_spread(timing) >= SL_SPREAD_BUSY || sl_timing_reference_spread(timing) >= SL_SPREAD_BUSY;
}

void sl_bench_tally_add(sl_bench_tally *tally, const sl_timing *timing)
{
    tally->rows++;
    tally->busy += sl_timing_is_busy(timing);
}

static bool stopped(const sl_timing_plan *plan)
{
    return plan->stopped && plan->stopped();
}

static sluice_status repeat(const sl_workload *workload, size_t calls, double *seconds, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const double start = sl_clock_get();
    for (size_t k = 0; k < calls && !status; k++)
        status = workload->call(workload->context, error);
    *seconds = sl_clock_get() - start;
    return status;
}

/* Warm up, then double the calls of a repetition until it is long enough. */
static sluice_status calibrate(const sl_timing_plan *plan, const sl_workload *workload, size_t *calls, sluice_error *error)
{
    double seconds;
    *calls = 1;
    sluice_status status = repeat(workload, plan->warmup, &seconds, error);
    while (!status && !stopped(plan)) {
        status = repeat(workload, *calls, &seconds, error);
        if (seconds >= plan->min_seconds || *calls >= CALLS_MAX)
            break;
        *calls *= 2;
    }
    return status;
}

sluice_status sl_measure(const sl_timing_plan *plan, const sl_workload *workload, sl_timing *timing, sluice_error *error)
{
    double seconds[SL_REPETITIONS_MAX], reference[SL_REPETITIONS_MAX + 1], untimed;
    assert(plan->repetitions >= 1 && plan->repetitions <= SL_REPETITIONS_MAX);
    *timing = (sl_timing){0};
    sluice_status status = calibrate(plan, workload, &timing->calls, error);
    unsigned done = 0;
    while (!status && done < plan->repetitions && !stopped(plan)) {
        if (workload->reference)
            reference[done] = workload->reference(workload->context);
        /* While the reference was measured, the workload's threads may have gone to sleep and its data may have left the cache;
         * in one long call that does not matter. */
        if (timing->calls > 1)
            status = repeat(workload, 1, &untimed, error);
        status = status ? status : repeat(workload, timing->calls, &seconds[done], error);
        if (!status)
            seconds[done++] /= (double)timing->calls;
    }
    if (status || !done)
        return status;
    timing->repetitions = done;
    timing->seconds = sl_summarise(done, seconds);
    if (workload->reference) {
        reference[done] = workload->reference(workload->context);
        timing->reference = sl_summarise((size_t)done + 1, reference);
    }
    return SLUICE_STATUS_OK;
}
