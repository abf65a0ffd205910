/* Datasets: where in the file their elements are. */
#include "io/hdf5/hdf5_header.h"
#include "io/hdf5/hdf5_type.h"

#include "base/size.h"

#include <string.h>

/* Storage of a dataset's elements. */
typedef struct layout {
    size_t begin, bytes;
} layout;

static sluice_status load_part(sl_hdf5 *file, const sl_hdf5_object *dataset, unsigned type, const char *what, sl_hdf5_bytes *body,
                               sluice_error *error)
{
    const sl_hdf5_message *message = sl_hdf5_find_message(dataset->messages, type);
    return message ? sl_hdf5_load_message(file, message, body, error)
                   : sl_hdf5_fail(file, dataset->header_at, error, "expected a dataset, but it has no %s", what);
}

static sluice_status take_contiguous(sl_hdf5 *file, sl_hdf5_bytes *from, size_t stated_at, layout *where, sluice_error *error)
{
    const uint64_t address = sl_hdf5_take(from, 8), bytes = sl_hdf5_take(from, 8);
    *where = (layout){.begin = stated_at};
    if (from->lacking)
        return sl_hdf5_fail_damaged(file, stated_at, "the layout of a dataset", error);
    if (!bytes)
        return SLUICE_STATUS_OK;
    if (sl_hdf5_is_undefined(address))
        return sl_hdf5_fail(file, stated_at, error, "the dataset was never written; write its %llu bytes, be they zeros",
                            (unsigned long long)bytes);
    where->bytes = (size_t)bytes;
    return sl_hdf5_place(file, address, bytes, stated_at, "the dataset's elements", &where->begin, error);
}

/* Its elements are in the message itself. */
static sluice_status take_compact(sl_hdf5 *file, sl_hdf5_bytes *from, size_t stated_at, layout *where, sluice_error *error)
{
    const size_t bytes = (size_t)sl_hdf5_take(from, 2);
    *where = (layout){.begin = from->at + from->used, .bytes = bytes};
    sl_hdf5_take_bytes(from, bytes);
    return from->lacking ? sl_hdf5_fail_damaged(file, stated_at, "the elements of a compact dataset", error) : SLUICE_STATUS_OK;
}

static sluice_status take_layout(sl_hdf5 *file, sl_hdf5_bytes *from, layout *where, sluice_error *error)
{
    enum { COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL };
    const size_t at = from->at;
    const uint64_t version = sl_hdf5_take(from, 1), class = sl_hdf5_take(from, 1);
    if (version < 3 || version > 5)
        return sl_hdf5_fail(file, at, error,
                            "the dataset has a layout of version %u, expected 3 to 5; rewrite the file with "
                            "h5repack -l CONTI IN OUT",
                            (unsigned)version);
    if (class == COMPACT)
        return take_compact(file, from, at, where, error);
    if (class == CONTIGUOUS)
        return take_contiguous(file, from, at, where, error);
    if (class == CHUNKED)
        return sl_hdf5_fail(file, at, error,
                            "the dataset is stored in chunks, expected it contiguous; rewrite the file with "
                            "h5repack -l CONTI IN OUT");
    if (class == VIRTUAL)
        return sl_hdf5_fail(file, at, error,
                            "the dataset is virtual, its elements being in other files; read it and write it as a "
                            "plain dataset, with h5py for example");
    return sl_hdf5_fail_damaged(file, at, "the layout of a dataset", error);
}

/* Filters and external files change what a layout means. */
static sluice_status check_storage(sl_hdf5 *file, const sl_hdf5_object *dataset, sluice_error *error)
{
    const sl_hdf5_message *filters = sl_hdf5_find_message(dataset->messages, SL_HDF5_MESSAGE_FILTERS);
    if (filters)
        return sl_hdf5_fail(file, filters->at, error,
                            "the dataset goes through filters, of compression perhaps, expected it plain; "
                            "rewrite the file with h5repack -l CONTI IN OUT");
    const sl_hdf5_message *files = sl_hdf5_find_message(dataset->messages, SL_HDF5_MESSAGE_EXTERNAL);
    if (files)
        return sl_hdf5_fail(file, files->at, error,
                            "the dataset's elements are in external files, which are not read; make it one "
                            "file with h5repack -l CONTI IN OUT");
    return SLUICE_STATUS_OK;
}

