/* Writing .npz files. Format: PKWARE's APPNOTE 6.3, sections 4.3.7 (local headers), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its
 * end) and 4.5.3 (64-bit sizes). */
#include "io/npy/npz.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/crc32.h"
#include "io/npy/shape.h"
#include "io/output.h"

#include <string.h>

enum {
    MAX_NAME = 60000, /* a name's length has 16 bits */
    MAX_RECORD = 256, /* room for a header without the name */
    VERSION = 45,     /* needed to read it: 4.5, the first with 64-bit sizes */
    UTF8_NAMES = 1 << 11,
    FIRST_DAY = 1 << 5 | 1, /* 1980-01-01, the format's first: files of the same content are the same */
    SIZES_ID = 1            /* of the extra field of 64-bit sizes */
};

typedef struct member {
    const char *name;
    char text[SL_NPY_HEADER_BYTES]; /* the .npy header */
    size_t text_bytes, element_bytes, elements;
    size_t at;      /* of its local header */
    size_t data_at; /* of the first element */
    size_t bytes;   /* .npy header and elements */
    size_t written; /* elements in all */
    uint32_t crc;
} member;

struct sl_npz_writer {
    sl_output output;
    member *members;
    size_t count;
    size_t begun; /* members whose local header is written */
    size_t end;   /* where the directory begins */
};

/* ---- Records ---------------------------------------------------------------------------------------------------------------- */

/* A record of little-endian numbers. */
typedef struct record {
    unsigned char data[MAX_RECORD];
    size_t bytes;
} record;

static void put(record *to, unsigned bytes, uint64_t value)
{
    for (; bytes; bytes--, value >>= 8)
        to->data[to->bytes++] = (unsigned char)value;
}

/* What a local header and an entry of the directory have in common, from the version needed to the length of the extra field. */
static void put_common(record *to, const member *of, unsigned extra)
{
    unsigned flags = 0;
    for (const char *c = of->name; *c; c++)
        flags = (unsigned char)*c > 0x7f ? UTF8_NAMES : flags;
    put(to, 2, VERSION);
    put(to, 2, flags);
    put(to, 2, 0); /* stored */
    put(to, 2, 0); /* midnight */
    put(to, 2, FIRST_DAY);
    put(to, 4, of->crc);
    put(to, 4, UINT32_MAX); /* both sizes are in the extra field */
    put(to, 4, UINT32_MAX);
    put(to, 2, strlen(of->name) + strlen(".npy"));
    put(to, 2, extra);
}

/* The extra field's beginning, and both sizes. */
static void put_sizes(record *to, const member *of, unsigned extra)
{
    put(to, 2, SIZES_ID);
    put(to, 2, extra - 4);
    put(to, 8, of->bytes);
    put(to, 8, of->bytes);
}

enum { LOCAL_BYTES = 30, LOCAL_EXTRA = 4 + 16, CENTRAL_EXTRA = 4 + 24 };

static record get_local(const member *of)
{
    record made = {.bytes = 0};
    put(&made, 4, 0x04034b50);
    put_common(&made, of, LOCAL_EXTRA);
    return made;
}

static record get_central(const member *of)
{
    record made = {.bytes = 0};
    put(&made, 4, 0x02014b50);
    put(&made, 2, VERSION);
    put_common(&made, of, CENTRAL_EXTRA);
    put(&made, 2, 0);          /* comment */
    put(&made, 2, 0);          /* disk */
    put(&made, 2, 0);          /* internal attributes */
    put(&made, 4, 0);          /* external ones */
    put(&made, 4, UINT32_MAX); /* the offset is in the extra field */
    return made;
}

/* The end of a directory that begins at writer->end. */
static record get_end(const sl_npz_writer *writer, size_t directory_bytes)
{
    record made = {.bytes = 0};
    put(&made, 4, 0x06064b50);
    put(&made, 8, 44); /* bytes that follow of this record */
    put(&made, 2, VERSION);
    put(&made, 2, VERSION);
    put(&made, 8, 0); /* disks */
    put(&made, 8, writer->count);
    put(&made, 8, writer->count);
    put(&made, 8, directory_bytes);
    put(&made, 8, writer->end);
    put(&made, 4, 0x07064b50); /* where the record above is */
    put(&made, 4, 0);
    put(&made, 8, writer->end + directory_bytes);
    put(&made, 4, 1);
    put(&made, 4, 0x06054b50); /* the end of files without 64-bit sizes, which refers to the records above */
    put(&made, 4, 0);
    put(&made, 4, UINT32_MAX); /* 2 + 2: entries */
    put(&made, 8, UINT64_MAX); /* 4 + 4: bytes and offset */
    put(&made, 2, 0);
    return made;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

/* Write at *at, and move it on. */
static sluice_status write(sl_npz_writer *writer, size_t *at, const void *data, size_t bytes, sluice_error *error)
{
    const sluice_status status = sl_output_write(&writer->output, *at, data, bytes, error);
    *at += bytes;
    return status;
}

static sluice_status write_record(sl_npz_writer *writer, size_t *at, const record *of, sluice_error *error)
{
    return write(writer, at, of->data, of->bytes, error);
}

/* A header, with the name and the extra field, which its record does not have. */
static sluice_status write_header(sl_npz_writer *writer, size_t *at, const member *of, const record *header, const record *extra,
                                  sluice_error *error)
{
    sluice_status status = write_record(writer, at, header, error);
    if (!status)
        status = write(writer, at, of->name, strlen(of->name), error);
    if (!status)
        status = write(writer, at, ".npy", strlen(".npy"), error);
    return status ? status : write_record(writer, at, extra, error);
}

/* Local header and .npy header; the CRC is known. */
static sluice_status begin_member(sl_npz_writer *writer, const member *of, sluice_error *error)
{
    const record header = get_local(of);
    record extra = {.bytes = 0};
    put_sizes(&extra, of, LOCAL_EXTRA);
    size_t at = of->at;
    const sluice_status status = write_header(writer, &at, of, &header, &extra, error);
    writer->begun++;
    return status ? status : write(writer, &at, of->text, of->text_bytes, error);
}

static sluice_status write_directory(sl_npz_writer *writer, sluice_error *error)
{
    size_t at = writer->end;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < writer->count; k++) {
        const member *of = &writer->members[k];
        const record header = get_central(of);
        record extra = {.bytes = 0};
        put_sizes(&extra, of, CENTRAL_EXTRA);
        put(&extra, 8, of->at);
        status = write_header(writer, &at, of, &header, &extra, error);
    }
    const record end = get_end(writer, at - writer->end);
    return status ? status : write_record(writer, &at, &end, error);
}

