/* .npy files: round trips in pieces, files and pipes, what numpy writes, malformed files, and writers that fail. */
#include "io/npy/npy.h"

#include "support/files.h"
#include "support/message.h"
#include "support/cases/npy_cases.h"
#include "support/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

TEST_HANDLE(sl_npy_reader, sl_npy_close)

/* What numpy 2.4 writes before the data of numpy.save(f, numpy.zeros((2, 3), 'f4')). */
#define NUMPY_TEXT "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
static const char numpy_head[] =
    "\x93NUMPY\x01\x00\x76\x00" NUMPY_TEXT "                                                          \n";

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

/* A file: magic, version, length of the text, text, and `data` bytes 0, 1, 2, ... */
static test_bytes make_file(unsigned major, unsigned minor, const char *text, size_t length, size_t data)
{
    test_bytes file = {0};
    test_bytes_add(&file, "\x93NUMPY", 6);
    test_bytes_add_number(&file, major, 1);
    test_bytes_add_number(&file, minor, 1);
    test_bytes_add_number(&file, length, major == 1 ? 2 : 4);
    test_bytes_add_text(&file, text);
    for (size_t k = 0; k < data; k++)
        test_bytes_add_number(&file, k, 1);
    return file;
}

/* Opening a file fails with this status and message, and touches nothing. */
static void check_bad(const char *name, const test_bytes *file, sluice_status expected, const char *part)
{
    const char *path = test_path("bad.npy");
    test_file_write(path, file->data, file->size);
    if (expected == SLUICE_STATUS_BAD_DATA)
        test_file_keep(file, ".npy");
    sl_npy_reader *reader = (sl_npy_reader *)&expected;
    sl_npy_header header, untouched;
    memset(&header, 0xa5, sizeof header);
    memset(&untouched, 0xa5, sizeof untouched);
    sluice_error error = {0};
    const sluice_status status = sl_npy_open(path, &reader, &header, &error);
    ck_assert_msg(status == expected, "%s: expected status %d, found %d: %s", name, expected, status, error.message);
    ck_assert_msg(reader == NULL, "%s: the reader is not NULL", name);
    ck_assert_msg(memcmp(&header, &untouched, sizeof header) == 0, "%s: the header was written", name);
    test_check_message(name, &error, status, part);
    test_check_message(name, &error, status, path);
    ck_assert_uint_eq(test_folder_count(0), 1);
    ck_assert_int_eq(sl_npy_open(path, &reader, &header, NULL), expected);
}

TEST_EACH(texts_malformed, bad_texts)
{
    const size_t length = strlen(bad_texts[_i].text);
    OWNED(test_bytes) file = make_file(1, 0, bad_texts[_i].text, length, bad_texts[_i].data);
    check_bad(bad_texts[_i].name, &file, SLUICE_STATUS_BAD_DATA, bad_texts[_i].part);
}

TEST_EACH(frames_malformed, bad_frames)
{
    const size_t length = bad_frames[_i].length == SIZE_MAX ? strlen(F4("(2, 3)")) : bad_frames[_i].length;
    OWNED(test_bytes) file = make_file(bad_frames[_i].major, bad_frames[_i].minor, F4("(2, 3)"), length, 24);
    if (file.size > bad_frames[_i].keep)
        file.size = bad_frames[_i].keep;
    check_bad(bad_frames[_i].name, &file, SLUICE_STATUS_BAD_DATA, bad_frames[_i].part);
}

TEST(not_npy)
{
    OWNED(test_bytes) zip = {0};
    test_bytes_add_text(&zip, "PK\x03\x04 this is an archive");
    check_bad("zip", &zip, SLUICE_STATUS_BAD_DATA, "byte 0: not a .npy file but a zip archive");
    OWNED(test_bytes) nearly = make_file(1, 0, F4("(1,)"), strlen(F4("(1,)")), 4);
    nearly.data[5] = 'y';
    check_bad("nearly", &nearly, SLUICE_STATUS_BAD_DATA, "byte 0: not a .npy file");
}

