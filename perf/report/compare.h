/* Comparing two records, what became faster or slower by more than the noise of both; and the rows of a case among peers. */
#ifndef SLUICE_PERF_REPORT_COMPARE_H
#define SLUICE_PERF_REPORT_COMPARE_H

#include "perf/report/result_rows.h"

typedef enum sl_verdict { SL_VERDICT_SAME, SL_VERDICT_FASTER, SL_VERDICT_SLOWER, SL_VERDICT_UNSURE } sl_verdict;

/** "same", "faster", "slower", "unsure". */
const char *sl_verdict_get_name(sl_verdict verdict);

/**
 * The verdict on a speed that is `ratio` times the old one, where the ratio has an error of at most `noise`. A change is relevant
 * beyond `threshold`, and certain beyond the noise; "same" means that a relevant change would have been noticed.
 */
sl_verdict sl_verdict_reach(double ratio, double noise, double threshold);

/** Estimated error of the ratio of two rows' figures: the root of the sum of the squares of both runs'
 *  spreads, of the repetitions and of the peak or clock that the figure is compared with. Of 198 pairs of runs of one program on a
 *  machine with other work it covered the ratio in 169; the others were off by 5 % at most. */
double sl_compare_noise(const json_t *old_row, const json_t *new_row);

/** The figure of a row that a change of clock leaves as it is, larger being better: the share of the peak of a case, of a
 *  micro-benchmark the results a cycle or, of reading memory, GB/s; else calls a second. `name` receives which it is. */
double sl_compare_figure(const json_t *row, const char **name);

typedef struct sl_comparison {
    size_t rows;           /* compared */
    size_t slower, unsure; /* of them */
    size_t old_only;       /* rows of the old record without a new one */
    size_t new_only;       /* rows of the new record without an old one */
} sl_comparison;

/** The fields of a comparison's row. */
extern const sl_field_table sl_compare_fields;

/** Add a row for each new row that the old record has one like, with the same kind of figure, both above 0: case threads figure
 *  old new ratio noise verdict. Of several old rows that are alike the best counts. BAD_DATA: there is nothing to compare.
 *  NO_MEMORY, IO. */
SLUICE_WARN_UNUSED sluice_status sl_compare_run(const json_t *old_rows, const json_t *new_rows, double threshold,
                                                sl_bench_report *report, sl_comparison *comparison, sluice_error *error);

/** The k-th difference (0, 1, ...) in what the rows' figures depend on besides, the CPU or the compiler for example: its key, or
 *  NULL when there are no more. */
const char *sl_compare_context(const json_t *old_row, const json_t *new_row, size_t k);

/** In each of an array's rows, all of one shape, make `vs_best` its `gflops` over those of the best row of another `peer` in the same
 * `precision` with as many `threads`; null where there is none. -1 when there is no memory. */
int sl_versus_fill(json_t *rows);

#endif
