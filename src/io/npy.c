/* Reading and writing .npy files in pieces. */
#include "io/npy.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/input.h"
#include "io/npy_header.h"
#include "io/output.h"
#include "io/shape.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements pass between file and memory as they are");

/* numpy's own headers of plain arrays have 118 bytes of text; a large one is an attack or a type that is refused anyway. */
enum { MAX_TEXT_BYTES = 64 << 10 };

struct sl_npy_reader {
    sl_input input;
    size_t data_at; /* byte of element 0 */
    size_t element_bytes;
    size_t elements;
    size_t next; /* where the last read ended: all that a pipe can give next */
};

struct sl_npy_writer {
    sl_output output;
    size_t data_at;
    size_t element_bytes;
    size_t elements;
    size_t next;
    size_t written; /* elements in all */
};

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

/* `bytes` bytes of the header at `offset`, all of them. */
static sluice_status read_part(const sl_input *input, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, offset, data, bytes, &got, error);
    if (status != SLUICE_STATUS_OK || got == bytes)
        return status;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: the file ends inside its header, expected %zu more bytes",
                   input->name, offset + got, bytes - got);
}

/* Magic, version and length; *text_at and *text_bytes say where the dict literal is. */
static sluice_status read_fixed(const sl_input *input, size_t *text_at, size_t *text_bytes, sluice_error *error)
{
    unsigned char fixed[SL_NPY_FIXED_BYTES], length[4] = {0};
    sluice_status status = read_part(input, 0, fixed, sizeof fixed, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    if (memcmp(fixed, SL_NPY_MAGIC, SL_NPY_MAGIC_BYTES) != 0)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte 0: not a .npy file; save the array with numpy.save", input->name);
    const unsigned major = fixed[SL_NPY_MAGIC_BYTES], minor = fixed[SL_NPY_MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor != 0)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %d: expected .npy version 1.0, 2.0 or 3.0, found %u.%u",
                       input->name, SL_NPY_MAGIC_BYTES, major, minor);
    const size_t length_bytes = major == 1 ? 2 : 4;
    status = read_part(input, sizeof fixed, length, length_bytes, error);
    *text_at = sizeof fixed + length_bytes;
    *text_bytes = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    if (status == SLUICE_STATUS_OK && *text_bytes > MAX_TEXT_BYTES)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: expected a header of at most %d bytes, found %zu", input->name,
                       sizeof fixed, MAX_TEXT_BYTES, *text_bytes);
    return status;
}

static sluice_status read_header(sl_npy_reader *reader, sl_npy_header *header, sluice_error *error)
{
    size_t text_at = 0, text_bytes = 0;
    sluice_status status = read_fixed(&reader->input, &text_at, &text_bytes, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    char *text = sl_alloc(text_bytes);
    if (!text)
        return sl_fail_memory(error, "a .npy header", text_bytes);
    status = read_part(&reader->input, text_at, text, text_bytes, error);
    if (status == SLUICE_STATUS_OK) {
        sl_scan scan = {.name = reader->input.name, .text = text, .size = text_bytes, .origin = text_at, .error = error};
        (void)sl_npy_parse(&scan, header);
        status = scan.status;
    }
    sl_free(text);
    reader->data_at = text_at + text_bytes;
    return status;
}

static sluice_status check_size(const sl_npy_reader *reader, sluice_error *error)
{
    const sl_input *input = &reader->input;
    const size_t bytes = reader->elements * reader->element_bytes;
    if (!input->regular || (input->size >= reader->data_at && input->size - reader->data_at == bytes))
        return SLUICE_STATUS_OK;
    if (input->size < reader->data_at || input->size - reader->data_at < bytes)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte %zu: the file ends here, expected %zu bytes of data from byte %zu on; was it cut short?",
                       input->name, input->size, bytes, reader->data_at);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: byte %zu: expected the end of the file after %zu bytes of data, found %zu more", input->name,
                   reader->data_at + bytes, bytes, input->size - reader->data_at - bytes);
}

