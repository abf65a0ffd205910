/* Pictures of a run's rows, and their comparison with an earlier record; and rows that are read from a record instead of measured. */
#ifndef SLUICE_PERF_BENCH_OUTCOME_H
#define SLUICE_PERF_BENCH_OUTCOME_H

#include "perf/options/bench_options.h"

#include "program/exit.h"

/**
 * Do what has to be done before a run: refuse outputs to the same place, and pictures that the run's rows would not fit or that
 * cannot be written, read the record to compare with, and measure the bandwidths that a roofline needs, into the context. Failures
 * are reported; likewise below.
 * @param old_rows set to the record's rows, the caller's reference; NULL without --compare.
 */
SLUICE_WARN_UNUSED sl_exit sl_outcome_prepare(const sl_bench_options *options, json_t *context, json_t **old_rows,
                                              sluice_error *error);

/** Read --from's record, and leave in the context what is the same in all of its rows only. Errors as sl_record_read, and BAD_DATA
 *  for rows of cases and of --kernels together. */
SLUICE_WARN_UNUSED sl_exit sl_outcome_read(const char *path, json_t *context, json_t **rows, sluice_error *error);

/**
 * Draw the pictures and compare, once the rows are there. The comparison is a table on standard output, with notes on standard
 * error about rows that only one side has and contexts that differ. SL_EXIT_FAILURE also if a row is slower.
 */
SLUICE_WARN_UNUSED sl_exit sl_outcome_finish(const sl_bench_options *options, const json_t *rows, const json_t *old_rows,
                                             sluice_error *error);

#endif
