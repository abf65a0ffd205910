/* Attributes of strings. */
#include "io/hdf5/hdf5_header.h"
#include "io/hdf5/hdf5_strings.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 64 }; /* of an attribute that is asked for, with a number behind it */

/* An attribute's message, taken as far as its value. */
typedef struct attribute {
    size_t at;
    sl_hdf5_bytes body, type, space; /* body: the value is next */
} attribute;

/* A part of `bytes` bytes, which version 1 pads. */
static sl_hdf5_bytes take_part(sl_hdf5_bytes *from, size_t bytes, uint64_t version)
{
    const size_t at = from->at + from->used, all = version == 1 ? sl_size_round_up(bytes, 8) : bytes;
    return (sl_hdf5_bytes){.data = sl_hdf5_take_bytes(from, all), .size = bytes, .at = at};
}

/* Load an attribute; *is_it: whether it has the name. */
static sluice_status load_attribute(sl_hdf5 *file, const sl_hdf5_message *message, const char *name, attribute *loaded, bool *is_it,
                                    sluice_error *error)
{
    enum { SHARED = 3 };
    sl_hdf5_bytes *body = &loaded->body;
    const sluice_status status = sl_hdf5_load_message(file, message, body, error);
    if (status)
        return status;
    const uint64_t version = sl_hdf5_take(body, 1), flags = sl_hdf5_take(body, 1);
    const size_t name_bytes = (size_t)sl_hdf5_take(body, 2), type_bytes = (size_t)sl_hdf5_take(body, 2),
                 space_bytes = (size_t)sl_hdf5_take(body, 2);
    if (version == 3)
        sl_hdf5_take(body, 1); /* the name's character set */
    const sl_hdf5_bytes stated = take_part(body, name_bytes, version);
    loaded->type = take_part(body, type_bytes, version);
    loaded->space = take_part(body, space_bytes, version);
    loaded->at = message->at;
    if (body->lacking || version < 1 || version > 3 || !name_bytes)
        return sl_hdf5_fail_damaged(file, message->at, "an attribute, of version 1 to 3", error);
    const size_t bytes = strnlen((const char *)stated.data, name_bytes);
    *is_it = bytes == strlen(name) && memcmp(stated.data, name, bytes) == 0;
    if (*is_it && version > 1 && flags & SHARED)
        return sl_hdf5_fail(file, message->at, error,
                            "attribute \"%s\" has a named type, which is not supported; write the model "
                            "again without named types",
                            name);
    return SLUICE_STATUS_OK;
}

/* Many attributes, or large ones, are in a fractal heap, of which the attribute info has the address. */
static sluice_status check_dense(sl_hdf5 *file, const sl_hdf5_object *object, const char *name, sluice_error *error)
{
    const sl_hdf5_message *message = sl_hdf5_find_message(object->messages, SL_HDF5_MESSAGE_ATTRIBUTE_INFO);
    sl_hdf5_bytes from;
    const sluice_status status = message ? sl_hdf5_load_message(file, message, &from, error) : SLUICE_STATUS_OK;
    if (status || !message)
        return status;
    sl_hdf5_take(&from, 1);
    sl_hdf5_take_bytes(&from, sl_hdf5_take(&from, 1) & 1 ? 2 : 0);
    const uint64_t heap = sl_hdf5_take(&from, 8);
    if (from.lacking)
        return sl_hdf5_fail_damaged(file, message->at, "the message of an object's attributes", error);
    if (!sl_hdf5_is_undefined(heap))
        return sl_hdf5_fail(
            file, message->at, error,
            "its attributes, \"%s\" perhaps, are stored densely, which is not supported; rewrite the file with h5repack IN OUT, "
            "or, where it keeps their order, write it again without",
            name);
    return SLUICE_STATUS_OK;
}

