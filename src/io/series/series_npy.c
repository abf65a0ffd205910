#include "io/series/series_npy.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <string.h>

typedef struct npy_series {
    sl_npy_reader *array;
    size_t count, steps, width;
    bool column_major;
    size_t series, step; /* where `fill` goes on */
    float *held;         /* [steps][width]: of an array in Fortran order, the series `held_series`; NULL: none */
    size_t held_series;
} npy_series;

/* A series of several in Fortran order lies scattered over the whole array, and is read as a whole. */
static sluice_status hold(npy_series *from, size_t series, sluice_error *error)
{
    if (from->held && from->held_series == series)
        return SLUICE_STATUS_OK;
    sluice_status status = sl_npy_hold(from->array, error); /* so that there is as much as the header says */
    if (status)
        return status;
    if (!from->held)
        from->held = sl_alloc_array(from->steps, from->width * sizeof *from->held);
    if (!from->held)
        return sl_fail_memory(error, "a series of an array in Fortran order", from->steps * from->width * sizeof *from->held);
    from->held_series = SIZE_MAX;
    status = sl_npy_read_columns(from->array, 1, from->count, series, 1, from->held, error);
    if (!status)
        from->held_series = series;
    return status;
}

static sluice_status read_at(void *reader, size_t series, size_t step, size_t count, float *to, sluice_error *error)
{
    npy_series *from = reader;
    if (!from->column_major)
        return sl_npy_read(from->array, (series * from->steps + step) * from->width, count * from->width, to, error);
    if (from->count == 1)
        return sl_npy_read_columns(from->array, 1, from->steps, step, count, to, error);
    const sluice_status status = hold(from, series, error);
    if (!status)
        memcpy(to, from->held + step * from->width, count * from->width * sizeof *to);
    return status;
}

static sluice_status create_block(const void *reader, sl_series_block *block, sluice_error *error)
{
    return sl_series_block_create(((const npy_series *)reader)->width, 0, 0, block, error);
}

static sluice_status fill(void *reader, sl_series_block *block, sluice_error *error)
{
    npy_series *from = reader;
    sl_series_block_clear(block);
    while (from->series < from->count && block->rows < block->capacity && block->parts < block->capacity) {
        const size_t count = sl_size_min(block->capacity - block->rows, from->steps - from->step);
        const sluice_status status = read_at(from, from->series, from->step, count, sl_series_block_get_row(block), error);
        if (status)
            return status;
        sl_series_block_begin(block, "", 0);
        block->rows += count;
        from->step += count;
        const bool ends = from->step == from->steps;
        sl_series_block_end(block, ends);
        from->series += ends;
        from->step = ends ? 0 : from->step;
    }
    block->is_last = from->series == from->count;
    return SLUICE_STATUS_OK;
}

static void close_npy(void *reader)
{
    npy_series *from = reader;
    sl_npy_close(from->array);
    sl_free(from->held);
    sl_free(from);
}

static sluice_status check_shape(const sl_npy_reader *array, const sl_npy_header *header, const char *name, sluice_error *error)
{
    enum { MOST_WIDTH = 1 << 20 }; /* of what is read through blocks, so that no header makes them large */
    const size_t dims = header->dims;
    if (dims < 1 || dims > 3)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: expected series [T], [T][I] or [N][T][I], found an array of %zu dimensions; save a.reshape(N, T, I)",
                       name, dims);
    if (dims > 1 && !header->shape[dims - 1])
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected at least one number in each step, found none", name);
    if (dims > 1 && !sl_npy_is_seekable(array) && header->shape[dims - 1] > MOST_WIDTH)
        return sl_fail(
            error, SLUICE_STATUS_BAD_DATA,
            "%s: expected at most %d numbers in each step of an array that comes through a pipe or compressed, found %zu; "
            "use a plain file",
            name, MOST_WIDTH, header->shape[dims - 1]);
    return SLUICE_STATUS_OK;
}

sluice_status sl_series_open_npy(sl_npy_reader *array, const sl_npy_header *header, const char *name, sl_series_source *source,
                                 sluice_error *error)
{
    static const sl_series_calls calls = {create_block, fill, read_at, close_npy};
    const size_t dims = header->dims, *shape = header->shape;
    npy_series *made = NULL;
    sluice_status status = check_shape(array, header, name, error);
    if (!status)
        status = sl_npy_convert(array, error);
    if (!status && !(made = sl_alloc(sizeof *made)))
        status = sl_fail_memory(error, "the series of an array", sizeof *made);
    if (status) {
        sl_npy_close(array);
        return status;
    }
    *made = (npy_series){.array = array,
                         .count = dims == 3 ? shape[0] : 1,
                         .steps = dims == 3 ? shape[1] : shape[0],
                         .width = dims == 1 ? 1 : shape[dims - 1],
                         .column_major = header->column_major};
    *source = (sl_series_source){.reader = made,
                                 .calls = &calls,
                                 .width = made->width,
                                 .is_sized = true,
                                 .is_seekable = sl_npy_is_seekable(array),
                                 .count = made->count,
                                 .steps = made->steps,
                                 .loss = sl_npy_get_loss(array)};
    return SLUICE_STATUS_OK;
}
