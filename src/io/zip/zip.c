#include "io/zip/zip.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/crc32.h"
#include "io/zip/zip_end.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 46, LOCAL_BYTES = 30, SIZES_ID = 1, BLOCK = 1 << 16 };
enum { FLAG_ENCRYPTED = 1 << 0, FLAG_STRONG = 1 << 6 };
enum { NAME_SHOWN = 100 }; /* bytes of a name in a message */
enum { METHOD_DEFLATE = 8 };

struct sl_zip {
    const sl_input *input;
    sl_zip_end end;
    unsigned char *directory;
    sl_zip_member *members;
    const sl_zip_member **by_name; /* sorted */
    size_t memory;                 /* that members were given */
};

static int get_shown(const sl_zip_member *member)
{
    return (int)sl_size_min(member->name_bytes, NAME_SHOWN);
}

static sluice_status fail_member(const sl_zip *zip, const sl_zip_member *member, size_t at, const char *problem,
                                 sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, zip->input->name, at, "member \"%.*s\" of the zip archive: %s",
                        get_shown(member), member->name, problem);
}

/* ---- Entries of the directory ------------------------------------------------------------------------------------------------ */

/* Take the next of the 64-bit numbers of the extra field for a number that did not fit its 32 bits. */
static bool take_wide(const unsigned char **field, size_t *left, uint64_t *number)
{
    if (*number != UINT32_MAX)
        return true;
    if (*left < 8)
        return false;
    *number = sl_zip_number(*field, 8);
    *field += 8;
    *left -= 8;
    return true;
}

/* Replace the sizes and the offset by those of the extra field of zip64, if there is one; false: the field is damaged. */
static bool widen(const unsigned char *extra, size_t bytes, uint64_t *whole, uint64_t *stored, uint64_t *header_at)
{
    while (bytes >= 4) {
        const uint64_t id = sl_zip_number(extra, 2);
        size_t left = (size_t)sl_zip_number(extra + 2, 2);
        const unsigned char *field = extra + 4;
        if (left > bytes - 4)
            return false;
        extra += 4 + left;
        bytes -= 4 + left;
        if (id == SIZES_ID)
            return take_wide(&field, &left, whole) && take_wide(&field, &left, stored) && take_wide(&field, &left, header_at);
    }
    return true;
}

/* Fill in a member from the entry at byte *used of the directory, and move on behind it. */
static sluice_status read_entry(sl_zip *zip, size_t *used, sl_zip_member *member, sluice_error *error)
{
    const unsigned char *entry = zip->directory + *used;
    const size_t left = zip->end.directory_bytes - *used, at = zip->end.directory_at + *used;
    if (left < ENTRY_BYTES || memcmp(entry, "PK\1\2", 4) != 0)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, zip->input->name, at,
                            "expected an entry of the zip archive's directory; the file is damaged");
    const size_t name = (size_t)sl_zip_number(entry + 28, 2), extra = (size_t)sl_zip_number(entry + 30, 2),
                 comment = (size_t)sl_zip_number(entry + 32, 2), all = ENTRY_BYTES + name + extra + comment;
    if (left < all)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, zip->input->name, at,
                            "an entry of the zip archive's directory extends beyond it; the file is damaged");
    uint64_t stored = sl_zip_number(entry + 20, 4), whole = sl_zip_number(entry + 24, 4), header_at = sl_zip_number(entry + 42, 4);
    *member = (sl_zip_member){.name = (const char *)entry + ENTRY_BYTES,
                              .name_bytes = name,
                              .flags = (unsigned)sl_zip_number(entry + 8, 2),
                              .method = (unsigned)sl_zip_number(entry + 10, 2),
                              .crc = (uint32_t)sl_zip_number(entry + 16, 4)};
    if (!name || memchr(member->name, 0, name))
        return fail_member(zip, member, at, "its name is empty or has a NUL byte; the file is damaged", error);
    if (!widen(entry + ENTRY_BYTES + name, extra, &whole, &stored, &header_at))
        return fail_member(zip, member, at, "its extra field is damaged", error);
    if (sl_zip_number(entry + 34, 2) != 0)
        return fail_member(zip, member, at, "it is on another disk of an archive of several; join them", error);
    if (whole > SIZE_MAX || stored > SIZE_MAX || header_at > SIZE_MAX)
        return fail_member(zip, member, at, "its size does not fit this machine's address space", error);
    member->bytes = (size_t)whole;
    member->stored_bytes = (size_t)stored;
    member->header_at = (size_t)header_at;
    *used += all;
    return SLUICE_STATUS_OK;
}

