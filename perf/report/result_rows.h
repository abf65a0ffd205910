/* Rows of results out to a file or standard output, in any of the formats. A row is a flat JSON object; all rows of a report
 * have the same keys. Knows nothing of what the keys mean. */
#ifndef SLUICE_PERF_REPORT_RESULT_ROWS_H
#define SLUICE_PERF_REPORT_RESULT_ROWS_H

#include "sluice.h"

#include <jansson.h>

typedef enum sl_bench_format { SL_BENCH_TABLE, SL_BENCH_CSV, SL_BENCH_JSON, SL_BENCH_JSONL, SL_BENCH_MD } sl_bench_format;

/** "table", "csv", ... for 0, 1, ...; NULL for a value that is none. */
const char *sl_bench_format_get_name(size_t format);

/** A column of the formats that people read; those for programs hold every key. */
typedef struct sl_column {
    const char *key;     /* in the row */
    const char *heading; /* short, with the unit */
    int width;           /* characters; negative: aligned left */
    int decimals;        /* of a real number */
    double scale;        /* a real number is multiplied by it; 0 means 1 */
    double most;         /* a number above it cannot be right, and has '!' behind it; 0: no such bound */
} sl_column;

typedef struct sl_bench_report sl_bench_report;

/**
 * Begin a report in the file `path` ("-": standard output), which appears at sl_bench_report_commit (io/output.h has the details).
 * @param columns `count` of them; they outlive the report.
 * @param context what holds for all rows, a flat object: part of each row where programs read, said once in front where people do.
 *                The report keeps a reference of its own.
 * @param report  set to the new report, to NULL on failure.
 * @retval IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_create(const char *path, sl_bench_format format, const sl_column *columns,
                                                        size_t count, json_t *context, sl_bench_report **report,
                                                        sluice_error *error);

/** Write a row, at once visible. Takes over the caller's reference; NULL stands for a row there was no memory for. IO,
 * NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_add(sl_bench_report *report, json_t *row, sluice_error *error);

/** The rows so far, with the context, an array; the report's own. */
json_t *sl_bench_report_get_rows(const sl_bench_report *report);

/** Finish: check that nothing failed, rename. Frees the report whatever happens; on failure no file is left behind. IO. */
SLUICE_WARN_UNUSED sluice_status sl_bench_report_commit(sl_bench_report *report, sluice_error *error);

/** Give up: remove the temporary file and free the report. NULL is allowed. */
void sl_bench_report_abort(sl_bench_report *report);

/** A copy of a text that no terminal takes for orders: what is not printable ASCII is '?'. To be freed; NULL: no memory. */
char *sl_report_clean(const char *text);

#endif
