/* Parts of HDF5 files, made up byte by byte for tests: what is right, and what is not. */
#ifndef SLUICE_TESTS_HDF5_BUILD_H
#define SLUICE_TESTS_HDF5_BUILD_H

#include "io/hdf5/hdf5.h"
#include "support/files.h"

enum {
    SPACE = 1,
    LINK_INFO = 2,
    TYPE = 3,
    LINK = 6,
    EXTERNAL = 7,
    LAYOUT = 8,
    FILTERS = 11,
    ATTRIBUTE = 12,
    CONTINUE = 16,
    TABLE = 17
};
enum { END_AT = 40, ROOT_AT = 64, SUPERBLOCK = 96, HEAD = 8, PREFIX = 16 };
#define NOWHERE UINT64_MAX

static inline void put(test_bytes *file, size_t at, uint64_t number, size_t bytes)
{
    memcpy(file->data + at, &number, bytes);
}

static inline void add(test_bytes *file, uint64_t number, size_t bytes)
{
    test_bytes_add_number(file, number, bytes);
}

static inline void add_superblock(test_bytes *file)
{
    test_bytes_add_text(file, SL_HDF5_SIGNATURE);
    add(file, 0, 5);
    add(file, 8 | 8 << 8, 3);
    add(file, 4 | 16 << 16, 8);
    add(file, 0, 8);
    add(file, NOWHERE, 8);
    add(file, 0, 8);
    add(file, NOWHERE, 8);
    while (file->size < SUPERBLOCK)
        add(file, 0, 8);
}

/* A header's prefix; its place. */
static inline size_t begin_header(test_bytes *file)
{
    const size_t at = file->size;
    add(file, 1, 8);
    add(file, 0, 8);
    return at;
}

static inline void end_header(test_bytes *file, size_t at)
{
    put(file, at + 8, file->size - at - PREFIX, 4);
}

/* A message's head, behind which its bytes are to be added. */
static inline void add_head(test_bytes *file, unsigned type, size_t bytes)
{
    add(file, type, 2);
    add(file, bytes, 2);
    add(file, 0, 4);
}

static inline void add_link_info(test_bytes *file, uint64_t heap)
{
    add_head(file, LINK_INFO, 18);
    add(file, 0, 2);
    add(file, heap, 8);
    add(file, NOWHERE, 8);
}

static inline void add_link(test_bytes *file, const char *name, uint64_t address)
{
    add_head(file, LINK, 3 + strlen(name) + 8);
    add(file, 1, 2);
    add(file, strlen(name), 1);
    test_bytes_add_text(file, name);
    add(file, address, 8);
}

/* A link of another kind than a hard one. */
static inline void add_other_link(test_bytes *file, const char *name, unsigned kind)
{
    add_head(file, LINK, 4 + strlen(name) + 4);
    add(file, 1 | 8 << 8, 2);
    add(file, kind, 1);
    add(file, strlen(name), 1);
    test_bytes_add_text(file, name);
    add(file, 2, 2);
    test_bytes_add_text(file, "/x");
}

/* A group of one child. */
static inline size_t add_group(test_bytes *file, const char *name, uint64_t child)
{
    const size_t at = begin_header(file);
    add_link_info(file, NOWHERE);
    add_link(file, name, child);
    end_header(file, at);
    return at;
}

static inline void add_space(test_bytes *file, size_t rank, uint64_t dimension)
{
    add_head(file, SPACE, 8 + 8 * rank);
    add(file, 1 | rank << 8, 8);
    for (size_t k = 0; k < rank; k++)
        add(file, dimension, 8);
}

/* The body of a datatype: float32. */
static inline void add_float(test_bytes *file, unsigned big_endian)
{
    add(file, 0x11 | (0x20 | big_endian) << 8 | 31 << 16, 4);
    add(file, 4, 4);
    add(file, 32 << 16, 4);
    add(file, 23 | 8 << 8 | 23 << 24, 4);
    add(file, 127, 4);
}

static inline void add_layout(test_bytes *file, unsigned version, unsigned class, uint64_t address, uint64_t bytes)
{
    add_head(file, LAYOUT, 18);
    add(file, version | class << 8, 2);
    add(file, address, 8);
    add(file, bytes, 8);
}

static inline void finish(test_bytes *file, size_t root)
{
    put(file, END_AT, file->size, 8);
    put(file, ROOT_AT, root, 8);
}

static inline size_t add_heap(test_bytes *file, const char *names, size_t bytes)
{
    const size_t at = file->size;
    test_bytes_add_text(file, "HEAP");
    add(file, 0, 4);
    add(file, bytes, 8);
    add(file, 1, 8);
    add(file, file->size + 8, 8);
    test_bytes_add(file, names, bytes);
    return at;
}

/* A node of symbols that all have the first name. */
static inline size_t add_leaf(test_bytes *file, size_t count, uint64_t name, uint64_t address, unsigned cached)
{
    const size_t at = file->size;
    test_bytes_add_text(file, "SNOD\1");
    add(file, 0, 1);
    add(file, count, 2);
    for (size_t k = 0; k < count; k++) {
        add(file, name, 8);
        add(file, address, 8);
        add(file, cached, 8);
        add(file, 0, 8);
        add(file, 0, 8);
    }
    return at;
}

static inline size_t add_tree(test_bytes *file, unsigned level, size_t count, uint64_t child)
{
    const size_t at = file->size;
    test_bytes_add_text(file, "TREE");
    add(file, level << 8, 2);
    add(file, count, 2);
    add(file, NOWHERE, 8);
    add(file, NOWHERE, 8);
    for (size_t k = 0; k < count; k++) {
        add(file, 0, 8);
        add(file, child, 8);
    }
    add(file, 0, 8);
    return at;
}

static inline size_t add_table(test_bytes *file, uint64_t tree, uint64_t heap)
{
    const size_t at = begin_header(file);
    add_head(file, TABLE, 16);
    add(file, tree, 8);
    add(file, heap, 8);
    end_header(file, at);
    return at;
}

#endif
