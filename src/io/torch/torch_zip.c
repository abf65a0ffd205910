/* Zip archives of torch.save and torch.jit.save: [root]/data.pkl, and [root]/data/[key] for each storage. Of TorchScript's other
 * members, which are code, nothing is read. */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/torch/torch_archive.h"
#include "io/zip/zip_end.h"

#include <string.h>

#define PICKLE "data.pkl"
enum { PICKLE_BYTES = sizeof PICKLE - 1, MAX_KEY = 200 };

/* The pickle of an archive: the one member [root]/data.pkl. */
static bool is_pickle(const sl_zip_member *member)
{
    if (member->name_bytes <= PICKLE_BYTES + 1)
        return false;
    const size_t root = member->name_bytes - PICKLE_BYTES;
    return memcmp(member->name + root, PICKLE, PICKLE_BYTES) == 0 && memchr(member->name, '/', root) == member->name + root - 1;
}

/* Members by which torch.export's archives are known. */
static bool is_of_export(const sl_zip_member *member)
{
    static const char *const ends[] = {"archive_format", "serialized_exported_program.json", "models/model.json"};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        const size_t bytes = strlen(ends[k]);
        if (member->name_bytes >= bytes && memcmp(member->name + member->name_bytes - bytes, ends[k], bytes) == 0)
            return true;
    }
    return false;
}

static sluice_status find_pickle(sl_torch_archive *archive, const sl_zip_member **pickle, sluice_error *error)
{
    const char *name = archive->input->name;
    bool is_export = false;
    *pickle = NULL;
    for (size_t k = 0; k < sl_zip_count(archive->zip); k++) {
        const sl_zip_member *member = sl_zip_get(archive->zip, k);
        is_export |= is_of_export(member);
        if (!is_pickle(member))
            continue;
        if (*pickle)
            return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, name, member->header_at,
                                "the zip archive has a second member " PICKLE "; write the model again by torch.save");
        *pickle = member;
    }
    if (is_export)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: an archive of torch.export (.pt2) is not read; write the state_dict() of its module by torch.save",
                       name);
    if (!*pickle)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: expected a zip archive of torch.save with a member [folder]/" PICKLE
                       ", found none; write the model's state_dict() by torch.save",
                       name);
    archive->root = (*pickle)->name;
    archive->root_bytes = (*pickle)->name_bytes - PICKLE_BYTES;
    return SLUICE_STATUS_OK;
}

/* The member [root][name]; NULL: there is none. */
static const sl_zip_member *find_member(const sl_torch_archive *archive, const char *folder, const char *name, size_t bytes)
{
    char full[1024];
    const size_t folder_bytes = strlen(folder);
    if (archive->root_bytes + folder_bytes + bytes > sizeof full)
        return NULL;
    memcpy(full, archive->root, archive->root_bytes);
    memcpy(full + archive->root_bytes, folder, folder_bytes);
    memcpy(full + archive->root_bytes + folder_bytes, name, bytes);
    return sl_zip_find(archive->zip, full, archive->root_bytes + folder_bytes + bytes);
}

/* Numbers of another byte order are refused. A file without the member is older than 2.1, and little-endian but for rare machines. */
static sluice_status check_byte_order(const sl_torch_archive *archive, sluice_error *error)
{
    static const char wanted[] = {'l', 'i', 't', 't', 'l', 'e'};
    char found[sizeof wanted] = {0};
    const sl_zip_member *member = find_member(archive, "", "byteorder", strlen("byteorder"));
    if (!member)
        return SLUICE_STATUS_OK;
    sluice_status status = sl_zip_check_stored(archive->zip, member, error);
    if (!status && member->bytes == sizeof found)
        status = sl_zip_read(archive->input, member->data_at, found, sizeof found, error);
    if (!status && memcmp(found, wanted, sizeof found) != 0)
        status =
            sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, archive->input->name, member->data_at,
                         "expected byte order \"little\", found another; load the file in Python on the machine that wrote it, and "
                         "write it with safetensors.torch.save_file");
    return status;
}

