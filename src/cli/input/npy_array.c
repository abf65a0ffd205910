#include "cli/input/npy_array.h"

#include "base/size.h"
#include "cli/digest.h"
#include "io/npy/npz_read.h"
#include "program/format.h"
#include "program/paths.h"

#include <stdio.h>
#include <stdlib.h>

sl_exit sl_npy_array_open(sl_npy_array *array)
{
    sluice_error error;
    return array->path ? sl_report_status(sl_npz_open_path(array->path, &array->reader, &array->header, &error), &error)
                       : SL_EXIT_OK;
}

void sl_npy_array_drop(sl_npy_array *array, size_t axis)
{
    sl_npy_header *header = &array->header;
    for (size_t k = axis + 1; k < header->dims; k++)
        header->shape[k - 1] = header->shape[k];
    header->dims--;
}

bool sl_npy_array_make_vector(sl_npy_array *array, size_t count)
{
    const sl_npy_header *header = &array->header;
    if (header->elements != count)
        return false;
    if (header->dims == 2 && (header->shape[0] == 1 || header->shape[1] == 1))
        sl_npy_array_drop(array, header->shape[1] == 1);
    return header->dims == 1;
}

sl_exit sl_npy_array_reject(const sl_npy_array *array, const char *expected, const char *remedy)
{
    char found[SL_FORMAT_SHAPE];
    return sl_report(SL_EXIT_DATA, "%s: %s expected %s, found %s; %s", sl_report_input(array->path), array->option, expected,
                     sl_format_shape(&array->header, found), remedy);
}

/* Print notes on properties of the file that the user may not expect. */
static void note_properties(const sl_npy_array *array, sl_npy_array_kind kind)
{
    const char *path = sl_report_input(array->path), *name = sl_npy_type_get_name(array->header.type);
    if (kind == SL_NPY_ARRAY_REALS && array->header.type != SL_NPY_F4)
        sl_report_note("%s: %s is %s, converted to f4", path, array->option, name);
    if (kind == SL_NPY_ARRAY_INTEGERS && !sl_npy_type_is_integer(array->header.type))
        sl_report_note("%s: %s is %s, read as whole numbers", path, array->option, name);
    if (array->header.has_more)
        sl_report_note("%s: another array follows in the file; only the first is read", path);
    if (array->header.column_major && !sl_npy_is_seekable(array->reader))
        sl_report_note("%s: %s is in Fortran order and comes through a pipe, so all of it is held in memory; a file is read in "
                       "chunks",
                       path, array->option);
}

sl_exit sl_npy_array_accept(sl_npy_array *array, sl_npy_array_kind kind)
{
    if (!array->path)
        return SL_EXIT_OK;
    array->type = kind == SL_NPY_ARRAY_REALS ? SL_NPY_F4 : array->header.type;
    sluice_error error;
    if (kind == SL_NPY_ARRAY_REALS && sl_npy_convert(array->reader, &error))
        return sl_report_error(&error);
    note_properties(array, kind);
    return SL_EXIT_OK;
}

sl_exit sl_npy_array_shape(sl_npy_array *array, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width)
{
    if (!array->path)
        return SL_EXIT_OK;
    array->type = SL_NPY_F4;
    array->header = (sl_npy_header){.type = SL_NPY_F4, .dims = dims, .elements = 1};
    bool fits = true;
    size_t bytes;
    for (size_t k = 0; k < dims; k++) {
        array->header.shape[k] = shape[k];
        fits = fits && sl_size_mul(array->header.elements, shape[k], &array->header.elements);
    }
    if (!fits || !sl_size_mul(array->header.elements, sl_npy_type_bytes(SL_NPY_F4), &bytes))
        return sl_report(SL_EXIT_DATA, "%s: the array for %s does not fit this machine's address space; split the input",
                         sl_report_output(array->path), array->option);
    array->planes = planes;
    array->rows = rows;
    array->width = width;
    return SL_EXIT_OK;
}

double sl_npy_array_get_row_bytes(const sl_npy_array *array)
{
    return array->path ? (double)array->planes * (double)array->width * (double)sl_npy_type_bytes(array->type) : 0;
}

/* Number of elements of a chunk; false on overflow. */
static bool get_room(const sl_npy_array *array, size_t *room)
{
    return sl_size_mul(array->planes, array->width, room) && sl_size_mul(*room, array->chunk, room);
}