/* Check the local header against the entry, and set data_at. */
static sluice_status read_local(const sl_zip *zip, sl_zip_member *member, sluice_error *error)
{
    unsigned char header[LOCAL_BYTES];
    const size_t at = member->header_at, end = zip->end.directory_at;
    if (at > end || end - at < LOCAL_BYTES)
        return fail_member(zip, member, at, "expected its header before the directory; the file is damaged or cut short", error);
    sluice_status status = sl_zip_read(zip->input, at, header, sizeof header, error);
    if (status)
        return status;
    const size_t name = (size_t)sl_zip_number(header + 26, 2), extra = (size_t)sl_zip_number(header + 28, 2);
    if (memcmp(header, "PK\3\4", 4) != 0 || name != member->name_bytes || sl_zip_number(header + 8, 2) != member->method)
        return fail_member(zip, member, at, "its header is not that of the directory; the file is damaged", error);
    if (end - at - LOCAL_BYTES < name + extra || end - at - LOCAL_BYTES - name - extra < member->stored_bytes)
        return fail_member(zip, member, at, "its data overlap the directory; the file is damaged", error);
    char *copy = sl_alloc(name);
    if (!copy)
        return sl_fail_memory(error, "a name in a zip archive", name);
    status = sl_zip_read(zip->input, at + LOCAL_BYTES, copy, name, error);
    if (!status && memcmp(copy, member->name, name) != 0)
        status = fail_member(zip, member, at, "its header has another name than the directory; the file is damaged", error);
    sl_free(copy);
    member->data_at = at + LOCAL_BYTES + name + extra;
    return status;
}

/* ---- The members among each other -------------------------------------------------------------------------------------------- */

static int compare_names(const sl_zip_member *a, const char *name, size_t bytes)
{
    const int order = memcmp(a->name, name, sl_size_min(a->name_bytes, bytes));
    return order ? order : (a->name_bytes > bytes) - (a->name_bytes < bytes);
}

static int order_by_name(const void *a, const void *b)
{
    const sl_zip_member *right = *(const sl_zip_member *const *)b;
    return compare_names(*(const sl_zip_member *const *)a, right->name, right->name_bytes);
}

static int order_by_place(const void *a, const void *b)
{
    const size_t left = (*(const sl_zip_member *const *)a)->header_at, right = (*(const sl_zip_member *const *)b)->header_at;
    return (left > right) - (left < right);
}

/* No two may have bytes in common, or one name; by_name is sorted from here on. */
static sluice_status check_members(sl_zip *zip, sluice_error *error)
{
    const sl_zip_member **sorted = zip->by_name;
    const size_t count = zip->end.count;
    if (count)
        qsort(sorted, count, sizeof(const sl_zip_member *), order_by_place);
    for (size_t k = 1; k < count; k++)
        if (sorted[k - 1]->data_at + sorted[k - 1]->stored_bytes > sorted[k]->header_at)
            return fail_member(zip, sorted[k], sorted[k]->header_at, "it overlaps another member; the file is damaged", error);
    if (count)
        qsort(sorted, count, sizeof(const sl_zip_member *), order_by_name);
    for (size_t k = 1; k < count; k++)
        if (order_by_name(&sorted[k - 1], &sorted[k]) == 0)
            return fail_member(zip, sorted[k], sorted[k]->header_at, "another member has the same name; write the archive again",
                               error);
    return SLUICE_STATUS_OK;
}

static sluice_status read_members(sl_zip *zip, sluice_error *error)
{
    size_t used = 0;
    for (size_t k = 0; k < zip->end.count; k++) {
        zip->by_name[k] = &zip->members[k];
        sluice_status status = read_entry(zip, &used, &zip->members[k], error);
        if (!status)
            status = read_local(zip, &zip->members[k], error);
        if (status)
            return status;
    }
    if (used != zip->end.directory_bytes)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, zip->input->name, zip->end.directory_at + used,
                            "expected the end of the zip archive's directory after %zu entries; the file is damaged",
                            zip->end.count);
    return check_members(zip, error);
}