/* The pickle's bytes are in the file as they are, and right. torch can be set to write no true CRCs, and does not check them: its member
 * `version`, which is short, shows whether they are. Weights have no such check, which would take longer than reading them. */
static sluice_status check_pickle(const sl_torch_archive *archive, const sl_zip_member *pickle, sluice_error *error)
{
    const sl_zip_member *version = find_member(archive, "", "version", strlen("version"));
    const sluice_status status = version ? sl_zip_check_crc(archive->zip, version, error) : SLUICE_STATUS_BAD_DATA;
    if (status && status != SLUICE_STATUS_BAD_DATA)
        return status;
    return status ? sl_zip_check_stored(archive->zip, pickle, error) : sl_zip_check_crc(archive->zip, pickle, error);
}

static sluice_status read_pickle(sl_torch_archive *archive, const sl_zip_member *member, sluice_error *error)
{
    if (member->bytes > SL_PICKLE_MAX_BYTES)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, archive->input->name, member->data_at,
                            "expected a pickle of at most %d bytes, found %zu; write model.state_dict() alone by torch.save",
                            SL_PICKLE_MAX_BYTES, member->bytes);
    sluice_status status = check_pickle(archive, member, error);
    if (status)
        return status;
    archive->text = sl_alloc(member->bytes);
    if (!archive->text)
        return sl_fail_memory(error, "a pickle", member->bytes);
    const sl_pickle_text text = {
        .name = archive->input->name, .bytes = archive->text, .size = member->bytes, .origin = member->data_at};
    sl_pickle_extent extent;
    status = sl_zip_read(archive->input, member->data_at, archive->text, member->bytes, error);
    if (!status)
        status = sl_pickle_measure(&text, &extent, error);
    return status ? status : sl_pickle_read(&text, &extent, &archive->pickle, error);
}

sluice_status sl_torch_zip_open(const sl_input *input, sl_torch_archive *archive, sluice_error *error)
{
    const sl_zip_member *pickle;
    *archive = (sl_torch_archive){.input = input};
    sluice_status status = sl_zip_open(input, &archive->zip, error);
    if (!status)
        status = find_pickle(archive, &pickle, error);
    if (!status)
        status = check_byte_order(archive, error);
    return status ? status : read_pickle(archive, pickle, error);
}

sluice_status sl_torch_zip_find(sl_torch_archive *archive, const sl_torch_storage *storage, size_t *begin, sluice_error *error)
{
    const sl_pickle_text *text = &archive->pickle.text;
    const sl_node *key = sl_pickle_get(&archive->pickle, storage->key);
    const char *name = (const char *)text->bytes + key->begin;
    const sl_zip_member *member = key->bytes <= MAX_KEY ? find_member(archive, "data/", name, key->bytes) : NULL;
    if (!member)
        return sl_pickle_fail(text, storage->at, error,
                              "the zip archive has no member \"%.*sdata/%s\" for a storage; write the file again",
                              (int)sl_size_min(archive->root_bytes, 100), archive->root, sl_label_get_part(name, key->bytes).text);
    const sluice_status status = sl_zip_check_stored(archive->zip, member, error);
    if (status)
        return status;
    if (member->bytes < storage->bytes)
        return sl_pickle_fail(text, storage->at, error,
                              "storage \"%s\" has %zu bytes, its member of the zip archive %zu; the file is damaged",
                              sl_label_get_part(name, key->bytes).text, storage->bytes, member->bytes);
    *begin = member->data_at;
    return SLUICE_STATUS_OK;
}

void sl_torch_archive_release(sl_torch_archive *archive)
{
    sl_pickle_release(&archive->pickle);
    sl_zip_close(archive->zip);
    sl_free(archive->places);
    sl_free(archive->text);
    *archive = (sl_torch_archive){0};
}