/* Forms that are unusual and right. */
static const struct {
    unsigned major;
    const char *text;
    sl_npy_type type;
    size_t dims, shape[SL_NPY_MAX_DIMS];
} good_texts[] = {
    {1, F4("(2, 3)"), SL_NPY_F4, 2, {2, 3}},
    {2, F4("(2, 3)"), SL_NPY_F4, 2, {2, 3}},
    {3, F4("(2, 3)"), SL_NPY_F4, 2, {2, 3}},
    {1, "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"|u1\",}", SL_NPY_U1, 2, {2, 3}},
    {1, " \t{ 'fortran_order' : False , 'descr' : '<i8' , 'shape' : ( 2 , 3 ) , } \r\n", SL_NPY_I8, 2, {2, 3}},
    {1, DICT("'<i4'", "False", "(1, 2, 3, 4)"), SL_NPY_I4, 4, {1, 2, 3, 4}},
    {1, F4("()"), SL_NPY_F4, 0, {0}},
    {1, F4("(5,)"), SL_NPY_F4, 1, {5}},
    {1, F4("(0,)"), SL_NPY_F4, 1, {0}},
    {1, F4("(3, 0, 7)"), SL_NPY_F4, 3, {3, 0, 7}},
};

TEST_EACH(texts_unusual, good_texts)
{
    size_t elements = 1;
    for (size_t k = 0; k < good_texts[_i].dims; k++)
        elements *= good_texts[_i].shape[k];
    const size_t bytes = elements * sl_npy_type_bytes(good_texts[_i].type);
    OWNED(test_bytes) file = make_file(good_texts[_i].major, 0, good_texts[_i].text, strlen(good_texts[_i].text), bytes);
    test_file_write(test_path("x.npy"), file.data, file.size);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    SUCCEEDS(sl_npy_open, test_path("x.npy"), &reader, &header);
    ck_assert_int_eq(header.type, good_texts[_i].type);
    ck_assert_uint_eq(header.dims, good_texts[_i].dims);
    ck_assert_mem_eq(header.shape, good_texts[_i].shape, header.dims * sizeof header.shape[0]);
    ck_assert_uint_eq(header.elements, elements);
    unsigned char data[256];
    memset(data, 0xff, sizeof data);
    SUCCEEDS(sl_npy_read, reader, 0, elements, data);
    for (size_t k = 0; k < bytes; k++)
        ck_assert_uint_eq(data[k], k);
    ck_assert_uint_eq(data[bytes], 0xff);
}

/* Standard input becomes the end of a pipe that holds these bytes. */
static void feed_stdin(const test_bytes *file)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], file->data, file->size), (ssize_t)file->size);
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
}

TEST(pipe_goes_forward)
{
    static const char text[] = DICT("'|u1'", "False", "(5, 2)");
    OWNED(test_bytes) file = make_file(1, 0, text, strlen(text), 9); /* one short */
    feed_stdin(&file);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    SUCCEEDS(sl_npy_open, "-", &reader, &header);
    unsigned char data[10];
    SUCCEEDS(sl_npy_read, reader, 0, 4, data);
    ck_assert_mem_eq(data, "\0\1\2\3", 4);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "standard input: expected element 4 next, asked for 0", sl_npy_read, reader, 0, 1, data);
    SUCCEEDS(sl_npy_read, reader, 4, 0, data);
    REFUSED(SLUICE_STATUS_BAD_DATA, "byte 77: the data end here, expected them up to byte 78", sl_npy_read, reader, 4, 6, data);
    ck_assert_int_ne(fcntl(STDIN_FILENO, F_GETFD), -1);
}

