/* The rows of a table, one after the other, found in the bytes of a text; and the place of what is wrong in them. */
#ifndef SLUICE_IO_CSV_CSV_ROWS_H
#define SLUICE_IO_CSV_CSV_ROWS_H

#include "io/text/text_input.h"

enum { SL_CSV_ROW_BYTES = 1 << 20 }; /* of a row at most */

typedef struct sl_csv_row {
    const char *begin, *end; /* without its line end; *end is '\n' or '\r' */
    uint64_t line;           /* its first line, from 1 on */
} sl_csv_row;

typedef struct sl_csv_rows {
    sl_text_input text;
    char delimiter; /* '\0': not known yet, any of the usual ones */
    char *bytes;    /* [SL_CSV_ROW_BYTES + 1]; bytes[start..end) are read and not used */
    size_t start, end;
    size_t scanned; /* bytes from start on that are looked at, and are part of the row */
    enum { SL_CSV_CELL_BEGINS, SL_CSV_PLAIN, SL_CSV_QUOTED, SL_CSV_QUOTE_SEEN } state; /* behind them */
    uint64_t line;                                                                     /* at start, from 1 on */
    const char *nul;    /* the first NUL byte that is not used; NULL: none */
    const char **names; /* of the columns, for messages; NULL: none yet */
    size_t columns;
} sl_csv_rows;

/** Take over the text, which is closed on failure. NO_MEMORY. */
sluice_status sl_csv_rows_open(sl_text_input *text, sl_csv_rows *rows, sluice_error *error);

/** Find the next row that is not empty; *found is false at the end, or where it would have to wait for bytes and `waits` is false. The row
 *  stays until the next call. The errors of sl_text_input_read; BAD_DATA: a quote that is not closed, a row that is too long, NUL
 *  bytes. */
sluice_status sl_csv_rows_next(sl_csv_rows *rows, bool waits, sl_csv_row *row, bool *found, sluice_error *error);

/** Whether the last call found the end. */
bool sl_csv_rows_is_ended(const sl_csv_rows *rows);

/** Fail with BAD_DATA at the byte `at` of a row: "NAME: line L, column C ("name"): " and the message. */
sluice_status sl_csv_rows_fail(const sl_csv_rows *rows, const sl_csv_row *row, const char *at, sluice_error *error,
                               const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Zeros are allowed. */
void sl_csv_rows_close(sl_csv_rows *rows);

#endif
