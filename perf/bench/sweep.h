/* A run: every case that the command line spans, with every setting, checked, timed and written as a row; and how throughput
 * grows with threads. */
#ifndef SLUICE_PERF_BENCH_SWEEP_H
#define SLUICE_PERF_BENCH_SWEEP_H

#include "perf/options/bench_options.h"

/**
 * Run what the options span. A row has the fields of sl_case_row; `scaling`, `efficiency` (sl_sweep_efficiency against
 * the one thread that ran before with the same rest; null without one) and `flop_per_byte` (useful work over
 * sl_sweep_bytes; null for peers, whose execution plans are not known). Rows are written as they come, but with several peers those of a
 * shape together, with what sl_versus_fill adds. Instruction sets that the machine lacks and cases that a peer does not compute are
 * skipped with a note on standard error, each note once. When plan.stopped(), returns OK early. Rows are counted in the
 * tally.
 * @return what sl_fixture_create, sl_fixture_run and sl_bench_report_add return
 */
SLUICE_WARN_UNUSED sluice_status sl_sweep_run(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally,
                                              sluice_error *error);

/** Report once on standard error that this machine lacks an instruction set, if `status` is UNSUPPORTED, and return OK for it; any
 *  other status is returned as it is. `skipped` has a bit for each that was reported. */
sluice_status sl_sweep_skip(sluice_status status, const sluice_error *error, sluice_isa isa, unsigned *skipped);

/** Throughput over that of as many times one thread's, `alone`; 0 when that is not known. */
double sl_sweep_efficiency(double gflops, unsigned threads, double alone);

/** The bytes that a call has to read or write at least: x once, y once, and for each thread group the weights in every step until its
 * longest row ends, which of uniform lengths is assumed to be T; but the weights of x only once where the products of x are computed
 * for many steps at once. A training step adds the tape, written once; a gradient also the tape, read once, x, dy and dx once, and the
 * weights again, those of x once. A weight has four bytes in f32, two in bf16, one in int8. */
double sl_sweep_bytes(const sl_result *result);

#endif
