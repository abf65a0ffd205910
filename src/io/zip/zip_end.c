#include "io/zip/zip_end.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <string.h>

enum { END_BYTES = 22, LOCATOR_BYTES = 20, WIDE_BYTES = 56, MAX_COMMENT = 65535 };

/* What both forms of the end record state. */
typedef struct stated {
    uint64_t disk, first_disk, disk_count, count, bytes, at;
} stated;

sluice_status sl_zip_read(const sl_input *input, size_t at, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, at, data, bytes, &got, error);
    if (status || got == bytes)
        return status;
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, at + got,
                        "the zip archive ends here, expected %zu more bytes; was it cut short?", bytes - got);
}

static sluice_status fail_end(const sl_input *input, size_t at, const char *problem, sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, at, "%s; the file is damaged or cut short", problem);
}

/* Find the last end record whose comment ends with the file, and copy it. */
static sluice_status find_record(const sl_input *input, size_t *at, unsigned char record[END_BYTES], sluice_error *error)
{
    const size_t bytes = sl_size_min(input->size, END_BYTES + MAX_COMMENT), from = input->size - bytes;
    unsigned char *tail = sl_alloc(bytes);
    if (!tail)
        return sl_fail_memory(error, "the end of a zip archive", bytes);
    const sluice_status status = sl_zip_read(input, from, tail, bytes, error);
    bool found = false;
    for (size_t left = END_BYTES; !status && !found && left <= bytes; left++) {
        const unsigned char *place = tail + bytes - left;
        found = memcmp(place, "PK\5\6", 4) == 0 && sl_zip_number(place + 20, 2) == left - END_BYTES;
        if (found) {
            memcpy(record, place, END_BYTES);
            *at = input->size - left;
        }
    }
    sl_free(tail);
    return status || found ? status : fail_end(input, input->size, "expected the end record of a zip archive before here", error);
}

/* The record of 64-bit numbers ends where its locator begins, at `locator_at`. */
static sluice_status read_wide(const sl_input *input, const unsigned char *locator, size_t locator_at, size_t *at, stated *to,
                               sluice_error *error)
{
    unsigned char record[WIDE_BYTES];
    const uint64_t record_at = sl_zip_number(locator + 8, 8);
    if (locator_at < WIDE_BYTES || record_at > locator_at - WIDE_BYTES)
        return fail_end(input, locator_at, "expected the 64-bit end record of the zip archive before its locator", error);
    const sluice_status status = sl_zip_read(input, (size_t)record_at, record, sizeof record, error);
    if (status)
        return status;
    if (memcmp(record, "PK\6\6", 4) != 0 || sl_zip_number(record + 4, 8) != locator_at - record_at - 12)
        return fail_end(input, (size_t)record_at, "expected the 64-bit end record of the zip archive", error);
    if (sl_zip_number(locator + 4, 4) != 0 || sl_zip_number(locator + 16, 4) > 1)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, locator_at,
                            "the zip archive has several disks; join them to one file");
    *to = (stated){.disk = sl_zip_number(record + 16, 4),
                   .first_disk = sl_zip_number(record + 20, 4),
                   .disk_count = sl_zip_number(record + 24, 8),
                   .count = sl_zip_number(record + 32, 8),
                   .bytes = sl_zip_number(record + 40, 8),
                   .at = sl_zip_number(record + 48, 8)};
    *at = (size_t)record_at;
    return SLUICE_STATUS_OK;
}

static bool agrees(uint64_t narrow, uint64_t wide, uint64_t most)
{
    return narrow == most || narrow == wide;
}

/* Read the record of 64-bit numbers, if there is one; its numbers replace those that do not fit the other. */
static sluice_status widen(const sl_input *input, size_t *at, stated *numbers, sluice_error *error)
{
    unsigned char locator[LOCATOR_BYTES];
    if (*at < LOCATOR_BYTES)
        return SLUICE_STATUS_OK;
    const size_t end_at = *at, locator_at = end_at - LOCATOR_BYTES;
    sluice_status status = sl_zip_read(input, locator_at, locator, sizeof locator, error);
    if (status || memcmp(locator, "PK\6\7", 4) != 0)
        return status;
    stated wide = {0};
    status = read_wide(input, locator, locator_at, at, &wide, error);
    if (status)
        return status;
    if (!agrees(numbers->count, wide.count, UINT16_MAX) || !agrees(numbers->bytes, wide.bytes, UINT32_MAX) ||
        !agrees(numbers->at, wide.at, UINT32_MAX))
        return fail_end(input, end_at, "the two end records of the zip archive differ", error);
    *numbers = wide;
    return SLUICE_STATUS_OK;
}

sluice_status sl_zip_find_end(const sl_input *input, sl_zip_end *end, sluice_error *error)
{
    unsigned char record[END_BYTES] = {0};
    size_t at = 0;
    if (!input->regular)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: a zip archive has its directory at the end and cannot come through a pipe; use a file", input->name);
    sluice_status status = find_record(input, &at, record, error);
    if (status)
        return status;
    stated numbers = {.disk = sl_zip_number(record + 4, 2),
                      .first_disk = sl_zip_number(record + 6, 2),
                      .disk_count = sl_zip_number(record + 8, 2),
                      .count = sl_zip_number(record + 10, 2),
                      .bytes = sl_zip_number(record + 12, 4),
                      .at = sl_zip_number(record + 16, 4)};
    status = widen(input, &at, &numbers, error);
    if (status)
        return status;
    if (numbers.disk || numbers.first_disk || numbers.disk_count != numbers.count)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, at,
                            "the zip archive has several disks; join them to one file");
    if (numbers.at > at || numbers.bytes != at - numbers.at)
        return fail_end(input, at, "expected the directory of the zip archive right before its end record", error);
    if (numbers.count > SIZE_MAX)
        return sl_fail_size(error, input->name);
    *end =
        (sl_zip_end){.directory_at = (size_t)numbers.at, .directory_bytes = (size_t)numbers.bytes, .count = (size_t)numbers.count};
    return SLUICE_STATUS_OK;
}
