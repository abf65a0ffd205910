/* Windows of series that are read in order, in constant memory: between two reads it keeps the steps that later windows have, too. */
#ifndef SLUICE_CLI_SERIES_WINDOW_READER_H
#define SLUICE_CLI_SERIES_WINDOW_READER_H

#include "cli/series/name_list.h"
#include "cli/series/series_windows.h"
#include "io/series/series.h"
#include "program/report.h"
#include "sluice.h"

/** Some windows of one series. Window k has its steps from x[offsets[k]] on, `width` floats each, and its targets behind these. */
typedef struct sl_window_batch {
    size_t rows; /* 0: nothing is left */
    const float *x;
    const size_t *offsets; /* [rows] */
    size_t series;         /* the number of the series, from 0 on */
    size_t first_step;     /* the first step of the first window, in its series; those of the next ones are a hop apart */
} sl_window_batch;

typedef struct sl_window_reader {
    const char *path;
    sl_series *series;
    sl_windows windows;
    size_t width;     /* columns in memory: as many as were asked for, in that order */
    size_t *from;     /* [width] which number of a row of the file each is */
    size_t most;      /* steps that are read at once */
    float *block, *x; /* [most][columns of the file]; [room][width], the steps begin .. begin + held - 1 of a series */
    size_t room, begin, held;
    size_t read_from;    /* the first step of the last read */
    size_t next;         /* the first step of the next window */
    size_t *offsets;     /* [most] */
    size_t number, runs; /* of the series; its windows so far */
    size_t skipped;      /* series without a window */
    size_t before, left; /* windows that are not given out yet: those to leave out, and those to give out then */
    bool has_steps, is_over, ends;
} sl_window_reader;

/** Open a file ("-": standard input), whose columns `columns` are read. `table` says how a table is read, its texts included. Windows
 *  are given out once all their inputs are there, and the targets of windows->last_horizon. Errors are reported. */
sl_exit sl_window_reader_open(const char *path, const sl_csv_options *table, const sl_name_list *columns, const sl_windows *windows,
                              size_t most, sl_window_reader *reader);

/** The next windows, valid until the next call. SL_EXIT_INTERRUPTED, which is not reported: a signal arrived. At the end a note says how many
 *  series were too short. */
sl_exit sl_window_reader_next(sl_window_reader *reader, sl_window_batch *batch);

/** The batch of some windows. Or, where `streams` of one slot are given, windows are steps that follow each other, one step each, and their
 *  batch is the row of them, which goes on from the states of the slot, zeros at the beginning of a series. Errors are reported. */
sl_exit sl_window_reader_make_batch(const sl_window_reader *reader, const sl_window_batch *windows, sluice_streams *streams,
                                    sluice_batch *batch);

/** The number of all windows: of arrays by their sizes, whose windows can still be read; else by reading all, and the reader is then at the
 *  end. A note says likewise how many series were too short. */
sl_exit sl_window_reader_count(sl_window_reader *reader, size_t *count);

/** Before the first read: give out only windows first .. first + count - 1 of those that sl_window_reader_count has counted. A file
 *  that can be read at any place is read from their steps on, any other one from its beginning. */
sl_exit sl_window_reader_choose(sl_window_reader *reader, size_t first, size_t count);

/** A text of the step `step` of the series of the last batch, which the last read has: of windows without a horizon, their last step. */
const char *sl_window_reader_get_text(const sl_window_reader *reader, size_t step, size_t k, size_t *bytes);

/** Zeros are allowed. */
void sl_window_reader_close(sl_window_reader *reader);

#endif
