/* The page of sluice-bench's documentation: what --help and the manual say besides the options. */
#ifndef SLUICE_PERF_BENCH_BENCH_PAGE_H
#define SLUICE_PERF_BENCH_BENCH_PAGE_H

#include "program/options/option_table.h"

extern const sl_page sl_bench_page;

#endif
