/* A walk over all that an HDF5 image has, for tests: in one number, what was found. */
#ifndef SLUICE_TESTS_HDF5_WALK_H
#define SLUICE_TESTS_HDF5_WALK_H

#include "io/hdf5/hdf5.h"
#include "support/files.h"
#include "support/message.h"

/* Attributes that a walk asks every group and dataset for. */
static const char *const walk_texts[] = {"text", "fixed", "spaces", "name", "dtype"};
static const char *const walk_lists[] = {"list", "texts", "split", "weight_names"};

/* As ck_assert, but it allocates nothing where the condition holds: a test counts what a walk allocates. */
#define WALK_ASSERT(condition)                                                                                                     \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            ck_abort_msg("%s", #condition);                                                                                        \
    } while (0)

typedef struct walk {
    sl_hdf5 *file;
    uint64_t hash; /* of paths, shapes, texts and values */
    size_t objects;
    bool lenient; /* go on behind what is refused; `refused` counts it */
    size_t refused;
} walk;

static inline void walk_add(walk *to, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    for (size_t k = 0; k < bytes; k++)
        to->hash = (to->hash ^ next[k]) * UINT64_C(0x100000001b3);
}

static inline sluice_status walk_result(walk *over, sluice_status status)
{
    over->refused += status != SLUICE_STATUS_OK;
    return over->lenient && status == SLUICE_STATUS_BAD_DATA ? SLUICE_STATUS_OK : status;
}

static inline sluice_status walk_dataset(walk *over, sl_hdf5_object *dataset, sluice_error *error)
{
    sl_tensor tensor;
    const sluice_status status = sl_hdf5_describe(over->file, dataset, &tensor, error);
    if (status)
        return walk_result(over, status);
    WALK_ASSERT(tensor.begin <= tensor.end && tensor.end <= tensor.input->size && tensor.dims <= SL_TENSOR_MAX_DIMS);
    const size_t bytes = tensor.end - tensor.begin;
    FREED unsigned char *values = malloc(bytes + 1);
    if (!values)
        return SLUICE_STATUS_NO_MEMORY;
    const sl_tensor_source source = {.input = *tensor.input};
    const sluice_status read = sl_source_read_bytes(&source, &tensor, values, error);
    walk_add(over, values, bytes);
    walk_add(over, tensor.shape, sizeof tensor.shape);
    walk_add(over, tensor.dtype, strlen(tensor.dtype));
    return read;
}

static inline sluice_status walk_attributes(walk *over, sl_hdf5_object *object, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < sizeof walk_texts / sizeof walk_texts[0]; k++) {
        sl_hdf5_text text;
        status = walk_result(over, sl_hdf5_read_text(over->file, object, walk_texts[k], &text, error));
        if (text.text)
            walk_add(over, text.text, text.bytes + 1);
    }
    for (size_t k = 0; !status && k < sizeof walk_lists / sizeof walk_lists[0]; k++) {
        sl_hdf5_texts list;
        status = walk_result(over, sl_hdf5_read_texts(over->file, object, walk_lists[k], &list, error));
        for (size_t n = 0; n < list.count; n++)
            walk_add(over, list.texts[n].text, list.texts[n].bytes + 1);
    }
    return status;
}

static inline sluice_status walk_object(walk *over, sl_hdf5_object *object, sluice_error *error)
{
    sl_hdf5_kind kind;
    sl_hdf5_object **children;
    size_t count;
    const char *path = sl_hdf5_get_path(object);
    over->objects++;
    walk_add(over, path, strlen(path) + 1);
    sluice_status status = sl_hdf5_get_kind(over->file, object, &kind, error);
    if (status)
        return walk_result(over, status);
    status = walk_attributes(over, object, error);
    if (status || kind != SL_HDF5_GROUP)
        return status || kind != SL_HDF5_DATASET ? status : walk_dataset(over, object, error);
    status = walk_result(over, sl_hdf5_list(over->file, object, &children, &count, error));
    for (size_t k = 0; !status && k < count; k++)
        status = walk_object(over, children[k], error);
    return status;
}

/** Open an input and go over all of it; `lenient`: not only to the first failure. */
static inline sluice_status walk_input(const sl_input *input, bool lenient, walk *done, sluice_error *error)
{
    *done = (walk){.hash = UINT64_C(0xcbf29ce484222325), .lenient = lenient};
    sluice_status status = sl_hdf5_open(input, &done->file, error);
    WALK_ASSERT(!status == (done->file != NULL));
    if (!status)
        status = walk_object(done, sl_hdf5_get_root(done->file), error);
    sl_hdf5_close(done->file);
    return status;
}

/** The same of bytes, of which a copy is read that has exactly their size, so that a sanitizer sees a byte too many. */
static inline sluice_status walk_bytes(const unsigned char *data, size_t size, bool lenient, walk *done, sluice_error *error)
{
    FREED unsigned char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, data, size);
    sl_input input;
    SUCCEEDS(sl_input_open_memory, copy, size, &input);
    const sluice_status status = walk_input(&input, lenient, done, error);
    sl_input_close(&input);
    return status;
}

/** A file of tests/golden/keras; the caller frees it. */
static inline test_bytes read_golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/keras/%s", getenv("SLUICE_SOURCE"), name);
    return test_file_read(path);
}

#endif
