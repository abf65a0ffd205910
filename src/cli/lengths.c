#include "lengths.h"

#include <stdio.h>

sl_exit sl_lengths_check(sl_slab *lengths, size_t rows, const char *rows_of)
{
    const sl_npy_header *header = &lengths->header;
    char expected[128];
    snprintf(expected, sizeof expected, "i4 or i8 [%zu] (the rows of %s)", rows, rows_of);
    if (lengths->path &&
        ((header->type != SL_NPY_I4 && header->type != SL_NPY_I8) || header->dims != 1 || header->shape[0] != rows))
        return sl_slab_reject(lengths, expected);
    lengths->rows = rows;
    lengths->planes = lengths->width = 1;
    return SL_EXIT_OK;
}

sl_exit sl_lengths_take(const sl_slab *lengths, size_t first, size_t rows, size_t steps, const char *steps_of, int64_t *to,
                        uint64_t *sum)
{
    *sum = 0;
    for (size_t n = 0; n < rows; n++) {
        const int64_t length = sl_slab_get_integer(lengths, n);
        if (length < 0 || (uint64_t)length > steps)
            return sl_report(SL_EXIT_DATA, "%s: row %zu: expected a length from 0 to %zu (T of %s), found %lld",
                             sl_report_input(lengths->path), first + n, steps, steps_of, (long long)length);
        to[n] = length;
        *sum += (uint64_t)length;
    }
    return SL_EXIT_OK;
}
