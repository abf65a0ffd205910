/* The cursor of io/json.h goes over the text once; commas and brackets are counted before, so that the values are
 * allocated once. No recursion: the lists and objects that are open are on a stack of fixed size. */
#include "io/keras/json_tree.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"

#include <string.h>

enum { MAX_DEPTH = 128 };

typedef struct builder {
    sl_scan scan;
    sl_json *values;
    size_t count, room;
    size_t open[MAX_DEPTH]; /* indices of the lists and objects that are open */
    size_t depth;
} builder;

/* Commas at most, and brackets: as many values as there can be. */
static size_t count_most(const char *text, size_t size)
{
    size_t most = 1;
    for (size_t k = 0; k < size; k++)
        most += text[k] == ',' || text[k] == '[' || text[k] == '{';
    return most;
}

static bool read_scalar(builder *at, sl_json *value)
{
    sl_scan *scan = &at->scan;
    const size_t begin = scan->at;
    const char c = begin < scan->size ? scan->text[begin] : '\0';
    if (c == '"') {
        value->kind = SL_JSON_STRING;
        return sl_scan_json_string(scan, "a string", &value->text);
    }
    value->kind = c == 'n' ? SL_JSON_NULL : c == 't' ? SL_JSON_TRUE : c == 'f' ? SL_JSON_FALSE : SL_JSON_NUMBER;
    if (!sl_scan_json_skip(scan, "a value"))
        return false;
    value->text = scan->text + begin;
    value->bytes = (uint32_t)(scan->at - begin);
    return true;
}

/* One value, or the beginning of a list or object; in an object its key before it. */
static bool read_value(builder *at)
{
    sl_scan *scan = &at->scan;
    char *key = NULL;
    if (at->count == at->room)
        return sl_scan_fail(scan, scan->at, "expected at most %d values, found more", SL_JSON_MAX_VALUES);
    if (at->depth && at->values[at->open[at->depth - 1]].kind == SL_JSON_OBJECT &&
        (!sl_scan_json_string(scan, "a key", &key) || !sl_scan_expect(scan, ':')))
        return false;
    sl_scan_skip(scan);
    sl_json *value = &at->values[at->count++];
    *value = (sl_json){.key = key, .at = scan->at};
    const bool is_object = sl_scan_accept(scan, '{');
    if (!is_object && !sl_scan_accept(scan, '[')) {
        value->end = value + 1;
        return read_scalar(at, value);
    }
    value->kind = is_object ? SL_JSON_OBJECT : SL_JSON_LIST;
    if (at->depth == MAX_DEPTH)
        return sl_scan_fail(scan, value->at, "expected at most %d objects and lists within each other, found more", MAX_DEPTH);
    at->open[at->depth++] = at->count - 1;
    return true;
}

/* What stands behind a value: brackets that close, and then a comma, or the end. */
static bool read_ends(builder *at, bool *more)
{
    sl_scan *scan = &at->scan;
    while (at->depth) {
        sl_json *open = &at->values[at->open[at->depth - 1]];
        const char closing = open->kind == SL_JSON_OBJECT ? '}' : ']';
        const bool is_empty = open == &at->values[at->count - 1];
        if (!sl_scan_accept(scan, closing)) {
            *more = true;
            return is_empty || sl_scan_expect(scan, ',');
        }
        open->end = &at->values[at->count];
        at->depth--;
    }
    *more = false;
    return true;
}

sluice_status sl_json_tree_read(const char *name, char *text, size_t size, size_t origin, sl_json_tree *tree, sluice_error *error)
{
    builder at = {.scan = {.name = name,
                           .what = "the configuration of the Keras model",
                           .text = text,
                           .size = size,
                           .origin = origin,
                           .error = error}};
    const size_t most = count_most(text, size);
    at.room = most < SL_JSON_MAX_VALUES ? most : SL_JSON_MAX_VALUES;
    at.values = sl_alloc_array(at.room, sizeof *at.values);
    if (!at.values)
        return sl_fail_memory(error, "the values of a configuration", at.room * sizeof *at.values);
    bool more = true, read = size <= UINT32_MAX || sl_scan_fail(&at.scan, 0, "expected less than 4 GiB of text, found more");
    while (read && more)
        read = read_value(&at) && read_ends(&at, &more);
    if (!read || !sl_scan_end(&at.scan)) {
        sl_free(at.values);
        return at.scan.status;
    }
    *tree = (sl_json_tree){name, origin, at.values, at.room * sizeof *at.values};
    return SLUICE_STATUS_OK;
}

void sl_json_tree_release(sl_json_tree *tree)
{
    sl_free(tree->values);
    *tree = (sl_json_tree){0};
}

const sl_json *sl_json_first(const sl_json *list)
{
    return list && list->kind >= SL_JSON_LIST && list->end > list + 1 ? list + 1 : NULL;
}

const sl_json *sl_json_next(const sl_json *list, const sl_json *value)
{
    return value->end < list->end ? value->end : NULL;
}

const sl_json *sl_json_get(const sl_json *value, const char *key)
{
    const sl_json *found = NULL;
    if (!value || value->kind != SL_JSON_OBJECT)
        return NULL;
    for (const sl_json *child = sl_json_first(value); child; child = sl_json_next(value, child))
        if (strcmp(child->key, key) == 0)
            found = child;
    return found;
}

const sl_json *sl_json_at(const sl_json *list, size_t index)
{
    const sl_json *child = list && list->kind == SL_JSON_LIST ? sl_json_first(list) : NULL;
    for (size_t k = 0; child && k < index; k++)
        child = sl_json_next(list, child);
    return child;
}

const char *sl_json_text(const sl_json *value)
{
    return value && value->kind == SL_JSON_STRING ? value->text : NULL;
}

bool sl_json_size(const sl_json *value, size_t *size)
{
    if (!value || value->kind != SL_JSON_NUMBER)
        return false;
    sl_scan scan = {.name = "", .what = "", .text = value->text, .size = value->bytes};
    return sl_scan_size(&scan, "", size) && scan.at == scan.size;
}

bool sl_json_number(const sl_json *value, float *number)
{
    if (!value || value->kind != SL_JSON_NUMBER)
        return false;
    sl_scan scan = {.name = "", .what = "", .text = value->text, .size = value->bytes};
    return sl_scan_json_number(&scan, "", number);
}
