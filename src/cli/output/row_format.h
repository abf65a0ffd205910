/* The formats in which sluice run writes its outputs. */
#ifndef SLUICE_CLI_OUTPUT_ROW_FORMAT_H
#define SLUICE_CLI_OUTPUT_ROW_FORMAT_H

#include <stddef.h>

typedef enum sl_row_format {
    SL_ROWS_AUTO,  /* by the suffix of the file's name */
    SL_ROWS_NPY,   /* an array */
    SL_ROWS_LINES, /* of classes, LABEL<TAB>PROBABILITY, without a header */
    SL_ROWS_CSV,   /* RFC 4180, with a header */
    SL_ROWS_JSONL  /* a JSON object for each row, one a line */
} sl_row_format;

/** "auto", "npy", "lines", "csv" or "jsonl"; NULL behind the last. */
const char *sl_row_format_get_name(size_t format);

/** The format of a file: `wanted`, or if that is AUTO, the one that the suffix of `path` names, ".npy", ".csv" or ".jsonl"; else `usual`. */
sl_row_format sl_row_format_choose(sl_row_format wanted, const char *path, sl_row_format usual);

#endif
