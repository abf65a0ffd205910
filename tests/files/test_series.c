/* Series out of every format and kind of file that has them, by one interface: the same numbers, whether read in one piece or in many, at
 * any place where the format allows; archives and compressed data that lie. */
#include "io/npy/npz_read.h"
#include "io/series/series.h"

#include "support/files.h"
#include "support/formats/archive_made.h"
#include "support/message.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>

TEST_FIXTURE(test_folder_setup, test_folder_teardown)

TEST_HANDLE(sl_series, sl_series_close)

enum { SERIES = 3, STEPS = 700, WIDTH = 50 }; /* more rows than a block has */

/* The array [SERIES][STEPS][WIDTH] of i4, element k being k; in Fortran order the elements are where that has them. */
static test_bytes make_npy(bool column_major, size_t steps)
{
    test_bytes made = {0};
    char text[128];
    const int length = snprintf(text, sizeof text, "{'descr': '<i4', 'fortran_order': %s, 'shape': (%d, %zu, %d), }\n",
                                column_major ? "True" : "False", SERIES, steps, WIDTH);
    test_bytes_add(&made, "\x93NUMPY\1\0", 8);
    test_bytes_add_number(&made, (uint64_t)length, 2);
    test_bytes_add_text(&made, text);
    FREED int32_t *data = calloc(SERIES * STEPS * WIDTH, sizeof *data);
    for (int n = 0, k = 0; n < SERIES; n++)
        for (int t = 0; t < STEPS; t++)
            for (int i = 0; i < WIDTH; i++, k++)
                data[column_major ? n + SERIES * (t + STEPS * i) : k] = k;
    test_bytes_add(&made, data, SERIES * STEPS * WIDTH * sizeof *data);
    return made;
}

/* The same numbers as a table, the series named by its last column. */
static test_bytes make_table(void)
{
    test_bytes made = {0};
    for (int n = 0, k = 0; n < SERIES; n++)
        for (int t = 0; t < STEPS; t++) {
            char row[WIDTH * 8 + 24]; /* at once: the address sanitizer copies all bytes for each that is added */
            size_t used = 0;
            for (int i = 0; i < WIDTH; i++, k++)
                used += (size_t)snprintf(row + used, sizeof row - used, "%d,", k);
            snprintf(row + used, sizeof row - used, "series %d\n", n);
            test_bytes_add_text(&made, row);
        }
    return made;
}

static test_bytes make_archive(bool deflate, const test_bytes *npy, size_t stated)
{
    test_archive archive = {0};
    test_archive_add(&archive, "x.npy", npy, deflate, stated);
    test_archive_add(&archive, "other.npy", npy, !deflate, 0);
    return test_archive_finish(&archive);
}

static const sl_csv_options named = {.sequence_column = "51"};

static sl_series *open_series(const char *path)
{
    sl_series *series;
    SUCCEEDS(sl_series_open, path, &named, &series);
    ck_assert_uint_eq(sl_series_get_width(series), WIDTH);
    return series;
}

/* Read all of it, `most` rows at a time. */
static void check_all(const char *path, size_t most, bool is_table)
{
    OWNED_HANDLE(sl_series) series = open_series(path);
    FREED float *to = malloc(most * WIDTH * sizeof *to);
    size_t n = 0, t = 0;
    for (sl_series_rows rows = {0};;) {
        for (size_t k = 0; k < most * WIDTH; k++)
            to[k] = NAN;
        SUCCEEDS(sl_series_read, series, most, to, &rows);
        if (rows.is_last)
            break;
        ck_assert(rows.count <= most && (rows.count || rows.ends));
        for (size_t k = 0; k < rows.count * WIDTH; k++)
            ck_assert_msg(to[k] == (float)((n * STEPS + t) * WIDTH + k), "%s: series %zu, step %zu, %zu: %g", path, n, t, k, to[k]);
        size_t bytes;
        char name[32];
        const char *found = sl_series_get_name(series, &bytes);
        snprintf(name, sizeof name, "series %zu", n);
        ck_assert(is_table ? bytes == strlen(name) && memcmp(found, name, bytes) == 0 : bytes == 0);
        t += rows.count;
        ck_assert(t <= STEPS && (!rows.ends || t == STEPS));
        n += rows.ends;
        t = rows.ends ? 0 : t;
    }
    ck_assert_uint_eq(n, SERIES);
    ck_assert_uint_eq(t, 0);
    ck_assert(sl_series_get_size(series, &n, &t) == !is_table);
    ck_assert(is_table || (n == SERIES && t == STEPS));
    ck_assert((sl_series_get_loss(series) == NULL) == is_table);
}

