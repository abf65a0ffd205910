#include "engine/check.h"

#include "base/error.h"
#include "base/size.h"

sluice_status sl_batch_check_lengths(size_t rows, size_t steps, const int64_t *lengths, sluice_error *error)
{
    for (size_t row = 0; lengths && row < rows; row++)
        if (lengths[row] < 0 || (uint64_t)lengths[row] > steps)
            return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX, "length %lld; expected 0..%zu, the batch's steps",
                               (long long)lengths[row], steps);
    return SLUICE_STATUS_OK;
}

bool sl_floats_fit(size_t a, size_t b, size_t c)
{
    size_t floats;
    return sl_size_mul(a, b, &floats) && sl_size_mul(floats, c, &floats) && floats <= SIZE_MAX / 2 / sizeof(float);
}

bool sl_strides_fit(size_t rows, size_t row_stride, size_t steps, size_t step_stride, size_t width)
{
    size_t a, b, sum;
    return sl_size_mul(rows, row_stride, &a) && sl_size_mul(steps, step_stride, &b) && sl_size_add(a, b, &sum) &&
           sl_size_add(sum, width, &sum) && sum <= SIZE_MAX / 2 / sizeof(float);
}

bool sl_strides_overlap(size_t rows, size_t row, size_t steps, size_t step, size_t width)
{
    const bool steps_apart = steps == 1 || step >= width, rows_apart = rows == 1 || row >= width;
    const bool nested = steps == 1 || rows == 1 || row >= (steps - 1) * step + width || step >= (rows - 1) * row + width;
    return !steps_apart || !rows_apart || !nested;
}

sluice_status sl_layout_check(const sl_array_use *use, sl_layout at, sluice_error *error)
{
    if (at.step_offsets && at.step_stride)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: %s_step_offsets are given, but %s_step_stride is %zu; leave it 0, or give no step offsets", use->call,
                       use->name, use->name, at.step_stride);
    at = sl_layout_fill(at, use->steps, use->width);
    *use->row_stride = at.row_stride;
    *use->step_stride = at.step_stride;
    /* Where there are offsets, it is they that say where rows, or steps, are. */
    const size_t rows = at.offsets ? sl_size_min(use->rows, 1) : use->rows;
    const size_t steps = at.step_offsets ? sl_size_min(use->steps, 1) : use->steps;
    if (!sl_strides_fit(rows, at.row_stride, steps, at.step_stride, use->width))
        return sl_fail_size(error, "the batch");
    if (!use->is_written || !rows || !steps || !sl_strides_overlap(rows, at.row_stride, steps, at.step_stride, use->width))
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "%s: %s strides (row %zu, step %zu) make steps overlap; %zu rows of %zu steps of %zu floats need more",
                   use->call, use->name, at.row_stride, at.step_stride, use->rows, use->steps, use->width);
}
