/* libFuzzer's target for the readers of tables and arrays: whatever the bytes of a file are, reading all of it as series gives numbers or
 * an error, without reading beyond them, without a leak, within a limit of memory. The file's first byte chooses how it is opened. */
#include "io/series/series.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { ROWS = 64, MOST_WIDTH = 1 << 20, MOST_STEPS = 1 << 16 };

/* What the first byte's bits say. */
enum { HAS_HEADER = 1, HAS_NO_HEADER = 2, ZERO = 4, PREVIOUS = 8, SEQUENCE = 16, TEXT = 32, MEMBER = 64 };

static sl_csv_options get_options(unsigned bits)
{
    static const char *const texts[] = {"1"};
    return (sl_csv_options){.header = bits & HAS_HEADER      ? SL_CSV_HEADER_THERE
                                      : bits & HAS_NO_HEADER ? SL_CSV_HEADER_NONE
                                                             : SL_CSV_HEADER_GUESS,
                            .missing = bits & ZERO       ? SL_CSV_MISSING_ZERO
                                       : bits & PREVIOUS ? SL_CSV_MISSING_PREVIOUS
                                                         : SL_CSV_MISSING_ERROR,
                            .text_columns = texts,
                            .text_count = (bits & TEXT) != 0,
                            .sequence_column = bits & SEQUENCE ? "2" : NULL};
}

static void check_error(sluice_status status, const sluice_error *error)
{
    if (status == SLUICE_STATUS_BAD_ARGUMENT || !*error->message) {
        fprintf(stderr, "fuzz_series: status %d \"%s\"\n", (int)status, error->message);
        abort();
    }
}

static void read_all(const char *path, const sl_csv_options *options)
{
    sl_series *series;
    sluice_error error = {0};
    sl_series_rows rows = {0};
    sluice_status status = sl_series_open(path, options, &series, &error);
    if (status) {
        check_error(status, &error);
        return;
    }
    const size_t width = sl_series_get_width(series);
    float *to = width <= MOST_WIDTH ? malloc(ROWS * width * sizeof *to) : NULL;
    size_t bytes;
    for (size_t k = 0; to && !status && !rows.is_last && k < MOST_STEPS; k++) {
        status = sl_series_read(series, ROWS, to, &rows, &error);
        (void)sl_series_get_name(series, &bytes);
    }
    if (status)
        check_error(status, &error);
    free(to);
    sl_series_close(series);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[64], member[80];
    if (!size)
        return 0;
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/fuzz_series.%ld.npz", folder, (long)getpid());
    snprintf(member, sizeof member, "%s:x", path);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes + 1, 1, size - 1, file) != size - 1 || fclose(file) != 0)
        abort();
    const sl_csv_options options = get_options(bytes[0]);
    read_all(bytes[0] & MEMBER ? member : path, &options);
    unlink(path);
    return 0;
}
