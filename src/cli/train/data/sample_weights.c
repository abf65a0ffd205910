#include "cli/train/data/sample_weights.h"

#include "cli/digest.h"
#include "cli/input/npy_array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPECTED_BYTES = 256 };

/* Of an opened array: [N], or [N][T] for targets of steps. */
static sl_exit check_shape(sl_npy_array *array, size_t rows, size_t steps, bool every_step, sl_sample_weights *weights)
{
    const sl_npy_header *header = &array->header;
    const bool by_step = header->dims == 2 && header->shape[0] == rows && header->shape[1] == steps && steps > 1;
    char expected[EXPECTED_BYTES];
    if (by_step && !every_step)
        return sl_npy_array_reject(array, "a weight for each row, as each row has one target", "save a weight for each row");
    snprintf(expected, sizeof expected, "weights [%zu] or [%zu][%zu] (the rows and steps of the data)", rows, rows, steps);
    if (!by_step && !sl_npy_array_make_vector(array, rows))
        return sl_npy_array_reject(array, expected, "save a weight for each row, or for each step");
    weights->steps = by_step ? steps : 0;
    array->planes = 1;
    array->rows = rows;
    array->width = by_step ? steps : 1;
    return sl_npy_array_accept(array, SL_NPY_ARRAY_REALS);
}

static bool is_weight(float number)
{
    return number >= 0 && isfinite(number);
}

static size_t get_count(const sl_sample_weights *weights, const int64_t *lengths, size_t row)
{
    return weights->steps ? (size_t)lengths[row] : 1;
}

static sl_exit check_values(const sl_sample_weights *weights, size_t rows, const int64_t *lengths)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t step = 0; step < get_count(weights, lengths, row); step++) {
            const float weight = sl_sample_weights_get(weights, row, step);
            if (!is_weight(weight))
                return sl_report(SL_EXIT_DATA, "%s: row %zu, step %zu: expected a weight, a finite number of 0 or more, found %g",
                                 sl_report_input(weights->path), row, step, (double)weight);
        }
    return SL_EXIT_OK;
}

/* Read the values of an array whose shape was checked. */
static sl_exit read_values(sl_npy_array *array, sl_exit code, sl_sample_weights *weights)
{
    code = code ? code : sl_npy_array_allocate(array, array->rows, false);
    code = code ? code : sl_npy_array_read(array, 0, array->rows);
    weights->values = code ? NULL : array->data;
    array->data = code ? array->data : NULL;
    sl_npy_array_close(array);
    return code;
}

sl_exit sl_sample_weights_read(const char *path, size_t rows, size_t steps, const int64_t *lengths, bool every_step,
                               sl_sample_weights *weights)
{
    sl_npy_array array = {.option = "--sample-weights", .path = path};
    *weights = (sl_sample_weights){.path = path};
    sl_exit code = sl_npy_array_open(&array);
    code = code ? code : check_shape(&array, rows, steps, every_step, weights);
    code = read_values(&array, code, weights);
    return code ? code : check_values(weights, rows, lengths);
}

/* Of an opened array. */
static sl_exit check_series_shape(sl_npy_array *array, size_t count, size_t steps)
{
    const sl_npy_header *header = &array->header;
    const bool by_series = header->dims == 2 && header->elements == steps && header->shape[0] == count;
    char expected[EXPECTED_BYTES];
    snprintf(expected, sizeof expected,
             "weights [%zu] (the steps of the series, one behind the other), or [N][T] of series of one length", steps);
    if (!by_series && !sl_npy_array_make_vector(array, steps))
        return sl_npy_array_reject(array, expected, "save a weight for each step, or name a column, --weight-column");
    array->planes = array->width = 1;
    array->rows = steps;
    return sl_npy_array_accept(array, SL_NPY_ARRAY_REALS);
}

sl_exit sl_sample_weights_read_series(const char *path, size_t count, size_t steps, sl_sample_weights *weights)
{
    sl_npy_array array = {.option = "--sample-weights", .path = path};
    *weights = (sl_sample_weights){.path = path};
    sl_exit code = sl_npy_array_open(&array);
    code = code ? code : check_series_shape(&array, count, steps);
    code = read_values(&array, code, weights);
    for (size_t step = 0; !code && step < steps; step++)
        if (!is_weight(weights->values[step]))
            code = sl_report(SL_EXIT_DATA, "%s: step %zu of all series: expected a weight, a finite number of 0 or more, found %g",
                             sl_report_input(path), step, (double)weights->values[step]);
    return code;
}

float sl_sample_weights_get(const sl_sample_weights *weights, size_t row, size_t step)
{
    return weights->values[weights->steps ? row * weights->steps + step : row];
}

bool sl_sample_weights_count(const sl_sample_weights *weights, size_t row, const int64_t *lengths)
{
    bool is_any = !weights->values;
    for (size_t step = 0; !is_any && step < get_count(weights, lengths, row); step++)
        is_any = sl_sample_weights_get(weights, row, step) > 0;
    return is_any;
}

uint64_t sl_sample_weights_get_digest(const sl_sample_weights *weights, size_t rows, const int64_t *lengths, uint64_t digest)
{
    for (size_t row = 0; weights->values && row < rows; row++)
        digest = sl_digest_add(digest, weights->values + row * (weights->steps ? weights->steps : 1),
                               get_count(weights, lengths, row) * sizeof *weights->values);
    return digest;
}

void sl_sample_weights_release(sl_sample_weights *weights)
{
    free(weights->values);
    *weights = (sl_sample_weights){0};
}
