/* A block of rows of a table or of arrays, as readers fill it: their numbers, where series end among them, and texts. */
#ifndef SLUICE_IO_SERIES_SERIES_BLOCK_H
#define SLUICE_IO_SERIES_SERIES_BLOCK_H

#include "sluice.h"

#include <stdbool.h>

/** Rows of one series that follow each other. */
typedef struct sl_series_part {
    size_t end; /* the row behind the last one */
    bool ends;  /* the series ends with it; else it goes on in the next block */
    size_t name_at, name_bytes;
} sl_series_part;

typedef struct sl_series_block {
    size_t capacity, width, texts; /* rows at most, numbers of a row, texts of a row */
    size_t rows, parts;
    float *values;        /* [capacity][width] */
    sl_series_part *part; /* [capacity + 1] */
    size_t *text_at;      /* [capacity][texts][2]: where each begins in `text`, and its bytes */
    char *text;           /* [text_capacity], of texts and names */
    size_t text_capacity, text_bytes;
    bool is_last; /* nothing follows */
} sl_series_block;

/** Allocate an empty block of so many numbers and texts a row, which holds some 256 KiB of numbers, and `text_capacity` bytes of text.
 *  NO_MEMORY; *block is then released. */
sluice_status sl_series_block_create(size_t width, size_t texts, size_t text_capacity, sl_series_block *block, sluice_error *error);

/** Zeros are allowed. */
void sl_series_block_release(sl_series_block *block);

/** Make it empty. */
void sl_series_block_clear(sl_series_block *block);

/** Begin a part, whose series has this name. The caller knows that there is room. */
void sl_series_block_begin(sl_series_block *block, const char *name, size_t bytes);

/** End the part behind the last row. */
void sl_series_block_end(sl_series_block *block, bool ends);

/** The numbers of the row behind the last one. */
static inline float *sl_series_block_get_row(const sl_series_block *block)
{
    return block->values + block->rows * block->width;
}

#endif
