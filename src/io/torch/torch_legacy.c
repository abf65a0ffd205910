/* Files of torch.save before torch 1.6: five pickles in a row (a magic number, the protocol, facts of the system, the object, the
 * storages' keys), and then for each key the number of elements, 8 bytes, and the elements. Their size follows from the object. */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/torch/torch_archive.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_WINDOW = 1 << 16, COUNT_BYTES = 8, PROTOCOL = 1001 };

typedef struct one_pickle {
    unsigned char *text; /* owned */
    sl_pickle pickle;
} one_pickle;

static void release_one(one_pickle *one)
{
    sl_pickle_release(&one->pickle);
    sl_free(one->text);
    *one = (one_pickle){0};
}

/* ---- A pickle of unknown length --------------------------------------------------------------------------------------------- */

/* Keep the first `bytes` bytes of a text alone: the window may be twice as long, and the values of the pickle take memory besides. */
static sluice_status fit_text(size_t bytes, one_pickle *one, sluice_error *error)
{
    unsigned char *text = sl_alloc(bytes);
    if (!text)
        return sl_fail_memory(error, "a pickle", bytes);
    memcpy(text, one->text, bytes);
    sl_free(one->text);
    one->text = text;
    return SLUICE_STATUS_OK;
}

/* Read `bytes` bytes at *at, which the pickle there may end before; *is_cut: it does not end in them. */
static sluice_status read_window(const sl_input *input, size_t at, size_t bytes, size_t room, one_pickle *one, bool *is_cut,
                                 sluice_error *error)
{
    one->text = sl_alloc(bytes);
    if (!one->text)
        return sl_fail_memory(error, "a pickle", bytes);
    sl_pickle_text text = {.name = input->name, .bytes = one->text, .origin = at};
    sl_pickle_extent extent = {0};
    sluice_status status = sl_input_read(input, at, one->text, bytes, &text.size, error);
    if (!status)
        status = sl_pickle_measure(&text, &extent, error);
    *is_cut = extent.is_cut;
    if (!status)
        status = fit_text(extent.bytes, one, error);
    if (!status) {
        text.bytes = one->text;
        text.size = extent.bytes;
        status = sl_pickle_read(&text, &extent, room, &one->pickle, error);
    }
    return status;
}

/* Read the pickle at *at, and step over it; `room` as of sl_pickle_read. */
static sluice_status read_one(const sl_input *input, size_t *at, size_t room, one_pickle *one, sluice_error *error)
{
    const size_t left = input->size - sl_size_min(*at, input->size), most = sl_size_min(left, SL_PICKLE_MAX_BYTES);
    bool is_cut = true;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t bytes = sl_size_min(FIRST_WINDOW, most);; bytes = sl_size_min(2 * bytes, most)) {
        status = read_window(input, *at, bytes, room, one, &is_cut, error);
        if (!status || !is_cut || bytes == most)
            break;
        release_one(one);
    }
    if (!status)
        *at += one->pickle.text.size;
    return status;
}

/* ---- The first three -------------------------------------------------------------------------------------------------------- */

static sluice_status check_protocol(const one_pickle *one, sluice_error *error)
{
    size_t protocol;
    if (sl_torch_get_size(&one->pickle, one->pickle.root, &protocol) && protocol == PROTOCOL)
        return SLUICE_STATUS_OK;
    return sl_pickle_fail(&one->pickle.text, 0, error,
                          "expected protocol %d of torch.save; write the file again by torch.save of a current torch", PROTOCOL);
}

static sluice_status check_system(const one_pickle *one, sluice_error *error)
{
    const sl_value little = sl_pickle_find(&one->pickle, one->pickle.root, "little_endian");
    const sl_node *node = sl_pickle_get(&one->pickle, little);
    if (node->kind == SL_VALUE_BOOL && node->number)
        return SLUICE_STATUS_OK;
    return sl_pickle_fail(
        &one->pickle.text, 0, error,
        "expected numbers in little-endian order, as little_endian True says; write the file again by torch.save of a "
        "current torch");
}