typedef enum form { PLAIN, GZIP, STORED, DEFLATED, FORMS } form;

/* Write the file in a form; its path. */
static const char *write_form(const test_bytes *file, form of)
{
    OWNED(test_bytes) made = {0};
    if (of == GZIP)
        made = test_deflated(file, TEST_GZIP);
    else if (of != PLAIN)
        made = make_archive(of == DEFLATED, file, 0);
    const test_bytes *bytes = of == PLAIN ? file : &made;
    test_file_write(test_path(of == PLAIN || of == GZIP ? "x" : "x.npz"), bytes->data, bytes->size);
    return test_path(of == PLAIN || of == GZIP ? "x" : "x.npz:x");
}

TEST_LOOP(arrays, 0, 2 * FORMS)
{
    OWNED(test_bytes) file = make_npy(_i % 2, STEPS);
    const char *path = write_form(&file, (form)(_i / 2));
    check_all(path, STEPS, false);
    check_all(path, 97, false);
    check_all(path, 3, false);
}

TEST_LOOP(tables, 0, 2)
{
    OWNED(test_bytes) file = make_table();
    const char *path = write_form(&file, (form)_i);
    check_all(path, 5000, true);
    check_all(path, 7, true);
}

/* Bytes that a thread writes to a pipe, which may be smaller than they are; its reading end is standard input. */
static void *write_pipe(void *file_)
{
    const test_bytes *file = file_;
    int fd;
    memcpy(&fd, file->data + file->size, sizeof fd);
    for (size_t at = 0; at < file->size;) {
        const ssize_t n = write(fd, file->data + at, file->size - at);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    close(fd);
    return NULL;
}

TEST_LOOP(pipes, 0, 5)
{
    OWNED(test_bytes) file = _i < 3 ? make_npy(_i == 1, STEPS) : make_table();
    OWNED(test_bytes) packed = {0};
    if (_i == 2 || _i == 4)
        packed = test_deflated(&file, TEST_GZIP);
    test_bytes *sent = packed.data ? &packed : &file;
    int ends[2];
    pthread_t writer;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    test_bytes_add(sent, &ends[1], sizeof ends[1]);
    sent->size -= sizeof ends[1];
    ck_assert_int_eq(pthread_create(&writer, NULL, write_pipe, sent), 0);
    check_all("-", 97, _i >= 3);
    pthread_join(writer, NULL);
}

TEST(seeking)
{
    static const struct {
        size_t index, step;
    } places[] = {{2, 699}, {0, 0}, {1, 350}, {2, 0}, {1, 0}, {0, 1}};
    for (int column_major = 0; column_major < 2; column_major++) {
        OWNED(test_bytes) file = make_npy(column_major, STEPS);
        OWNED_HANDLE(sl_series) series = open_series(write_form(&file, STORED));
        sl_series_rows rows;
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            float to[WIDTH] = {NAN};
            SUCCEEDS(sl_series_seek, series, places[k].index, places[k].step);
            SUCCEEDS(sl_series_read, series, 1, to, &rows);
            ck_assert_uint_eq(rows.count, 1);
            ck_assert_float_eq(to[WIDTH - 1], (float)((places[k].index * STEPS + places[k].step) * WIDTH + WIDTH - 1));
            ck_assert_int_eq(rows.ends, places[k].step == STEPS - 1);
        }
        SUCCEEDS(sl_series_seek, series, SERIES, 0);
        SUCCEEDS(sl_series_read, series, 1, NULL, &rows);
        ck_assert(rows.is_last);
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "step 701 of series 0", sl_series_seek, series, 0, STEPS + 1);
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "step 0 of series 4", sl_series_seek, series, SERIES + 1, 0);
    }
    OWNED(test_bytes) table = make_table();
    OWNED_HANDLE(sl_series) series = open_series(write_form(&table, PLAIN));
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "cannot be read at any place", sl_series_seek, series, 0, 0);
}