TEST(pipe_without_header)
{
    OWNED(test_bytes) file = {0};
    test_bytes_add_text(&file, "\x93NUM");
    feed_stdin(&file);
    sl_npy_reader *reader;
    sl_npy_header header;
    sluice_error error = {0};
    ck_assert_int_eq(sl_npy_open("-", &reader, &header, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_ptr_null(reader);
    test_check_message("cut", &error, SLUICE_STATUS_BAD_DATA, "standard input: byte 4: the file ends inside its header");
}

/* `sluice ... < file` after someone read a line of it. */
TEST(stdin_from_the_middle_of_a_file)
{
    OWNED(test_bytes) file = {0};
    OWNED(test_bytes) array = make_file(1, 0, F4("(3,)"), strlen(F4("(3,)")), 12);
    test_bytes_add_text(&file, "a line\n");
    test_bytes_add(&file, array.data, array.size);
    test_file_write(test_path("x"), file.data, file.size);
    const int fd = open(test_path("x"), O_RDONLY);
    ck_assert_int_eq(lseek(fd, 7, SEEK_SET), 7);
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    SUCCEEDS(sl_npy_open, "-", &reader, &header);
    unsigned char data[4];
    SUCCEEDS(sl_npy_read, reader, 2, 1, data);
    ck_assert_mem_eq(data, "\x08\x09\x0a\x0b", 4);
    SUCCEEDS(sl_npy_read, reader, 0, 1, data);
    ck_assert_mem_eq(data, "\0\1\2\3", 4);
    close(fd);
}

TEST(reads_outside_the_array)
{
    OWNED(test_bytes) file = make_file(1, 0, F4("(3,)"), strlen(F4("(3,)")), 12);
    test_file_write(test_path("x.npy"), file.data, file.size);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    sluice_error error = {0};
    float data[4];
    SUCCEEDS(sl_npy_open, test_path("x.npy"), &reader, &header);
    ck_assert_int_eq(sl_npy_read(reader, 2, 2, data, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sl_npy_read(reader, SIZE_MAX, 2, data, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sl_npy_read(reader, 1, SIZE_MAX, data, &error), SLUICE_STATUS_BAD_ARGUMENT);
    SUCCEEDS(sl_npy_read, reader, 3, 0, data);
    ck_assert_int_eq(truncate(test_path("x.npy"), (off_t)file.size - 5), 0); /* cut short by someone meanwhile */
    ck_assert_int_eq(sl_npy_read(reader, 1, 2, data, &error), SLUICE_STATUS_BAD_DATA);
    test_check_message("cut", &error, SLUICE_STATUS_BAD_DATA, "byte 73: the data end here");
}

TEST(inputs_that_cannot_be_opened)
{
    sl_npy_reader *reader = NULL;
    sl_npy_header header;
    REFUSED(SLUICE_STATUS_NO_INPUT, "none.npy: cannot be opened: No such file", sl_npy_open, test_path("none.npy"), &reader,
            &header);
    REFUSED(SLUICE_STATUS_NO_INPUT, "directory", sl_npy_open, test_folder, &reader, &header);
    if (geteuid() != 0) { /* root reads everything */
        test_file_write(test_path("secret.npy"), "", 0);
        ck_assert_int_eq(chmod(test_path("secret.npy"), 0), 0);
        REFUSED(SLUICE_STATUS_NO_INPUT, "Permission denied", sl_npy_open, test_path("secret.npy"), &reader, &header);
    }
    ck_assert_ptr_null(reader);
    sl_npy_close(NULL);
}

/* Every cut of a good file, and a few thousand good files with one byte changed: an answer in words, never a crash. */
static void check_survives(const unsigned char *data, size_t size, bool *loaded)
{
    static unsigned char values[256];
    test_file_write(test_path("m.npy"), data, size);
    sl_npy_reader *reader;
    sl_npy_header header;
    sluice_error error = {0};
    const sluice_status status = sl_npy_open(test_path("m.npy"), &reader, &header, &error);
    *loaded = status == SLUICE_STATUS_OK;
    if (*loaded) {
        ck_assert_uint_le(header.elements * sl_npy_type_bytes(header.type), sizeof values);
        SUCCEEDS(sl_npy_read, reader, 0, header.elements, values);
        sl_npy_close(reader);
    } else {
        ck_assert_int_eq(status, SLUICE_STATUS_BAD_DATA);
        ck_assert_ptr_null(reader);
        test_check_message("mutation", &error, status, ": byte ");
    }
}

TEST(mutations)
{
    OWNED(test_bytes) file = {0};
    test_bytes_add(&file, numpy_head, sizeof numpy_head - 1);
    test_bytes_add(&file, "abcdefghijklmnopqrstuvwx", 24);
    bool loaded;
    for (size_t keep = 0; keep < file.size; keep++) {
        check_survives(file.data, keep, &loaded);
        ck_assert(!loaded);
    }
    uint64_t state = test_seed();
    unsigned good = 0;
    for (int k = 0; k < 4000; k++) {
        const size_t at = test_random(&state) % file.size;
        const unsigned char old = file.data[at];
        file.data[at] = (unsigned char)test_random(&state);
        check_survives(file.data, file.size, &loaded);
        good += loaded;
        file.data[at] = old;
    }
    ck_assert_uint_gt(good, 400); /* a sixth of the bytes are data */
    ck_assert_uint_lt(good, 3500);
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

static const sl_npy_header small = {.type = SL_NPY_F4, .dims = 2, .shape = {2, 3}, .elements = 6};
static const float six[] = {0, 1, 2, 3, 4, 5};

TEST(header_as_numpy)
{
    sl_npy_writer *writer;
    SUCCEEDS(sl_npy_create, test_path("x.npy"), &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    SUCCEEDS(sl_npy_commit, writer);
    OWNED(test_bytes) file = test_file_read(test_path("x.npy"));
    ck_assert_uint_eq(sizeof numpy_head - 1, 128);
    ck_assert_uint_eq(file.size, 128 + sizeof six);
    ck_assert_mem_eq(file.data, numpy_head, 128);
    ck_assert_mem_eq(file.data + 128, six, sizeof six);
}

/* Write an array in pieces of random order, read it in pieces of another. */
static void round_trip(const sl_npy_header *header, uint64_t *state)
{
    const size_t bytes = sl_npy_type_bytes(header->type), size = header->elements * bytes;
    unsigned char *data = malloc(size + 1), *back = malloc(size + 1);
    for (size_t k = 0; k <= size; k++) {
        data[k] = (unsigned char)test_random(state);
        back[k] = (unsigned char)~data[k];
    }
    sl_npy_writer *writer;
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header found;
    SUCCEEDS(sl_npy_create, test_path("x.npy"), header, &writer);
    const size_t cut = header->elements ? test_random(state) % header->elements : 0;
    SUCCEEDS(sl_npy_write, writer, cut, header->elements - cut, data + cut * bytes);
    SUCCEEDS(sl_npy_write, writer, 0, cut, data);
    SUCCEEDS(sl_npy_commit, writer);
    SUCCEEDS(sl_npy_open, test_path("x.npy"), &reader, &found);
    ck_assert_int_eq(found.type, header->type);
    ck_assert_uint_eq(found.dims, header->dims);
    ck_assert_mem_eq(found.shape, header->shape, found.dims * sizeof found.shape[0]);
    ck_assert_uint_eq(found.elements, header->elements);
    const size_t other = header->elements ? test_random(state) % header->elements : 0;
    SUCCEEDS(sl_npy_read, reader, other, found.elements - other, back + other * bytes);
    SUCCEEDS(sl_npy_read, reader, 0, other, back);
    ck_assert_mem_eq(data, back, size);
    ck_assert_uint_eq(back[size], (unsigned char)~data[size]);
    struct stat about;
    ck_assert_int_eq(stat(test_path("x.npy"), &about), 0);
    ck_assert_uint_eq(((size_t)about.st_size - size) % 64, 0);
    ck_assert_uint_eq(test_folder_count(0), 1);
    free(data);
    free(back);
}

TEST(round_trips)
{
    uint64_t state = test_seed();
    for (int k = 0; k < 200; k++) {
        sl_npy_header header = {.type = (sl_npy_type)(k % 4), .dims = test_random(&state) % 5, .elements = 1};
        for (size_t d = 0; d < header.dims; d++)
            header.elements *= header.shape[d] = test_random(&state) % 9;
        round_trip(&header, &state);
    }
}

TEST(shape_of_the_longest_text)
{
    const sl_npy_header header = {.type = SL_NPY_U1, .dims = 4, .shape = {0, 2147483647, 2147483647, 1}};
    sl_npy_header found;
    sl_npy_writer *writer;
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sluice_error error = {0};
    SUCCEEDS(sl_npy_create, test_path("x.npy"), &header, &writer);
    SUCCEEDS(sl_npy_commit, writer);
    SUCCEEDS(sl_npy_open, test_path("x.npy"), &reader, &found);
    ck_assert_mem_eq(found.shape, header.shape, sizeof header.shape);
    const sl_npy_header large = {.type = SL_NPY_F4, .dims = 4, .shape = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX}};
    ck_assert_int_eq(sl_npy_create(test_path("y.npy"), &large, &writer, &error), SLUICE_STATUS_TOO_LARGE);
    ck_assert_ptr_null(writer);
    ck_assert_uint_eq(test_folder_count(0), 1);
}

static void write_old(const char *path)
{
    test_file_write(path, "old", 3);
}

static void check_old(const char *path)
{
    test_bytes file = test_file_read(path);
    ck_assert_uint_eq(file.size, 3);
    ck_assert_mem_eq(file.data, "old", 3);
    test_bytes_free(&file);
    ck_assert_uint_eq(test_folder_count(0), 1);
}

TEST(target_untouched_until_commit)
{
    const char *path = test_path("x.npy");
    sl_npy_writer *writer;
    sluice_error error = {0};
    write_old(path);
    SUCCEEDS(sl_npy_create, path, &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    sl_npy_abort(writer);
    check_old(path);
    SUCCEEDS(sl_npy_create, path, &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 5, six);
    ck_assert_int_eq(sl_npy_write(writer, 5, 2, six, &error), SLUICE_STATUS_BAD_ARGUMENT);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "not finished: 5 of 6 elements", sl_npy_commit, writer);
    check_old(path);
    sl_npy_abort(NULL);
}

/* The disk is full in the middle: played by a limit on the size of files. */
TEST(disk_full)
{
    const char *path = test_path("x.npy");
    sl_npy_writer *writer;
    sluice_error error = {0};
    write_old(path);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {140, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    SUCCEEDS(sl_npy_create, path, &small, &writer);
    const sluice_status status = sl_npy_write(writer, 0, 6, six, &error);
    const sluice_status rest = sl_npy_write(writer, 0, 1, six, NULL);
    sluice_error last = {0};
    const sluice_status end = sl_npy_commit(writer, &last);
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_assert_int_eq(status, SLUICE_STATUS_IO);
    test_check_message("full", &error, SLUICE_STATUS_IO, "byte 140: cannot be written: File too large");
    ck_assert_int_eq(rest, SLUICE_STATUS_OK);
    ck_assert_int_eq(end, SLUICE_STATUS_IO);
    test_check_message("commit", &last, SLUICE_STATUS_IO, "an earlier write failed");
    check_old(path);
}

TEST(devices_are_written_straight)
{
    sl_npy_writer *writer;
    sluice_error error = {0};
    ck_assert_int_eq(sl_npy_create("/dev/full", &small, &writer, &error), SLUICE_STATUS_IO);
    ck_assert_ptr_null(writer);
    test_check_message("full", &error, SLUICE_STATUS_IO, "/dev/full: byte 0: cannot be written: No space left");
    SUCCEEDS(sl_npy_create, "/dev/null", &small, &writer);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "/dev/null: expected element 0 next, asked for 3", sl_npy_write, writer, 3, 3, six);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    SUCCEEDS(sl_npy_commit, writer);
    struct stat about;
    ck_assert_int_eq(stat("/dev/null", &about), 0);
    ck_assert(S_ISCHR(about.st_mode));
}

/* Several writers of one file, each with elements of its own, leave what one writer of all leaves. */
TEST(joined_writers)
{
    char whole[256], path[256];
    snprintf(whole, sizeof whole, "%s", test_path("whole.npy"));
    snprintf(path, sizeof path, "%s", test_path("joined.npy"));
    sl_npy_writer *writer, *other;
    SUCCEEDS(sl_npy_create, whole, &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    SUCCEEDS(sl_npy_commit, writer);
    SUCCEEDS(sl_npy_join, path, &small, &writer);
    SUCCEEDS(sl_npy_join, path, &small, &other);
    SUCCEEDS(sl_npy_write, other, 4, 2, six + 4);
    SUCCEEDS(sl_npy_write, writer, 0, 4, six);
    SUCCEEDS(sl_npy_commit, writer);
    sl_npy_abort(other);
    OWNED(test_bytes) expected = test_file_read(whole), found = test_file_read(path);
    ck_assert_uint_eq(found.size, expected.size);
    ck_assert_mem_eq(found.data, expected.data, expected.size);
}

TEST(standard_output)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    sl_npy_writer *writer;
    sluice_error error = {0};
    const sluice_status status[] = {sl_npy_create("-", &small, &writer, &error), sl_npy_write(writer, 0, 4, six, &error),
                                    sl_npy_write(writer, 4, 2, six + 4, &error), sl_npy_commit(writer, &error)};
    ck_assert_int_eq(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    close(ends[1]);
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(status[k], SLUICE_STATUS_OK);
    unsigned char out[256];
    ck_assert_int_eq(read(ends[0], out, sizeof out), 128 + (ssize_t)sizeof six);
    ck_assert_mem_eq(out, numpy_head, 128);
    ck_assert_mem_eq(out + 128, six, sizeof six);
}

TEST(mode_and_links)
{
    sl_npy_writer *writer;
    umask(027);
    write_old(test_path("x.npy"));
    ck_assert_int_eq(symlink("x.npy", test_path("link.npy")), 0);
    SUCCEEDS(sl_npy_create, test_path("link.npy"), &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    SUCCEEDS(sl_npy_commit, writer);
    struct stat about;
    ck_assert_int_eq(lstat(test_path("link.npy"), &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    ck_assert_int_eq(lstat(test_path("x.npy"), &about), 0);
    ck_assert_uint_eq((size_t)about.st_size, 128 + sizeof six);
    ck_assert_uint_eq(about.st_mode & 0777, 0640);
    ck_assert_uint_eq(test_folder_count(0), 2);
}

TEST(outputs_that_cannot_be_made)
{
    static const struct {
        const char *name, *part;
    } cases[] = {{"none/x.npy", "No such file"}, {"", "Is a directory"}, {"x.npy/", "expected the name of a file"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sl_npy_writer *writer = NULL;
        sluice_error error = {0};
        ck_assert_int_eq(sl_npy_create(test_path(cases[k].name), &small, &writer, &error), SLUICE_STATUS_IO);
        test_check_message(cases[k].name, &error, SLUICE_STATUS_IO, cases[k].part);
        ck_assert_ptr_null(writer);
    }
    sl_npy_writer *writer;
    sluice_error error = {0};
    ck_assert_int_eq(sl_npy_create("", &small, &writer, &error), SLUICE_STATUS_IO);
    ck_assert_uint_eq(test_folder_count(0), 0);
    /* The target turns into a folder while the file is written. */
    SUCCEEDS(sl_npy_create, test_path("x.npy"), &small, &writer);
    SUCCEEDS(sl_npy_write, writer, 0, 6, six);
    ck_assert_int_eq(mkdir(test_path("x.npy"), 0777), 0);
    ck_assert_int_eq(sl_npy_commit(writer, &error), SLUICE_STATUS_IO);
    ck_assert_uint_eq(test_folder_count(0), 1);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
