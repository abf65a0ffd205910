/* Where a row of a batch is in the caller's arrays, and how long. */
#ifndef SLUICE_ENGINE_BATCH_ROW_H
#define SLUICE_ENGINE_BATCH_ROW_H

#include <stddef.h>
#include <stdint.h>

/** Index of a row's first element: offsets [rows] say it; NULL: rows are `stride` apart. */
static inline size_t sl_row_offset(const size_t *offsets, size_t stride, size_t row)
{
    return offsets ? offsets[row] : row * stride;
}

/** Steps of a row: lengths [rows] say it; NULL: each row has `steps`. */
static inline size_t sl_row_length(const int64_t *lengths, size_t steps, size_t row)
{
    return lengths ? (size_t)lengths[row] : steps;
}

#endif
