#include "io/onnx/graph/protobuf.h"

#include "base/error.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VARINT_BYTES = 10, SHORT_READ = 4096 };

void sl_wire_begin(sl_wire_file *file, const sl_input *input, sluice_error *error)
{
    file->input = input;
    file->error = error;
    file->status = SLUICE_STATUS_OK;
    file->window_at = file->window_bytes = 0;
}

sl_wire sl_wire_get_file(sl_wire_file *file)
{
    return (sl_wire){file, 0, file->input->size};
}

sl_wire sl_wire_get_message(sl_wire_file *file, const sl_wire_field *field)
{
    if (field->type != SL_WIRE_BYTES) {
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, field->at, "field %" PRIu64 ": expected bytes, found a number", field->number);
        return (sl_wire){file, field->end, field->end};
    }
    return (sl_wire){file, field->begin, field->end};
}

sluice_status sl_wire_fail(sl_wire_file *file, sluice_status status, size_t byte, const char *format, ...)
{
    va_list arguments;
    if (file->status)
        return file->status;
    va_start(arguments, format);
    file->status = sl_fail_part(file->error, status, file->input->name, byte, "ONNX: ", format, arguments);
    va_end(arguments);
    return file->status;
}

/* Bring the byte into the window. */
static bool fetch(sl_wire_file *file, size_t at)
{
    if (file->status)
        return false;
    if (at >= file->window_at && at - file->window_at < file->window_bytes)
        return true;
    size_t got = 0;
    file->window_at = at;
    file->window_bytes = 0;
    file->status = sl_input_read(file->input, at, file->window, SL_WIRE_WINDOW, &got, file->error);
    if (file->status)
        return false;
    file->window_bytes = got;
    if (got)
        return true;
    sl_wire_fail(file, SLUICE_STATUS_IO, at, "the file ends here, but was longer when it was opened");
    return false;
}

bool sl_wire_read(sl_wire_file *file, size_t at, void *data, size_t bytes)
{
    char *to = data;
    for (size_t n; bytes; at += n, to += n, bytes -= n) {
        if (!fetch(file, at))
            return false;
        n = sl_size_min(bytes, file->window_bytes - (at - file->window_at));
        memcpy(to, file->window + (at - file->window_at), n);
    }
    return true;
}

static bool read_varint(sl_wire *message, uint64_t *value)
{
    const size_t begin = message->at;
    *value = 0;
    for (unsigned shift = 0; message->at < message->end; shift += 7) {
        unsigned char byte;
        if (shift == 7 * VARINT_BYTES)
            break;
        if (!sl_wire_read(message->file, message->at++, &byte, 1))
            return false;
        if (shift == 63 && byte > 1)
            break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    if (message->at >= message->end && message->at - begin < VARINT_BYTES)
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, begin,
                     "a number that goes on beyond its message's end, byte %zu; was the file cut short?", message->end);
    else
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, begin, "expected a number of 64 bits, found one of more");
    return false;
}

/* A little-endian number. */
static bool read_fixed(sl_wire *message, size_t bytes, uint64_t *value)
{
    unsigned char data[sizeof *value];
    if (message->end - message->at < bytes) {
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, message->at,
                     "a number of %zu bytes goes on beyond its message's end, byte %zu; was the file cut short?", bytes,
                     message->end);
        return false;
    }
    if (!sl_wire_read(message->file, message->at, data, bytes))
        return false;
    *value = 0;
    for (size_t k = 0; k < bytes; k++)
        *value |= (uint64_t)data[k] << (8 * k);
    message->at += bytes;
    return true;
}

static bool read_length(sl_wire *message, sl_wire_field *field)
{
    uint64_t length;
    if (!read_varint(message, &length))
        return false;
    if (length > message->end - message->at) {
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, field->at,
                     "a field of %" PRIu64 " bytes, of which its message has only %zu left; was the file cut short?", length,
                     message->end - message->at);
        return false;
    }
    field->begin = message->at;
    message->at += (size_t)length;
    return true;
}

bool sl_wire_next(sl_wire *message, sl_wire_field *field)
{
    uint64_t tag;
    if (message->file->status || message->at >= message->end)
        return false;
    field->at = message->at;
    if (!read_varint(message, &tag))
        return false;
    field->number = tag >> 3;
    field->type = (sl_wire_type)(tag & 7);
    field->value = 0;
    field->begin = message->at;
    bool is_read = false;
    if (!field->number)
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, field->at, "expected a field's number, found 0; is it an ONNX file?");
    else if (field->type == SL_WIRE_VARINT)
        is_read = read_varint(message, &field->value);
    else if (field->type == SL_WIRE_8_BYTES || field->type == SL_WIRE_4_BYTES)
        is_read = read_fixed(message, field->type == SL_WIRE_8_BYTES ? 8 : 4, &field->value);
    else if (field->type == SL_WIRE_BYTES)
        is_read = read_length(message, field);
    else
        sl_wire_fail(message->file, SLUICE_STATUS_BAD_DATA, field->at,
                     "a field of wire type %d, which ONNX files do not have; is it one?", (int)field->type);
    field->end = message->at;
    return is_read;
}

bool sl_wire_next_packed(sl_wire *packed, size_t bytes, uint64_t *value)
{
    if (packed->file->status || packed->at >= packed->end)
        return false;
    return bytes ? read_fixed(packed, bytes, value) : read_varint(packed, value);
}
