#include "io/npy/npz_read.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/resolve.h"
#include "io/zip/inflate_input.h"
#include "io/zip/zip.h"

#include <string.h>
#include <unistd.h>

#define SUFFIX ".npy"
enum { SUFFIX_BYTES = sizeof SUFFIX - 1, SIGNATURE_BYTES = 2 };

struct sl_npz_reader {
    sl_input input;
    sl_zip *zip;
};

/* A file of another kind, an array alone for example, gets a message that says so. */
static sluice_status check_signature(const sl_input *input, sluice_error *error)
{
    char begin[SIGNATURE_BYTES];
    size_t got = 0;
    if (!input->regular)
        return SLUICE_STATUS_OK; /* sl_zip_open refuses it */
    const sluice_status status = sl_input_read(input, 0, begin, sizeof begin, &got, error);
    if (status || (got == sizeof begin && memcmp(begin, "PK", sizeof begin) == 0))
        return status;
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, 0,
                        "expected a .npz file, a zip archive of arrays as numpy.savez writes it, found a file of another kind");
}

static bool ends_so(const char *name, size_t bytes)
{
    return bytes >= SUFFIX_BYTES && memcmp(name + bytes - SUFFIX_BYTES, SUFFIX, SUFFIX_BYTES) == 0;
}

/* Members "a" and "a.npy" would be one array: numpy calls both "a". */
static sluice_status check_names(const sl_npz_reader *reader, sluice_error *error)
{
    for (size_t k = 0; k < sl_npz_count(reader); k++) {
        size_t bytes;
        const char *name = sl_npz_get_name(reader, k, &bytes);
        const sl_zip_member *member = sl_zip_get(reader->zip, k);
        const sl_zip_member *other =
            bytes < member->name_bytes && !ends_so(name, bytes) ? sl_zip_find(reader->zip, name, bytes) : NULL;
        if (other)
            return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, reader->input.name, other->header_at,
                                "expected one member of each array, found \"%.*s\" beside \"%.*s%s\"; write it by numpy.savez",
                                bytes < 100 ? (int)bytes : 100, name, bytes < 100 ? (int)bytes : 100, name, SUFFIX);
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_npz_open(const char *path, sl_npz_reader **reader, sluice_error *error)
{
    *reader = NULL;
    sl_npz_reader *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a .npz reader", sizeof *opened);
    sluice_status status = sl_input_open(path, &opened->input, error);
    if (!status)
        status = check_signature(&opened->input, error);
    if (!status)
        status = sl_zip_open(&opened->input, &opened->zip, error);
    if (!status)
        status = check_names(opened, error);
    if (status)
        sl_npz_close(opened);
    else
        *reader = opened;
    return status;
}

size_t sl_npz_count(const sl_npz_reader *reader)
{
    return sl_zip_count(reader->zip);
}

const char *sl_npz_get_name(const sl_npz_reader *reader, size_t index, size_t *bytes)
{
    const sl_zip_member *member = sl_zip_get(reader->zip, index);
    *bytes = member->name_bytes - (ends_so(member->name, member->name_bytes) ? SUFFIX_BYTES : 0);
    return member->name;
}

/* The names of the archive's arrays, for a message. */
static sl_label_list list_names(const sl_npz_reader *reader)
{
    sl_label_list list = {0};
    for (size_t k = 0; k < sl_npz_count(reader); k++) {
        size_t bytes;
        const char *name = sl_npz_get_name(reader, k, &bytes);
        sl_label_list_add(&list, name, bytes, "");
    }
    return list;
}

/* The member's bytes as an input of their own. */
static sluice_status open_part(const sl_npz_reader *reader, const sl_zip_member *member, const char *file, sl_input *part,
                               sluice_error *error)
{
    const bool is_deflated = sl_zip_is_deflated(member);
    sluice_status status = is_deflated ? SLUICE_STATUS_OK : sl_zip_check_crc(reader->zip, member, error);
    if (!status)
        status = sl_input_open_part(&reader->input, member->data_at, member->stored_bytes, file, part, error);
    return status || !is_deflated ? status : sl_input_inflate(part, member->bytes, member->crc, error);
}

static sluice_status open_member(const sl_npz_reader *reader, const char *file, sl_npy_reader **array, sl_npy_header *header,
                                 sluice_error *error)
{
    const sl_zip_member *member = sl_zip_find(reader->zip, file, strlen(file));
    if (!member)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: the archive has no member \"%s\"; %s%s; write it by numpy.savez",
                       reader->input.name, sl_label_get(file).text, sl_npz_count(reader) ? "it has the arrays " : "it is empty",
                       list_names(reader).text);
    sl_input part;
    const sluice_status status = open_part(reader, member, file, &part, error);
    return status ? status : sl_npy_open_input(&part, array, header, error);
}

sluice_status sl_npz_open_array(const sl_npz_reader *reader, const char *name, sl_npy_reader **array, sl_npy_header *header,
                                sluice_error *error)
{
    const size_t length = strlen(name);
    *array = NULL;
    char *file = sl_alloc(length + SUFFIX_BYTES + 1);
    if (!file)
        return sl_fail_memory(error, "the name of an array", length);
    memcpy(file, name, length);
    memcpy(file + length, SUFFIX, SUFFIX_BYTES + 1);
    const sluice_status status = open_member(reader, file, array, header, error);
    sl_free(file);
    return status;
}

/* Where in a path the name of an array begins, behind ".npz:"; NULL: nowhere. */
static const char *find_name(const char *path)
{
    static const char mark[] = ".npz:";
    const char *at = strstr(path, mark);
    return at && at > path ? at + strlen(mark) : NULL;
}

bool sl_npz_is_path(const char *path)
{
    sl_resolved found;
    return find_name(path) && !(sl_resolve(path, STDIN_FILENO, &found) == 0 && found.exists);
}

size_t sl_npz_get_file_bytes(const char *path)
{
    return sl_npz_is_path(path) ? (size_t)(find_name(path) - path) - 1 : strlen(path);
}

sluice_status sl_npz_open_path(const char *path, sl_npy_reader **array, sl_npy_header *header, sluice_error *error)
{
    *array = NULL;
    const size_t length = sl_npz_get_file_bytes(path);
    if (!path[length])
        return sl_npy_open(path, array, header, error);
    const char *name = path + length + 1;
    char *file = sl_alloc(length + 1);
    if (!file)
        return sl_fail_memory(error, "a file name", length);
    memcpy(file, path, length);
    sl_npz_reader *reader;
    sluice_status status = sl_npz_open(file, &reader, error);
    if (!status)
        status = sl_npz_open_array(reader, name, array, header, error);
    sl_npz_close(reader);
    sl_free(file);
    return status;
}

void sl_npz_close(sl_npz_reader *reader)
{
    if (!reader)
        return;
    sl_zip_close(reader->zip);
    sl_input_close(&reader->input);
    sl_free(reader);
}
