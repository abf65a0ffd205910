#include "slab.h"

#include "format.h"
#include "paths.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>

sl_exit sl_slab_open(sl_slab *slab)
{
    sluice_error error;
    if (slab->path && sl_npy_open(slab->path, &slab->reader, &slab->header, &error))
        return sl_report_error(&error);
    return SL_EXIT_OK;
}

void sl_slab_drop(sl_slab *slab, size_t axis)
{
    sl_npy_header *header = &slab->header;
    for (size_t k = axis + 1; k < header->dims; k++)
        header->shape[k - 1] = header->shape[k];
    header->dims--;
}

bool sl_slab_make_vector(sl_slab *slab, size_t count)
{
    const sl_npy_header *header = &slab->header;
    if (header->elements != count)
        return false;
    if (header->dims == 2 && (header->shape[0] == 1 || header->shape[1] == 1))
        sl_slab_drop(slab, header->shape[1] == 1);
    return header->dims == 1;
}

sl_exit sl_slab_reject(const sl_slab *slab, const char *expected, const char *remedy)
{
    char found[SL_FORMAT_SHAPE];
    return sl_report(SL_EXIT_DATA, "%s: %s expected %s, found %s; %s", sl_report_input(slab->path), slab->option, expected,
                     sl_format_shape(&slab->header, found), remedy);
}

/* Tell of what the user may not expect of an array that is accepted. */
static void note_oddities(const sl_slab *slab, sl_slab_kind kind)
{
    const char *path = sl_report_input(slab->path), *name = sl_npy_type_get_name(slab->header.type);
    if (kind == SL_SLAB_REALS && slab->header.type != SL_NPY_F4)
        sl_report_note("%s: %s is %s, converted to f4", path, slab->option, name);
    if (kind == SL_SLAB_INTEGERS && !sl_npy_type_is_integer(slab->header.type))
        sl_report_note("%s: %s is %s, read as whole numbers", path, slab->option, name);
    if (slab->header.has_more)
        sl_report_note("%s: another array follows in the file; only the first is read", path);
    if (slab->header.column_major && sl_paths_is_input_stream(slab->path))
        sl_report_note("%s: %s is in Fortran order and comes through a pipe, so all of it is held in memory; a file is read in "
                       "pieces",
                       path, slab->option);
}

sl_exit sl_slab_accept(sl_slab *slab, sl_slab_kind kind)
{
    if (!slab->path)
        return SL_EXIT_OK;
    slab->type = kind == SL_SLAB_REALS ? SL_NPY_F4 : slab->header.type;
    sluice_error error;
    if (kind == SL_SLAB_REALS && sl_npy_convert(slab->reader, &error))
        return sl_report_error(&error);
    note_oddities(slab, kind);
    return SL_EXIT_OK;
}

sl_exit sl_slab_shape(sl_slab *slab, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width)
{
    if (!slab->path) /* not asked for */
        return SL_EXIT_OK;
    slab->type = SL_NPY_F4;
    slab->header = (sl_npy_header){.type = SL_NPY_F4, .dims = dims, .elements = 1};
    bool fits = true;
    size_t bytes;
    for (size_t k = 0; k < dims; k++) {
        slab->header.shape[k] = shape[k];
        fits = fits && !__builtin_mul_overflow(slab->header.elements, shape[k], &slab->header.elements);
    }
    if (!fits || __builtin_mul_overflow(slab->header.elements, sl_npy_type_bytes(SL_NPY_F4), &bytes))
        return sl_report(SL_EXIT_DATA, "%s: the array for %s does not fit this machine's address space; split the input",
                         sl_report_output(slab->path), slab->option);
    slab->planes = planes;
    slab->rows = rows;
    slab->width = width;
    return SL_EXIT_OK;
}

/* The chunk's elements; false if they do not fit. */
static bool get_room(const sl_slab *slab, size_t *room)
{
    return !__builtin_mul_overflow(slab->planes, slab->width, room) && !__builtin_mul_overflow(*room, slab->chunk, room);
}

