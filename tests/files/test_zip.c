/* Zip archives: members found, and every cut and every changed byte of an archive refused or harmless, never a crash. Archives
 * of Python's zipfile are read by tests/cli/test_cli_networks.py. */
#include "io/zip/crc32.h"
#include "io/zip/zip.h"

#include "support/files.h"
#include "support/message.h"

enum { STORED = 0, DEFLATED = 8, STREAMED = 1 << 3, ENCRYPTED = 1 };

typedef struct part {
    const char *name, *data;
    unsigned flags, method;
    size_t at; /* of its local header; SIZE_MAX: where the one before has ended */
} part;

static const part plain[] = {
    {"a.npy", "first", 0, STORED, SIZE_MAX}, {"b/\xc3\xa9", "", 0, STORED, SIZE_MAX}, {"c", "third", STREAMED, STORED, SIZE_MAX}};
enum { PLAIN = sizeof plain / sizeof plain[0] };

static uint32_t get_crc(const char *data)
{
    return sl_crc32_begin(strlen(data)) ^ sl_crc32_part(data, strlen(data), 0, strlen(data));
}

static void add_local(test_bytes *to, const part *from)
{
    const uint64_t size = from->flags & STREAMED ? 0 : strlen(from->data);
    test_bytes_add_text(to, "PK\3\4");
    test_bytes_add_number(to, 20, 2);
    test_bytes_add_number(to, from->flags, 2);
    test_bytes_add_number(to, from->method, 2);
    test_bytes_add_number(to, 0, 4);
    test_bytes_add_number(to, from->flags & STREAMED ? 0 : get_crc(from->data), 4);
    test_bytes_add_number(to, size, 4);
    test_bytes_add_number(to, size, 4);
    test_bytes_add_number(to, strlen(from->name), 2);
    test_bytes_add_number(to, 4, 2);
    test_bytes_add_text(to, from->name);
    test_bytes_add_number(to, 0x4242, 4); /* an extra field of no bytes */
    test_bytes_add_text(to, from->data);
}

static void add_entry(test_bytes *to, const part *from, size_t at, bool wide)
{
    const uint64_t size = strlen(from->data);
    test_bytes_add_text(to, "PK\1\2");
    test_bytes_add_number(to, 45, 2);
    test_bytes_add_number(to, 45, 2);
    test_bytes_add_number(to, from->flags, 2);
    test_bytes_add_number(to, from->method, 2);
    test_bytes_add_number(to, 0, 4);
    test_bytes_add_number(to, get_crc(from->data), 4);
    test_bytes_add_number(to, wide ? UINT32_MAX : size, 4);
    test_bytes_add_number(to, wide ? UINT32_MAX : size, 4);
    test_bytes_add_number(to, strlen(from->name), 2);
    test_bytes_add_number(to, wide ? 28 : 0, 2);
    test_bytes_add_number(to, 0, 8);
    test_bytes_add_number(to, 0, 2);
    test_bytes_add_number(to, wide ? UINT32_MAX : at, 4);
    test_bytes_add_text(to, from->name);
    if (!wide)
        return;
    test_bytes_add_number(to, 1 | 24 << 16, 4);
    test_bytes_add_number(to, size, 8);
    test_bytes_add_number(to, size, 8);
    test_bytes_add_number(to, at, 8);
}

static void add_wide_end(test_bytes *to, size_t count, size_t at)
{
    const size_t end = to->size;
    test_bytes_add_text(to, "PK\6\6");
    test_bytes_add_number(to, 44, 8);
    test_bytes_add_number(to, 45 | 45 << 16, 4);
    test_bytes_add_number(to, 0, 8);
    test_bytes_add_number(to, count, 8);
    test_bytes_add_number(to, count, 8);
    test_bytes_add_number(to, end - at, 8);
    test_bytes_add_number(to, at, 8);
    test_bytes_add_text(to, "PK\6\7");
    test_bytes_add_number(to, 0, 4);
    test_bytes_add_number(to, end, 8);
    test_bytes_add_number(to, 1, 4);
}

