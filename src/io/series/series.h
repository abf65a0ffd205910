/* Series of numbers, N of [T][I] as float32, out of a file of any format that has them: .npy, a member of a .npz (FILE.npz:NAME), a
 * table of text, and gzip data of the first and the last; its content decides, not its name. Read from the first to the last, or where
 * the format allows at any place. What has to be parsed or decompressed is read on a thread of its own, in constant memory. */
#ifndef SLUICE_IO_SERIES_SERIES_H
#define SLUICE_IO_SERIES_SERIES_H

#include "io/csv/csv_columns.h"
#include "io/npy/npy.h"

typedef struct sl_series sl_series;

/** Rows that a call has read, all of one series. */
typedef struct sl_series_rows {
    size_t count; /* may be 0 where only the end was left */
    bool ends;    /* the series ends behind them */
    bool is_last; /* there is nothing more; count is 0 and ends false */
} sl_series_rows;

/** Open a file ("-": standard input) and look at its beginning. `table`: of tables alone, NULL for its zeros. The errors of sl_npy_open,
 *  sl_npz_open and sl_csv_open, and NO_MEMORY where no thread can be started; *series is then NULL. For one thread at a time. */
sluice_status sl_series_open(const char *path, const sl_csv_options *table, sl_series **series, sluice_error *error);

/** I: the numbers of a row. */
size_t sl_series_get_width(const sl_series *series);

/** Whether the numbers of series and steps are known, N and T of each: of arrays. */
bool sl_series_get_size(const sl_series *series, size_t *count, size_t *steps);

/** The number, from 1 on, that number k of a row has among the columns of the table or array. */
size_t sl_series_get_number(const sl_series *series, size_t k);

/** The name in the header of number k of a row, or of text k; empty where there is none. */
const char *sl_series_get_column(const sl_series *series, size_t k);
const char *sl_series_get_text_column(const sl_series *series, size_t k);

/** Read up to `most` > 0 rows into `to`, [most][I]: those that follow, and as many as there are by now, but one at least, unless the series
 *  ends or nothing is left. BAD_DATA, with the place; IO, also where a signal ends the wait for a stream, errno being EINTR: the call can
 *  then be made again. */
sluice_status sl_series_read(sl_series *series, size_t most, float *to, sl_series_rows *rows, sluice_error *error);

/** Of the rows of the last read: the name of their series, by the sequence column, which lives until the next read, [*bytes]; empty
 *  where there is none. And text k of a row. */
const char *sl_series_get_name(const sl_series *series, size_t *bytes);
const char *sl_series_get_text(const sl_series *series, size_t row, size_t k, size_t *bytes);

/** Go to a step of a series, both of which there are, or to the step behind the last one's. UNSUPPORTED: a table, a pipe or compressed data. */
sluice_status sl_series_seek(sl_series *series, size_t index, size_t step, sluice_error *error);

/** The first loss of an array's conversion to float32 so far; NULL: a table. It may be of a row that is still to be read. */
const sl_npy_loss *sl_series_get_loss(const sl_series *series);

/** NULL is allowed. */
void sl_series_close(sl_series *series);

#endif
