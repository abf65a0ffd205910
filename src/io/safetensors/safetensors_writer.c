/* Writing safetensors files. */
#include "io/safetensors/safetensors_writer.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/content.h"
#include "io/json.h"
#include "io/label.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    LENGTH_BYTES = sizeof(uint64_t),
    DATA_STEP = 8
}; /* data begin at a multiple of 8, as in files of the reference implementation */

/* ---- Text of the header ---------------------------------------------------------------------------------------------------- */

/* Room for `bytes` bytes more. */
static bool reserve(sl_writer *writer, size_t bytes)
{
    if (writer->status)
        return false;
    if (bytes > SL_SAFETENSORS_MAX_HEADER - writer->length) {
        writer->status = sl_fail(writer->error, SLUICE_STATUS_TOO_LARGE,
                                 "a safetensors header of more than %d bytes, which no reader accepts; use fewer layers or classes",
                                 SL_SAFETENSORS_MAX_HEADER);
        return false;
    }
    if (writer->length + bytes <= writer->room)
        return true;
    const size_t room = 2 * (writer->length + bytes);
    char *header = sl_alloc(room);
    if (!header) {
        writer->status = sl_fail_memory(writer->error, "a safetensors header", room);
        return false;
    }
    if (writer->length)
        memcpy(header, writer->header, writer->length);
    sl_free(writer->header);
    writer->header = header;
    writer->room = room;
    return true;
}

static void put(sl_writer *writer, const char *text, size_t bytes)
{
    if (reserve(writer, bytes)) {
        memcpy(writer->header + writer->length, text, bytes);
        writer->length += bytes;
    }
}

static void put_text(sl_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_size(sl_writer *writer, const char *before, size_t value)
{
    char text[64];
    snprintf(text, sizeof text, "%s%zu", before, value);
    put_text(writer, text);
}

/* The character at `text`, `bytes` bytes of it, as a JSON string holds it. */
static void put_character(sl_writer *writer, const char *text, size_t bytes)
{
    char escaped[8];
    if ((unsigned char)*text < 0x20) {
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*text);
        put_text(writer, escaped);
        return;
    }
    if (*text == '"' || *text == '\\')
        put_text(writer, "\\");
    put(writer, text, bytes);
}

/* A JSON string. */
static void put_string(sl_writer *writer, const char *string)
{
    put_text(writer, "\"");
    for (size_t left = strlen(string); left && !writer->status;) {
        const size_t bytes = sl_utf8_get_bytes(string, left);
        if (!bytes) {
            writer->status = sl_fail(writer->error, SLUICE_STATUS_BAD_ARGUMENT,
                                     "expected text in UTF-8, as safetensors headers require, found \"%.80s\"", string);
            return;
        }
        put_character(writer, string, bytes);
        string += bytes;
        left -= bytes;
    }
    put_text(writer, "\"");
}

/* ---- Entries --------------------------------------------------------------------------------------------------------------- */

static void begin(sl_writer *writer)
{
    if (!writer->length && reserve(writer, LENGTH_BYTES)) {
        writer->length = LENGTH_BYTES;
        put_text(writer, "{");
    }
}

void sl_writer_put_metadata(sl_writer *writer, const char *key, const char *value)
{
    assert(!writer->tensors);
    begin(writer);
    put_text(writer, writer->metadata++ ? "," : "\"__metadata__\":{");
    put_string(writer, key);
    put_text(writer, ":");
    put_string(writer, value);
}

static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if (sl_clean_get_control(c))
            return false;
    return *name && strlen(name) <= SL_WRITER_MAX_NAME;
}

/* Sizes need no overflow check: the values are in memory, or are zeros of no more bytes than those. */
static void put_entry(sl_writer *writer, const char *name, const char *dtype, size_t element_bytes, const size_t *shape,
                      size_t dims)
{
    if (!writer->status && !is_plain(name))
        writer->status = sl_fail(writer->error, SLUICE_STATUS_BAD_ARGUMENT,
                                 "expected a tensor name of 1 to %d bytes without control characters, found \"%s\"",
                                 SL_WRITER_MAX_NAME, sl_label_get(name).text);
    begin(writer);
    put_text(writer, writer->tensors++ ? "," : writer->metadata ? "}," : "");
    put_string(writer, name);
    put_text(writer, ":{\"dtype\":\"");
    put_text(writer, dtype);
    put_text(writer, "\",\"shape\":");
    size_t bytes = element_bytes;
    for (size_t k = 0; k < dims; k++) {
        put_size(writer, k ? "," : "[", shape[k]);
        bytes *= shape[k];
    }
    put_size(writer, "],\"data_offsets\":[", writer->data_bytes);
    writer->data_bytes += bytes;
    put_size(writer, ",", writer->data_bytes);
    put_text(writer, "]}");
}

void sl_writer_put_tensor(sl_writer *writer, const char *name, const size_t *shape, size_t dims)
{
    put_entry(writer, name, "F32", sizeof(float), shape, dims);
}

void sl_writer_put_bytes(sl_writer *writer, const char *name, size_t count)
{
    put_entry(writer, name, "U8", 1, &count, 1);
}

/* ---- The file -------------------------------------------------------------------------------------------------------------- */

void sl_writer_open(sl_writer *writer, const char *path)
{
    begin(writer);
    put_text(writer, writer->metadata && !writer->tensors ? "}}" : "}");
    while (writer->length % DATA_STEP && !writer->status)
        put_text(writer, " ");
    if (!writer->status)
        writer->status = sl_output_create(path, &writer->output, writer->error);
    if (writer->status)
        return;
    const uint64_t length = writer->length - LENGTH_BYTES;
    memcpy(writer->header, &length, sizeof length); /* little-endian, as tensor_source.c asserts */
    sl_writer_write(writer, writer->header, writer->length);
}

void sl_writer_write(sl_writer *writer, const void *data, size_t bytes)
{
    if (writer->status)
        return;
    writer->status = sl_output_write(&writer->output, writer->written, data, bytes, writer->error);
    writer->written += bytes;
}

/* Without the synchronization a power failure could leave the new name with none of its bytes, and the old file gone. */
sluice_status sl_writer_close(sl_writer *writer)
{
    assert(writer->status || writer->written == writer->length + writer->data_bytes);
    if (!writer->status)
        writer->status = sl_output_synchronize(&writer->output, writer->error);
    const sluice_status status = sl_output_end(&writer->output, writer->status, writer->error);
    sl_free(writer->header);
    *writer = (sl_writer){.error = writer->error, .status = status};
    return status;
}
