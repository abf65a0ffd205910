/* Tables of numbers as text: comma-separated values by RFC 4180, or with another delimiter; a row is a step. Quotes, line ends LF or CR
 * LF, with or without a header, blank lines skipped, in constant memory. Numbers are read exactly and in every locale alike. */
#ifndef SLUICE_IO_CSV_CSV_H
#define SLUICE_IO_CSV_CSV_H

#include "io/csv/csv_columns.h"
#include "io/series/series_block.h"

enum { SL_CSV_NAME_BYTES = 4096 }; /* of a series' name at most */

typedef struct sl_csv sl_csv;

/** Read a table from `text`, which is taken over and closed on failure; waits for its first row. The options are not needed behind the
 *  call. BAD_DATA, with line and column: see sl_csv_columns_find and sl_csv_rows_next; BAD_ARGUMENT: a delimiter that is part of
 *  numbers, or a quote; IO, NO_MEMORY; *csv is then NULL. */
sluice_status sl_csv_open(sl_text_input *text, const sl_csv_options *options, sl_csv **csv, sluice_error *error);

/** The columns; they live as long as the table. */
const sl_csv_columns *sl_csv_get_columns(const sl_csv *csv);

/** A block for its rows, released by sl_series_block_release. NO_MEMORY. */
sluice_status sl_csv_create_block(const sl_csv *csv, sl_series_block *block, sluice_error *error);

/** Fill such a block with further rows: as many as it holds or, where the text is a stream, as there are, and one at least. BAD_DATA,
 *  with line and column: too few cells or too many, what is no number, one that is missing by the policy; IO, NO_MEMORY. */
sluice_status sl_csv_read(sl_csv *csv, sl_series_block *block, sluice_error *error);

/** NULL is allowed. */
void sl_csv_close(sl_csv *csv);

#endif