/* ---- The writer ------------------------------------------------------------------------------------------------------------- */

/* Fill in a member that begins where the one before has ended; false: it does not fit size_t. */
static bool lay_out(sl_npz_writer *writer, member *to, const sl_npz_member *from)
{
    size_t bytes;
    to->name = from->name;
    to->element_bytes = sl_npy_type_bytes(from->header.type);
    if (!sl_shape_count(from->header.shape, from->header.dims, to->element_bytes, &to->elements, &bytes))
        return false;
    to->text_bytes = sl_npy_format(&from->header, to->text);
    to->at = writer->end;
    const size_t header = LOCAL_BYTES + strlen(to->name) + strlen(".npy") + LOCAL_EXTRA;
    if (!sl_size_add(to->at, header + to->text_bytes, &to->data_at) || !sl_size_add(to->data_at, bytes, &writer->end))
        return false;
    to->bytes = to->text_bytes + bytes;
    to->crc = sl_crc32_begin(to->bytes) ^ sl_crc32_part(to->text, to->text_bytes, 0, to->bytes);
    return true;
}

static sluice_status open_writer(sl_npz_writer *writer, const char *path, const sl_npz_member *members, sluice_error *error)
{
    for (size_t k = 0; k < writer->count; k++) {
        if (strlen(members[k].name) > MAX_NAME)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected names of at most %d bytes, found one of %zu", path,
                           MAX_NAME, strlen(members[k].name));
        if (!lay_out(writer, &writer->members[k], &members[k]))
            return sl_fail_size(error, path);
    }
    return sl_output_create(path, &writer->output, error);
}

sluice_status sl_npz_create(const char *path, const sl_npz_member *members, size_t count, sl_npz_writer **writer,
                            sluice_error *error)
{
    *writer = NULL;
    sl_npz_writer *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a .npz writer", sizeof *opened);
    *opened = (sl_npz_writer){.output.fd = -1, .count = count, .members = sl_alloc_array(count, sizeof *opened->members)};
    const sluice_status status = opened->members ? open_writer(opened, path, members, error)
                                                 : sl_fail_memory(error, "a .npz writer", count * sizeof *opened->members);
    if (status)
        sl_npz_abort(opened);
    else
        *writer = opened;
    return status;
}

/* What comes to a pipe has to be the next member, and all of it: its CRC stands before it. */
static sluice_status begin_in_order(sl_npz_writer *writer, size_t index, size_t count, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (index < writer->begun || count != writer->members[index].elements)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: expected the arrays in order, each as a whole; a pipe cannot go back, use a file", writer->output.name);
    while (!status && writer->begun <= index)
        status = begin_member(writer, &writer->members[writer->begun], error);
    return status;
}

sluice_status sl_npz_write(sl_npz_writer *writer, size_t index, size_t first, size_t count, const void *data, sluice_error *error)
{
    member *to = &writer->members[index];
    if (first > to->elements || count > to->elements - first)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %zu elements from %zu on of \"%s\", which has only %zu",
                       writer->output.name, count, first, to->name, to->elements);
    const size_t bytes = count * to->element_bytes, at = first * to->element_bytes;
    to->crc ^= sl_crc32_part(data, bytes, to->text_bytes + at, to->bytes);
    sluice_status status =
        sl_output_is_positional(&writer->output) ? SLUICE_STATUS_OK : begin_in_order(writer, index, count, error);
    if (!status)
        status = sl_output_write(&writer->output, to->data_at + at, data, bytes, error);
    to->written += count;
    return status;
}

static sluice_status finish(sl_npz_writer *writer, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && !writer->output.failed && k < writer->count; k++) {
        const member *of = &writer->members[k];
        if (of->written < of->elements)
            status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: not finished: %zu of %zu elements of \"%s\" were written",
                             writer->output.name, of->written, of->elements, of->name);
        else if (k >= writer->begun)
            status = begin_member(writer, of, error);
    }
    return status || writer->output.failed ? status : write_directory(writer, error);
}

sluice_status sl_npz_commit(sl_npz_writer *writer, sluice_error *error)
{
    const sluice_status status = sl_output_end(&writer->output, finish(writer, error), error);
    sl_npz_abort(writer);
    return status;
}

void sl_npz_abort(sl_npz_writer *writer)
{
    if (!writer)
        return;
    sl_output_abort(&writer->output);
    sl_free(writer->members);
    sl_free(writer);
}
