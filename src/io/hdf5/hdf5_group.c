/* Groups: their links, by symbol tables or as messages, and paths through them. */
#include "io/hdf5/hdf5_header.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/json.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_HEAD = 24, LEAF_HEAD = 8, ENTRY_BYTES = 40, HEAP_HEAD = 32, MAX_LEVELS = 32, CACHED_SOFT = 2 };

/* A group whose links are read. */
typedef struct listing {
    sl_hdf5_object *group;
    sl_hdf5_object **end; /* where the next child is hung */
    sl_hdf5_object *first;
    size_t count;
    char *names; /* of a symbol table: its local heap */
    size_t names_bytes, names_at;
} listing;

/* ---- A link ------------------------------------------------------------------------------------------------------------------ */

static bool is_name(const char *name, size_t bytes)
{
    if (!bytes || memchr(name, 0, bytes) || memchr(name, '/', bytes))
        return false;
    for (size_t at = 0, step; at < bytes; at += step)
        if (!(step = sl_utf8_get_bytes(name + at, bytes - at)))
            return false;
    return true;
}

/* Add a child; `link` has what the file says of it. `name_at` is where its name stands. */
static sluice_status add_child(sl_hdf5 *file, listing *to, const sl_hdf5_object *link, const char *name, size_t bytes,
                               size_t name_at, sluice_error *error)
{
    const sl_hdf5_object *group = to->group;
    const size_t outer = group->parent ? strlen(group->path) : 0;
    sl_hdf5_object *child;
    char *path;
    if (!is_name(name, bytes))
        return sl_hdf5_fail(file, name_at, error, "expected the name of a link: UTF-8 without '/' and NUL, not empty; rename it");
    if (group->depth == SL_HDF5_MAX_DEPTH)
        return sl_hdf5_fail(file, link->stated_at, error, "groups are in each other more than %d deep; move them up",
                            SL_HDF5_MAX_DEPTH);
    sluice_status status = sl_hdf5_keep(file, 1, sizeof *child, link->stated_at, &child, error);
    if (!status)
        status = sl_hdf5_keep(file, outer + 1 + bytes + 1, 1, link->stated_at, &path, error);
    if (status)
        return status;
    memcpy(path, group->path, outer);
    path[outer] = '/';
    memcpy(path + outer + 1, name, bytes);
    *child = *link;
    child->parent = to->group;
    child->depth = group->depth + 1;
    child->path = path;
    child->name = path + outer + 1;
    *to->end = child;
    to->end = &child->next;
    to->count++;
    return SLUICE_STATUS_OK;
}

/* ---- Symbol tables: a B-tree whose leaves list links, with names in a local heap ------------------------------------------------ */

static sluice_status read_entry(sl_hdf5 *file, listing *to, size_t at, sluice_error *error)
{
    unsigned char entry[ENTRY_BYTES];
    sluice_status status = sl_hdf5_read(file, at, entry, sizeof entry, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = entry, .size = sizeof entry};
    const uint64_t name_at = sl_hdf5_take(&from, 8), address = sl_hdf5_take(&from, 8), cached = sl_hdf5_take(&from, 4);
    const char *name = name_at < to->names_bytes ? to->names + name_at : NULL;
    const char *name_end = name ? memchr(name, 0, to->names_bytes - (size_t)name_at) : NULL;
    if (!name_end)
        return sl_hdf5_fail(file, at, error, "the name of a link is not in the group's heap of %zu bytes; the file is damaged",
                            to->names_bytes);
    sl_hdf5_object link = {.stated_at = at, .link = cached == CACHED_SOFT ? SL_HDF5_SOFT : SL_HDF5_HARD};
    if (link.link == SL_HDF5_HARD)
        status = sl_hdf5_place(file, address, 1, at, "the header of an object", &link.header_at, error);
    return status ? status : add_child(file, to, &link, name, (size_t)(name_end - name), to->names_at + (size_t)name_at, error);
}

