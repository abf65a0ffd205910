/* Reading and writing .npy files in parts. */
#include "io/npy/npy.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/input.h"
#include "io/npy/npy_header.h"
#include "io/npy/shape.h"
#include "io/output.h"
#include "io/zip/inflate_input.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied between file and memory without conversion");

/* numpy writes 118 bytes of text for plain arrays; a large header is an attack or has a type that is refused anyway. */
enum { MAX_TEXT_BYTES = 64 << 10 };

enum { BLOCK = 8192 }; /* elements converted at a time: few calls, and they fit the L1 cache */

struct sl_npy_reader {
    sl_input input;
    sl_npy_header header;
    size_t data_at; /* byte of element 0 */
    size_t element_bytes;
    size_t next;         /* the element after the last one read: a pipe can only continue there */
    bool converts;       /* to float32 */
    void *block;         /* [BLOCK] elements as the file has them; NULL: not needed yet */
    float *converted;    /* [BLOCK] likewise, of a column_major array */
    unsigned char *held; /* all data of a pipe, where they are read out of order */
    sl_npy_loss loss;
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

static sluice_status fail_header(const sl_input *input, size_t at, size_t missing, sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, at,
                        "the file ends inside its header, expected %zu more bytes; was it cut short?", missing);
}

/* Read `bytes` bytes of the header at `offset`; fewer are a failure. */
static sluice_status read_part(const sl_input *input, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, offset, data, bytes, &got, error);
    return status != SLUICE_STATUS_OK || got == bytes ? status : fail_header(input, offset + got, bytes - got, error);
}

/* Refuse a file that does not begin with the magic; `fixed` are its first `got` bytes. Of a text the first line is read too, if
 * possible. */
static sluice_status fail_magic(const sl_input *input, const unsigned char *fixed, size_t got, sluice_error *error)
{
    char text[SL_NPY_GUESS_BYTES];
    unsigned char begin[SL_NPY_LINE_BYTES];
    size_t more = 0;
    memcpy(begin, fixed, got);
    if (sl_npy_is_text(fixed, got) && sl_input_read(input, got, begin + got, sizeof begin - got, &more, NULL))
        more = 0;
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, 0, "not a .npy file but %s",
                        sl_npy_guess(begin, got + more, text));
}

/* Read and check the magic and the version. Of gzip data they are those of what the data hold. */
static sluice_status read_magic(sl_input *input, unsigned char fixed[SL_NPY_FIXED_BYTES], sluice_error *error)
{
    size_t got;
    sluice_status status = sl_input_read(input, 0, fixed, SL_NPY_FIXED_BYTES, &got, error);
    if (status == SLUICE_STATUS_OK && !input->filter && got == SL_NPY_FIXED_BYTES && memcmp(fixed, "\x1f\x8b", 2) == 0) {
        status = sl_input_gunzip(input, fixed, got, error);
        if (status == SLUICE_STATUS_OK)
            status = sl_input_read(input, 0, fixed, SL_NPY_FIXED_BYTES, &got, error);
    }
    if (status != SLUICE_STATUS_OK)
        return status;
    if (!got || memcmp(fixed, SL_NPY_MAGIC, sl_size_min(got, SL_NPY_MAGIC_BYTES)) != 0)
        return fail_magic(input, fixed, got, error);
    return got == SL_NPY_FIXED_BYTES ? SLUICE_STATUS_OK : fail_header(input, got, SL_NPY_FIXED_BYTES - got, error);
}

