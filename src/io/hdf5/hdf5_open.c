/* The superblock: where an image begins and ends, and where its root is. */
#include "io/hdf5/hdf5_file.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <string.h>

enum {
    FIRST_USER_BLOCK = 512,
    SUPERBLOCK_BYTES = 100,
    WIDTH = 8,
    WORK_FACTOR = 16,
    WORK_MARGIN = 15 << 20,
    MEMORY_MARGIN = 3 << 20
};

/* What the versions of the superblock state. */
typedef struct superblock {
    unsigned offset_bytes, length_bytes;
    uint64_t base, end, driver, root;
    size_t end_at, root_at;
} superblock;

/* Byte 0, 512, 1024, 2048, ... is where it begins. */
static sluice_status find_signature(const sl_input *input, size_t *at, sluice_error *error)
{
    for (*at = 0; *at < input->size; *at = *at ? 2 * *at : FIRST_USER_BLOCK) {
        char bytes[SL_HDF5_SIGNATURE_BYTES];
        size_t got;
        const sluice_status status = sl_input_read(input, *at, bytes, sizeof bytes, &got, error);
        if (status || (got == sizeof bytes && memcmp(bytes, SL_HDF5_SIGNATURE, sizeof bytes) == 0))
            return status;
        if (*at > SIZE_MAX / 2)
            break;
    }
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, 0,
                        "expected the signature of an HDF5 file here or at byte 512, 1024, 2048, ...; is it of another format?");
}

/* Versions 0 and 1. */
static void take_old(sl_hdf5_bytes *from, unsigned version, superblock *stated)
{
    sl_hdf5_take_bytes(from, 4); /* versions of other structures */
    stated->offset_bytes = (unsigned)sl_hdf5_take(from, 1);
    stated->length_bytes = (unsigned)sl_hdf5_take(from, 1);
    sl_hdf5_take_bytes(from, version ? 13 : 9); /* ranks of B-trees, which are not needed for reading, and flags */
    stated->base = sl_hdf5_take(from, WIDTH);
    sl_hdf5_take(from, WIDTH);
    stated->end_at = from->at + from->used;
    stated->end = sl_hdf5_take(from, WIDTH);
    stated->driver = sl_hdf5_take(from, WIDTH);
    sl_hdf5_take(from, WIDTH); /* the root's name */
    stated->root_at = from->at + from->used;
    stated->root = sl_hdf5_take(from, WIDTH);
}

/* Versions 2 and 3. */
static void take_new(sl_hdf5_bytes *from, superblock *stated)
{
    stated->offset_bytes = (unsigned)sl_hdf5_take(from, 1);
    stated->length_bytes = (unsigned)sl_hdf5_take(from, 1);
    sl_hdf5_take(from, 1); /* flags of writers */
    stated->base = sl_hdf5_take(from, WIDTH);
    sl_hdf5_take(from, WIDTH); /* the extension, which says nothing that reading needs */
    stated->end_at = from->at + from->used;
    stated->end = sl_hdf5_take(from, WIDTH);
    stated->driver = UINT64_MAX;
    stated->root_at = from->at + from->used;
    stated->root = sl_hdf5_take(from, WIDTH);
}

static sluice_status check_superblock(sl_hdf5 *file, const superblock *stated, sluice_error *error)
{
    const size_t at = file->base, size = file->input->size;
    if (stated->offset_bytes != WIDTH || stated->length_bytes != WIDTH)
        return sl_hdf5_fail(file, at, error,
                            "addresses of %u bytes and lengths of %u, expected 8 of both; rewrite the file with "
                            "h5repack IN OUT",
                            stated->offset_bytes, stated->length_bytes);
    if (!sl_hdf5_is_undefined(stated->driver))
        return sl_hdf5_fail(file, at, error, "the file has a driver, as one of several does; join them with h5repart");
    /* both are counted from where the file began when it was written; a user block may have been put before it since */
    if (stated->end < stated->base || stated->end - stated->base > SIZE_MAX - at)
        return sl_hdf5_fail_damaged(file, stated->end_at, "the length of the file", error);
    const size_t end = at + (size_t)(stated->end - stated->base);
    if (end > size)
        return sl_hdf5_fail(file, stated->end_at, error, "the file has %zu bytes, expected %zu; was it cut short?", size, end);
    if (end < stated->root_at)
        return sl_hdf5_fail_damaged(file, stated->end_at, "the length of the file", error);
    file->end = end;
    return SLUICE_STATUS_OK;
}

static sluice_status read_superblock(sl_hdf5 *file, sluice_error *error)
{
    superblock stated = {0};
    sl_hdf5_bytes from;
    sluice_status status = sl_hdf5_load(file, file->base, sl_size_min(SUPERBLOCK_BYTES, file->end - file->base), &from, error);
    if (status)
        return status;
    sl_hdf5_take_bytes(&from, SL_HDF5_SIGNATURE_BYTES);
    const unsigned version = (unsigned)sl_hdf5_take(&from, 1);
    if (version > 3)
        return sl_hdf5_fail(file, file->base, error,
                            "a superblock of version %u, expected at most 3; rewrite the file with "
                            "h5repack IN OUT",
                            version);
    if (version < 2)
        take_old(&from, version, &stated);
    else
        take_new(&from, &stated);
    if (from.lacking)
        return sl_hdf5_fail(file, file->end, error, "the file ends within its superblock; was it cut short?");
    status = check_superblock(file, &stated, error);
    file->root = (sl_hdf5_object){.path = "/", .name = "", .stated_at = stated.root_at};
    if (!status)
        status = sl_hdf5_place(file, stated.root, 0, stated.root_at, "the root group", &file->root.header_at, error);
    return status;
}

sluice_status sl_hdf5_open(const sl_input *input, sl_hdf5 **file, sluice_error *error)
{
    size_t base;
    *file = NULL;
    if (!input->regular)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: an HDF5 file is read at many places and cannot come through a pipe; use a file", input->name);
    sluice_status status = find_signature(input, &base, error);
    if (status)
        return status;
    sl_hdf5 *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "an HDF5 file", sizeof *opened);
    opened->input = input;
    opened->base = base;
    opened->end = input->size;
    if (!sl_size_add(input->size, MEMORY_MARGIN, &opened->memory_left) ||
        !sl_size_mul(input->size, WORK_FACTOR, &opened->work_left) ||
        !sl_size_add(opened->work_left, WORK_MARGIN, &opened->work_left))
        opened->memory_left = opened->work_left = SIZE_MAX;
    status = read_superblock(opened, error);
    if (status)
        sl_hdf5_close(opened);
    else
        *file = opened;
    return status;
}

void sl_hdf5_close(sl_hdf5 *file)
{
    while (file && file->blocks) {
        sl_hdf5_block *block = file->blocks;
        file->blocks = block->next;
        sl_free(block);
    }
    sl_free(file);
}

size_t sl_hdf5_get_memory(const sl_hdf5 *file)
{
    return file->memory + sizeof *file;
}

sl_hdf5_object *sl_hdf5_get_root(sl_hdf5 *file)
{
    return &file->root;
}

const char *sl_hdf5_get_path(const sl_hdf5_object *object)
{
    return object->path;
}

const char *sl_hdf5_get_name(const sl_hdf5_object *object)
{
    return object->name;
}