static sluice_status read_leaf(sl_hdf5 *file, listing *to, size_t at, sluice_error *error)
{
    unsigned char head[LEAF_HEAD];
    sluice_status status = sl_hdf5_read_head(file, at, "SNOD\1", "a symbol table's node", head, sizeof head, error);
    if (status)
        return status;
    const size_t count = (size_t)head[6] | (size_t)head[7] << 8;
    for (size_t k = 0; !status && k < count; k++)
        status = read_entry(file, to, at + LEAF_HEAD + k * ENTRY_BYTES, error);
    return status;
}

/* A node of a B-tree that has to be on `level`; SIZE_MAX: on any one. */
static sluice_status read_node(sl_hdf5 *file, listing *to, size_t at, size_t level, sluice_error *error)
{
    unsigned char head[NODE_HEAD], child[8];
    static const char what[] = "a group's B-tree node, on the level below its parent's";
    sluice_status status = sl_hdf5_read_head(file, at, "TREE\0", what, head, sizeof head, error);
    if (status)
        return status;
    if ((level != SIZE_MAX && head[5] != level) || head[5] > MAX_LEVELS)
        return sl_hdf5_fail_damaged(file, at, what, error);
    const size_t count = (size_t)head[6] | (size_t)head[7] << 8;
    for (size_t k = 0; !status && k < count; k++) {
        const size_t stated_at = at + NODE_HEAD + 8 + k * 16; /* keys and children alternate, and a key is first */
        size_t child_at;
        status = sl_hdf5_read(file, stated_at, child, sizeof child, error);
        if (status)
            return status;
        sl_hdf5_bytes from = {.data = child, .size = sizeof child};
        status = sl_hdf5_place(file, sl_hdf5_take(&from, 8), LEAF_HEAD, stated_at, "a node of a group", &child_at, error);
        if (!status)
            status = head[5] ? read_node(file, to, child_at, head[5] - 1U, error) : read_leaf(file, to, child_at, error);
    }
    return status;
}

static sluice_status read_heap(sl_hdf5 *file, listing *to, size_t at, sluice_error *error)
{
    unsigned char head[HEAP_HEAD];
    sluice_status status = sl_hdf5_read_head(file, at, "HEAP\0", "a group's local heap", head, sizeof head, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = head, .size = sizeof head, .used = 8};
    const uint64_t bytes = sl_hdf5_take(&from, 8);
    sl_hdf5_take(&from, 8); /* its free list */
    status = sl_hdf5_place(file, sl_hdf5_take(&from, 8), bytes, at, "the data of a local heap", &to->names_at, error);
    if (status)
        return status;
    to->names = sl_alloc((size_t)bytes);
    if (!to->names)
        return sl_fail_memory(error, "the names in an HDF5 file", (size_t)bytes);
    to->names_bytes = (size_t)bytes;
    return sl_hdf5_read(file, to->names_at, to->names, to->names_bytes, error);
}

static sluice_status read_symbol_table(sl_hdf5 *file, listing *to, const sl_hdf5_message *message, sluice_error *error)
{
    sl_hdf5_bytes from;
    size_t tree_at, heap_at;
    sluice_status status = sl_hdf5_load_message(file, message, &from, error);
    if (status)
        return status;
    const uint64_t tree = sl_hdf5_take(&from, 8), heap = sl_hdf5_take(&from, 8);
    if (from.lacking)
        return sl_hdf5_fail_damaged(file, message->at, "the message of a group's symbol table", error);
    status = sl_hdf5_place(file, tree, NODE_HEAD, message->at, "a group's B-tree", &tree_at, error);
    if (!status)
        status = sl_hdf5_place(file, heap, HEAP_HEAD, message->at, "a group's local heap", &heap_at, error);
    if (!status)
        status = read_heap(file, to, heap_at, error);
    if (!status)
        status = read_node(file, to, tree_at, SIZE_MAX, error);
    return status;
}

/* ---- Link messages ----------------------------------------------------------------------------------------------------------- */