/* The text columns and names belong to the rows of the last read. */
TEST(texts)
{
    static const char table[] = "when,who,v\nmon,a,1\ntue,a,2\nwed,b,3\n";
    const sl_csv_options options = {.sequence_column = "who", .text_columns = (const char *const[]){"when"}, .text_count = 1};
    test_file_write(test_path("t.csv"), table, strlen(table));
    OWNED_HANDLE(sl_series) series = NULL;
    float to[4];
    size_t bytes;
    sl_series_rows rows;
    SUCCEEDS(sl_series_open, test_path("t.csv"), &options, &series);
    ck_assert_str_eq(sl_series_get_column(series, 0), "v");
    ck_assert_str_eq(sl_series_get_text_column(series, 0), "when");
    SUCCEEDS(sl_series_read, series, 1, to, &rows);
    SUCCEEDS(sl_series_read, series, 4, to, &rows);
    ck_assert(rows.count == 1 && rows.ends && to[0] == 2);
    ck_assert(memcmp(sl_series_get_text(series, 0, 0, &bytes), "tue", 3) == 0 && bytes == 3);
    SUCCEEDS(sl_series_read, series, 4, to, &rows);
    ck_assert(rows.count == 1 && rows.ends && to[0] == 3);
    ck_assert(memcmp(sl_series_get_name(series, &bytes), "b", 1) == 0 && bytes == 1);
    SUCCEEDS(sl_series_read, series, 4, to, &rows);
    ck_assert(rows.is_last);
}

/* ---- Refusals -------------------------------------------------------------------------------------------------------------- */

/* Open and read all; the first failure. */
static sluice_status try_table(const char *path, const sl_csv_options *table, sluice_error *error)
{
    OWNED_HANDLE(sl_series) series = NULL;
    FREED float *to = NULL;
    sl_series_rows rows = {0};
    sluice_status status = sl_series_open(path, table, &series, error);
    if (!status)
        to = malloc(100 * sl_series_get_width(series) * sizeof *to);
    while (!status && !rows.is_last)
        status = sl_series_read(series, 100, to, &rows, error);
    if (status && series) { /* again, the same */
        sluice_error second = {0};
        ck_assert_int_eq(sl_series_read(series, 100, to, &rows, &second), status);
    }
    return status;
}

static sluice_status try_path(const char *path, sluice_error *error)
{
    return try_table(path, NULL, error);
}

TEST(kinds_of_files)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *path, *word;
    } files[] = {
        {"\xfd"
         "7zXZ\0..........",
         16, "x", "expected text in UTF-8, or gzip data of it, found xz data"},
        {"\xff\xfe"
         "1\0,\0",
         6, "x", "UTF-16"},
        {"PK\3\4................", 20, "x", "a zip archive, as .npz is"},
        {"1,2\n", 4, "x.npz:x", "expected a .npz file"},
        {"1,2\n3,\"", 8, "x", "line 2, column 2: a cell that begins with a quote"},
        {"\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1)}\0\0\0\0", 74, "x",
         "expected series [T], [T][I]"},
    };
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        sluice_error error = {0};
        test_file_write(test_path(strchr(files[k].path, ':') ? "x.npz" : "x"), files[k].bytes, files[k].size);
        ck_assert_int_eq(try_path(test_path(files[k].path), &error), SLUICE_STATUS_BAD_DATA);
        test_check_message(files[k].word, &error, SLUICE_STATUS_BAD_DATA, files[k].word);
    }
    sluice_error error = {0};
    ck_assert_int_eq(try_path(test_path("none.csv"), &error), SLUICE_STATUS_NO_INPUT);
    ck_assert_int_eq(try_path(test_path("none.npz:x"), &error), SLUICE_STATUS_NO_INPUT);
    OWNED(test_bytes) npy = make_npy(false, STEPS);
    write_form(&npy, STORED);
    ck_assert_int_eq(try_path(test_path("x.npz:y"), &error), SLUICE_STATUS_BAD_DATA);
    test_check_message("y", &error, SLUICE_STATUS_BAD_DATA, "no member \"y.npy\"; it has the arrays \"x\", \"other\"");
    ck_assert_int_eq(try_path(test_path("x.npz"), &error), SLUICE_STATUS_BAD_DATA);
    test_check_message("no name", &error, SLUICE_STATUS_BAD_DATA, "FILE.npz:NAME");
}

/* A file whose name looks like a member's is itself. */
TEST(file_named_like_a_member)
{
    OWNED(test_bytes) file = make_table();
    test_file_write(test_path("t.npz:x"), file.data, file.size);
    check_all(test_path("t.npz:x"), 100, true);
}