/* The magic number was what made the file one of these. */
static sluice_status read_preamble(const sl_input *input, size_t *at, sluice_error *error)
{
    static sluice_status (*const checks[])(const one_pickle *, sluice_error *) = {NULL, check_protocol, check_system};
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < sizeof checks / sizeof *checks; k++) {
        one_pickle one = {0};
        status = read_one(input, at, SL_PICKLE_ROOM, &one, error);
        if (!status && checks[k])
            status = checks[k](&one, error);
        release_one(&one);
    }
    return status;
}

/* ---- Storages --------------------------------------------------------------------------------------------------------------- */

typedef struct key_text {
    const char *text;
    size_t bytes;
} key_text;

static key_text get_key(const sl_pickle *pickle, sl_value key)
{
    const sl_node *node = sl_pickle_get(pickle, key);
    return (key_text){(const char *)pickle->text.bytes + node->begin, node->bytes};
}

static int compare_keys(key_text a, key_text b)
{
    const int order = memcmp(a.text, b.text, sl_size_min(a.bytes, b.bytes));
    return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

/* For sorting: a place with the text of its key. */
typedef struct sortable {
    key_text key;
    sl_torch_place place;
} sortable;

static int compare_sortable(const void *a, const void *b)
{
    return compare_keys(((const sortable *)a)->key, ((const sortable *)b)->key);
}

static sl_torch_place *find_place(const sl_torch_archive *archive, key_text key)
{
    size_t low = 0;
    for (size_t high = archive->place_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_keys(get_key(&archive->pickle, archive->places[middle].key), key);
        if (order == 0)
            return &archive->places[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Note each storage that the object states: `list` has room for all. */
static sluice_status list_storages(const sl_pickle *pickle, sortable *list, size_t *count, sluice_error *error)
{
    for (size_t k = 0; k < pickle->node_count; k++) {
        sl_torch_storage storage;
        if (pickle->nodes[k].kind != SL_VALUE_PERSISTENT)
            continue;
        const sluice_status status = sl_torch_storage_read(pickle, (sl_value)k, &storage, error);
        if (status)
            return status;
        list[(*count)++] =
            (sortable){get_key(pickle, storage.key), {storage.key, storage.bytes, SIZE_MAX, storage.type->bytes, storage.at}};
    }
    return SLUICE_STATUS_OK;
}

/* Sort the storages, and keep one of each key; those of one key have to be alike. */
static sluice_status keep_places(sl_torch_archive *archive, sortable *list, size_t count, sluice_error *error)
{
    if (count)
        qsort(list, count, sizeof *list, compare_sortable);
    for (size_t k = 0; k < count; k++) {
        const sl_torch_place *last = archive->place_count ? &archive->places[archive->place_count - 1] : NULL;
        if (!k || compare_sortable(&list[k - 1], &list[k]) != 0)
            archive->places[archive->place_count++] = list[k].place;
        else if (list[k].place.bytes != last->bytes || list[k].place.element_bytes != last->element_bytes)
            return sl_pickle_fail(&archive->pickle.text, list[k].place.at, error,
                                  "storage \"%s\" is stated with two sizes or types; the file is damaged",
                                  sl_label_get_part(list[k].key.text, list[k].key.bytes).text);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status find_places(sl_torch_archive *archive, sluice_error *error)
{
    size_t most = 0, count = 0;
    for (size_t k = 0; k < archive->pickle.node_count; k++)
        most += archive->pickle.nodes[k].kind == SL_VALUE_PERSISTENT;
    const size_t bytes = most * (sizeof(sortable) + sizeof *archive->places);
    if (bytes > archive->pickle.room)
        return sl_pickle_fail(&archive->pickle.text, 0, error,
                              "%zu references to storages are more than are read; write model.state_dict() alone by torch.save",
                              most);
    archive->pickle.room -= bytes;
    sortable *list = sl_alloc_array(most, sizeof *list);
    archive->places = sl_alloc_array(most, sizeof *archive->places);
    sluice_status status = list && archive->places ? list_storages(&archive->pickle, list, &count, error)
                                                   : sl_fail_memory(error, "a list of storages", bytes);
    if (!status)
        status = keep_places(archive, list, count, error);
    sl_free(list);
    return status;
}

/* Read the count of elements at *at, and step over it and the elements. */
static sluice_status place_storage(const sl_torch_archive *archive, const one_pickle *keys, sl_value key, size_t *at,
                                   sluice_error *error)
{
    const sl_input *input = archive->input;
    if (sl_pickle_get(&keys->pickle, key)->kind != SL_VALUE_STRING)
        return sl_pickle_fail(&keys->pickle.text, 0, error, "expected a list of the storages' keys; the file is damaged");
    const key_text text = get_key(&keys->pickle, key);
    const sl_label label = sl_label_get_part(text.text, text.bytes);
    sl_torch_place *place = find_place(archive, text);
    if (!place || place->begin != SIZE_MAX)
        return sl_pickle_fail(&keys->pickle.text, sl_pickle_get(&keys->pickle, key)->at, error,
                              "key \"%s\" is %s; the file is damaged", label.text, place ? "there twice" : "that of no storage");
    uint64_t count = 0;
    size_t got, bytes;
    const sluice_status status = sl_input_read(input, *at, &count, COUNT_BYTES, &got, error);
    if (status)
        return status;
    if (got < COUNT_BYTES)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, *at + got,
                            "the file ends here, expected the size of storage \"%s\"; was it cut short?", label.text);
    if (count > SIZE_MAX || !sl_size_mul((size_t)count, place->element_bytes, &bytes) || bytes != place->bytes)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, *at,
                            "storage \"%s\" has %llu elements here, but %zu bytes as its tensors state it; the file is damaged",
                            label.text, (unsigned long long)count, place->bytes);
    *at += COUNT_BYTES;
    if (bytes > input->size - *at)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, *at,
                            "storage \"%s\" has %zu bytes, but the file has %zu more; was it cut short?", label.text, bytes,
                            input->size - *at);
    place->begin = *at;
    *at += bytes;
    return SLUICE_STATUS_OK;
}

static sluice_status place_storages(const sl_torch_archive *archive, size_t at, sluice_error *error)
{
    one_pickle keys = {0};
    sluice_status status = read_one(archive->input, &at, archive->pickle.room, &keys, error);
    const sl_pickle *pickle = &keys.pickle;
    if (!status && sl_pickle_get(pickle, pickle->root)->kind != SL_VALUE_LIST)
        status = sl_pickle_fail(&pickle->text, 0, error, "expected a list of the storages' keys; the file is damaged");
    if (!status)
        for (uint32_t cell = sl_pickle_get_first(pickle, pickle->root); !status && cell; cell = pickle->cells[cell].next)
            status = place_storage(archive, &keys, pickle->cells[cell].value, &at, error);
    release_one(&keys);
    return status;
}

sluice_status sl_torch_legacy_open(const sl_input *input, sl_torch_archive *archive, sluice_error *error)
{
    size_t at = 0;
    one_pickle object = {0};
    *archive = (sl_torch_archive){.input = input};
    sluice_status status = read_preamble(input, &at, error);
    if (!status)
        status = read_one(input, &at, SL_PICKLE_ROOM, &object, error);
    archive->text = object.text;
    archive->pickle = object.pickle;
    if (!status)
        status = find_places(archive, error);
    return status ? status : place_storages(archive, at, error);
}

sluice_status sl_torch_legacy_find(const sl_torch_archive *archive, const sl_torch_storage *storage, size_t *begin,
                                   sluice_error *error)
{
    const key_text key = get_key(&archive->pickle, storage->key);
    const sl_torch_place *place = find_place(archive, key);
    if (!place || place->begin == SIZE_MAX)
        return sl_pickle_fail(&archive->pickle.text, storage->at, error, "storage \"%s\" is not in the file; write it again",
                              sl_label_get_part(key.text, key.bytes).text);
    *begin = place->begin;
    return SLUICE_STATUS_OK;
}
