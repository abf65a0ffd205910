/* Series in memory, all their steps: read from a table or an array of any format that src/io/series reads. */
#ifndef SLUICE_CLI_SERIES_SERIES_TABLE_H
#define SLUICE_CLI_SERIES_SERIES_TABLE_H

#include "cli/series/name_list.h"
#include "io/csv/csv_columns.h"
#include "program/report.h"

typedef struct sl_series_table {
    const char *path;
    size_t width;       /* numbers of a step: the inputs, then those targets that are no inputs, then the weight */
    size_t inputs;      /* I */
    size_t count;       /* N */
    size_t *starts;     /* [N + 1] where each series begins, in steps */
    float *values;      /* [starts[N]][width], all finite */
    sl_name_list names; /* of the columns of `values`: of the header, or numbers from 1 on */
    size_t *targets;    /* [target_count] the column of each in `values` */
    size_t target_count;
    bool has_weights; /* the last column is the weight of each step, 0 or more */
} sl_series_table;

/** Which columns are read, by names or numbers: inputs, in this order (none: all others than the weights'), targets, weights (NULL: none). */
typedef struct sl_series_columns {
    sl_name_list inputs, targets;
    const char *weights;
} sl_series_columns;

/** Read all series of a file ("-": standard input). `table` says how a table is read; its columns are not looked at, and its `missing`
 *  is for arrays, too. `path` is not copied. Errors are reported: those of sl_series_open and sl_series_read; columns that are not there;
 *  numbers that are not finite and weights below 0, with series, step and column; no steps.
 *  SL_EXIT_INTERRUPTED, which is not: a signal arrived. *series is released on failure. */
sl_exit sl_series_table_read(const char *path, const sl_csv_options *table, const sl_series_columns *columns,
                             sl_series_table *series);

/** The weight of a step, those of all series being numbered; there are weights. */
static inline float sl_series_table_get_weight(const sl_series_table *series, size_t step)
{
    return series->values[(step + 1) * series->width - 1];
}

/** Steps of a series. */
size_t sl_series_table_get_length(const sl_series_table *series, size_t n);

/** Zeros are allowed. */
void sl_series_table_release(sl_series_table *series);

#endif