/* Read magic, version and length; *text_at and *text_bytes are set to the place of the dict literal. */
static sluice_status read_fixed(sl_input *input, size_t *text_at, size_t *text_bytes, sluice_error *error)
{
    unsigned char fixed[SL_NPY_FIXED_BYTES], length[4] = {0};
    sluice_status status = read_magic(input, fixed, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    const unsigned major = fixed[SL_NPY_MAGIC_BYTES], minor = fixed[SL_NPY_MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor != 0)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, SL_NPY_MAGIC_BYTES,
                            "expected .npy version 1.0, 2.0 or 3.0, found %u.%u", major, minor);
    const size_t length_bytes = major == 1 ? 2 : 4;
    status = read_part(input, sizeof fixed, length, length_bytes, error);
    *text_at = sizeof fixed + length_bytes;
    *text_bytes = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    if (status == SLUICE_STATUS_OK && *text_bytes > MAX_TEXT_BYTES)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, sizeof fixed,
                            "expected a header of at most %d bytes, found %zu", MAX_TEXT_BYTES, *text_bytes);
    return status;
}

static sluice_status read_header(sl_npy_reader *reader, sluice_error *error)
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
        sl_scan scan = {
            .name = reader->input.name, .what = "the header", .text = text, .size = text_bytes, .origin = text_at, .error = error};
        (void)sl_npy_parse(&scan, &reader->header);
        status = scan.status;
    }
    sl_free(text);
    reader->data_at = text_at + text_bytes;
    reader->element_bytes = status == SLUICE_STATUS_OK ? sl_npy_type_bytes(reader->header.type) : 0;
    return status;
}

/* Check that nothing follows the data at byte `end`, or another array does, in *has_more. Reading on also finds what is wrong at the end
 * of compressed data. */
static sluice_status check_rest(const sl_npy_reader *reader, size_t end, bool *has_more, sluice_error *error)
{
    char magic[SL_NPY_MAGIC_BYTES];
    size_t got;
    const sluice_status status = sl_input_read(&reader->input, end, magic, sizeof magic, &got, error);
    *has_more = got == sizeof magic && memcmp(magic, SL_NPY_MAGIC, sizeof magic) == 0;
    if (status != SLUICE_STATUS_OK || !got || *has_more)
        return status;
    char more[32] = "more";
    if (reader->input.regular)
        snprintf(more, sizeof more, "%zu more", reader->input.size - end);
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, reader->input.name, end,
                        "expected the end of the file after %zu bytes of data, found %s; if they mean nothing, save "
                        "the array again: numpy.save('x.npy', numpy.load(FILE))",
                        end - reader->data_at, more);
}

static sluice_status check_size(sl_npy_reader *reader, sluice_error *error)
{
    const sl_input *input = &reader->input;
    const size_t bytes = reader->header.elements * reader->element_bytes;
    if (!input->regular)
        return SLUICE_STATUS_OK;
    if (input->size >= reader->data_at && input->size - reader->data_at >= bytes)
        return check_rest(reader, reader->data_at + bytes, &reader->header.has_more, error);
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, input->size,
                        "the file ends here, expected %zu bytes of data from byte %zu on; was it cut short?", bytes,
                        reader->data_at);
}

sluice_status sl_npy_open_input(sl_input *input, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error)
{
    *reader = NULL;
    sl_npy_reader *opened = sl_alloc(sizeof *opened);
    if (!opened) {
        sl_input_close(input);
        return sl_fail_memory(error, "a .npy reader", sizeof *opened);
    }
    opened->input = *input;
    *input = (sl_input){.fd = -1};
    sluice_status status = read_header(opened, error);
    if (status == SLUICE_STATUS_OK)
        status = check_size(opened, error);
    if (status != SLUICE_STATUS_OK) {
        sl_npy_close(opened);
        return status;
    }
    *header = opened->header;
    *reader = opened;
    return SLUICE_STATUS_OK;
}

sluice_status sl_npy_open(const char *path, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error)
{
    sl_input input;
    *reader = NULL;
    const sluice_status status = sl_input_open(path, &input, error);
    return status ? status : sl_npy_open_input(&input, reader, header, error);
}

/* Check that `count` elements from `first` on exist, and can be accessed in this order. */
static sluice_status check_place(const char *name, bool positional, size_t next, size_t elements, size_t first, size_t count,
                                 sluice_error *error)
{
    if (first > elements || count > elements - first)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %zu elements from %zu on asked for, but there are only %zu", name,
                       count, first, elements);
    if (!positional && first != next)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: expected element %zu next, asked for %zu; a pipe, or compressed data, cannot go back; use a plain file",
                       name, next, first);
    return SLUICE_STATUS_OK;
}

