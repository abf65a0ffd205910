#include "io/hdf5/hdf5_strings.h"

#include "base/size.h"
#include "io/json.h"

#include <string.h>

enum { HEAP_HEAD = 16, OBJECT_HEAD = 16, OBJECT_STEP = 8 };

/* The collection of a global heap that was looked at last: neighbouring strings are in the same one, one behind the other. */
typedef struct collection {
    size_t at;  /* SIZE_MAX: none yet */
    size_t end; /* what is in it ends there */
    size_t next;
} collection;

/* Check the text's bytes, which are followed by a NUL. */
static sluice_status check_text(sl_hdf5 *file, const sl_hdf5_text *text, sluice_error *error)
{
    for (size_t at = 0, step; at < text->bytes; at += step) {
        step = text->text[at] ? sl_utf8_get_bytes(text->text + at, text->bytes - at) : 0;
        if (!step)
            return sl_hdf5_fail(file, text->at + at, error, "expected a text of UTF-8 without NUL, found the byte 0x%02x",
                                (unsigned char)text->text[at]);
    }
    return SLUICE_STATUS_OK;
}

/* Cut the padding off. */
static void trim(sl_hdf5_text *text, sl_hdf5_padding padding)
{
    const char pad = padding == SL_HDF5_SPACE_PADDED ? ' ' : 0;
    if (padding == SL_HDF5_TERMINATED)
        text->bytes = strlen(text->text);
    while (text->bytes && text->text[text->bytes - 1] == pad)
        text->bytes--;
    text->text[text->bytes] = 0;
}

/* ---- Strings in a global heap --------------------------------------------------------------------------------------------------- */

static sluice_status open_collection(sl_hdf5 *file, collection *heap, size_t at, sluice_error *error)
{
    static const char what[] = "a collection of the global heap";
    unsigned char head[HEAP_HEAD];
    const sluice_status status = sl_hdf5_read_head(file, at, "GCOL\1", what, head, sizeof head, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = head, .size = sizeof head, .used = 8};
    const uint64_t size = sl_hdf5_take(&from, 8);
    if (size < HEAP_HEAD || size > file->end - at)
        return sl_hdf5_fail_damaged(file, at, what, error);
    *heap = (collection){.at = at, .end = at + (size_t)size, .next = at + HEAP_HEAD};
    return SLUICE_STATUS_OK;
}

/* Look for object `index` from heap->next on; *found is then where its `bytes` bytes are, else 0. */
static sluice_status search_collection(sl_hdf5 *file, collection *heap, uint64_t index, size_t *found, size_t *bytes,
                                       sluice_error *error)
{
    *found = 0;
    while (!*found && heap->end - heap->next >= OBJECT_HEAD) {
        unsigned char head[OBJECT_HEAD];
        const size_t at = heap->next + OBJECT_HEAD, room = heap->end - at;
        const sluice_status status = sl_hdf5_read(file, heap->next, head, sizeof head, error);
        if (status)
            return status;
        sl_hdf5_bytes from = {.data = head, .size = sizeof head};
        const uint64_t number = sl_hdf5_take(&from, 2);
        sl_hdf5_take(&from, 6);
        const uint64_t size = sl_hdf5_take(&from, 8);
        if (!number) /* what is free, at the end */
            break;
        if (size > room)
            return sl_hdf5_fail_damaged(file, heap->next, "an object that ends within its collection of the global heap", error);
        *bytes = (size_t)size;
        heap->next = at + sl_size_min(sl_size_round_up(*bytes, OBJECT_STEP), room);
        *found = number == index ? at : 0;
    }
    return SLUICE_STATUS_OK;
}

/* Read object `index` of a collection, of which the first `bytes` bytes are the string. */
static sluice_status read_object(sl_hdf5 *file, collection *heap, uint64_t index, size_t bytes, size_t stated_at,
                                 sl_hdf5_text *text, sluice_error *error)
{
    size_t at, size = 0;
    sluice_status status = search_collection(file, heap, index, &at, &size, error);
    if (!status && !at) {
        heap->next = heap->at + HEAP_HEAD;
        status = search_collection(file, heap, index, &at, &size, error);
    }
    if (status)
        return status;
    if (!at || size < bytes)
        return sl_hdf5_fail(file, stated_at, error,
                            "there is no string of %zu bytes, object %llu, in the collection of the global "
                            "heap at byte %zu; the file is damaged",
                            bytes, (unsigned long long)index, heap->at);
    *text = (sl_hdf5_text){.bytes = bytes, .at = at};
    status = sl_hdf5_keep(file, bytes + 1, 1, stated_at, &text->text, error);
    return status ? status : sl_hdf5_read(file, text->at, text->text, bytes, error);
}

static sluice_status take_referred(sl_hdf5 *file, sl_hdf5_bytes *from, collection *heap, sl_hdf5_text *text, sluice_error *error)
{
    const size_t stated_at = from->at + from->used;
    const uint64_t bytes = sl_hdf5_take(from, 4), address = sl_hdf5_take(from, 8), index = sl_hdf5_take(from, 4);
    size_t at;
    if (from->lacking)
        return sl_hdf5_fail_damaged(file, stated_at, "as many strings as the dataspace states", error);
    if (!bytes) {
        *text = (sl_hdf5_text){.at = stated_at};
        return sl_hdf5_keep(file, 1, 1, stated_at, &text->text, error);
    }
    sluice_status status = sl_hdf5_place(file, address, HEAP_HEAD, stated_at, "a collection of the global heap", &at, error);
    if (!status && at != heap->at)
        status = open_collection(file, heap, at, error);
    return status ? status : read_object(file, heap, index, (size_t)bytes, stated_at, text, error);
}

static sluice_status take_all_referred(sl_hdf5 *file, sl_hdf5_bytes *from, const sl_hdf5_type *type, size_t count,
                                       sl_hdf5_text *texts, sluice_error *error)
{
    collection heap = {.at = SIZE_MAX};
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++) {
        status = take_referred(file, from, &heap, &texts[k], error);
        if (status)
            break;
        trim(&texts[k], type->padding);
        status = check_text(file, &texts[k], error);
    }
    return status;
}

/* ---- Strings in place ----------------------------------------------------------------------------------------------------------- */

sluice_status sl_hdf5_take_strings(sl_hdf5 *file, sl_hdf5_bytes *from, const sl_hdf5_type *type, size_t count, sl_hdf5_text *texts,
                                   sluice_error *error)
{
    if (type->class == SL_HDF5_REFERRED_STRING)
        return take_all_referred(file, from, type, count, texts, error);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++) {
        texts[k] = (sl_hdf5_text){.bytes = type->bytes, .at = from->at + from->used};
        const unsigned char *data = sl_hdf5_take_bytes(from, type->bytes);
        if (!data)
            return sl_hdf5_fail_damaged(file, texts[k].at, "as many strings as the dataspace states", error);
        status = sl_hdf5_keep(file, type->bytes + 1, 1, texts[k].at, &texts[k].text, error);
        if (status)
            return status;
        memcpy(texts[k].text, data, type->bytes);
        trim(&texts[k], type->padding);
        status = check_text(file, &texts[k], error);
    }
    return status;
}
