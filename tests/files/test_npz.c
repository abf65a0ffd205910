/* .npz files: their CRC, pieces in any order, pipes, and what is refused. tests/cli reads such files with Python's zipfile. */
#include "io/zip/crc32.h"
#include "io/npy/npz.h"
#include "io/npy/npz_read.h"

#include "support/files.h"
#include "support/message.h"

#include <fcntl.h>

TEST_FIXTURE(test_folder_setup, test_folder_teardown)

enum { FIRST = 6, SECOND = 40 };

/* [2][3][1], [0] and [2][5][4]. */
static const sl_npz_member members[] = {
    {"first", {.type = SL_NPY_F4, .dims = 3, .shape = {2, 3, 1}}},
    {"none", {.type = SL_NPY_F4, .dims = 1, .shape = {0}}},
    {"zweite Schicht \xc3\xa9", {.type = SL_NPY_F4, .dims = 3, .shape = {2, 5, 4}}},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static const float values[FIRST + SECOND] = {1, -2, 3.5f, 1e-30f, 5, 6, [FIRST] = 7, [FIRST + 20] = -0.0f, [FIRST + 39] = 9};

static sl_npz_writer *create(const char *path)
{
    sl_npz_writer *writer;
    SUCCEEDS(sl_npz_create, path, members, MEMBERS, &writer);
    return writer;
}

/* The archive, its arrays written whole. */
static test_bytes write_whole(const char *path)
{
    sl_npz_writer *writer = create(path);
    SUCCEEDS(sl_npz_write, writer, 0, 0, FIRST, values);
    SUCCEEDS(sl_npz_write, writer, 2, 0, SECOND, values + FIRST);
    SUCCEEDS(sl_npz_commit, writer);
    return test_file_read(path);
}

/* "123456789" has the CRC that everybody gives; its parts, in any order, the same. */
TEST(crc)
{
    const char text[] = "123456789";
    const uint32_t begin = sl_crc32_begin(9);
    ck_assert_uint_eq(begin ^ sl_crc32_part(text, 9, 0, 9), 0xcbf43926);
    ck_assert_uint_eq(begin ^ sl_crc32_part(text + 7, 2, 7, 9) ^ sl_crc32_part(text, 4, 0, 9) ^ sl_crc32_part(text + 4, 3, 4, 9),
                      0xcbf43926);
    ck_assert_uint_eq(sl_crc32_begin(0), 0);
    ck_assert_uint_eq(sl_crc32_begin(1), 0xd202ef8d); /* of a byte 0 */
}

/* An array whose name ends with .npy is another than the one whose name it begins with. */
TEST(names_that_end_like_files)
{
    static const sl_npz_member alike[] = {{"a", {.type = SL_NPY_F4, .dims = 1, .shape = {1}}},
                                          {"a.npy", {.type = SL_NPY_F4, .dims = 1, .shape = {1}}}};
    sl_npz_writer *writer;
    SUCCEEDS(sl_npz_create, test_path("alike.npz"), alike, 2, &writer);
    for (size_t k = 0; k < 2; k++)
        SUCCEEDS(sl_npz_write, writer, k, 0, 1, values + k);
    SUCCEEDS(sl_npz_commit, writer);
    sl_npz_reader *reader;
    SUCCEEDS(sl_npz_open, test_path("alike.npz"), &reader);
    for (size_t k = 0; k < 2; k++) {
        sl_npy_reader *array;
        sl_npy_header header;
        float value;
        SUCCEEDS(sl_npz_open_array, reader, alike[k].name, &array, &header);
        SUCCEEDS(sl_npy_read, array, 0, 1, &value);
        ck_assert_float_eq(value, values[k]);
        sl_npy_close(array);
    }
    sl_npz_close(reader);
}

TEST(pieces_in_any_order)
{
    test_bytes whole = write_whole(test_path("whole.npz"));
    sl_npz_writer *writer = create(test_path("pieces.npz"));
    for (size_t k = SECOND; k > 0; k -= 4)
        SUCCEEDS(sl_npz_write, writer, 2, k - 4, 4, values + FIRST + k - 4);
    for (size_t k = 0; k < FIRST; k += 3)
        SUCCEEDS(sl_npz_write, writer, 0, k, 3, values + k);
    SUCCEEDS(sl_npz_commit, writer);
    test_bytes pieces = test_file_read(test_path("pieces.npz"));
    ck_assert_uint_eq(whole.size, pieces.size);
    ck_assert(memcmp(whole.data, pieces.data, whole.size) == 0);
    ck_assert(memcmp(whole.data, "PK\3\4", 4) == 0);
    test_bytes_free(&whole);
    test_bytes_free(&pieces);
}

/* A pipe gets the same bytes, as the file is small enough for one; or the members are refused. */
TEST(pipe)
{
    test_bytes whole = write_whole(test_path("whole.npz"));
    int ends[2];
    char path[32];
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    sl_npz_writer *writer = create(path);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "a pipe cannot go back", sl_npz_write, writer, 0, 0, 3, values);
    sl_npz_abort(writer);
    writer = create(path);
    SUCCEEDS(sl_npz_write, writer, 0, 0, FIRST, values);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "a pipe cannot go back", sl_npz_write, writer, 0, 0, FIRST, values);
    sl_npz_abort(writer);
    unsigned char got[4096];
    ck_assert_int_gt(read(ends[0], got, sizeof got), 0); /* what came before the refusals */
    writer = create(path);
    SUCCEEDS(sl_npz_write, writer, 0, 0, FIRST, values);
    SUCCEEDS(sl_npz_write, writer, 2, 0, SECOND, values + FIRST);
    SUCCEEDS(sl_npz_commit, writer);
    ck_assert_int_eq(read(ends[0], got, sizeof got), (ssize_t)whole.size);
    ck_assert(memcmp(whole.data, got, whole.size) == 0);
    close(ends[0]);
    close(ends[1]);
    test_bytes_free(&whole);
}

TEST(refused)
{
    const char *path = test_path("refused.npz");
    sl_npz_writer *writer = create(path);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "only 6", sl_npz_write, writer, 0, 4, 3, values);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "only 6", sl_npz_write, writer, 0, SIZE_MAX, 2, values);
    SUCCEEDS(sl_npz_write, writer, 2, 0, SECOND, values + FIRST);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "0 of 6 elements of \"first\"", sl_npz_commit, writer);
    sl_npz_abort(create(path));
    sl_npz_abort(NULL);
    static char name[60002];
    memset(name, 'x', sizeof name - 1);
    const sl_npz_member long_name = {name, members[0].header};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "60000", sl_npz_create, path, &long_name, 1, &writer);
    const sl_npz_member large = {"large", {.type = SL_NPY_F4, .dims = 2, .shape = {SIZE_MAX / 4, 2}}};
    REFUSED(SLUICE_STATUS_TOO_LARGE, path, sl_npz_create, path, &large, 1, &writer);
    const sl_npz_member two[] = {{"half", {.type = SL_NPY_F4, .dims = 1, .shape = {SIZE_MAX / 4}}}, members[0]};
    REFUSED(SLUICE_STATUS_TOO_LARGE, path, sl_npz_create, path, two, 2, &writer);
    ck_assert_ptr_null(writer);
    ck_assert_uint_eq(test_folder_count(0), 0);
}