/* Fail because the data end after `there` bytes. */
static sluice_status fail_short(const sl_npy_reader *reader, size_t there, sluice_error *error)
{
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, reader->input.name, reader->data_at + there,
                        "the data end here, expected them up to byte %zu; were they cut short?",
                        reader->data_at + reader->header.elements * reader->element_bytes);
}

/* Read `count` elements in the type and order of the file, from its element `first` on, but in native byte order. */
static sluice_status read_raw(sl_npy_reader *reader, size_t first, size_t count, void *data, sluice_error *error)
{
    const sl_npy_header *header = &reader->header;
    const size_t at = reader->data_at + first * reader->element_bytes, bytes = count * reader->element_bytes;
    size_t got = bytes;
    if (reader->held) {
        memcpy(data, reader->held + first * reader->element_bytes, bytes);
    } else {
        const sluice_status status = sl_input_read(&reader->input, at, data, bytes, &got, error);
        if (status != SLUICE_STATUS_OK)
            return status;
    }
    if (got < bytes)
        return fail_short(reader, first * reader->element_bytes + got, error);
    if (reader->input.filter && !reader->held && count && first + count == header->elements) {
        bool has_more;
        const sluice_status status = check_rest(reader, at + bytes, &has_more, error);
        if (status != SLUICE_STATUS_OK)
            return status;
    }
    if (header->big_endian)
        sl_npy_swap(header->type, data, count);
    return SLUICE_STATUS_OK;
}

/* Record the first loss: the block's element `k`, which is the file's element `element`, and the float that it became. */
static void note_loss(sl_npy_reader *reader, size_t k, size_t element, const float *to)
{
    sl_npy_loss *loss = &reader->loss;
    const sl_npy_header *header = &reader->header;
    if (loss->found)
        return;
    loss->found = true;
    for (size_t d = 0; d < header->dims; d++) {
        const size_t axis = header->column_major ? d : header->dims - 1 - d;
        loss->index[axis] = element % header->shape[axis];
        element /= header->shape[axis];
    }
    sl_npy_format_value(header->type, reader->block, k, loss->value);
    sl_npy_format_value(SL_NPY_F4, to, k, loss->became);
}

