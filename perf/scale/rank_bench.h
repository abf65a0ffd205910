/* Timing what ranks do together, a rank being a process: inference, training, and the exchange of gradients alone. */
#ifndef SLUICE_PERF_SCALE_RANK_BENCH_H
#define SLUICE_PERF_SCALE_RANK_BENCH_H

#include "perf/options/bench_options.h"

/**
 * Run the cases of the options, and the exchanges, on each number of ranks, threads and shards that they ask for, and add a row for each.
 * Digests of outputs, weights and sums must be the same on any number of ranks. A number of threads that gives the ranks of one machine
 * more threads than it has CPUs is skipped with a note. Forks: no thread may have been started before. When plan.stopped() on some rank,
 * returns OK early on all.
 * @retval BAD_DATA a digest differs, or a sum is wrong. BAD_ARGUMENT a case that ranks cannot run; --hosts.
 * @retval IO a connection is lost. As sl_rank_work_create and sl_bench_report_add.
 */
SLUICE_WARN_UNUSED sluice_status sl_ranks_run(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                              sluice_error *error);

/** The fields of such a row. */
extern const sl_field_table sl_rank_fields;

#endif