static test_bytes make_archive(const part *parts, size_t count, bool wide, const char *comment)
{
    test_bytes made = {0};
    size_t places[8];
    for (size_t k = 0; k < count; k++) {
        places[k] = parts[k].at < SIZE_MAX ? parts[k].at : made.size;
        add_local(&made, &parts[k]);
    }
    const size_t at = made.size;
    for (size_t k = 0; k < count; k++)
        add_entry(&made, &parts[k], places[k], wide);
    const size_t bytes = made.size - at;
    if (wide)
        add_wide_end(&made, count, at);
    test_bytes_add_text(&made, "PK\5\6");
    test_bytes_add_number(&made, 0, 4);
    test_bytes_add_number(&made, wide ? UINT16_MAX : count, 2);
    test_bytes_add_number(&made, wide ? UINT16_MAX : count, 2);
    test_bytes_add_number(&made, wide ? UINT32_MAX : bytes, 4);
    test_bytes_add_number(&made, wide ? UINT32_MAX : at, 4);
    test_bytes_add_number(&made, strlen(comment), 2);
    test_bytes_add_text(&made, comment);
    return made;
}

/* Open a copy of its own size, so that a sanitizer sees a byte too many, and check every member; the first failure's status. */
static sluice_status try_archive(const unsigned char *data, size_t size, sluice_error *error)
{
    FREED unsigned char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, data, size);
    sl_input input;
    sl_zip *zip;
    SUCCEEDS(sl_input_open_memory, copy, size, &input);
    sluice_status status = sl_zip_open(&input, &zip, error);
    ck_assert(!status == (zip != NULL));
    for (size_t k = 0; !status && k < sl_zip_count(zip); k++) {
        const sl_zip_member *member = sl_zip_get(zip, k);
        ck_assert(sl_zip_find(zip, member->name, member->name_bytes) == member);
        status = sl_zip_check_crc(zip, member, error);
        ck_assert(member->data_at <= size && member->stored_bytes <= size - member->data_at);
    }
    sl_zip_close(zip);
    sl_input_close(&input);
    return status;
}

static void refuse(const test_bytes *file, const char *words)
{
    sluice_error error = {0};
    const sluice_status got = try_archive(file->data, file->size, &error);
    test_check_refused("archive", got, SLUICE_STATUS_BAD_DATA, &error, words);
}

TEST_LOOP(members, 0, 4)
{
    test_bytes file = make_archive(plain, PLAIN, _i % 2, _i / 2 ? "a comment PK\5\6 of some bytes, no record" : "");
    sl_input input;
    sl_zip *zip;
    SUCCEEDS(sl_input_open_memory, file.data, file.size, &input);
    SUCCEEDS(sl_zip_open, &input, &zip);
    ck_assert_uint_eq(sl_zip_count(zip), PLAIN);
    for (size_t k = 0; k < PLAIN; k++) {
        const sl_zip_member *member = sl_zip_find(zip, plain[k].name, strlen(plain[k].name));
        ck_assert_ptr_eq(member, sl_zip_get(zip, k));
        ck_assert_uint_eq(member->bytes, strlen(plain[k].data));
        ck_assert(memcmp(file.data + member->data_at, plain[k].data, member->bytes) == 0);
        SUCCEEDS(sl_zip_check_crc, zip, member);
    }
    ck_assert_ptr_null(sl_zip_find(zip, "a.np", 4));
    ck_assert_ptr_null(sl_zip_find(zip, "d", 1));
    sl_zip_close(zip);
    sl_input_close(&input);
    test_bytes_free(&file);
}

TEST_LOOP(no_members, 0, 2)
{
    test_bytes file = make_archive(NULL, 0, _i, "");
    sluice_error error;
    ck_assert_int_eq(try_archive(file.data, file.size, &error), SLUICE_STATUS_OK);
    test_bytes_free(&file);
}

TEST_LOOP(every_cut, 0, 2)
{
    test_bytes file = make_archive(plain, PLAIN, _i, "");
    for (size_t size = 0; size < file.size; size++) {
        const test_bytes cut = {file.data, size};
        refuse(&cut, "byte");
    }
    test_bytes_free(&file);
}

