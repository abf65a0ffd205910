/* Training data that are series: a row is a window, whose inputs overlap those of others in memory, or a whole series. */
#ifndef SLUICE_CLI_TRAIN_SERIES_TRAIN_WINDOWS_H
#define SLUICE_CLI_TRAIN_SERIES_TRAIN_WINDOWS_H

#include "cli/series/series_table.h"
#include "cli/series/series_windows.h"

typedef struct sl_window_rows {
    sl_series_table series;
    sl_windows windows;
    size_t *first;  /* [series.count + 1] the number of the first window of each series, and of all windows */
    float *targets; /* [room][horizons][series.target_count] of the steps that were asked for last */
    size_t room;
} sl_window_rows;

/** Take over series, and count their windows, or whole series. Reports how many series are too short; SL_EXIT_DATA: all are. *rows is
 *  set on success only. */
sl_exit sl_window_rows_create(sl_series_table *series, const sl_windows *windows, sl_window_rows **rows);

size_t sl_window_rows_count(const sl_window_rows *rows);
size_t sl_window_rows_count_targets(const sl_window_rows *rows);

/** Where the inputs of a window begin in series.values. */
size_t sl_window_rows_get_offset(const sl_window_rows *rows, size_t row);

/** The targets that belong to `count` steps, those of all series being numbered, until the next call: of each step all of the first
 *  horizon, then of the next one. Errors are reported. */
sl_exit sl_window_rows_get_targets(sl_window_rows *rows, size_t step, size_t count, const float **targets);

/** The steps of each series that are for training, all but round(share * steps) at its end. NULL: no memory, which is reported. To be
 *  freed. */
size_t *sl_window_rows_get_lengths(const sl_window_rows *rows, double share);

/** Choose the rows for training, all of whose steps are among these first `lengths` of their series, and those for validation, none of
 *  whose targets are; the others are for neither. Lists to be freed. Reports that one of them is empty. */
sl_exit sl_window_rows_split(const sl_window_rows *rows, const size_t *lengths, size_t **training, size_t *training_count,
                             size_t **validation, size_t *validation_count);

/** NULL is allowed. */
void sl_window_rows_destroy(sl_window_rows *rows);

#endif
