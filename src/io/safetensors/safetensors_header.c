/* Parsing a safetensors header with our own scanner, which allocates nothing and reports the byte of every fault. JSON libraries
 * report it for syntax errors only, hold the whole tree in memory, and jansson 2.14 drops a byte of a name when its buffer cannot
 * grow. */
#include "io/safetensors/safetensors_header.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/json.h"
#include "io/label.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All types of the format, so that any file can be listed. Sizes are in bits, because some types are narrower than a byte. */
static const struct {
    const char *name;
    unsigned bits;
    sl_element type;
} dtypes[] = {
    {"F32", 32, SL_ELEMENT_F32},
    {"F16", 16, SL_ELEMENT_F16},
    {"BF16", 16, SL_ELEMENT_BF16},
    {"F64", 64, SL_ELEMENT_F64},
    {"BOOL", 8, 0},
    {"U8", 8, 0},
    {"I8", 8, 0},
    {"U16", 16, 0},
    {"I16", 16, 0},
    {"U32", 32, 0},
    {"I32", 32, 0},
    {"U64", 64, 0},
    {"I64", 64, 0},
    {"C64", 64, 0},
    {"F4", 4, 0},
    {"F6_E2M3", 6, 0},
    {"F6_E3M2", 6, 0},
    {"F8_E5M2", 8, 0},
    {"F8_E4M3", 8, 0},
    {"F8_E8M0", 8, 0},
    {"F8_E5M2FNUZ", 8, 0},
    {"F8_E4M3FNUZ", 8, 0},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

/* ---- One tensor's entry ---------------------------------------------------------------------------------------------------- */

enum { DTYPE, SHAPE, OFFSETS, KEYS };
static const char *const keys[KEYS] = {"dtype", "shape", "data_offsets"};

typedef struct entry {
    size_t offsets[2];
    bool is_too_large;     /* the product of the dimensions does not fit, and none of them is 0 */
    unsigned seen;         /* a bit for each key that was read */
    size_t value_at[KEYS]; /* the byte of each value */
} entry;

/* sl_scan_fail about a tensor: its label goes before the message. Always false. */
static bool fail_tensor(sl_scan *scan, size_t at, const sl_tensor *tensor, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool fail_tensor(sl_scan *scan, size_t at, const sl_tensor *tensor, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return sl_scan_fail(scan, at, "tensor \"%s\"%s", sl_label_get(tensor->name).text, message);
}

static bool read_dtype(sl_scan *scan, sl_tensor *tensor)
{
    char *name;
    if (!sl_scan_json_string(scan, "a dtype", &name))
        return false;
    tensor->dtype = name;
    return true;
}

static bool read_shape(sl_scan *scan, sl_tensor *tensor, entry *stated)
{
    bool zero = false, fits = true;
    tensor->elements = 1;
    if (!sl_scan_expect(scan, '['))
        return false;
    if (sl_scan_accept(scan, ']'))
        return true;
    do {
        size_t dimension;
        if (!sl_scan_size(scan, "a dimension", &dimension))
            return false;
        if (tensor->dims < SL_TENSOR_MAX_DIMS)
            tensor->shape[tensor->dims] = dimension;
        tensor->dims++;
        zero |= !dimension;
        fits = fits && (!dimension || sl_size_mul(tensor->elements, dimension, &tensor->elements));
    } while (sl_scan_accept(scan, ','));
    stated->is_too_large = !zero && !fits;
    tensor->elements = zero ? 0 : tensor->elements;
    return sl_scan_expect(scan, ']');
}

static bool read_offsets(sl_scan *scan, size_t offsets[2])
{
    return sl_scan_expect(scan, '[') && sl_scan_size(scan, "an offset", &offsets[0]) && sl_scan_expect(scan, ',') &&
           sl_scan_size(scan, "an offset", &offsets[1]) && sl_scan_expect(scan, ']');
}

/* Read one key and its value. Later versions of the format may have more keys, so any other key is skipped. */
static bool read_value(sl_scan *scan, sl_tensor *tensor, entry *stated)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    char *name;
    if (!sl_scan_json_string(scan, "\"dtype\", \"shape\" or \"data_offsets\"", &name))
        return false;
    int key = 0;
    while (key < KEYS && strcmp(name, keys[key]) != 0)
        key++;
    if (key < KEYS && stated->seen & 1u << key)
        return fail_tensor(scan, begin, tensor, ": \"%s\" is there twice", keys[key]);
    if (!sl_scan_expect(scan, ':'))
        return false;
    if (key == KEYS)
        return sl_scan_json_skip(scan, "a value");
    sl_scan_skip(scan);
    stated->seen |= 1u << key;
    stated->value_at[key] = scan->at;
    return key == DTYPE   ? read_dtype(scan, tensor)
           : key == SHAPE ? read_shape(scan, tensor, stated)
                          : read_offsets(scan, stated->offsets);
}

/* Check dtype and shape against the number of bytes between the offsets. A tensor of an unknown type, as later versions of the
 * format may have, is never read, and may have any number of bytes. */
static bool check_bytes(sl_scan *scan, sl_tensor *tensor, const entry *stated)
{
    const size_t begin = stated->offsets[0], end = stated->offsets[1], shape_at = stated->value_at[SHAPE];
    size_t type = 0, bits;
    while (type < DTYPES && strcmp(tensor->dtype, dtypes[type].name) != 0)
        type++;
    if (type == DTYPES)
        return true;
    if (stated->is_too_large || !sl_size_mul(tensor->elements, dtypes[type].bits, &bits))
        return fail_tensor(scan, shape_at, tensor, ": the shape is too large: its bits do not fit %zu", SIZE_MAX);
    if (bits % CHAR_BIT)
        return fail_tensor(scan, shape_at, tensor, ": %zu elements of %u bits do not fill whole bytes", tensor->elements,
                           dtypes[type].bits);
    if (end - begin != bits / CHAR_BIT)
        return fail_tensor(scan, stated->value_at[OFFSETS], tensor,
                           ": dtype and shape ask for %zu bytes, data_offsets [%zu, %zu] give %zu", bits / CHAR_BIT, begin, end,
                           end - begin);
    tensor->type = dtypes[type].type;
    return true;
}

/* Check dtype, shape and offsets against each other and against the size of the data section. */
static bool check_entry(sl_scan *scan, sl_tensor *tensor, const entry *stated, size_t data_bytes)
{
    const size_t begin = stated->offsets[0], end = stated->offsets[1], offsets_at = stated->value_at[OFFSETS];
    if (begin > end)
        return fail_tensor(scan, offsets_at, tensor, ": data_offsets end at %zu, before they begin at %zu", end, begin);
    if (!check_bytes(scan, tensor, stated))
        return false;
    if (end > data_bytes)
        return fail_tensor(scan, offsets_at, tensor,
                           ": data_offsets [%zu, %zu] reach beyond the file's %zu bytes of data; was it cut short?", begin, end,
                           data_bytes);
    tensor->begin = begin;
    tensor->end = end;
    return true;
}

/* Read the object that follows a tensor's name. */
static bool read_tensor(sl_scan *scan, sl_tensor *tensor, size_t data_bytes)
{
    entry stated = {0};
    if (!sl_scan_expect(scan, '{'))
        return false;
    if (!sl_scan_accept(scan, '}')) {
        do
            if (!read_value(scan, tensor, &stated))
                return false;
        while (sl_scan_accept(scan, ','));
        if (!sl_scan_expect(scan, '}'))
            return false;
    }
    for (int key = 0; key < KEYS; key++)
        if (!(stated.seen & 1u << key))
            return fail_tensor(scan, scan->at - 1, tensor, ": \"%s\" is missing", keys[key]);
    return check_entry(scan, tensor, &stated, data_bytes);
}

/* ---- The header ------------------------------------------------------------------------------------------------------------ */

/* An array that grows by doubling. */
typedef struct growing {
    void *items;
    size_t count, capacity;
} growing;

/* Room for one more zeroed item, or NULL with the scan's status set. */
static void *append(growing *array, size_t item_bytes, sl_scan *scan)
{
    if (array->count == array->capacity) {
        const size_t capacity = array->capacity ? 2 * array->capacity : 64;
        char *items = sl_alloc_array(capacity, item_bytes);
        if (!items) {
            scan->status = sl_fail_memory(scan->error, "the list of tensors", capacity * item_bytes);
            return NULL;
        }
        if (array->count)
            memcpy(items, array->items, array->count * item_bytes);
        sl_free(array->items);
        array->items = items;
        array->capacity = capacity;
    }
    return (char *)array->items + array->count++ * item_bytes;
}

/* Read the object that follows "__metadata__": keys and strings; or null. */
static bool read_metadata(sl_scan *scan, growing *metadata)
{
    if (sl_scan_json_null(scan))
        return true;
    if (!sl_scan_expect(scan, '{'))
        return false;
    if (sl_scan_accept(scan, '}'))
        return true;
    do {
        sl_metadata *item = append(metadata, sizeof *item, scan);
        if (!item)
            return false;
        sl_scan_skip(scan);
        item->stated_at = scan->origin + scan->at;
        char *key;
        if (!sl_scan_json_string(scan, "a metadata key", &key) || !sl_scan_expect(scan, ':'))
            return false;
        sl_scan_skip(scan);
        item->value_at = scan->origin + scan->at;
        if (!sl_scan_json_string(scan, "a metadata value", &item->value))
            return false;
        item->value_bytes = scan->origin + scan->at - item->value_at;
        item->key = key;
    } while (sl_scan_accept(scan, ','));
    return sl_scan_expect(scan, '}');
}

static bool read_entries(sl_scan *scan, growing *tensors, growing *metadata, size_t data_bytes)
{
    bool has_metadata = false;
    if (sl_scan_accept(scan, '}'))
        return true;
    do {
        sl_scan_skip(scan);
        const size_t begin = scan->at;
        char *name;
        if (!sl_scan_json_string(scan, "a tensor name", &name) || !sl_scan_expect(scan, ':'))
            return false;
        if (strcmp(name, "__metadata__") == 0) {
            if (has_metadata)
                return sl_scan_fail(scan, begin, "\"__metadata__\" is there twice");
            has_metadata = true;
            if (!read_metadata(scan, metadata))
                return false;
            continue;
        }
        sl_tensor *tensor = append(tensors, sizeof *tensor, scan);
        if (!tensor)
            return false;
        tensor->name = name;
        tensor->stated_at = scan->origin + begin;
        if (!read_tensor(scan, tensor, data_bytes))
            return false;
    } while (sl_scan_accept(scan, ','));
    return sl_scan_expect(scan, '}');
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const sl_tensor *)a)->name, ((const sl_tensor *)b)->name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const sl_metadata *)a)->key, ((const sl_metadata *)b)->key);
}