/* Every value of every byte. Most are refused; those of dates, versions, attributes and the like are not looked at. */
TEST_LOOP(every_byte, 0, 2)
{
    test_bytes file = make_archive(plain, PLAIN, _i, "");
    for (size_t k = 0; k < file.size; k++) {
        const unsigned char right = file.data[k];
        for (unsigned value = 0; value < 256; value++) {
            sluice_error error = {0};
            file.data[k] = (unsigned char)value;
            const sluice_status status = try_archive(file.data, file.size, &error);
            ck_assert(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA);
            if (status)
                test_check_message("changed", &error, status, "byte");
        }
        file.data[k] = right;
    }
    test_bytes_free(&file);
}

/* A number of the plain archive, counted from the directory's or the end record's beginning, that has to be refused. */
static const struct {
    bool of_end;
    size_t at, bytes;
    uint64_t value;
    const char *words;
} fields[] = {
    {false, 0, 1, 'Q', "expected an entry"},
    {false, 8, 2, ENCRYPTED, "\"a.npy\" of the zip archive is encrypted"},
    {false, 10, 2, DEFLATED, "not that of the directory"},
    {false, 16, 4, 7, "CRC"},
    {false, 20, 4, 4, "two sizes differ"},
    {false, 20, 4, 6, "overlaps another member"},
    {false, 20, 4, 4000, "overlap the directory"},
    {false, 20, 4, UINT32_MAX, "overlap the directory"},
    {false, 24, 4, UINT32_MAX, "two sizes differ"},
    {false, 28, 2, 0, "name is empty"},
    {false, 28, 2, 60000, "extends beyond"},
    {false, 30, 2, 60000, "extends beyond"},
    {false, 32, 2, 60000, "extends beyond"},
    {false, 34, 2, 1, "another disk"},
    {false, 42, 4, 1, "not that of the directory"},
    {false, 42, 4, 5000, "before the directory"},
    {false, 46, 1, 'b', "another name"},
    {false, 46, 1, 0, "NUL"},
    {true, 0, 1, 'Q', "end record"},
    {true, 4, 2, 1, "several disks"},
    {true, 6, 2, 1, "several disks"},
    {true, 8, 2, 2, "several disks"},
    {true, 8, 4, 2 | 2 << 16, "after 2 entries"},
    {true, 8, 4, UINT32_MAX, "cannot have 65535 entries"},
    {true, 12, 4, 9, "right before its end record"},
    {true, 16, 4, UINT32_MAX, "right before its end record"},
    {true, 20, 2, 1, "end record"},
};

TEST_EACH(field, fields)
{
    test_bytes file = make_archive(plain, PLAIN, false, "");
    const size_t end = file.size - 22;
    uint32_t directory;
    memcpy(&directory, file.data + end + 16, sizeof directory);
    memcpy(file.data + (fields[_i].of_end ? end : directory) + fields[_i].at, &fields[_i].value, fields[_i].bytes);
    refuse(&file, fields[_i].words);
    test_bytes_free(&file);
}

TEST(other_archives)
{
    const part twice[] = {plain[0], plain[0]}, same_place[] = {plain[0], {"a.npy", "first", 0, STORED, 0}};
    const part deflated = {"d", "x", 0, DEFLATED, SIZE_MAX}, other = {"e", "x", 0, 14, SIZE_MAX};
    test_bytes files[] = {make_archive(twice, 2, false, ""), make_archive(same_place, 2, false, ""),
                          make_archive(&deflated, 1, false, ""), make_archive(&other, 1, false, "")};
    refuse(&files[0], "the same name");
    refuse(&files[1], "overlaps another member");
    refuse(&files[2], "\"d\" of the zip archive is compressed (deflate, method 8)");
    refuse(&files[3], "method 14");
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++)
        test_bytes_free(&files[k]);
}

TEST(wide_records_differ)
{
    test_bytes file = make_archive(plain, PLAIN, true, "");
    const uint16_t count = PLAIN + 1;
    memcpy(file.data + file.size - 22 + 10, &count, sizeof count);
    refuse(&file, "differ");
    test_bytes_free(&file);
}