/* gzip data cut short anywhere, and with a wrong byte in their sum. */
TEST(damaged_gzip)
{
    for (int k = 0; k < 2; k++) {
        OWNED(test_bytes) file = k ? make_npy(false, STEPS) : make_table();
        OWNED(test_bytes) packed = test_deflated(&file, TEST_GZIP);
        sluice_error error = {0};
        for (size_t cut = 2; cut < packed.size; cut += packed.size / 23 + (cut < 30 ? 0 : 1)) {
            test_file_write(test_path("x"), packed.data, cut);
            ck_assert_int_eq(try_table(test_path("x"), &named, &error), SLUICE_STATUS_BAD_DATA);
            test_check_message("cut", &error, SLUICE_STATUS_BAD_DATA, "it is truncated");
        }
        packed.data[packed.size - 8] ^= 1;
        test_file_write(test_path("x"), packed.data, packed.size);
        ck_assert_int_eq(try_table(test_path("x"), &named, &error), SLUICE_STATUS_BAD_DATA);
        test_check_message("sum", &error, SLUICE_STATUS_BAD_DATA, "incorrect data check");
    }
}

/* Members whose directory states another size than they have, another sum, and headers that promise what is not there. */
TEST(archives_that_lie)
{
    OWNED(test_bytes) npy = make_npy(false, STEPS), beyond = make_npy(true, 1000000000);
    sluice_error error = {0};
    for (int k = 0; k < 2; k++) {
        OWNED(test_bytes) made = make_archive(true, &npy, k ? npy.size + 9 : npy.size - 9);
        test_file_write(test_path("x.npz"), made.data, made.size);
        ck_assert_int_eq(try_path(test_path("x.npz:x"), &error), SLUICE_STATUS_BAD_DATA);
        test_check_message("size", &error, SLUICE_STATUS_BAD_DATA, k ? "fewer bytes than" : "more bytes than");
    }
    OWNED(test_bytes) good = make_archive(true, &npy, 0);
    good.data[14] ^= 1; /* the CRC in the local header, which is not looked at, */
    test_file_write(test_path("x.npz"), good.data, good.size);
    ck_assert_int_eq(try_path(test_path("x.npz:x"), &error), SLUICE_STATUS_OK);
    for (size_t at = 0; at + 4 < good.size; at++)
        if (memcmp(good.data + at, "PK\1\2", 4) == 0) {
            good.data[at + 16] ^= 1; /* and in the directory */
            break;
        }
    test_file_write(test_path("x.npz"), good.data, good.size);
    ck_assert_int_eq(try_path(test_path("x.npz:x"), &error), SLUICE_STATUS_BAD_DATA);
    test_check_message("crc", &error, SLUICE_STATUS_BAD_DATA, "another CRC than the directory's");
    OWNED(test_bytes) promises = make_archive(true, &beyond, 0), packed = test_deflated(&beyond, TEST_GZIP);
    test_file_write(test_path("x.npz"), promises.data, promises.size);
    test_file_write(test_path("x"), packed.data, packed.size);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(try_path(test_path(k ? "x" : "x.npz:x"), &error), SLUICE_STATUS_BAD_DATA);
        test_check_message("promise", &error, SLUICE_STATUS_BAD_DATA, "the data end here");
    }
}

/* ---- The thread ------------------------------------------------------------------------------------------------------------ */

/* A series that waits for a pipe can be closed, and a signal ends the wait; a row that is there is given at once. */
static void on_signal(int number)
{
    (void)number;
}

TEST(waiting)
{
    int ends[2];
    float to[2];
    sl_series_rows rows;
    OWNED_HANDLE(sl_series) series = NULL;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(write(ends[1], "1,2\n3", 5), 5);
    SUCCEEDS(sl_series_open, "-", NULL, &series);
    SUCCEEDS(sl_series_read, series, 1, to, &rows);
    ck_assert(rows.count == 1 && to[1] == 2);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 20000);
    REFUSED(SLUICE_STATUS_IO, "interrupted", sl_series_read, series, 1, to, &rows);
    ualarm(0, 0);
    ck_assert_int_eq(write(ends[1], ",4\n5,", 5), 5);
    SUCCEEDS(sl_series_read, series, 1, to, &rows);
    ck_assert(rows.count == 1 && to[0] == 3 && to[1] == 4);
}
