#include "cli/input/lengths.h"

#include <stdio.h>

sl_exit sl_lengths_check(sl_npy_array *lengths, size_t rows, const char *rows_of)
{
    char expected[128];
    snprintf(expected, sizeof expected, "whole numbers [%zu] (the rows of %s)", rows, rows_of);
    if (lengths->path && !sl_npy_array_make_vector(lengths, rows))
        return sl_npy_array_reject(lengths, expected, "save one length for each row");
    lengths->rows = rows;
    lengths->planes = lengths->width = 1;
    return sl_npy_array_accept(lengths, SL_NPY_ARRAY_INTEGERS);
}

sl_exit sl_lengths_take(const sl_npy_array *lengths, size_t first, size_t rows, size_t steps, const char *steps_of, int64_t *to,
                        uint64_t *sum)
{
    const int64_t most = steps < INT64_MAX ? (int64_t)steps : INT64_MAX;
    *sum = 0;
    for (size_t n = 0; n < rows; n++) {
        if (!sl_npy_array_get_integer(lengths, n, 0, most, &to[n]))
            return sl_report(SL_EXIT_DATA, "%s: row %zu: expected a length from 0 to %zu (T of %s), found %s",
                             sl_report_input(lengths->path), first + n, steps, steps_of, sl_npy_array_get_found(lengths, n).text);
        *sum += (uint64_t)to[n];
    }
    return SL_EXIT_OK;
}