static int compare_keys_and_places(const void *a, const void *b)
{
    const size_t first = ((const sl_metadata *)a)->stated_at, second = ((const sl_metadata *)b)->stated_at;
    const int by_key = compare_keys(a, b);
    return by_key ? by_key : (first > second) - (first < second);
}

static int compare_places(const void *a, const void *b)
{
    const sl_tensor *first = *(const sl_tensor *const *)a, *second = *(const sl_tensor *const *)b;
    if (first->begin != second->begin)
        return first->begin < second->begin ? -1 : 1;
    return (first->end > second->end) - (first->end < second->end);
}

/* Of metadata entries with the same key keep the last one, as the reference implementation does. They are sorted by key, then by
 * place. */
static void keep_last_metadata(sl_tensor_source *source)
{
    size_t kept = 0;
    for (size_t k = 0; k < source->metadata_count; k++) {
        kept += kept && strcmp(source->metadata[kept - 1].key, source->metadata[k].key) == 0 ? 0 : 1;
        source->metadata[kept - 1] = source->metadata[k];
    }
    source->metadata_count = kept;
}

/* Sort both lists, which brings equal names together. */
static bool check_names(sl_scan *scan, sl_tensor_source *source)
{
    if (source->count)
        qsort(source->tensors, source->count, sizeof *source->tensors, compare_names);
    if (source->metadata_count)
        qsort(source->metadata, source->metadata_count, sizeof *source->metadata, compare_keys_and_places);
    for (size_t k = 1; k < source->count; k++) {
        const sl_tensor *a = &source->tensors[k - 1], *b = &source->tensors[k];
        if (strcmp(a->name, b->name) == 0)
            return fail_tensor(scan, sl_size_max(a->stated_at, b->stated_at) - scan->origin, a, " is there twice");
    }
    keep_last_metadata(source);
    return true;
}

