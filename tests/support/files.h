/* Files for tests: a folder of one's own, bytes in and out of it, and what stands in it. */
#ifndef SLUICE_TESTS_FILES_H
#define SLUICE_TESTS_FILES_H

#include "support/suite.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Bytes that grow: a file in the making. */
typedef struct test_bytes {
    unsigned char *data;
    size_t size;
} test_bytes;

static inline void test_bytes_add(test_bytes *bytes, const void *data, size_t size)
{
    bytes->data = realloc(bytes->data, bytes->size + size + 1);
    ck_assert_ptr_nonnull(bytes->data);
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static inline void test_bytes_add_text(test_bytes *bytes, const char *text)
{
    test_bytes_add(bytes, text, strlen(text));
}

/** The text so many times, all at once: a sanitizer's realloc copies each time. */
static inline void test_bytes_add_repeated(test_bytes *bytes, const char *text, size_t times)
{
    const size_t size = strlen(text), before = bytes->size;
    char *all = malloc(size * times + 1);
    ck_assert_ptr_nonnull(all);
    for (size_t k = 0; k < times; k++)
        memcpy(all + k * size, text, size);
    test_bytes_add(bytes, all, size * times);
    free(all);
    ck_assert_uint_eq(bytes->size, before + size * times);
}

/** `size` bytes of the little-endian number. */
static inline void test_bytes_add_number(test_bytes *bytes, uint64_t number, size_t size)
{
    test_bytes_add(bytes, &number, size);
}

static inline void test_bytes_free(test_bytes *bytes)
{
    free(bytes->data);
    *bytes = (test_bytes){0};
}

/** The folder of the running test, made by test_folder_setup and removed with all that is in it by test_folder_teardown. */
static char test_folder[64];

/** The path of a name in the folder; good until the fourth call from now. */
static inline const char *test_path(const char *name)
{
    static char paths[4][sizeof test_folder + 256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
    return path;
}

static inline void test_folder_setup(void)
{
    strcpy(test_folder, "/tmp/sluice-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test_folder));
}

/** Entries in the folder; with `removing`, they are removed. */
static inline unsigned test_folder_count(int removing)
{
    unsigned count = 0;
    DIR *folder = opendir(test_folder);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (removing && unlink(test_path(entry->d_name)) != 0)
            rmdir(test_path(entry->d_name));
    }
    closedir(folder);
    return count;
}

static inline void test_folder_teardown(void)
{
    test_folder_count(1);
    rmdir(test_folder);
}

static inline void test_file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/** Keep a malformed file for test_malformed.py, which gives them to the program: in the folder SLUICE_TEST_KEEP, if that is set.
 * `suffix` ends its name. */
static inline void test_file_keep(const test_bytes *file, const char *suffix)
{
    const char *folder = getenv("SLUICE_TEST_KEEP");
    if (!folder)
        return;
    char path[512];
    snprintf(path, sizeof path, "%s/bad-XXXXXX%s", folder, suffix);
    const int made = mkstemps(path, (int)strlen(suffix));
    ck_assert_msg(made >= 0, "%s cannot be made", path);
    ck_assert(write(made, file->data, file->size) == (ssize_t)file->size);
    close(made);
}

/** The whole file; the caller frees it. */
static inline test_bytes test_file_read(const char *path)
{
    test_bytes bytes = {0};
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    unsigned char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        test_bytes_add(&bytes, piece, n);
    fclose(file);
    return bytes;
}

#endif
