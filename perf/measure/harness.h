/* Timing: warm-up, repetitions that are long enough for the clock, and a reference that is measured between them, so that a busy
 * machine is noticed. Knows nothing of what is timed. */
#ifndef SLUICE_PERF_MEASURE_HARNESS_H
#define SLUICE_PERF_MEASURE_HARNESS_H

#include "sluice.h"

#include <stdbool.h>

/** Largest number of repetitions: the samples live on the stack. */
enum { SL_REPETITIONS_MAX = 1000 };

/** From this relative spread on a machine counts as busy. */
#define SL_SPREAD_BUSY 0.10

typedef struct sl_timing_plan {
    double min_seconds;    /* each repetition lasts at least this long: calls are repeated inside it */
    unsigned repetitions;  /* 1..SL_REPETITIONS_MAX */
    unsigned warmup;       /* calls before anything is timed */
    bool (*stopped)(void); /* asked between repetitions; measuring ends early once it says true; NULL: never */
} sl_timing_plan;

typedef struct sl_summary {
    double min, median, max;
} sl_summary;

/** What is timed, and what it is compared with. */
typedef struct sl_workload {
    sluice_status (*call)(void *context, sluice_error *error);
    double (*reference)(void *context); /* a speed, larger is better: measured before, between and after the repetitions; or NULL */
    void *context;
} sl_workload;

typedef struct sl_timing {
    sl_summary seconds;   /* of one call */
    sl_summary reference; /* zeros without one */
    size_t calls;         /* in each repetition */
    unsigned repetitions; /* done; fewer than planned when stopped */
} sl_timing;

/** Counts over a whole run. */
typedef struct sl_bench_tally {
    size_t rows;
    size_t busy; /* of them, those measured while the machine was busy */
} sl_bench_tally;

/** Least, median (mean of the middle two of an even count) and largest of count >= 1 values, which are sorted. */
sl_summary sl_summarise(size_t count, double *values);

/** By how much a typical repetition was slower than the quoted one: median / min - 1. */
double sl_timing_spread(const sl_timing *timing);

/** By how much a typical reference was slower than the quoted one: max / median - 1; 0 without one. */
double sl_timing_reference_spread(const sl_timing *timing);

/** Whether either spread reaches SL_SPREAD_BUSY. */
bool sl_timing_is_busy(const sl_timing *timing);

/** Count a row with this timing. */
void sl_bench_tally_add(sl_bench_tally *tally, const sl_timing *timing);

/**
 * Time a workload. The least of the repetitions is the one to quote, against the largest reference.
 * When stopped, returns OK with fewer repetitions than planned, and the summaries are of those done (zeros if none).
 * @return what the workload's call returns when it fails, at once.
 */
SLUICE_WARN_UNUSED sluice_status sl_measure(const sl_timing_plan *plan, const sl_workload *workload, sl_timing *timing,
                                            sluice_error *error);

#endif