static sluice_status read_link(sl_hdf5 *file, listing *to, const sl_hdf5_message *message, sluice_error *error)
{
    enum { HAS_ORDER = 1 << 2, HAS_KIND = 1 << 3, HAS_CHARSET = 1 << 4, KIND_SOFT = 1, KIND_EXTERNAL = 64 };
    sl_hdf5_bytes from;
    sluice_status status = sl_hdf5_load_message(file, message, &from, error);
    if (status)
        return status;
    const uint64_t version = sl_hdf5_take(&from, 1), flags = sl_hdf5_take(&from, 1),
                   kind = flags & HAS_KIND ? sl_hdf5_take(&from, 1) : 0;
    sl_hdf5_take_bytes(&from, (flags & HAS_ORDER ? 8 : 0) + (flags & HAS_CHARSET ? 1 : 0));
    const uint64_t bytes = sl_hdf5_take(&from, (size_t)1 << (flags & 3));
    const size_t name_at = message->at + from.used;
    const unsigned char *name = bytes <= from.size ? sl_hdf5_take_bytes(&from, (size_t)bytes) : NULL;
    const uint64_t address = kind ? 0 : sl_hdf5_take(&from, 8);
    if (version != 1 || !name || from.lacking)
        return sl_hdf5_fail_damaged(file, message->at, "the message of a link, version 1", error);
    sl_hdf5_object link = {.stated_at = message->at,
                           .link = kind == 0               ? SL_HDF5_HARD
                                   : kind == KIND_SOFT     ? SL_HDF5_SOFT
                                   : kind == KIND_EXTERNAL ? SL_HDF5_EXTERNAL
                                                           : SL_HDF5_USER};
    if (link.link == SL_HDF5_HARD)
        status = sl_hdf5_place(file, address, 1, message->at, "the header of an object", &link.header_at, error);
    return status ? status : add_child(file, to, &link, (const char *)name, (size_t)bytes, name_at, error);
}

/* Many links are in a fractal heap, of which the link info has the address; and so is one whose order is kept, perhaps. */
static sluice_status check_link_info(sl_hdf5 *file, const sl_hdf5_message *message, sluice_error *error)
{
    sl_hdf5_bytes from;
    const sluice_status status = sl_hdf5_load_message(file, message, &from, error);
    if (status)
        return status;
    sl_hdf5_take(&from, 1);
    sl_hdf5_take_bytes(&from, sl_hdf5_take(&from, 1) & 1 ? 8 : 0);
    const uint64_t heap = sl_hdf5_take(&from, 8);
    if (from.lacking)
        return sl_hdf5_fail_damaged(file, message->at, "the message of a group's links", error);
    if (!sl_hdf5_is_undefined(heap))
        return sl_hdf5_fail(
            file, message->at, error,
            "the group's links are stored densely, which is not supported; rewrite the "
            "file with h5repack IN OUT, or, where it keeps the order of links, with h5repack -c 60000 -d 60000 IN OUT");
    return SLUICE_STATUS_OK;
}

/* ---- Groups ------------------------------------------------------------------------------------------------------------------- */

static int order_by_name(const void *a, const void *b)
{
    return strcmp((*(sl_hdf5_object *const *)a)->name, (*(sl_hdf5_object *const *)b)->name);
}

static sluice_status sort_children(sl_hdf5 *file, const listing *all, sluice_error *error)
{
    sl_hdf5_object *group = all->group, **sorted;
    const sluice_status status = sl_hdf5_keep(file, all->count, sizeof(sl_hdf5_object *), group->header_at, &sorted, error);
    if (status)
        return status;
    size_t count = 0;
    for (sl_hdf5_object *child = all->first; child; child = child->next)
        sorted[count++] = child;
    if (count)
        qsort(sorted, count, sizeof(sl_hdf5_object *), order_by_name);
    for (size_t k = 1; k < count; k++)
        if (order_by_name(&sorted[k - 1], &sorted[k]) == 0)
            return sl_hdf5_fail(file, sorted[k]->stated_at, error,
                                "another link of the group has the same name, \"%.100s\"; the file "
                                "is damaged",
                                sorted[k]->name);
    group->children = sorted;
    group->child_count = count;
    group->has_children = true;
    return SLUICE_STATUS_OK;
}