/* Check that the tensors, in the order of their data, cover the data section without gap or overlap. */
static bool check_cover(sl_scan *scan, const sl_tensor_source *source, const sl_tensor **order, size_t data_bytes)
{
    for (size_t k = 0; k < source->count; k++)
        order[k] = &source->tensors[k];
    if (source->count)
        qsort(order, source->count, sizeof(sl_tensor *), compare_places);
    size_t covered = 0;
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = order[k];
        const size_t at = tensor->stated_at - scan->origin;
        if (tensor->begin < covered)
            return fail_tensor(scan, at, tensor, " begins at %zu in the data and overlaps \"%s\", which ends at %zu", tensor->begin,
                               sl_label_get(order[k - 1]->name).text, covered);
        if (tensor->begin > covered)
            return fail_tensor(scan, at, tensor, " begins at %zu in the data and leaves a gap from %zu on", tensor->begin, covered);
        covered = tensor->end;
    }
    return covered == data_bytes ||
           sl_scan_fail(scan, scan->size + covered,
                        "expected the end of the file, found %zu bytes that belong to no tensor; was something appended?",
                        data_bytes - covered);
}

/* Only white space may follow, as the format requires; some writers pad with NUL. */
static bool check_padding(sl_scan *scan)
{
    sl_scan_skip(scan);
    if (scan->at < scan->size && scan->text[scan->at] == '\0')
        return sl_scan_fail(
            scan, scan->at,
            "expected spaces behind the header, found NUL bytes; save the file again with a current safetensors library");
    return sl_scan_end(scan);
}