/* read_raw with conversion to float32, of at most BLOCK elements. */
static sluice_status read_converted(sl_npy_reader *reader, size_t first, size_t count, float *to, sluice_error *error)
{
    const sluice_status status = read_raw(reader, first, count, reader->block, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    const size_t lost = sl_npy_to_f4(reader->header.type, reader->block, count, to);
    if (lost < count)
        note_loss(reader, lost, first + lost, to);
    return SLUICE_STATUS_OK;
}

/* Allocate the block, if it is not yet allocated. */
static sluice_status make_block(sl_npy_reader *reader, sluice_error *error)
{
    if (!reader->block)
        reader->block = sl_alloc(BLOCK * reader->element_bytes);
    return reader->block ? SLUICE_STATUS_OK : sl_fail_memory(error, "converting a .npy file", BLOCK * reader->element_bytes);
}

sluice_status sl_npy_convert(sl_npy_reader *reader, sluice_error *error)
{
    reader->converts = reader->header.type != SL_NPY_F4;
    return reader->converts ? make_block(reader, error) : SLUICE_STATUS_OK;
}

sluice_status sl_npy_read(sl_npy_reader *reader, size_t first, size_t count, void *data, sluice_error *error)
{
    assert(!reader->header.column_major);
    const sl_input *input = &reader->input;
    sluice_status status = check_place(input->name, input->regular, reader->next, reader->header.elements, first, count, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    if (!reader->converts)
        status = read_raw(reader, first, count, data, error);
    for (size_t done = 0; reader->converts && done < count && status == SLUICE_STATUS_OK; done += BLOCK)
        status = read_converted(reader, first + done, sl_size_min(count - done, BLOCK), (float *)data + done, error);
    if (status == SLUICE_STATUS_OK)
        reader->next = first + count;
    return status;
}

bool sl_npy_is_seekable(const sl_npy_reader *reader)
{
    return reader->input.regular;
}

const sl_npy_loss *sl_npy_get_loss(const sl_npy_reader *reader)
{
    return &reader->loss;
}

/* ---- Fortran order --------------------------------------------------------------------------------------------------------- */

/* Read all data of a pipe into memory, which grows as they come: the header may promise more than there is. */
static sluice_status read_all(sl_npy_reader *reader, sluice_error *error)
{
    enum { FIRST = 1 << 20 };
    const size_t bytes = reader->header.elements * reader->element_bytes;
    size_t room = 0, held = 0;
    while (held < bytes) {
        room = sl_size_min(bytes, sl_size_max(FIRST, room > bytes / 2 ? bytes : 2 * room));
        unsigned char *larger = sl_alloc(room);
        if (!larger)
            return sl_fail(
                error, SLUICE_STATUS_NO_MEMORY,
                "%s: out of memory for %zu bytes: an array in Fortran order comes through a pipe, or compressed, only as a "
                "whole; name a plain file, or save numpy.ascontiguousarray(a)",
                reader->input.name, bytes);
        if (held)
            memcpy(larger, reader->held, held);
        sl_free(reader->held);
        reader->held = larger;
        size_t got;
        const sluice_status status =
            sl_input_read(&reader->input, reader->data_at + held, reader->held + held, room - held, &got, error);
        if (status != SLUICE_STATUS_OK)
            return status;
        held += got;
        if (held < room)
            return fail_short(reader, held, error);
    }
    bool has_more;
    return reader->input.filter ? check_rest(reader, reader->data_at + bytes, &has_more, error) : SLUICE_STATUS_OK;
}

sluice_status sl_npy_hold(sl_npy_reader *reader, sluice_error *error)
{
    if (reader->input.regular || reader->held)
        return SLUICE_STATUS_OK;
    const sluice_status status = read_all(reader, error);
    if (status != SLUICE_STATUS_OK) {
        sl_free(reader->held);
        reader->held = NULL;
    }
    return status;
}

/* A position that moves through an array in Fortran order, and the index of that element in C order. */
typedef struct walk {
    size_t dims, shape[SL_NPY_MAX_DIMS], stride[SL_NPY_MAX_DIMS], index[SL_NPY_MAX_DIMS];
    size_t at;
} walk;

static walk begin_walk(const sl_npy_header *header, size_t axis, size_t count)
{
    walk begun = {.dims = header->dims};
    size_t stride = 1;
    for (size_t d = header->dims; d-- > 0; stride *= begun.shape[d]) {
        begun.shape[d] = d == axis ? count : header->shape[d];
        begun.stride[d] = stride;
    }
    return begun;
}

/* Advance by `count` elements along the first dimension, at most to its end; from there to the next index of the other
 * dimensions. */
static void step(walk *place, size_t count)
{
    place->index[0] += count;
    place->at += count * place->stride[0];
    for (size_t d = 0; place->index[d] == place->shape[d]; d++) {
        place->at -= place->shape[d] * place->stride[d];
        place->index[d] = 0;
        if (d + 1 == place->dims)
            return;
        place->index[d + 1]++;
        place->at += place->stride[d + 1];
    }
}

/* Copy `count` elements of `bytes` bytes to `to`, where they are `apart` elements apart. */
static void spread(const unsigned char *from, size_t count, size_t bytes, size_t apart, unsigned char *to)
{
    for (size_t k = 0; k < count; k++)
        switch (bytes) { /* with a constant size memcpy becomes a single move */
        case 1:
            to[k * apart] = from[k];
            break;
        case 2:
            memcpy(to + k * apart * 2, from + k * 2, 2);
            break;
        case 4:
            memcpy(to + k * apart * 4, from + k * 4, 4);
            break;
        default:
            memcpy(to + k * apart * 8, from + k * 8, 8);
        }
}

/* Read `count` elements from the file's element `first` on, and copy each to its place in C order. */
static sluice_status read_run(sl_npy_reader *reader, size_t first, size_t count, walk *place, unsigned char *to,
                              sluice_error *error)
{
    const size_t bytes = reader->converts ? sizeof(float) : reader->element_bytes;
    const unsigned char *block = reader->converts ? (const void *)reader->converted : reader->block;
    for (size_t done = 0; done < count;) {
        const size_t n = sl_size_min(count - done, BLOCK);
        const sluice_status status = reader->converts ? read_converted(reader, first + done, n, reader->converted, error)
                                                      : read_raw(reader, first + done, n, reader->block, error);
        if (status != SLUICE_STATUS_OK)
            return status;
        for (size_t k = 0; k < n;) {
            const size_t line = sl_size_min(n - k, place->shape[0] - place->index[0]);
            spread(block + k * bytes, line, bytes, place->stride[0], to + place->at * bytes);
            step(place, line);
            k += line;
        }
        done += n;
    }
    return SLUICE_STATUS_OK;
}

static sluice_status prepare_columns(sl_npy_reader *reader, sluice_error *error)
{
    sluice_status status = make_block(reader, error);
    if (status == SLUICE_STATUS_OK && reader->converts && !reader->converted) {
        reader->converted = sl_alloc(BLOCK * sizeof *reader->converted);
        if (!reader->converted)
            status = sl_fail_memory(error, "converting a .npy file", BLOCK * sizeof *reader->converted);
    }
    return status == SLUICE_STATUS_OK ? sl_npy_hold(reader, error) : status;
}

sluice_status sl_npy_read_columns(sl_npy_reader *reader, size_t planes, size_t rows, size_t first, size_t count, void *data,
                                  sluice_error *error)
{
    const sl_npy_header *header = &reader->header;
    size_t axis = 0, before = 1;
    while (axis < header->dims && (before != planes || header->shape[axis] != rows))
        before *= header->shape[axis++];
    assert(header->column_major && axis < header->dims);
    sluice_status status = check_place(reader->input.name, true, 0, rows, first, count, error);
    if (status == SLUICE_STATUS_OK)
        status = prepare_columns(reader, error);
    if (status != SLUICE_STATUS_OK || !count)
        return status;
    /* Elements with equal indices in the dimensions after `axis` are contiguous in the file; if all rows are wanted, everything
     * is. */
    walk place = begin_walk(header, axis, count);
    const size_t run = count == rows ? header->elements : before * count;
    for (size_t at = before * first; at < header->elements && status == SLUICE_STATUS_OK; at += before * rows) {
        status = read_run(reader, at, run, &place, data, error);
        if (count == rows)
            break;
    }
    return status;
}

void sl_npy_close(sl_npy_reader *reader)
{
    if (!reader)
        return;
    sl_input_close(&reader->input);
    sl_free(reader->block);
    sl_free(reader->converted);
    sl_free(reader->held);
    sl_free(reader);
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

/* A file of this process alone, or one that it joins. */
static sluice_status open_writer(const char *path, const sl_npy_header *header, bool joins, sl_npy_writer **writer,
                                 sluice_error *error)
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
    sluice_status status = joins ? sl_output_join(path, text, opened->data_at, opened->data_at + bytes, &opened->output, error)
                                 : sl_output_create(path, &opened->output, error);
    if (status == SLUICE_STATUS_OK && !joins)
        status = sl_output_write(&opened->output, 0, text, opened->data_at, error);
    if (status != SLUICE_STATUS_OK) {
        sl_npy_abort(opened);
        return status;
    }
    *writer = opened;
    return SLUICE_STATUS_OK;
}

sluice_status sl_npy_create(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error)
{
    return open_writer(path, header, false, writer, error);
}

sluice_status sl_npy_join(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error)
{
    return open_writer(path, header, true, writer, error);
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
    if (writer->written < writer->elements && !writer->output.failed && !writer->output.joined) {
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