static sl_hdf5_kind get_kind(const sl_hdf5_object *object)
{
    if (sl_hdf5_find_message(object->messages, SL_HDF5_MESSAGE_SYMBOL_TABLE) ||
        sl_hdf5_find_message(object->messages, SL_HDF5_MESSAGE_LINK_INFO))
        return SL_HDF5_GROUP;
    return sl_hdf5_find_message(object->messages, SL_HDF5_MESSAGE_LAYOUT) ? SL_HDF5_DATASET : SL_HDF5_OTHER;
}

static sluice_status read_children(sl_hdf5 *file, sl_hdf5_object *group, sluice_error *error)
{
    listing all = {.group = group, .end = &all.first};
    const sl_hdf5_message *table = sl_hdf5_find_message(group->messages, SL_HDF5_MESSAGE_SYMBOL_TABLE);
    const sl_hdf5_message *info = sl_hdf5_find_message(group->messages, SL_HDF5_MESSAGE_LINK_INFO);
    sluice_status status = table ? read_symbol_table(file, &all, table, error) : check_link_info(file, info, error);
    const sl_hdf5_message *link = sl_hdf5_find_message(group->messages, SL_HDF5_MESSAGE_LINK);
    for (; !status && link; link = sl_hdf5_find_message(link->next, SL_HDF5_MESSAGE_LINK))
        status = read_link(file, &all, link, error);
    if (!status)
        status = sort_children(file, &all, error);
    sl_free(all.names);
    return status;
}

static sluice_status enter_group(sl_hdf5 *file, sl_hdf5_object *group, sluice_error *error)
{
    const sluice_status status = sl_hdf5_enter(file, group, error);
    if (status || group->has_children)
        return status;
    if (get_kind(group) != SL_HDF5_GROUP)
        return sl_hdf5_fail(file, group->header_at, error, "expected a group, found %s; is it a model's file?",
                            get_kind(group) == SL_HDF5_DATASET ? "a dataset" : "a named type");
    return read_children(file, group, error);
}

sluice_status sl_hdf5_get_kind(sl_hdf5 *file, sl_hdf5_object *object, sl_hdf5_kind *kind, sluice_error *error)
{
    const sluice_status status = sl_hdf5_enter(file, object, error);
    if (!status)
        *kind = get_kind(object);
    return status;
}

sluice_status sl_hdf5_list(sl_hdf5 *file, sl_hdf5_object *group, sl_hdf5_object ***children, size_t *count, sluice_error *error)
{
    const sluice_status status = enter_group(file, group, error);
    *children = status ? NULL : group->children;
    *count = status ? 0 : group->child_count;
    return status;
}

static sl_hdf5_object *find_child(const sl_hdf5_object *group, const char *name, size_t bytes)
{
    for (size_t low = 0, high = group->child_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const int order = strncmp(group->children[middle]->name, name, bytes);
        if (order == 0 && !group->children[middle]->name[bytes])
            return group->children[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

sluice_status sl_hdf5_find(sl_hdf5 *file, sl_hdf5_object *group, const char *path, sl_hdf5_object **found, sluice_error *error)
{
    sl_hdf5_object *reached = path[0] == '/' ? &file->root : group;
    *found = NULL;
    for (path += strspn(path, "/"); reached && *path; path += strspn(path, "/")) {
        const size_t bytes = strcspn(path, "/");
        const sluice_status status = enter_group(file, reached, error);
        if (status)
            return status;
        reached = find_child(reached, path, bytes);
        path += bytes;
    }
    *found = reached;
    return SLUICE_STATUS_OK;
}