sl_exit sl_slab_allocate(sl_slab *slab, size_t chunk, bool is_output)
{
    if (!slab->path)
        return SL_EXIT_OK;
    slab->chunk = chunk;
    const bool stream = is_output ? sl_paths_is_output_stream(slab->path) : sl_paths_is_input_stream(slab->path);
    if (stream && slab->planes > 1 && chunk < slab->rows && !slab->header.column_major)
        return sl_report(SL_EXIT_USAGE,
                         "%s: the rows of %s lie apart in it, so it cannot go through a pipe %zu rows at a time; use a "
                         "file, or --rows %zu, or ntc if it is --layout tnc",
                         is_output ? sl_report_output(slab->path) : sl_report_input(slab->path), slab->option, chunk, slab->rows);
    size_t room;
    if (get_room(slab, &room))
        slab->data = calloc(room ? room : 1, sl_npy_type_bytes(slab->type));
    return slab->data ? SL_EXIT_OK : sl_report_memory_of_rows(slab->option);
}

sl_exit sl_slab_create(sl_slab *slab)
{
    sluice_error error;
    if (slab->path && sl_npy_create(slab->path, &slab->header, &slab->writer, &error))
        return sl_report_error(&error);
    return SL_EXIT_OK;
}

/* Move one plane's part, or all of the array at once where the planes of the chunk stand together in the file. */
static sl_exit move(sl_slab *slab, size_t first, size_t rows)
{
    const size_t bytes = sl_npy_type_bytes(slab->type);
    const size_t together = rows == slab->rows ? slab->planes : 1;
    const size_t count = together * rows * slab->width;
    for (size_t p = 0; p < slab->planes && count; p += together) {
        char *part = (char *)slab->data + p * rows * slab->width * bytes;
        const size_t at = (p * slab->rows + first) * slab->width;
        sluice_error error;
        if (slab->reader ? sl_npy_read(slab->reader, at, count, part, &error) : sl_npy_write(slab->writer, at, count, part, &error))
            return sl_report_error(&error);
    }
    return SL_EXIT_OK;
}

/* Tell once where float32 was not enough: rounding a fraction is what everyone expects, this is not. */
static void note_loss(sl_slab *slab)
{
    const sl_npy_loss *loss = sl_npy_get_loss(slab->reader);
    if (slab->lost || !loss->found)
        return;
    char place[SL_FORMAT_SHAPE] = "";
    int used = 0;
    for (size_t k = 0; k < slab->header.dims; k++)
        used += snprintf(place + used, sizeof place - (size_t)used, k ? ", %zu" : "%zu", loss->index[k]);
    sl_report_note(
        "%s: %s: a[%s] is %s, which float32 rounds to %s, and others may be alike; shift or scale the data if that matters",
        sl_report_input(slab->path), slab->option, place, loss->value, loss->became);
    slab->lost = true;
}

sl_exit sl_slab_read(sl_slab *slab, size_t first, size_t rows)
{
    if (!slab->path)
        return SL_EXIT_OK;
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    if (!slab->header.column_major)
        code = move(slab, first, rows);
    else if (sl_npy_read_columns(slab->reader, slab->planes, slab->rows, first, rows, slab->data, &error))
        code = sl_report_error(&error);
    note_loss(slab);
    return code;
}

sl_exit sl_slab_write(sl_slab *slab, size_t first, size_t rows)
{
    return slab->path ? move(slab, first, rows) : SL_EXIT_OK;
}

bool sl_slab_get_integer(const sl_slab *slab, size_t k, int64_t least, int64_t most, int64_t *value)
{
    return sl_npy_get_integer(slab->type, slab->data, k, value) && *value >= least && *value <= most;
}

sl_slab_found sl_slab_get_found(const sl_slab *slab, size_t k)
{
    sl_slab_found found;
    sl_npy_format_value(slab->type, slab->data, k, found.text);
    return found;
}

sl_exit sl_slab_commit(sl_slab *slab)
{
    if (!slab->path)
        return SL_EXIT_OK;
    sl_npy_writer *writer = slab->writer;
    slab->writer = NULL;
    sluice_error error;
    return sl_npy_commit(writer, &error) ? sl_report_error(&error) : SL_EXIT_OK;
}

void sl_slab_close(sl_slab *slab)
{
    sl_npy_close(slab->reader);
    sl_npy_abort(slab->writer);
    free(slab->data);
    *slab = (sl_slab){0};
}
