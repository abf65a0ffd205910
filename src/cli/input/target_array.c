#include "cli/input/target_array.h"

#include <stdio.h>

enum { EXPECTED_BYTES = 256 };

/* `first` and `second` are the first axes of labels of steps. */
static void shape_labels(sl_npy_array *array, size_t rows, size_t first, size_t second)
{
    const sl_npy_header *header = &array->header;
    if (header->dims == 3 && header->shape[2] == 1)
        sl_npy_array_drop(array, 2);
    if (header->dims != 2 || header->shape[0] != first || header->shape[1] != second)
        sl_npy_array_make_vector(array, rows);
}

sl_exit sl_target_array_check(sl_npy_array *array, bool is_values, size_t rows, size_t steps, bool step_first, const char *rows_of,
                              bool *every_step, size_t *width)
{
    const sl_npy_header *header = &array->header;
    const size_t first = step_first ? steps : rows, second = step_first ? rows : steps;
    bool is_vector = false;
    if (!is_values)
        shape_labels(array, rows, first, second);
    else if (header->dims != 2 || header->shape[0] != rows)
        is_vector = sl_npy_array_make_vector(array, rows); /* one value per row */
    const size_t least = is_values && !is_vector ? 2 : 1;
    *every_step = header->dims > least;
    *width = least == 2 && header->dims ? header->shape[header->dims - 1] : 1;
    array->rows = rows;
    if (header->dims < least || header->dims > least + 1 || header->shape[0] != (*every_step ? first : rows) ||
        (*every_step && header->shape[1] != second) || !*width) {
        char expected[EXPECTED_BYTES];
        snprintf(expected, sizeof expected,
                 is_values ? "numbers [%zu][width] or [%zu][%zu][width] (%s of %s)" : "labels [%zu] or [%zu][%zu] (%s of %s)", rows,
                 first, second, step_first ? "N, T and N" : "N and T", rows_of);
        return sl_npy_array_reject(array, expected,
                                   is_values ? "save the values of each row, or of each step"
                                             : "save a label for each row, or for each step");
    }
    return sl_npy_array_accept(array, is_values ? SL_NPY_ARRAY_REALS : SL_NPY_ARRAY_INTEGERS);
}

sl_exit sl_target_array_take_label(const sl_npy_array *array, size_t at, size_t row, size_t step, int32_t *label)
{
    int64_t found;
    if (!sl_npy_array_get_integer(array, at, INT64_MIN, INT32_MAX - 1, &found))
        return sl_report(SL_EXIT_DATA,
                         "%s: row %zu, step %zu: expected a label, a whole number up to 2^31 - 2, found %s; for numbers "
                         "to predict give --values",
                         sl_report_input(array->path), row, step, sl_npy_array_get_found(array, at).text);
    *label = found < 0 ? SL_LABEL_IGNORED : (int32_t)found;
    return SL_EXIT_OK;
}
