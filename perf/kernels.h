/* Micro-benchmarks: what the parts of a time step cost by themselves, for each instruction set, in caches and on one thread. */
#ifndef SLUICE_PERF_KERNELS_H
#define SLUICE_PERF_KERNELS_H

#include "harness.h"
#include "report.h"

/** The columns that people see of a micro-benchmark's row. */
enum { SL_KERNEL_COLUMNS = 8 };
extern const sl_column sl_kernel_columns[SL_KERNEL_COLUMNS];

/**
 * For an instruction set, add a row each for: `peak`, independent multiply-adds in registers only; `product`, a register tile
 * of rows with packed weights that fit L1; `sigmoid` and `tanh` over an array that fits L1. A row has: kernel isa elements
 * seconds_min seconds_median spread ns_per_element cycles_per_element gflops clock_ghz repetitions calls. An element is a
 * result's float; cycles are those of the clock measured in between by a chain of dependent additions, of one cycle each on any
 * CPU of today. When plan->stopped(), returns OK early. Rows are counted in the tally.
 * @return UNSUPPORTED when the machine or the build lacks the ISA (AUTO is the best one); IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_kernels_run(sluice_isa isa, const sl_plan *plan, sl_bench_report *report, sl_tally *tally,
                                                sluice_error *error);

#endif
