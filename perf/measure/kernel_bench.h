/* Micro-benchmarks of the parts of a time step, beside the same functions of other libraries. */
#ifndef SLUICE_PERF_MEASURE_KERNEL_BENCH_H
#define SLUICE_PERF_MEASURE_KERNEL_BENCH_H

#include "perf/measure/micro.h"

/**
 * For an instruction set, add a row each for: `peak`, independent multiply-adds in registers only; `product`, a register tile of
 * every size (its shape: rows x blocks of columns) with packed weights that fit L1; `gemm`, rows x columns x terms, as one step
 * of a batch; `sigmoid` and `tanh` over an array that fits L1, and SLEEF's of that instruction set. What is computed is checked
 * first. A row is a sl_kernel_row, and there is none of fewer repetitions
 * than planned; its reference is the clock, so that what it counts is cycles; an element is a result's float. When plan->stopped(), returns OK early.
 * @return UNSUPPORTED when the machine or the build lacks the ISA (AUTO is the best one); BAD_DATA when a result is wrong; IO,
 *         NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_kernels_run(sluice_isa isa, const sl_micro_run *run, sluice_error *error);

/** Likewise for code that chooses its instructions by itself: libm's sigmoid and tanh, BLIS's gemm, and reading memory of each level
 *  with each of `count` numbers of threads (0: one thread, and as many as the library would use). */
SLUICE_WARN_UNUSED sluice_status sl_kernels_run_rest(size_t count, const size_t *threads, const sl_micro_run *run,
                                                     sluice_error *error);

#endif
