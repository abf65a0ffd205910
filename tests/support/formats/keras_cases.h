/* Archives as Keras writes them, made of golden ones: with another configuration, or deflated. */
#ifndef SLUICE_TESTS_KERAS_CASES_H
#define SLUICE_TESTS_KERAS_CASES_H

#include "support/files.h"
#include "support/message.h"

#include "base/memory.h"
#include "io/zip/zip_inflate.h"

#include <zlib.h>

/** A file of tests/golden/keras/family. */
static inline test_bytes test_keras_read(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/keras/family/%s", getenv("SLUICE_SOURCE"), name);
    return test_file_read(path);
}

/** A member of a golden archive, terminated. */
static inline test_bytes test_keras_read_member(const char *golden, const char *name)
{
    test_bytes file = test_keras_read(golden), made = {0};
    sl_input input;
    sl_zip *zip;
    char *bytes;
    SUCCEEDS(sl_input_open_memory, file.data, file.size, &input);
    SUCCEEDS(sl_zip_open, &input, &zip);
    const sl_zip_member *member = sl_zip_find(zip, name, strlen(name));
    ck_assert_ptr_nonnull(member);
    SUCCEEDS(sl_zip_read_member, zip, member, &bytes);
    test_bytes_add(&made, bytes, member->bytes);
    made.data[made.size] = '\0';
    sl_free(bytes);
    sl_zip_close(zip);
    sl_input_close(&input);
    test_bytes_free(&file);
    return made;
}

/** An archive in the making: members, and its directory. */
typedef struct test_archive {
    test_bytes file, directory;
    size_t count;
} test_archive;

static inline test_bytes test_deflated(const test_bytes *content)
{
    test_bytes made = {0};
    z_stream stream = {.zalloc = NULL};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
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
        packed = test_deflated(content);
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

/** A .keras file of this configuration and a golden file's weights. */
static inline test_bytes test_keras_make(const test_bytes *config, const char *golden, bool deflate)
{
    test_archive made = {.count = 0};
    test_bytes metadata = test_keras_read_member(golden, "metadata.json"),
               image = test_keras_read_member(golden, "model.weights.h5");
    test_archive_add(&made, "metadata.json", &metadata, deflate, 0);
    test_archive_add(&made, "config.json", config, deflate, 0);
    test_archive_add(&made, "model.weights.h5", &image, deflate, 0);
    test_bytes_free(&metadata);
    test_bytes_free(&image);
    return test_archive_finish(&made);
}

#endif
