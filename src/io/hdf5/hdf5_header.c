#include "io/hdf5/hdf5_header.h"

#include <string.h>

enum { OLD_PREFIX = 16, OLD_HEAD = 8, NEW_PREFIX = 6, BLOCK_HEAD = 4, CHECKSUM = 4, MAX_BLOCKS = 256 };
enum { CONTINUATION = 0x10, LAST_KNOWN = 0x18 };
enum { FLAG_SHARED = 1 << 1, FLAG_NEEDED = 1 << 7 };                  /* of a message */
enum { HAS_ORDER = 1 << 2, HAS_LIMITS = 1 << 4, HAS_TIMES = 1 << 5 }; /* flags of a header of version 2 */

/* A header while it is read: its blocks, of which all but the first are named by continuation messages. */
typedef struct blocks {
    size_t at[MAX_BLOCKS], bytes[MAX_BLOCKS];
    size_t count;
    unsigned version;
    size_t head_bytes; /* of a message */
    sl_hdf5_message **end;
} blocks;

const sl_hdf5_message *sl_hdf5_find_message(const sl_hdf5_message *from, unsigned type)
{
    while (from && from->type != type)
        from = from->next;
    return from;
}

sluice_status sl_hdf5_load_message(sl_hdf5 *file, const sl_hdf5_message *message, sl_hdf5_bytes *body, sluice_error *error)
{
    if (message->flags & FLAG_SHARED)
        return sl_hdf5_fail(file, message->at, error,
                            "it shares a message of type %u with other objects, which is not supported; "
                            "write the model again without named types and shared messages",
                            message->type);
    return sl_hdf5_load(file, message->at, message->bytes, body, error);
}

static sluice_status add_block(const sl_hdf5 *file, blocks *all, size_t at, size_t bytes, size_t stated_at, sluice_error *error)
{
    for (size_t k = 0; k < all->count; k++)
        if (at < all->at[k] + all->bytes[k] && all->at[k] < at + bytes)
            return sl_hdf5_fail(file, stated_at, error,
                                "the object's header continues at byte %zu, where another part of it is; "
                                "the file is damaged",
                                at);
    if (all->count == MAX_BLOCKS)
        return sl_hdf5_fail(file, stated_at, error,
                            "the object's header is in more than %d parts; rewrite the file with h5repack "
                            "IN OUT",
                            MAX_BLOCKS);
    all->at[all->count] = at;
    all->bytes[all->count++] = bytes;
    return SLUICE_STATUS_OK;
}

/* The body of a continuation message is at `at`. */
static sluice_status continue_header(sl_hdf5 *file, blocks *all, size_t at, size_t bytes, sluice_error *error)
{
    unsigned char body[16], signature[BLOCK_HEAD];
    size_t block_at;
    if (bytes < sizeof body)
        return sl_hdf5_fail_damaged(file, at, "a continuation of the object's header", error);
    sluice_status status = sl_hdf5_read(file, at, body, sizeof body, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = body, .size = sizeof body};
    const uint64_t address = sl_hdf5_take(&from, 8), length = sl_hdf5_take(&from, 8);
    status = sl_hdf5_place(file, address, length, at, "a continuation of the object's header", &block_at, error);
    if (status || all->version == 1)
        return status ? status : add_block(file, all, block_at, (size_t)length, at, error);
    if (length < BLOCK_HEAD + CHECKSUM)
        return sl_hdf5_fail_damaged(file, at, "the length of a continuation of the object's header", error);
    status = sl_hdf5_read(file, block_at, signature, sizeof signature, error);
    if (!status && memcmp(signature, "OCHK", BLOCK_HEAD) != 0)
        status = sl_hdf5_fail_damaged(file, block_at, "a continuation of the object's header", error);
    return status ? status : add_block(file, all, block_at + BLOCK_HEAD, (size_t)length - BLOCK_HEAD - CHECKSUM, at, error);
}

static bool is_read(unsigned type)
{
    switch (type) {
    case SL_HDF5_MESSAGE_SPACE:
    case SL_HDF5_MESSAGE_LINK_INFO:
    case SL_HDF5_MESSAGE_TYPE:
    case SL_HDF5_MESSAGE_LINK:
    case SL_HDF5_MESSAGE_EXTERNAL:
    case SL_HDF5_MESSAGE_LAYOUT:
    case SL_HDF5_MESSAGE_FILTERS:
    case SL_HDF5_MESSAGE_ATTRIBUTE:
    case SL_HDF5_MESSAGE_SYMBOL_TABLE:
    case SL_HDF5_MESSAGE_ATTRIBUTE_INFO:
        return true;
    default:
        return false;
    }
}

static sluice_status add_message(sl_hdf5 *file, blocks *all, const sl_hdf5_message *message, sluice_error *error)
{
    if (message->type == CONTINUATION)
        return continue_header(file, all, message->at, message->bytes, error);
    if (message->type > LAST_KNOWN && message->flags & FLAG_NEEDED)
        return sl_hdf5_fail(file, message->at, error,
                            "a message of type %u that a reader has to understand, and this one does not; "
                            "rewrite the file with h5repack IN OUT",
                            message->type);
    if (!is_read(message->type))
        return SLUICE_STATUS_OK;
    sl_hdf5_message *added;
    const sluice_status status = sl_hdf5_keep(file, 1, sizeof *added, message->at, &added, error);
    if (status)
        return status;
    *added = *message;
    *all->end = added;
    all->end = &added->next;
    return SLUICE_STATUS_OK;
}

