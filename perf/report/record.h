/* Records: the rows of an earlier run, read back from what --format json or jsonl wrote, and which rows are of the same measurement. */
#ifndef SLUICE_PERF_REPORT_RECORD_H
#define SLUICE_PERF_REPORT_RECORD_H

#include "sluice.h"

#include <jansson.h>
#include <stdbool.h>

/**
 * Read a record: an array of rows, or one row after another; several records one after another are one. In
 * texts characters that are not printable ASCII become '?'. Cases of versions that did not know precisions are of f32.
 * @param rows set to an array of objects, each with the fields that every row has; the caller's reference. NULL on failure.
 * @retval NO_INPUT the file cannot be opened.
 * @retval BAD_DATA it is not a record, has no row, or a known field (row_fields.h) has another type.
 * @retval NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_record_read(const char *path, json_t **rows, sluice_error *error);

/** Whether two rows have the same value in a field, or neither has one. */
bool sl_record_is_same(const json_t *a, const json_t *b, const char *key);

/** Whether two rows are of the same work with the same setting. Without threads, rows of a batch that grows with them (--scaling
 * weak) are alike if each thread has as many rows. */
bool sl_record_is_alike(const json_t *a, const json_t *b, bool with_threads);

enum { SL_LABEL_BYTES = 96 };

/** The row's work in short, and its setting but for the threads: "50,64,256 avx2", "200,256,256 uniform L2 avx2 blis", "tanh
 * 1024 libm", "100,1,128-64-dense avx2", "50,64,256 avx2 int8"; with --scaling weak "50,64t,256 avx2", 64 rows for each thread. The usual values (one layer, one direction, the
 * fused kernels) are left out. Returns text. */
const char *sl_record_label(const json_t *row, char text[SL_LABEL_BYTES]);

/** A number of a row; 0 when it has none of that name. */
double sl_record_number(const json_t *row, const char *key);

/** A text of a row; "" when it has none of that name. */
const char *sl_record_text(const json_t *row, const char *key);

#endif
