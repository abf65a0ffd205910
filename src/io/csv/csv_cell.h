/* A cell of a row of a table, by the rules of RFC 4180. */
#ifndef SLUICE_IO_CSV_CSV_CELL_H
#define SLUICE_IO_CSV_CSV_CELL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_csv_cell {
    const char *text; /* [bytes], without the quotes around it */
    size_t bytes;
    bool doubled;     /* quotes in it are written twice */
    const char *next; /* the delimiter behind it, or the row's end */
} sl_csv_cell;

/** Take the cell that begins at `at`, in a row that ends at `end`. A quote is one where a cell begins with it; elsewhere it is a character
 *  like others. False: cell->next is behind a closing quote and neither a delimiter nor the end, or there is no closing quote and it is
 *  the end. */
bool sl_csv_cell_take(const char *at, const char *end, char delimiter, sl_csv_cell *cell);

/** Copy its text, quotes once, to `to`, which has room for cell->bytes; the bytes written. */
size_t sl_csv_cell_copy(const sl_csv_cell *cell, char *to);

/** The cell without spaces and tabs at either end. */
sl_csv_cell sl_csv_cell_trim(sl_csv_cell cell);

#endif