static sluice_status read_directory(sl_zip *zip, sluice_error *error)
{
    const sl_zip_end *end = &zip->end;
    if (end->count > end->directory_bytes / ENTRY_BYTES) /* so that what is allocated is in proportion to the file */
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, zip->input->name, end->directory_at,
                            "the zip archive's directory of %zu bytes cannot have %zu entries; the file is damaged",
                            end->directory_bytes, end->count);
    zip->directory = sl_alloc(end->directory_bytes);
    zip->members = sl_alloc_array(end->count, sizeof *zip->members);
    zip->by_name = sl_alloc_array(end->count, sizeof(const sl_zip_member *));
    if (!zip->directory || !zip->members || !zip->by_name)
        return sl_fail_memory(error, "a zip archive's directory", end->directory_bytes);
    const sluice_status status = sl_zip_read(zip->input, end->directory_at, zip->directory, end->directory_bytes, error);
    return status ? status : read_members(zip, error);
}

/* ---- The archive ------------------------------------------------------------------------------------------------------------- */

sluice_status sl_zip_open(const sl_input *input, sl_zip **zip, sluice_error *error)
{
    *zip = NULL;
    sl_zip *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a zip archive", sizeof *opened);
    *opened = (sl_zip){.input = input};
    sluice_status status = sl_zip_find_end(input, &opened->end, error);
    if (!status)
        status = read_directory(opened, error);
    if (status)
        sl_zip_close(opened);
    else
        *zip = opened;
    return status;
}

bool sl_zip_take_memory(sl_zip *zip, size_t bytes)
{
    size_t most;
    if (!sl_size_mul(zip->input->size, SL_ZIP_GROWTH, &most) || !sl_size_add(most, SL_ZIP_FREE_BYTES, &most))
        most = SIZE_MAX;
    if (bytes > most - zip->memory)
        return false;
    zip->memory += bytes;
    return true;
}

size_t sl_zip_get_memory(const sl_zip *zip)
{
    return zip->memory;
}

const sl_input *sl_zip_get_input(const sl_zip *zip)
{
    return zip->input;
}

size_t sl_zip_count(const sl_zip *zip)
{
    return zip->end.count;
}

const sl_zip_member *sl_zip_get(const sl_zip *zip, size_t index)
{
    return &zip->members[index];
}

const sl_zip_member *sl_zip_find(const sl_zip *zip, const char *name, size_t bytes)
{
    size_t low = 0;
    for (size_t high = zip->end.count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_names(zip->by_name[middle], name, bytes);
        if (order == 0)
            return zip->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool sl_zip_is_deflated(const sl_zip_member *member)
{
    return member->method == METHOD_DEFLATE && !(member->flags & (FLAG_ENCRYPTED | FLAG_STRONG));
}

sluice_status sl_zip_check_stored(const sl_zip *zip, const sl_zip_member *member, sluice_error *error)
{
    const char *name = zip->input->name;
    if (member->flags & (FLAG_ENCRYPTED | FLAG_STRONG))
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, name, member->header_at,
                            "member \"%.*s\" of the zip archive is encrypted; unpack it and pack it without a password",
                            get_shown(member), member->name);
    if (member->method)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, name, member->header_at,
                            "member \"%.*s\" of the zip archive is compressed (%s, method %u), expected it stored; unpack "
                            "the archive and pack it by zip -0, or write it by numpy.savez",
                            get_shown(member), member->name, member->method == METHOD_DEFLATE ? "deflate" : "not deflate",
                            member->method);
    if (member->bytes != member->stored_bytes)
        return fail_member(zip, member, member->header_at, "it is stored, but its two sizes differ; the file is damaged", error);
    return SLUICE_STATUS_OK;
}

sluice_status sl_zip_check_crc(const sl_zip *zip, const sl_zip_member *member, sluice_error *error)
{
    sluice_status status = sl_zip_check_stored(zip, member, error);
    if (status)
        return status;
    unsigned char *block = sl_alloc(BLOCK);
    if (!block)
        return sl_fail_memory(error, "reading a zip archive", BLOCK);
    uint32_t crc = sl_crc32_begin(member->bytes);
    for (size_t at = 0; !status && at < member->bytes; at += BLOCK) {
        const size_t bytes = sl_size_min(BLOCK, member->bytes - at);
        status = sl_zip_read(zip->input, member->data_at + at, block, bytes, error);
        if (!status)
            crc ^= sl_crc32_part(block, bytes, at, member->bytes);
    }
    sl_free(block);
    if (!status && crc != member->crc)
        status =
            fail_member(zip, member, member->data_at, "its data do not have the CRC of the directory; the file is damaged", error);
    return status;
}

void sl_zip_close(sl_zip *zip)
{
    if (!zip)
        return;
    sl_free(zip->directory);
    sl_free(zip->members);
    sl_free(zip->by_name);
    sl_free(zip);
}
