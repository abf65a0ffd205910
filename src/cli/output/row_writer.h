/* Rows of cells, written one after the other as lines of text: CSV, JSON or separated by tabs (row_format.h). In constant memory; the
 * file is replaced as a whole, as io/output.h does. Numbers do not depend on the locale. */
#ifndef SLUICE_CLI_OUTPUT_ROW_WRITER_H
#define SLUICE_CLI_OUTPUT_ROW_WRITER_H

#include "cli/output/row_format.h"
#include "program/report.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_row_writer sl_row_writer;

/** Columns, which have one name each. */
typedef struct sl_columns {
    const char **names; /* [count], owned; each in UTF-8 */
    size_t count, room;
} sl_columns;

/** Add a column with a copy of this name. Errors are reported. */
sl_exit sl_columns_add(sl_columns *columns, const char *name);

/** Zeros are allowed. */
void sl_columns_release(sl_columns *columns);

/** Begin a file ("-": standard output) of a format other than AUTO and NPY. CSV begins with a line of the columns' names if
 *  `has_header`. Errors are reported; *writer is then NULL. */
sl_exit sl_row_writer_create(const char *path, sl_row_format format, const sl_columns *columns, bool has_header,
                             sl_row_writer **writer);

/** Put the next cell of the row. In JSON a number that is NaN or infinite is null, as a share that is none. A share is a number in 0..1 with
 *  six decimals, else NaN. */
void sl_row_writer_put_count(sl_row_writer *writer, uint64_t count);
void sl_row_writer_put_number(sl_row_writer *writer, float number);
void sl_row_writer_put_share(sl_row_writer *writer, double share);
void sl_row_writer_put_text(sl_row_writer *writer, const char *text, size_t bytes);

/** End the row, all of whose cells are put. Errors are reported: those of writing, and of memory since the last row. */
sl_exit sl_row_writer_end(sl_row_writer *writer);

/** Write what is still held in memory. */
sl_exit sl_row_writer_flush(sl_row_writer *writer);

/** The digest of all bytes so far (cli/digest.h). */
uint64_t sl_row_writer_get_digest(const sl_row_writer *writer);

/** Write the rest, and give the file its name. The writer is to be destroyed. */
sl_exit sl_row_writer_commit(sl_row_writer *writer);

/** Discard a file that is not committed. NULL is allowed. */
void sl_row_writer_destroy(sl_row_writer *writer);

#endif
