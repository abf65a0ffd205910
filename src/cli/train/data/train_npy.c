/* Training data from NumPy arrays; and queries on training data of both kinds. */
#include "cli/train/data/train_data.h"

#include "cli/digest.h"
#include "cli/input/npy_array.h"
#include "cli/train/series/whole_series.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXPECTED_BYTES = 256 }; /* room for the description of an expected array */

void sl_data_release(sl_data *data)
{
    if (data->windows)
        data->x = NULL;
    sl_window_rows_destroy(data->windows);
    free(data->x);
    free(data->tokens);
    free(data->offsets);
    free(data->lengths);
    free(data->row_digests);
    free(data->labels);
    free(data->values);
    sl_sample_weights_release(&data->sample_weights);
    sl_row_file_close(data->file);
    sl_row_file_close(data->value_file);
    *data = (sl_data){0};
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

int32_t sl_data_find_largest(const int32_t *numbers, size_t count, size_t *step)
{
    int32_t largest = -1;
    for (size_t t = 0; t < count; t++)
        if (numbers[t] > largest) {
            largest = numbers[t];
            *step = t;
        }
    return largest;
}

sl_exit sl_data_get_inputs(const sl_data *data, size_t row, size_t begin, size_t count, const void **inputs)
{
    const size_t at = sl_data_get_offset(data, row) + begin * data->width;
    if (data->file)
        return sl_row_file_read(data->file, at, count * data->width, inputs);
    *inputs = data->has_x ? (const void *)(data->x + at) : data->tokens + at;
    return SL_EXIT_OK;
}

/* Of a row of series: its step, among those of all series, that the first targets are of. */
static size_t get_first_target_step(const sl_data *data, size_t row)
{
    const sl_windows *windows = &data->windows->windows;
    return sl_data_get_offset(data, row) / data->stride + (sl_windows_are_whole(windows) ? 0 : windows->steps - 1);
}

sl_exit sl_data_get_values(const sl_data *data, size_t row, size_t begin, size_t count, const float **values)
{
    const size_t at = (row * (data->every_step ? data->steps : 1) + begin) * data->target_width;
    const void *read = NULL;
    if (data->windows)
        return sl_window_rows_get_targets(data->windows, get_first_target_step(data, row) + begin, count, values);
    const sl_exit code = data->value_file ? sl_row_file_read(data->value_file, at, count * data->target_width, &read) : SL_EXIT_OK;
    *values = data->value_file ? read : data->values + at;
    return code;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

/* Read all of an opened and checked array into memory. */
static sl_exit load(sl_npy_array *array)
{
    const size_t elements = array->header.elements;
    array->planes = 1;
    array->width = array->rows ? elements / array->rows : 0;
    array->data = calloc(elements ? elements : 1, sl_npy_type_bytes(array->type));
    if (!array->data)
        return sl_report_memory(array->option);
    return sl_npy_array_read(array, 0, array->rows);
}

/* Three dimensions are inputs and two are tokens, whatever the type: MATLAB writes all numbers as f8. */
static sl_exit check_input(sl_npy_array *array, sl_data *data)
{
    const sl_npy_header *header = &array->header;
    const bool is_x = header->dims == 3;
    if (!is_x && header->dims != 2)
        return sl_npy_array_reject(array, "numbers [N][T][I], or tokens [N][T]", "save a.reshape(N, T, I)");
    data->rows = array->rows = header->shape[0];
    data->steps = header->shape[1];
    data->has_x = is_x;
    data->width = data->stride = is_x ? header->shape[2] : 1;
    if (!data->width)
        return sl_npy_array_reject(array, "at least one input per step (I of [N][T][I])", "save an array with inputs");
    const sl_exit code = sl_npy_array_accept(array, is_x ? SL_NPY_ARRAY_REALS : SL_NPY_ARRAY_INTEGERS);
    if (!code && !is_x && !sl_npy_type_is_integer(header->type))
        sl_report_note("%s: %s is [N][T], so these are tokens; if they are one number per step, save a[:, :, None]",
                       sl_report_input(array->path), array->option);
    return code;
}

static sl_exit take_tokens(const sl_npy_array *array, sl_data *data)
{
    data->tokens = calloc(array->header.elements ? array->header.elements : 1, sizeof *data->tokens);
    if (!data->tokens)
        return sl_report_memory("the tokens");
    for (size_t n = 0; n < data->rows; n++)
        for (size_t t = 0; t < (size_t)data->lengths[n]; t++) {
            int64_t token;
            if (!sl_npy_array_get_integer(array, data->offsets[n] + t, 0, INT32_MAX - 1, &token))
                return sl_row_file_reject_token(array, data->offsets[n] + t, n, t);
            data->tokens[data->offsets[n] + t] = (int32_t)token;
        }
    return SL_EXIT_OK;
}

static sl_exit read_lengths(const sl_data_files *files, sl_data *data)
{
    sl_npy_array array = {.option = files->lengths_option, .path = files->lengths};
    uint64_t sum;
    data->offsets = calloc(data->rows ? data->rows : 1, sizeof *data->offsets);
    data->lengths = calloc(data->rows ? data->rows : 1, sizeof *data->lengths);
    if (!data->offsets || !data->lengths)
        return sl_report_memory("the lengths");
    for (size_t n = 0; n < data->rows; n++) {
        data->offsets[n] = n * data->steps * data->width;
        data->lengths[n] = (int64_t)data->steps;
    }
    if (!array.path)
        return SL_EXIT_OK;
    sl_exit code = sl_npy_array_open(&array);
    code = code ? code : sl_lengths_check(&array, data->rows, files->input_option);
    code = code ? code : load(&array);
    code = code ? code : sl_lengths_take(&array, 0, data->rows, data->steps, files->input_option, data->lengths, &sum);
    sl_npy_array_close(&array);
    return code;
}

/* Of an array in Fortran order a row's elements are scattered, and compressed data are read from the beginning only. */
static bool stays_in_file(const sl_npy_array *array)
{
    return sl_row_file_is_wanted(array->path) && !array->header.column_major && sl_npy_is_seekable(array->reader);
}

static sl_exit read_input(const sl_data_files *files, sl_data *data)
{
    sl_npy_array array = {.option = files->input_option, .path = files->input};
    sl_exit code = sl_npy_array_open(&array);
    code = code ? code : check_input(&array, data);
    if (!code && stays_in_file(&array))
        code = sl_row_file_open_npy(&array, !data->has_x, &data->file);
    else if (!code)
        code = load(&array);
    code = code ? code : read_lengths(files, data);
    if (!code && !data->file && data->has_x) {
        data->x = array.data;
        array.data = NULL;
    } else if (!code && !data->file) {
        code = take_tokens(&array, data);
    }
    sl_npy_array_close(&array);
    return code;
}

/* ---- Targets --------------------------------------------------------------------------------------------------------------- */

static sl_exit take_labels(const sl_npy_array *array, sl_data *data)
{
    const size_t elements = array->header.elements, stride = data->every_step ? data->steps : 1;
    data->labels = calloc(elements ? elements : 1, sizeof *data->labels);
    if (!data->labels)
        return sl_report_memory("the labels");
    for (size_t n = 0; n < data->rows; n++)
        for (size_t t = 0; t < sl_data_count_targets(data, n); t++) {
            const sl_exit code = sl_target_array_take_label(array, n * stride + t, n, t, &data->labels[n * stride + t]);
            if (code)
                return code;
        }
    return SL_EXIT_OK;
}

static sl_exit read_targets(const sl_data_files *files, sl_data *data)
{
    const bool is_values = files->values != NULL;
    sl_npy_array array = {.option = is_values ? files->values_option : files->labels_option,
                          .path = is_values ? files->values : files->labels};
    data->target_path = array.path;
    sl_exit code = sl_npy_array_open(&array);
    if (!code)
        code = sl_target_array_check(&array, is_values, data->rows, data->steps, false, files->input_option, &data->every_step,
                                     &data->target_width);
    if (!code && is_values && stays_in_file(&array))
        code = sl_row_file_open_npy(&array, false, &data->value_file);
    else if (!code)
        code = load(&array);
    if (!code && !is_values) {
        code = take_labels(&array, data);
    } else if (!code && !data->value_file) {
        data->values = array.data;
        array.data = NULL;
    }
    sl_npy_array_close(&array);
    return code;
}

sl_exit sl_data_read_npy(const sl_data_files *files, sl_data *data)
{
    *data = (sl_data){.path = files->input, .row_name = "row"};
    const sl_exit code = read_input(files, data);
    return code ? code : read_targets(files, data);
}

sl_exit sl_data_make_windows(const char *path, sl_series_table *series, const sl_windows *windows, sl_data *data)
{
    const bool are_whole = sl_windows_are_whole(windows);
    *data = (sl_data){
        .path = path, .target_path = path, .row_name = are_whole ? "row" : "window", .has_x = true, .every_step = are_whole};
    const sl_exit code = sl_window_rows_create(series, windows, &data->windows);
    if (code)
        return code;
    const sl_window_rows *rows = data->windows;
    data->rows = sl_window_rows_count(rows);
    data->steps = windows->steps;
    data->width = rows->series.inputs;
    data->stride = rows->series.width;
    data->x = rows->series.values;
    data->largest = -1;
    data->target_width = sl_window_rows_count_targets(rows);
    size_t training;
    return are_whole ? sl_whole_series_divide(data, NULL, &training) : SL_EXIT_OK;
}

/* ---- Queries --------------------------------------------------------------------------------------------------------------- */

size_t sl_data_count_numbers(const sl_data *data, bool of_labels, size_t *row)
{
    size_t most = 0, step;
    if (!of_labels) {
        *row = data->largest < 0 ? *row : data->largest_row;
        return (size_t)(data->largest + 1);
    }
    for (size_t n = 0; n < data->rows; n++) {
        const size_t found = (size_t)(sl_data_find_largest(sl_data_get_labels(data, n), sl_data_count_targets(data, n), &step) + 1);
        if (found > most) {
            most = found;
            *row = n;
        }
    }
    return most;
}

static sl_exit check_row(const sl_data *data, const sluice_shape *shape, size_t row, const char *remedy)
{
    size_t step = 0;
    const size_t number = row + data->first;
    if (!data->has_x && data->largest >= 0 && (size_t)data->largest >= shape->vocabulary) { /* the first row with such a token */
        const void *tokens;
        const sl_exit code = sl_data_get_inputs(data, row, 0, (size_t)data->lengths[row], &tokens);
        if (code)
            return code;
        const int32_t token = sl_data_find_largest(tokens, (size_t)data->lengths[row], &step);
        if (token >= 0 && (size_t)token >= shape->vocabulary)
            return sl_report(SL_EXIT_DATA, "%s: %s %zu, step %zu: expected a token from 0 to %zu (the vocabulary), found %d",
                             sl_report_input(data->path), data->row_name, number, step, shape->vocabulary - 1, token);
    }
    if (data->labels) {
        const int32_t label = sl_data_find_largest(sl_data_get_labels(data, row), sl_data_count_targets(data, row), &step);
        if (label >= 0 && (size_t)label >= shape->classes)
            return sl_report(SL_EXIT_DATA,
                             "%s: %s %zu, step %zu: expected a label from 0 to %zu (the classes), or a negative one to be ignored, "
                             "found %d%s",
                             sl_report_input(data->target_path), data->row_name, number, step, shape->classes - 1, label, remedy);
    }
    return SL_EXIT_OK;
}

sl_exit sl_data_check(const sl_data *data, const sluice_shape *shape, size_t outputs, const char *remedy)
{
    const char *path = sl_report_input(data->path);
    if (!data->has_x && !shape->vocabulary)
        return sl_report(SL_EXIT_DATA, "%s: expected numbers [N][T][%zu], as the model has no embedding, found tokens [N][T]%s",
                         path, shape->inputs, shape->inputs == 1 ? "; save a[:, :, None]" : "; give another input or model");
    if (data->has_x && (shape->vocabulary || data->width != shape->inputs))
        return shape->vocabulary
                   ? sl_report(SL_EXIT_DATA, "%s: expected tokens [N][T], as the model has an embedding, found [N][T][%zu]; %s",
                               path, data->width,
                               data->width == 1 ? "save a[:, :, 0]" : "save a.argmax(-1), if these are one-hot vectors of tokens")
                   : sl_report(SL_EXIT_DATA, "%s: expected %zu inputs per step (the model's I), found %zu", path, shape->inputs,
                               data->width);
    if (!data->labels && data->target_width != outputs)
        return sl_report(SL_EXIT_DATA, "%s: expected %zu values per target (%s), found %zu%s", sl_report_input(data->target_path),
                         outputs, shape->classes ? "the head's outputs" : "D*H, as there is no head", data->target_width, remedy);
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; !code && n < data->rows; n++)
        code = check_row(data, shape, n, remedy);
    return code;
}

bool sl_data_has_weights(const sl_data *data)
{
    return data->sample_weights.values || (data->windows && data->windows->series.has_weights);
}

float sl_data_get_weight(const sl_data *data, size_t row, size_t step)
{
    if (!data->windows)
        return sl_sample_weights_get(&data->sample_weights, row, step);
    const size_t target = get_first_target_step(data, row) + step + data->windows->windows.first_horizon;
    return data->sample_weights.values ? data->sample_weights.values[target]
                                       : sl_series_table_get_weight(&data->windows->series, target);
}

/* Whether a target of a row has a weight above 0; also without weights. */
static bool has_weight(const sl_data *data, size_t row)
{
    if (!data->windows)
        return sl_sample_weights_count(&data->sample_weights, row, data->lengths);
    bool found = !sl_data_has_weights(data);
    for (size_t t = 0; !found && t < sl_data_count_targets(data, row); t++)
        found = sl_data_get_weight(data, row, t) > 0;
    return found;
}

bool sl_data_is_counted(const sl_data *data, size_t row, bool every_step)
{
    if (((every_step || data->every_step) && !sl_data_get_length(data, row)) || !has_weight(data, row))
        return false;
    size_t step;
    return !data->labels || sl_data_find_largest(sl_data_get_labels(data, row), sl_data_count_targets(data, row), &step) >= 0;
}

void sl_data_count_classes(const sl_data *data, size_t row, bool every_step, uint64_t *counts)
{
    const int32_t *labels = sl_data_get_labels(data, row);
    const uint64_t times =
        every_step && !data->every_step ? (uint64_t)data->lengths[row] : 1; /* the label of the row applies to each step */
    for (size_t t = 0; t < sl_data_count_targets(data, row); t++)
        if (labels[t] >= 0)
            counts[labels[t]] += times;
}

/* Of windows, each step once. */
static uint64_t add_series(const sl_data *data, uint64_t digest)
{
    const sl_series_table *series = &data->windows->series;
    const size_t steps = series->starts[series->count];
    digest = sl_digest_add(digest, series->targets, series->target_count * sizeof *series->targets);
    digest = sl_digest_add(digest, series->starts, (series->count + 1) * sizeof *series->starts);
    if (data->sample_weights.values)
        digest = sl_digest_add(digest, data->sample_weights.values, steps * sizeof *data->sample_weights.values);
    return sl_digest_add(digest, series->values, steps * series->width * sizeof *series->values);
}

uint64_t sl_data_add_digest(const sl_data *data, uint64_t digest)
{
    const uint64_t sizes[] = {data->rows, data->width, data->target_width, data->every_step, data->has_x, !data->labels};
    digest = sl_digest_add(digest, sizes, sizeof sizes);
    return data->windows ? add_series(data, digest) : sl_digest_add(digest, data->lengths, data->rows * sizeof *data->lengths);
}

uint64_t sl_data_add_labels_digest(const sl_data *data, uint64_t digest)
{
    for (size_t row = 0; data->labels && row < data->rows; row++)
        digest = sl_digest_add(digest, sl_data_get_labels(data, row), sl_data_count_targets(data, row) * sizeof *data->labels);
    return digest;
}