/* Find an attribute of strings; *found: whether there is one of the name. */
static sluice_status find_strings(sl_hdf5 *file, sl_hdf5_object *object, const char *name, attribute *loaded, sl_hdf5_type *type,
                                  sl_hdf5_space *space, bool *found, sluice_error *error)
{
    sluice_status status = sl_hdf5_enter(file, object, error);
    *found = false;
    const sl_hdf5_message *message = sl_hdf5_find_message(object->messages, SL_HDF5_MESSAGE_ATTRIBUTE);
    for (; !status && message && !*found; message = sl_hdf5_find_message(message->next, SL_HDF5_MESSAGE_ATTRIBUTE))
        status = load_attribute(file, message, name, loaded, found, error);
    if (status || !*found)
        return status ? status : check_dense(file, object, name, error);
    status = sl_hdf5_take_type(file, &loaded->type, type, error);
    if (!status)
        status = sl_hdf5_take_space(file, &loaded->space, space, error);
    /* an empty list may be of any type: numpy's has float64 */
    if (!status && space->elements && type->class != SL_HDF5_STRING && type->class != SL_HDF5_REFERRED_STRING)
        return sl_hdf5_fail(file, loaded->at, error, "attribute \"%s\": expected strings, found %s of %zu bytes", name, type->name,
                            type->bytes);
    return status;
}

sluice_status sl_hdf5_read_text(sl_hdf5 *file, sl_hdf5_object *object, const char *name, sl_hdf5_text *text, sluice_error *error)
{
    attribute loaded;
    sl_hdf5_type type;
    sl_hdf5_space space;
    bool found;
    *text = (sl_hdf5_text){0};
    const sluice_status status = find_strings(file, object, name, &loaded, &type, &space, &found, error);
    if (status || !found)
        return status;
    if (space.elements != 1)
        return sl_hdf5_fail(file, loaded.at, error, "attribute \"%s\": expected one string, found %zu", name, space.elements);
    return sl_hdf5_take_strings(file, &loaded.body, &type, 1, text, error);
}

/* Append the strings of an attribute to the list, if it is there. */
static sluice_status append_texts(sl_hdf5 *file, sl_hdf5_object *object, const char *name, sl_hdf5_texts *list, bool *found,
                                  sluice_error *error)
{
    attribute loaded;
    sl_hdf5_type type;
    sl_hdf5_space space;
    sl_hdf5_text *all;
    size_t count;
    sluice_status status = find_strings(file, object, name, &loaded, &type, &space, found, error);
    if (status || !*found)
        return status;
    if (space.elements > (loaded.body.size - loaded.body.used) / type.bytes || !sl_size_add(list->count, space.elements, &count))
        return sl_hdf5_fail(file, loaded.at, error,
                            "attribute \"%s\" has %zu bytes, expected %zu strings of %zu each; the file is "
                            "damaged",
                            name, loaded.body.size - loaded.body.used, space.elements, type.bytes);
    status = sl_hdf5_keep(file, count, sizeof *all, loaded.at, &all, error);
    if (status)
        return status;
    if (list->count)
        memcpy(all, list->texts, list->count * sizeof *all);
    status = sl_hdf5_take_strings(file, &loaded.body, &type, space.elements, all + list->count, error);
    *list = (sl_hdf5_texts){.texts = all, .count = count, .found = true};
    return status;
}

sluice_status sl_hdf5_read_texts(sl_hdf5 *file, sl_hdf5_object *object, const char *name, sl_hdf5_texts *list, sluice_error *error)
{
    bool found;
    *list = (sl_hdf5_texts){0};
    sluice_status status = append_texts(file, object, name, list, &found, error);
    for (size_t k = 0; !status && (k || !found); k++) {
        char part[MAX_NAME];
        snprintf(part, sizeof part, "%s%zu", name, k);
        status = append_texts(file, object, part, list, &found, error);
        if (!found)
            break;
    }
    if (status)
        *list = (sl_hdf5_texts){0};
    return status;
}
