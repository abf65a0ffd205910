/* Zip archives made by hand, their members stored or deflated, and gzip data. */
#ifndef SLUICE_TESTS_ARCHIVE_MADE_H
#define SLUICE_TESTS_ARCHIVE_MADE_H

#include "support/files.h"

#include <stdbool.h>
#include <zlib.h>

/** An archive in the making: members, and its directory. */
typedef struct test_archive {
    test_bytes file, directory;
    size_t count;
} test_archive;

/** zlib's window: of a member's data, and of a gzip file. */
enum { TEST_RAW = -MAX_WBITS, TEST_GZIP = MAX_WBITS + 16 };

static inline test_bytes test_deflated(const test_bytes *content, int window)
{
    test_bytes made = {0};
    z_stream stream = {.zalloc = NULL};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    const size_t most = deflateBound(&stream, content->size);
    made.data = malloc(most + 1);
    ck_assert_ptr_nonnull(made.data);
    stream.next_in = content->data;
    stream.avail_in = (unsigned)content->size;
    stream.next_out = made.data;
    stream.avail_out = (unsigned)most;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    made.size = stream.total_out;
    deflateEnd(&stream);
    return made;
}

/** The fields that both headers of a member share. */
static inline void test_archive_add_fields(test_bytes *to, const char *name, unsigned method, size_t crc, size_t stored,
                                           size_t stated)
{
    test_bytes_add_number(to, 20, 2); /* the version */
    test_bytes_add_number(to, 0, 2);
    test_bytes_add_number(to, method, 2);
    test_bytes_add_number(to, 0, 4);
    test_bytes_add_number(to, crc, 4);
    test_bytes_add_number(to, stored, 4);
    test_bytes_add_number(to, stated, 4);
    test_bytes_add_number(to, strlen(name), 2);
    test_bytes_add_number(to, 0, 2);
}

/** `stated`: bytes that the directory says it has; 0: as many as it has. */
static inline void test_archive_add(test_archive *to, const char *name, const test_bytes *content, bool deflate, size_t stated)
{
    test_bytes packed = {0};
    const size_t at = to->file.size, crc = crc32(0, content->data, (unsigned)content->size);
    if (deflate)
        packed = test_deflated(content, TEST_RAW);
    const test_bytes *stored = deflate ? &packed : content;
    const size_t size = stated ? stated : content->size;
    test_bytes_add_number(&to->file, 0x04034b50, 4);
    test_archive_add_fields(&to->file, name, deflate ? 8 : 0, crc, stored->size, size);
    test_bytes_add_text(&to->file, name);
    test_bytes_add(&to->file, stored->data, stored->size);
    test_bytes_add_number(&to->directory, 0x02014b50, 4);
    test_bytes_add_number(&to->directory, 20, 2);
    test_archive_add_fields(&to->directory, name, deflate ? 8 : 0, crc, stored->size, size);
    test_bytes_add_number(&to->directory, 0, 2 + 2 + 2); /* a comment, disks, attributes */
    test_bytes_add_number(&to->directory, 0, 4);
    test_bytes_add_number(&to->directory, at, 4);
    test_bytes_add_text(&to->directory, name);
    to->count++;
    test_bytes_free(&packed);
}

static inline test_bytes test_archive_finish(test_archive *of)
{
    const size_t at = of->file.size;
    test_bytes_add(&of->file, of->directory.data, of->directory.size);
    test_bytes_add_number(&of->file, 0x06054b50, 4);
    test_bytes_add_number(&of->file, 0, 4);
    test_bytes_add_number(&of->file, of->count, 2);
    test_bytes_add_number(&of->file, of->count, 2);
    test_bytes_add_number(&of->file, of->directory.size, 4);
    test_bytes_add_number(&of->file, at, 4);
    test_bytes_add_number(&of->file, 0, 2);
    test_bytes_free(&of->directory);
    return of->file;
}

#endif