sl_exit sl_npy_array_allocate(sl_npy_array *array, size_t chunk, bool is_output)
{
    if (!array->path)
        return SL_EXIT_OK;
    array->chunk = chunk;
    const bool stream = is_output ? sl_paths_is_output_stream(array->path) : !sl_npy_is_seekable(array->reader);
    if (stream && array->planes > 1 && chunk < array->rows && !array->header.column_major)
        return sl_report(
            SL_EXIT_USAGE,
            "%s: each row of %s is in several places of the array, so a pipe cannot transfer it %zu rows at a time; use "
            "a file, or --rows %zu, or --layout ntc instead of tnc",
            is_output ? sl_report_output(array->path) : sl_report_input(array->path), array->option, chunk, array->rows);
    size_t room;
    if (get_room(array, &room))
        array->data = calloc(room ? room : 1, sl_npy_type_bytes(array->type));
    return array->data ? SL_EXIT_OK : sl_report_memory_of_rows(array->option);
}

sl_exit sl_npy_array_create(sl_npy_array *array)
{
    sluice_error error;
    if (!array->path)
        return SL_EXIT_OK;
    return sl_report_status((array->joins ? sl_npy_join : sl_npy_create)(array->path, &array->header, &array->writer, &error),
                            &error);
}

/* Read or write the chunk, plane by plane, or all at once if the chunk is the whole array. */
static sl_exit transfer(sl_npy_array *array, size_t first, size_t rows)
{
    const size_t bytes = sl_npy_type_bytes(array->type);
    const size_t together = rows == array->rows ? array->planes : 1;
    const size_t count = together * rows * array->width;
    for (size_t p = 0; p < array->planes && count; p += together) {
        char *part = (char *)array->data + p * rows * array->width * bytes;
        const size_t at = (p * array->rows + first) * array->width;
        sluice_error error;
        if (array->reader ? sl_npy_read(array->reader, at, count, part, &error)
                          : sl_npy_write(array->writer, at, count, part, &error))
            return sl_report_error(&error);
    }
    return SL_EXIT_OK;
}

/* Continue the digest with the rows in memory, if it is wanted. */
static void add_digest(sl_npy_array *array, size_t first, size_t rows)
{
    const size_t bytes = sl_npy_type_bytes(array->type) * array->width;
    for (size_t p = 0; array->digests && p < array->planes; p++)
        array->digest = sl_digest_add_at(array->digest, (uint64_t)(p * array->rows + first) * bytes,
                                         (const char *)array->data + p * rows * bytes, rows * bytes);
}

/* Print a note, once, on a number whose conversion to float32 loses more than rounding a fraction. */
static void note_loss(sl_npy_array *array)
{
    const sl_npy_loss *loss = sl_npy_get_loss(array->reader);
    if (array->loss_noted || !loss->found)
        return;
    char place[SL_FORMAT_SHAPE] = "";
    int used = 0;
    for (size_t k = 0; k < array->header.dims; k++)
        used += snprintf(place + used, sizeof place - (size_t)used, k ? ", %zu" : "%zu", loss->index[k]);
    sl_report_note(
        "%s: %s: a[%s] is %s, which float32 rounds to %s, and there may be more; shift or scale the data if that matters",
        sl_report_input(array->path), array->option, place, loss->value, loss->became);
    array->loss_noted = true;
}

sl_exit sl_npy_array_read(sl_npy_array *array, size_t first, size_t rows)
{
    if (!array->path)
        return SL_EXIT_OK;
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    if (!array->header.column_major)
        code = transfer(array, first, rows);
    else if (sl_npy_read_columns(array->reader, array->planes, array->rows, first, rows, array->data, &error))
        code = sl_report_error(&error);
    note_loss(array);
    if (!code)
        add_digest(array, first, rows);
    return code;
}

sl_exit sl_npy_array_write(sl_npy_array *array, size_t first, size_t rows)
{
    if (!array->path)
        return SL_EXIT_OK;
    add_digest(array, first, rows);
    return transfer(array, first, rows);
}

bool sl_npy_array_get_integer(const sl_npy_array *array, size_t k, int64_t least, int64_t most, int64_t *value)
{
    return sl_npy_get_integer(array->type, array->data, k, value) && *value >= least && *value <= most;
}

sl_npy_array_found sl_npy_array_get_found(const sl_npy_array *array, size_t k)
{
    sl_npy_array_found found;
    sl_npy_format_value(array->type, array->data, k, found.text);
    return found;
}

sl_exit sl_npy_array_commit(sl_npy_array *array)
{
    if (!array->path)
        return SL_EXIT_OK;
    sl_npy_writer *writer = array->writer;
    array->writer = NULL;
    sluice_error error;
    return sl_report_status(sl_npy_commit(writer, &error), &error);
}

void sl_npy_array_close(sl_npy_array *array)
{
    sl_npy_close(array->reader);
    sl_npy_abort(array->writer);
    free(array->data);
    *array = (sl_npy_array){0};
}

/* ---- Lengths --------------------------------------------------------------------------------------------------------------- */

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
