/* Opening and reading series when an allocation fails: an error, and nothing left; and that reading takes constant memory. */
#include "support/memory/failing.h"
#include "support/files.h"
#include "support/formats/archive_made.h"

#include "io/series/series.h"

static const sl_csv_options table = {
    .sequence_column = "id", .text_columns = (const char *const[]){"t"}, .text_count = 1, .missing = SL_CSV_MISSING_PREVIOUS};

static sluice_status read_all(void *path, sluice_error *error)
{
    sl_series *series;
    float to[64];
    sl_series_rows rows = {0};
    sluice_status status = sl_series_open(path, &table, &series, error);
    while (!status && !rows.is_last)
        status = sl_series_read(series, 8, to, &rows, error);
    sl_series_close(series);
    return status;
}

static void write_files(void)
{
    static const char text[] = "t,id,v,w\nx,a,1,2\ny,a,3,\nz,b,5,6\n";
    static const char npy[] = "\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 2), }          \n";
    const double values[12] = {1, 2, 3};
    test_bytes array = {0}, csv = {0};
    test_archive archive = {0};
    test_bytes_add(&array, npy, 10 + 0x46);
    test_bytes_add(&array, values, sizeof values);
    test_bytes_add(&csv, text, strlen(text));
    test_bytes packed_array = test_deflated(&array, TEST_GZIP), packed_csv = test_deflated(&csv, TEST_GZIP);
    test_archive_add(&archive, "stored.npy", &array, false, 0);
    test_archive_add(&archive, "deflated.npy", &array, true, 0);
    test_bytes all = test_archive_finish(&archive);
    test_file_write(test_path("a.npy"), array.data, array.size);
    test_file_write(test_path("a.npy.gz"), packed_array.data, packed_array.size);
    test_file_write(test_path("t.csv"), csv.data, csv.size);
    test_file_write(test_path("t.csv.gz"), packed_csv.data, packed_csv.size);
    test_file_write(test_path("a.npz"), all.data, all.size);
    test_bytes_free(&array);
    test_bytes_free(&csv);
    test_bytes_free(&packed_array);
    test_bytes_free(&packed_csv);
    test_bytes_free(&all);
}

static void setup(void)
{
    test_folder_setup();
    write_files();
}

TEST_FIXTURE(setup, test_folder_teardown)

static const char *const names[] = {"a.npy", "a.npy.gz", "t.csv", "t.csv.gz", "a.npz:stored", "a.npz:deflated"};

TEST_EACH(allocations, names)
{
    char path[256];
    sluice_error error = {0};
    snprintf(path, sizeof path, "%s", test_path(names[_i]));
    ck_assert_msg(read_all(path, &error) == SLUICE_STATUS_OK, "%s",
                  error.message); /* the C library keeps a thread's stack from here on */
    test_fail_each(read_all, path, SLUICE_STATUS_OK, 4);
}

/* A thousand times the rows take the same memory. */
TEST(constant_memory)
{
    size_t peaks[2];
    for (int k = 0; k < 2; k++) {
        FILE *file = fopen(test_path("long.csv"), "w");
        sluice_error error = {0};
        char path[256];
        snprintf(path, sizeof path, "%s", test_path("long.csv"));
        fputs("t,id,v\n", file);
        for (long r = 0; r < (k ? 500000 : 500); r++)
            fprintf(file, "row %ld,%ld,%ld.25\n", r, r / 100, r);
        fclose(file);
        test_peak_bytes = test_alive_bytes;
        test_watching = true;
        ck_assert_msg(read_all(path, &error) == SLUICE_STATUS_OK, "%s", error.message);
        test_watching = false;
        peaks[k] = test_peak_bytes;
    }
    ck_assert_uint_gt(peaks[0], SL_CSV_MOST_COLUMNS); /* so much is seen */
    ck_assert_uint_le(peaks[1], peaks[0]);
}

int main(void)
{
    return test_allocator_begin() ? test_run(test_suite()) : 77;
}
