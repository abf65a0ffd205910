#include "perf/measure/micro.h"

#include "perf/measure/bandwidth.h"

const sl_column sl_micro_columns[SL_MICRO_COLUMNS] = {
    {"kernel", "kernel", -7, 0, 0},
    {"by", "by", -6, 0, 0},
    {"isa", "isa", -6, 0, 0},
    {"shape", "shape", -11, 0, 0},
    {"threads", "thr", 3, 0, 0},
    {"array_bytes", "bytes", 10, 0, 0},
    {"ns_per_element", "ns/element", 10, 4, 0},
    {"cycles_per_element", "cycles", 7, 3, 0},
    {"gflops", "GFLOP/s", 7, 1, 0},
    {"gbytes_per_second", "GB/s", 6, 1, 0},
    {"bytes_per_cycle", "B/cycle", 7, 1, 0},
    {"clock_ghz", "GHz", 5, 2, 0},
    {"spread", "spread", 6, 2, 0},
};

static json_t *real_or_null(double counted, double value)
{
    return counted > 0 ? json_real(value) : json_null();
}

static json_t *to_row(const sl_micro *micro, const sl_timing *timing)
{
    const double seconds = timing->seconds.min, clock = timing->reference.max;
    const double each = micro->elements > 0 ? seconds / micro->elements : 0;
    /* clang-format off */
    return json_pack("{ss ss so ss si so sf sf sf so so so so so sf sf si sI}",
                     "kernel", micro->kernel,
                     "by", micro->by,
                     "isa", micro->isa ? json_string(micro->isa) : json_null(),
                     "shape", micro->shape,
                     "threads", (int)micro->threads,
                     "array_bytes", micro->array_size ? json_integer((json_int_t)micro->array_size) : json_null(),
                     "seconds_min", seconds,
                     "seconds_median", timing->seconds.median,
                     "spread", sl_timing_spread(timing),
                     "ns_per_element", real_or_null(micro->elements, each * 1e9),
                     "cycles_per_element", real_or_null(micro->elements, each * clock),
                     "gflops", real_or_null(micro->flop, micro->flop / seconds * 1e-9),
                     "gbytes_per_second", real_or_null(micro->bytes, micro->bytes / seconds * 1e-9),
                     "bytes_per_cycle", real_or_null(micro->bytes, micro->bytes / seconds / clock / micro->threads),
                     "clock_ghz", clock * 1e-9,
                     "clock_spread", sl_timing_reference_spread(timing),
                     "repetitions", (int)timing->repetitions,
                     "calls", (json_int_t)timing->calls);
    /* clang-format on */
}

sluice_status sl_micro_add(const sl_micro_run *run, const sl_micro *micro, const sl_timing *timing, sluice_error *error)
{
    if (timing->repetitions < run->plan->repetitions)
        return SLUICE_STATUS_OK;
    sl_tally_add(run->tally, timing);
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
