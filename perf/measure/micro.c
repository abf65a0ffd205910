#include "perf/measure/micro.h"

#include "perf/measure/bandwidth.h"
#include "perf/report/row_fields.h"

static json_t *to_row(const sl_micro *micro, const sl_timing *timing)
{
    const double seconds = timing->seconds.min, clock = timing->reference.max;
    const double each = micro->elements > 0 ? seconds / micro->elements : 0;
    const sl_kernel_row row = {.kernel = micro->kernel,
                               .by = micro->by,
                               .isa = micro->isa,
                               .shape = micro->shape,
                               .threads = micro->threads,
                               .array_bytes = micro->array_size,
                               .seconds_min = seconds,
                               .seconds_median = timing->seconds.median,
                               .spread = sl_timing_spread(timing),
                               .ns_per_element = each * 1e9,
                               .cycles_per_element = each * clock,
                               .gflops = micro->flop / seconds * 1e-9,
                               .gbytes_per_second = micro->bytes / seconds * 1e-9,
                               .bytes_per_cycle = micro->bytes / seconds / clock / micro->threads,
                               .clock_ghz = clock * 1e-9,
                               .clock_spread = sl_timing_reference_spread(timing),
                               .repetitions = timing->repetitions,
                               .calls = timing->calls};
    return sl_fields_to_row(&sl_kernel_fields, &row);
}

sluice_status sl_micro_add(const sl_micro_run *run, const sl_micro *micro, const sl_timing *timing, sluice_error *error)
{
    if (timing->repetitions < run->plan->repetitions)
        return SLUICE_STATUS_OK;
    sl_bench_tally_add(run->tally, timing);
    return sl_bench_report_add(run->report, to_row(micro, timing), error);
}

sluice_status sl_micro_time(const sl_micro_run *run, const sl_micro *micro,
                            sluice_status (*call)(void *context, sluice_error *error), void *context, sluice_error *error)
{
    const sl_workload workload = {call, sl_clock_rate, context};
    sl_timing timing;
    const sluice_status status = sl_measure(run->plan, &workload, &timing, error);
    return status ? status : sl_micro_add(run, micro, &timing, error);
}
