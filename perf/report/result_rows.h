/* Rows of results out to a file or standard output, in any of the formats. A row is a flat JSON object; all rows of a report
 * have the same keys. Knows nothing of what the keys mean. */
#ifndef SLUICE_PERF_REPORT_RESULT_ROWS_H
#define SLUICE_PERF_REPORT_RESULT_ROWS_H

#include "perf/report/field.h"

#include "sluice.h"

typedef enum sl_bench_format { SL_BENCH_TABLE, SL_BENCH_CSV, SL_BENCH_JSON, SL_BENCH_JSONL, SL_BENCH_MD } sl_bench_format;

/** "table", "csv", ... for 0, 1, ...; NULL for a value that is none. */
const char *sl_bench_format_get_name(size_t format);

typedef struct sl_bench_report sl_bench_report;

/**
 * Begin a report in the file `path` ("-": standard output), which appears at sl_bench_report_commit (io/output.h).
 * @param fields     those of the rows; they outlive the report. Fields with a heading are the columns that people see.
 * @param shown      the columns of which of SL_FIELD_OF_PEERS, SL_FIELD_OF_NETWORKS and SL_FIELD_OF_PRECISIONS are shown.
 * @param context    what is the same for all rows, a flat object: part of each row in the formats for programs, printed once before
 *                   the rows in those for people; NULL: nothing. The report keeps a reference of its own.
 * @param report     set to the new report, to NULL on failure.
 * @retval IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_create(const char *path, sl_bench_format format, const sl_field_table *fields,
                                                        unsigned shown, json_t *context, sl_bench_report **report,
                                                        sluice_error *error);

/** Write a row, which is visible at once. Takes over the caller's reference; NULL: the row did not fit into memory. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_add(sl_bench_report *report, json_t *row, sluice_error *error);

/** The rows so far, with the context, an array; the report's own. */
json_t *sl_bench_report_get_rows(const sl_bench_report *report);

/** Finish: check that nothing failed, rename. Frees the report whatever happens; on failure no file is left behind. IO. */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_commit(sl_bench_report *report, sluice_error *error);

/** Give up: remove the temporary file and free the report. NULL is allowed. */
void sl_bench_report_abort(sl_bench_report *report);

#endif
