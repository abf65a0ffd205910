#include "cli/input/chunk_rows.h"

/* Default of --rows: memory for the rows of a batch, and the largest number of rows; more rows are not faster. */
enum { BATCH_BYTES = 64 << 20, MAX_ROWS = 8192, MIN_ROWS_PER_THREAD = 16 };

size_t sl_chunk_rows_get(const sl_options *options, unsigned threads, double bytes)
{
    if (options->rows)
        return options->rows;
    const size_t least = (size_t)MIN_ROWS_PER_THREAD * threads;
    const size_t rows = bytes * MAX_ROWS < BATCH_BYTES ? MAX_ROWS : (size_t)(BATCH_BYTES / bytes);
    return rows > least ? rows : least;
}
