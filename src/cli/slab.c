#include "slab.h"

#include "format.h"
#include "paths.h"
#include "run.h"

#include <stdlib.h>

sl_exit sl_slab_open(sl_slab *slab)
{
    sluice_error error;
    if (slab->path && sl_npy_open(slab->path, &slab->reader, &slab->header, &error))
        return sl_report_error(&error);
    return SL_EXIT_OK;
}

sl_exit sl_slab_reject(const sl_slab *slab, const char *expected)
{
    char found[SL_FORMAT_SHAPE];
    return sl_report(SL_EXIT_DATA, "%s: %s expected %s, found %s", sl_report_input(slab->path), slab->option, expected,
                     sl_format_shape(&slab->header, found));
}

sl_exit sl_slab_shape(sl_slab *slab, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width)
{
    if (!slab->path) /* not asked for */
        return SL_EXIT_OK;
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
    if (stream && slab->planes > 1 && chunk < slab->rows)
        return sl_report(SL_EXIT_USAGE,
                         "%s: the rows of %s lie apart in it, so it cannot go through a pipe %zu rows at a time; use a "
                         "file, or --rows %zu, or ntc if it is --layout tnc",
                         is_output ? sl_report_output(slab->path) : sl_report_input(slab->path), slab->option, chunk, slab->rows);
    size_t room;
    if (get_room(slab, &room))
        slab->data = calloc(room ? room : 1, sl_npy_type_bytes(slab->header.type));
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
    const size_t bytes = sl_npy_type_bytes(slab->header.type);
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

sl_exit sl_slab_read(sl_slab *slab, size_t first, size_t rows)
{
    return slab->path ? move(slab, first, rows) : SL_EXIT_OK;
}

sl_exit sl_slab_write(sl_slab *slab, size_t first, size_t rows)
{
    return slab->path ? move(slab, first, rows) : SL_EXIT_OK;
}

int64_t sl_slab_get_integer(const sl_slab *slab, size_t k)
{
    switch (slab->header.type) {
    case SL_NPY_U1:
        return ((const uint8_t *)slab->data)[k];
    case SL_NPY_I4:
        return ((const int32_t *)slab->data)[k];
    default:
        return ((const int64_t *)slab->data)[k];
    }
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
