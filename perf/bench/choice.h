/* How good the library's choice of an execution plan is: all candidates of a case are timed. */
#ifndef SLUICE_PERF_BENCH_CHOICE_H
#define SLUICE_PERF_BENCH_CHOICE_H

#include "perf/bench/expect.h"

/** Rows so far, and those in which the chosen plan is the fastest or within SL_CHOICE_NEAR of it. */
typedef struct sl_choice_tally {
    size_t rows, near;
} sl_choice_tally;

#define SL_CHOICE_NEAR 0.03

/** One row for each number of threads (0: as many as an engine uses by default): the chosen plan and the fastest. Each candidate is
 *  timed plan->repetitions times, in turn, for plan->min_seconds at least, and its least time counts. When plan->stopped(), returns OK
 *  early. As sl_expect_create. */
SLUICE_WARN_UNUSED sluice_status sl_choice_run(const sl_case *shape, const sluice_machine *machine, const sl_list *threads,
                                               const sl_timing_plan *plan, sl_bench_report *report, sl_choice_tally *tally,
                                               sluice_error *error);

/** The fields of such a row. */
extern const sl_field_table sl_choice_fields;

#endif
