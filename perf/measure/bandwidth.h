/* Memory bandwidth: how fast threads read arrays of their own that fit each cache, and main memory. */
#ifndef SLUICE_PERF_MEASURE_BANDWIDTH_H
#define SLUICE_PERF_MEASURE_BANDWIDTH_H

#include "perf/measure/harness.h"
#include "perf/report/row_fields.h"

typedef enum sl_level { SL_LEVEL_L1, SL_LEVEL_L2, SL_LEVEL_L3, SL_LEVEL_DRAM, SL_LEVELS } sl_level;

/** "L1", "L2", "L3", "DRAM". */
const char *sl_level_get_name(sl_level level);

typedef struct sl_stream {
    sl_level level;
    unsigned threads;    /* as many as ran */
    size_t thread_bytes; /* each thread's array */
    double call_bytes;   /* read by all of them in one call */
    sl_timing timing;    /* reference: the clock in Hz */
} sl_stream;

/**
 * Each thread's array: half of the cache (of a shared one, half of its share), and for DRAM four times the share of the last cache, so that
 * it does not hold the array. Shares are those of the threads that there are CPUs for. 0: the system reports no such cache.
 */
size_t sl_stream_thread_bytes(sl_level level, unsigned threads);

/**
 * Read arrays that fit a level with the widest loads of the CPU, `threads` at a time, and check what was read. The arrays belong
 * to the threads; at most as many threads as CPUs run. When plan->stopped(), repetitions are fewer.
 * @retval UNSUPPORTED there is no such level.
 * @retval BAD_DATA    what was read is wrong.
 * @retval NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_stream_run(sl_level level, unsigned threads, const sl_timing_plan *plan, sl_stream *stream,
                                               sluice_error *error);

/** Bytes a second, best repetition. */
double sl_stream_speed(const sl_stream *stream);

/** Measure the read bandwidths of L2, L3 and DRAM with one thread and with `threads`. @return as sl_stream_run, UNSUPPORTED apart */
SLUICE_WARN_UNUSED sluice_status sl_bandwidth_measure(unsigned threads, const sl_timing_plan *plan, sl_bandwidth_row *row,
                                                      sluice_error *error);

/** sl_clock_rate_measure as a reference for sl_workload; `context` is not used. */
double sl_clock_rate(void *context);

#endif