/* Parse the text and sort the lists; the tensors' bytes are relative to the data section. */
static bool read_lists(sl_scan *scan, sl_tensor_source *source, size_t data_bytes)
{
    growing tensors = {0}, metadata = {0};
    const bool good = sl_scan_expect(scan, '{') && read_entries(scan, &tensors, &metadata, data_bytes) && check_padding(scan);
    source->tensors = tensors.items;
    source->count = tensors.count;
    source->metadata = metadata.items;
    source->metadata_count = metadata.count;
    return good && check_names(scan, source);
}

sluice_status sl_safetensors_parse(sl_tensor_source *source, size_t begin, size_t bytes, sluice_error *error)
{
    sl_scan scan = {
        .name = source->input.name, .what = "the header", .text = source->header, .size = bytes, .origin = begin, .error = error};
    const size_t data_at = begin + bytes, data_bytes = source->input.size - data_at;
    if (!read_lists(&scan, source, data_bytes))
        return scan.status;
    const sl_tensor **order = sl_alloc_array(source->count, sizeof *order);
    if (!order)
        return sl_fail_memory(error, "the order of tensors", source->count * sizeof *order);
    (void)check_cover(&scan, source, order, data_bytes);
    sl_free(order);
    for (size_t k = 0; k < source->count; k++) {
        source->tensors[k].begin += data_at;
        source->tensors[k].end += data_at;
    }
    return scan.status;
}
