/* What a format of series offers: blocks of rows, one after the other, or rows at any place. */
#ifndef SLUICE_IO_SERIES_SERIES_SOURCE_H
#define SLUICE_IO_SERIES_SERIES_SOURCE_H

#include "io/csv/csv_columns.h"
#include "io/npy/npy.h"
#include "io/series/series_block.h"

typedef struct sl_series_calls {
    /** Allocate a block that `fill` fills. */
    sluice_status (*create_block)(const void *reader, sl_series_block *block, sluice_error *error);
    /** Fill a block with the rows that follow. */
    sluice_status (*fill)(void *reader, sl_series_block *block, sluice_error *error);
    /** Read `count` steps of a series from one on, which it has. */
    sluice_status (*read_at)(void *reader, size_t series, size_t step, size_t count, float *to, sluice_error *error);
    void (*close)(void *reader);
} sl_series_calls;

typedef struct sl_series_source {
    void *reader;
    const sl_series_calls *calls;
    size_t width, texts;           /* numbers and texts of a row */
    const sl_csv_columns *columns; /* of a table; NULL: an array */
    bool is_sized;                 /* the next two are known */
    bool is_seekable;              /* and read_at is to be used; else fill */
    size_t count, steps;           /* N and T, of all series */
    const sl_npy_loss *loss;       /* of arrays; else NULL */
} sl_series_source;

#endif