sluice_status sl_npy_open(const char *path, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error)
{
    *reader = NULL;
    sl_npy_reader *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a .npy reader", sizeof *opened);
    sl_npy_header found;
    sluice_status status = sl_input_open(path, &opened->input, error);
    if (status == SLUICE_STATUS_OK)
        status = read_header(opened, &found, error);
    if (status == SLUICE_STATUS_OK) {
        opened->element_bytes = sl_npy_type_bytes(found.type);
        opened->elements = found.elements;
        status = check_size(opened, error);
    }
    if (status != SLUICE_STATUS_OK) {
        sl_npy_close(opened);
        return status;
    }
    *header = found;
    *reader = opened;
    return SLUICE_STATUS_OK;
}

/* Whether `count` elements from `first` on are the array's, and can be had in this order. */
static sluice_status check_place(const char *name, bool positional, size_t next, size_t elements, size_t first, size_t count,
                                 sluice_error *error)
{
    if (first > elements || count > elements - first)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %zu elements from %zu on asked for, but there are only %zu", name,
                       count, first, elements);
    if (!positional && first != next)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: expected element %zu next, asked for %zu; a pipe only goes forward, use a file", name, next, first);
    return SLUICE_STATUS_OK;
}

sluice_status sl_npy_read(sl_npy_reader *reader, size_t first, size_t count, void *data, sluice_error *error)
{
    sl_input *input = &reader->input;
    sluice_status status = check_place(input->name, input->regular, reader->next, reader->elements, first, count, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    const size_t at = reader->data_at + first * reader->element_bytes, bytes = count * reader->element_bytes;
    size_t got;
    status = sl_input_read(input, at, data, bytes, &got, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    reader->next = first + count;
    if (got < bytes)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte %zu: the data end here, expected them up to byte %zu; were they cut short?", input->name, at + got,
                       reader->data_at + reader->elements * reader->element_bytes);
    return SLUICE_STATUS_OK;
}

void sl_npy_close(sl_npy_reader *reader)
{
    if (reader)
        sl_input_close(&reader->input);
    sl_free(reader);
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

sluice_status sl_npy_create(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error)
{
    *writer = NULL;
    const size_t element_bytes = sl_npy_type_bytes(header->type);
    size_t elements, bytes;
    if (!sl_shape_count(header->shape, header->dims, element_bytes, &elements, &bytes))
        return sl_fail_size(error, path);
    sl_npy_writer *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a .npy writer", sizeof *opened);
    char text[SL_NPY_HEADER_BYTES];
    opened->data_at = sl_npy_format(header, text);
    opened->element_bytes = element_bytes;
    opened->elements = elements;
    sluice_status status = sl_output_create(path, &opened->output, error);
    if (status == SLUICE_STATUS_OK)
        status = sl_output_write(&opened->output, 0, text, opened->data_at, error);
    if (status != SLUICE_STATUS_OK) {
        sl_npy_abort(opened);
        return status;
    }
    *writer = opened;
    return SLUICE_STATUS_OK;
}

sluice_status sl_npy_write(sl_npy_writer *writer, size_t first, size_t count, const void *data, sluice_error *error)
{
    sl_output *output = &writer->output;
    sluice_status status =
        check_place(output->name, sl_output_is_positional(output), writer->next, writer->elements, first, count, error);
    if (status == SLUICE_STATUS_OK)
        status =
            sl_output_write(output, writer->data_at + first * writer->element_bytes, data, count * writer->element_bytes, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    writer->next = first + count;
    writer->written += count;
    return SLUICE_STATUS_OK;
}

sluice_status sl_npy_commit(sl_npy_writer *writer, sluice_error *error)
{
    sluice_status status;
    if (writer->written < writer->elements && !writer->output.failed) {
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: not finished: %zu of %zu elements were written",
                         writer->output.name, writer->written, writer->elements);
        sl_output_abort(&writer->output);
    } else {
        status = sl_output_commit(&writer->output, error);
    }
    sl_free(writer);
    return status;
}

void sl_npy_abort(sl_npy_writer *writer)
{
    if (writer)
        sl_output_abort(&writer->output);
    sl_free(writer);
}
