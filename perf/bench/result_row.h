/* The row of a result. */
#ifndef SLUICE_PERF_BENCH_RESULT_ROW_H
#define SLUICE_PERF_BENCH_RESULT_ROW_H

#include "perf/cases/case.h"
#include "perf/report/row_fields.h"

/** Fill all fields but vs_best, scaling, efficiency and flop_per_byte, which compare it with others. */
void sl_result_row_fill(const sl_result *result, sl_case_row *row);

#endif
