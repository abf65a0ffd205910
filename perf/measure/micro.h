/* Rows of what is timed by itself: a kernel, reading a file. */
#ifndef SLUICE_PERF_MEASURE_MICRO_H
#define SLUICE_PERF_MEASURE_MICRO_H

#include "perf/measure/harness.h"
#include "perf/report/result_rows.h"

/** Where rows go, and how they are timed. */
typedef struct sl_micro_run {
    const sl_timing_plan *plan;
    sl_bench_report *report;
    sl_bench_tally *tally;
} sl_micro_run;

enum { SL_MICRO_SHAPE_BYTES = 32 };

/** One computation that is timed. */
typedef struct sl_micro {
    const char *kernel;               /* "tanh" */
    const char *by;                   /* whose it is: "sluice", "libm", ... */
    const char *isa;                  /* NULL: it chooses by itself */
    char shape[SL_MICRO_SHAPE_BYTES]; /* of what is computed */
    unsigned threads;
    double elements;   /* results of one call; 0: not counted */
    double flop;       /* of one call; 0: not counted */
    double bytes;      /* read in one call by all threads; 0: not counted */
    size_t array_size; /* bytes of what each thread reads, in its cache; 0: not counted */
} sl_micro;

/** Add the row of what was timed already; none if repetitions are fewer than planned. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_micro_add(const sl_micro_run *run, const sl_micro *micro, const sl_timing *timing,
                                              sluice_error *error);

/** Time a call, its reference the clock, and add its row. When stopped, returns OK without one. What the call returns when it fails;
 *  IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_micro_time(const sl_micro_run *run, const sl_micro *micro,
                                               sluice_status (*call)(void *context, sluice_error *error), void *context,
                                               sluice_error *error);

#endif
