/* Which columns of a table are read, and as what. */
#ifndef SLUICE_IO_CSV_CSV_COLUMNS_H
#define SLUICE_IO_CSV_CSV_COLUMNS_H

#include "io/csv/csv_rows.h"

#include <locale.h>

typedef enum sl_csv_header {
    SL_CSV_HEADER_GUESS, /* the first row is names if no cell of it is a number, and one is not empty */
    SL_CSV_HEADER_THERE,
    SL_CSV_HEADER_NONE
} sl_csv_header;

/** What an empty cell, NA, null or NaN is read as. */
typedef enum sl_csv_missing {
    SL_CSV_MISSING_ERROR,
    SL_CSV_MISSING_ZERO,
    SL_CSV_MISSING_PREVIOUS /* the number in the row before it of the same series */
} sl_csv_missing;

/** Zeros read all columns. A column is given by its name in the header, or by its number from 1 on. */
typedef struct sl_csv_options {
    char delimiter; /* '\0': found in the first row: a tab, else a semicolon, else a comma */
    sl_csv_header header;
    sl_csv_missing missing;
    const char *const *columns; /* [column_count] of numbers, in the order of their reading; none: all that are not below */
    size_t column_count;
    bool are_of_model;               /* these are the names that a model has, so that messages do not say to give others */
    const char *const *text_columns; /* [text_count], carried through as text */
    size_t text_count;
    const char *sequence_column; /* consecutive rows with the same text here are a series, which it names; NULL: all rows are one */
} sl_csv_options;

enum { SL_CSV_MOST_COLUMNS = 1 << 16 };

/** What a column of the table is read as; SL_CSV_UNUSED: not as this. */
#define SL_CSV_UNUSED SIZE_MAX
typedef struct sl_csv_use {
    size_t value, text; /* number and text of a row */
    bool is_sequence;
} sl_csv_use;

typedef struct sl_csv_columns {
    size_t count;       /* of the table */
    char *names_text;   /* the header's; NULL: there is none */
    const char **names; /* [count] in it; empty without a header */
    sl_csv_use *uses;   /* [count] */
    size_t values, texts;
    size_t *of_value, *of_text; /* [values], [texts]: the column of each */
    bool has_header, has_sequence;
} sl_csv_columns;

/** From the first row: find the delimiter, if rows->delimiter is not set, and the columns. BAD_DATA, with the place: names that are not
 *  there, or there twice; BAD_ARGUMENT: a column that is asked for twice as the same; NO_MEMORY. On failure *columns is released. */
sluice_status sl_csv_columns_find(sl_csv_rows *rows, const sl_csv_row *first, const sl_csv_options *options, locale_t c,
                                  sl_csv_columns *columns, sluice_error *error);

/** Zeros are allowed. */
void sl_csv_columns_release(sl_csv_columns *columns);

/** Whether a cell, trimmed, is a word for a missing number, or empty. */
bool sl_csv_is_missing(const char *text, size_t bytes);

#endif
