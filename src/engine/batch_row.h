/* Where a row of a batch is in the caller's arrays, and how long. */
#ifndef SLUICE_ENGINE_BATCH_ROW_H
#define SLUICE_ENGINE_BATCH_ROW_H

#include "sluice_train.h"

#include <stdbool.h>

/** Where an array has the steps of rows: element sl_layout_row + sl_layout_step. It is made where it is used, of the public struct's
 *  fields, and passed by value, so that nothing of it is stored. */
typedef struct sl_layout {
    size_t row_stride, step_stride;
    const size_t *offsets;      /* [rows] where each row begins, instead of row * row_stride; NULL: by stride */
    const size_t *step_offsets; /* [steps] likewise */
} sl_layout;

static inline size_t sl_layout_row(sl_layout at, size_t row)
{
    return at.offsets ? at.offsets[row] : row * at.row_stride;
}

static inline size_t sl_layout_step(sl_layout at, size_t step)
{
    /* Each row and iteration comes by here; compilers expect pointers not to be NULL, and would have strides take two jumps more. */
    return __builtin_expect(!at.step_offsets, 1) ? step * at.step_stride : at.step_offsets[step];
}

static inline size_t sl_layout_place(sl_layout at, size_t row, size_t step)
{
    return sl_layout_row(at, row) + sl_layout_step(at, step);
}

/** Whether every row has room for all steps, so that what lies past its end is written too. */
static inline bool sl_layout_has_padding(sl_layout at)
{
    return !at.offsets && !at.step_offsets;
}

/** The same with the strides of a contiguous array, of `steps` steps of `width` elements, where both are 0. */
static inline sl_layout sl_layout_fill(sl_layout at, size_t steps, size_t width)
{
    if (!at.row_stride && !at.step_stride) {
        at.row_stride = at.step_offsets ? width : steps * width;
        at.step_stride = at.step_offsets ? 0 : width;
    }
    return at;
}

/** Of x, or of tokens. */
static inline sl_layout sl_layout_of_x(const sluice_batch *batch)
{
    return (sl_layout){batch->x_row_stride, batch->x_step_stride, batch->x_offsets, batch->x_step_offsets};
}

static inline sl_layout sl_layout_of_y(const sluice_batch *batch)
{
    return (sl_layout){batch->y_row_stride, batch->y_step_stride, batch->y_offsets, batch->y_step_offsets};
}

static inline sl_layout sl_layout_of_dx(const sluice_gradient *gradient)
{
    return (sl_layout){gradient->dx_row_stride, gradient->dx_step_stride, gradient->dx_offsets, gradient->dx_step_offsets};
}

static inline sl_layout sl_layout_of_dy(const sluice_gradient *gradient)
{
    return (sl_layout){gradient->dy_row_stride, gradient->dy_step_stride, gradient->dy_offsets, gradient->dy_step_offsets};
}

/** The token at an element of the batch's tokens, of either width. */
static inline size_t sl_batch_token(const sluice_batch *batch, size_t at)
{
    return batch->tokens ? (size_t)batch->tokens[at] : batch->byte_tokens[at];
}

/** Steps of a row: lengths [rows] say it; NULL: each row has `steps`. */
static inline size_t sl_row_length(const int64_t *lengths, size_t steps, size_t row)
{
    return lengths ? (size_t)lengths[row] : steps;
}

#endif
