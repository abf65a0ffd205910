/* Checks of a caller's arguments that several public calls make. */
#ifndef SLUICE_ENGINE_CHECK_H
#define SLUICE_ENGINE_CHECK_H

#include "engine/batch_row.h"

#include <stdbool.h>

/** Check lengths [rows]; NULL: there are none to check. BAD_DATA, with the row, if one is outside 0..steps. */
sluice_status sl_batch_check_lengths(size_t rows, size_t steps, const int64_t *lengths, sluice_error *error);

/** Whether an array [a][b][c] of floats can be in memory. */
bool sl_floats_fit(size_t a, size_t b, size_t c);

/** Whether rows * row_stride + steps * step_stride + width, in floats, can be an offset in memory. */
bool sl_strides_fit(size_t rows, size_t row_stride, size_t steps, size_t step_stride, size_t width);

/** Whether strides make two steps, or two rows, of an output array share memory. */
bool sl_strides_overlap(size_t rows, size_t row_stride, size_t steps, size_t step_stride, size_t width);

/** An array that a call reads or writes. */
typedef struct sl_array_use {
    const char *call, *name;   /* "sluice_forward", "y" */
    size_t rows, steps, width; /* `width` elements of each step */
    bool is_written;
    size_t *row_stride, *step_stride; /* set to those of a contiguous array where both are 0 */
} sl_array_use;

/** Check where an array's steps are, and set the strides of a contiguous one.
 *  BAD_ARGUMENT: a step stride beside step offsets; strides by which steps that are written overlap. TOO_LARGE. */
sluice_status sl_layout_check(const sl_array_use *use, sl_layout at, sluice_error *error);

#endif