/* Keras writes bfloat16 as opaque pairs of bytes, with an attribute that says so. */
static sluice_status adopt_bfloat16(sl_hdf5 *file, sl_hdf5_object *dataset, sl_hdf5_type *type, sluice_error *error)
{
    sl_hdf5_text text;
    const sluice_status status = sl_hdf5_read_text(file, dataset, "dtype", &text, error);
    if (!status && text.text && strcmp(text.text, "bfloat16") == 0) {
        type->class = SL_HDF5_NUMBER;
        type->name = "BF16";
        type->element = SL_ELEMENT_BF16;
    }
    return status;
}

static sluice_status check_type(sl_hdf5 *file, sl_hdf5_object *dataset, sl_hdf5_type *type, size_t at, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (type->class == SL_HDF5_NOT_READ && type->bytes == 2 && strcmp(type->name, "opaque bytes") == 0)
        status = adopt_bfloat16(file, dataset, type, error);
    if (!status && type->class != SL_HDF5_NUMBER)
        status = sl_hdf5_fail(file, at, error,
                              "its elements are %s of %zu bytes, expected little-endian floats or integers; write "
                              "it as float32, with h5py's dtype \"<f4\" for example",
                              type->name, type->bytes);
    return status;
}

static sluice_status check_size(sl_hdf5 *file, const sl_hdf5_type *type, const sl_hdf5_space *space, const layout *where, size_t at,
                                sluice_error *error)
{
    size_t bytes;
    if (space->rank > SL_TENSOR_MAX_DIMS)
        return sl_hdf5_fail(file, at, error, "the dataset has %zu dimensions, expected at most %d; reshape it", space->rank,
                            SL_TENSOR_MAX_DIMS);
    if (!sl_size_mul(space->elements, type->bytes, &bytes) || bytes != where->bytes)
        return sl_hdf5_fail(file, at, error, "the dataset has %zu bytes, expected %zu elements of %zu bytes; the file is damaged",
                            where->bytes, space->elements, type->bytes);
    return SLUICE_STATUS_OK;
}

sluice_status sl_hdf5_describe(sl_hdf5 *file, sl_hdf5_object *dataset, sl_tensor *tensor, sluice_error *error)
{
    sl_hdf5_bytes body = {0};
    sl_hdf5_type type;
    sl_hdf5_space space;
    layout where;
    *tensor = (sl_tensor){0};
    sluice_status status = sl_hdf5_enter(file, dataset, error);
    if (!status)
        status = check_storage(file, dataset, error);
    if (!status)
        status = load_part(file, dataset, SL_HDF5_MESSAGE_LAYOUT, "layout", &body, error);
    if (!status)
        status = take_layout(file, &body, &where, error);
    if (!status)
        status = load_part(file, dataset, SL_HDF5_MESSAGE_SPACE, "dataspace", &body, error);
    if (!status)
        status = sl_hdf5_take_space(file, &body, &space, error);
    if (!status)
        status = load_part(file, dataset, SL_HDF5_MESSAGE_TYPE, "datatype", &body, error);
    const size_t stated_at = body.at;
    if (!status)
        status = sl_hdf5_take_type(file, &body, &type, error);
    if (!status)
        status = check_type(file, dataset, &type, stated_at, error);
    if (!status)
        status = check_size(file, &type, &space, &where, stated_at, error);
    if (status)
        return status;
    *tensor = (sl_tensor){.name = dataset->path,
                          .dtype = type.name,
                          .dims = space.rank,
                          .elements = space.elements,
                          .input = file->input,
                          .begin = where.begin,
                          .end = where.begin + where.bytes,
                          .stated_at = stated_at,
                          .type = type.element};
    memcpy(tensor->shape, space.shape, space.rank * sizeof *space.shape);
    return SLUICE_STATUS_OK;
}
