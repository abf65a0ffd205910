/* Options on how series are read from a file and cut into windows. */
#ifndef SLUICE_CLI_SERIES_SERIES_OPTIONS_H
#define SLUICE_CLI_SERIES_SERIES_OPTIONS_H

#include "io/csv/csv_columns.h"

#include <stddef.h>

/** Texts are NULL, numbers 0 when not given. They are texts as on the command line, where they were checked. */
typedef struct sl_series_options {
    size_t window, hop;
    const char *horizon;           /* K, or A-B */
    const char *columns, *targets; /* names or numbers, separated by commas */
    const char *delimiter;         /* one character, or "tab" */
    const char *header;            /* "yes", "no" */
    const char *missing;           /* "error", "zero", "previous" */
    const char *sequence_column;
} sl_series_options;

/** The words of `header` and `missing`, the default first; NULL behind the last. */
const char *sl_series_header_word(size_t value);
const char *sl_series_missing_word(size_t value);

/** '\0': it is no delimiter. */
char sl_series_delimiter_find(const char *text);

/** How a table is read, all but its columns. */
sl_csv_options sl_series_options_get_table(const sl_series_options *options);

/** Whether an option is given that only tables have: all but those of windows and `columns`, which arrays have, too. */
bool sl_series_options_has_table(const sl_series_options *options);

#endif