/* The messages of one block. Behind the last one of version 2 there may be fewer bytes than the head of another has. */
static sluice_status read_block(sl_hdf5 *file, blocks *all, size_t at, size_t bytes, sluice_error *error)
{
    const size_t end = at + bytes;
    while (end - at >= all->head_bytes) {
        unsigned char head[OLD_HEAD];
        sluice_status status = sl_hdf5_read(file, at, head, all->head_bytes, error);
        if (status)
            return status;
        sl_hdf5_bytes from = {.data = head, .size = all->head_bytes};
        sl_hdf5_message message = {0};
        const uint64_t type = sl_hdf5_take(&from, all->version == 1 ? 2 : 1);
        message.bytes = (uint16_t)sl_hdf5_take(&from, 2);
        message.flags = (uint8_t)sl_hdf5_take(&from, 1);
        message.type = (uint8_t)(type > UINT8_MAX ? UINT8_MAX : type);
        message.at = at + all->head_bytes;
        if (message.bytes > end - message.at)
            return sl_hdf5_fail_damaged(file, at, "a message that ends within its object's header", error);
        status = add_message(file, all, &message, error);
        if (status)
            return status;
        at = message.at + message.bytes;
    }
    if (at != end && all->version == 1)
        return sl_hdf5_fail_damaged(file, at, "the end of a part of an object's header", error);
    return SLUICE_STATUS_OK;
}

/* "OHDR", version, flags; then what the flags say, and the size of the first block. */
static sluice_status begin_new(sl_hdf5 *file, const sl_hdf5_object *object, unsigned flags, blocks *all, sluice_error *error)
{
    const size_t skipped = (flags & HAS_TIMES ? 16 : 0) + (flags & HAS_LIMITS ? 4 : 0), width = (size_t)1 << (flags & 3);
    const size_t at = object->header_at + NEW_PREFIX + skipped;
    unsigned char body[8];
    const sluice_status status = sl_hdf5_read(file, at, body, width, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = body, .size = width};
    const uint64_t bytes = sl_hdf5_take(&from, width);
    all->version = 2;
    all->head_bytes = flags & HAS_ORDER ? 6 : 4;
    if (bytes > file->end - at - width)
        return sl_hdf5_fail_damaged(file, at, "an object's header that ends within the file", error);
    return add_block(file, all, at + width, (size_t)bytes, at, error);
}

static sluice_status begin_old(sl_hdf5 *file, const sl_hdf5_object *object, blocks *all, sluice_error *error)
{
    unsigned char prefix[OLD_PREFIX];
    const sluice_status status = sl_hdf5_read(file, object->header_at, prefix, sizeof prefix, error);
    if (status)
        return status;
    sl_hdf5_bytes from = {.data = prefix, .size = sizeof prefix};
    sl_hdf5_take(&from, 8); /* version, number of messages, of links to it */
    const uint64_t bytes = sl_hdf5_take(&from, 4);
    all->version = 1;
    all->head_bytes = OLD_HEAD;
    if (bytes > file->end - object->header_at - OLD_PREFIX)
        return sl_hdf5_fail_damaged(file, object->header_at, "an object's header that ends within the file", error);
    return add_block(file, all, object->header_at + OLD_PREFIX, (size_t)bytes, object->header_at, error);
}

static sluice_status read_header(sl_hdf5 *file, sl_hdf5_object *object, sluice_error *error)
{
    blocks all = {.end = &object->messages};
    unsigned char start[NEW_PREFIX];
    sluice_status status = sl_hdf5_read(file, object->header_at, start, sizeof start, error);
    if (status)
        return status;
    if (memcmp(start, "OHDR\2", 5) == 0)
        status = begin_new(file, object, start[5], &all, error);
    else if (start[0] == 1)
        status = begin_old(file, object, &all, error);
    else
        status = sl_hdf5_fail_damaged(file, object->header_at, "an object's header of version 1 or 2", error);
    for (size_t k = 0; !status && k < all.count; k++)
        status = read_block(file, &all, all.at[k], all.bytes[k], error);
    if (status)
        object->messages = NULL;
    object->has_header = !status;
    return status;
}

sluice_status sl_hdf5_enter(sl_hdf5 *file, sl_hdf5_object *object, sluice_error *error)
{
    static const char *const links[] = {"", "a soft link", "an external link", "a user-defined link"};
    file->current = object;
    if (object->link != SL_HDF5_HARD)
        return sl_hdf5_fail(file, object->stated_at, error,
                            "it is %s, which is not followed; replace links by what they lead to, "
                            "with h5repack --merge IN OUT",
                            links[object->link]);
    for (const sl_hdf5_object *above = object->parent; above; above = above->parent)
        if (above->header_at == object->header_at)
            return sl_hdf5_fail(file, object->stated_at, error,
                                "it is the same group as \"%.100s\", within which it is; remove this "
                                "link",
                                above->path);
    return object->has_header ? SLUICE_STATUS_OK : read_header(file, object, error);
}
