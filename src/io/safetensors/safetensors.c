/* Reading safetensors files: the frame round the header, and values. */
#include "io/safetensors/safetensors.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/content.h"
#include "io/resolve.h"
#include "io/safetensors/safetensors_header.h"
#include "io/widen.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "F32 data pass from file to memory as they are");

enum { LENGTH_BYTES = 8 };

/* ---- The file -------------------------------------------------------------------------------------------------------------- */

/* Bytes that were there when the file was opened. */
static sluice_status read_known(const sl_input *input, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, offset, data, bytes, &got, error);
    if (status != SLUICE_STATUS_OK || got == bytes)
        return status;
    return sl_fail(error, SLUICE_STATUS_IO, "%s: byte %zu: the file ends here, but was longer when it was opened", input->name,
                   offset + got);
}

/* Refuse what is known to be a file of another kind. */
static sluice_status check_content(const sl_input *input, sluice_error *error)
{
    char beginning[SL_CONTENT_BYTES];
    const size_t bytes = sl_size_min(sizeof beginning, input->size);
    const sluice_status status = read_known(input, 0, beginning, bytes, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    const char *other = sl_content_describe(sl_content_find(beginning, bytes));
    return other ? sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected a safetensors file, found %s", input->name, other)
                 : SLUICE_STATUS_OK;
}

static sluice_status fail_stream(const char *name, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_NO_INPUT, "%s: expected a regular file; copy it to one first", name);
}

/* Read the length of the header, and check it. */
static sluice_status read_length(const sl_input *input, size_t *header_bytes, sluice_error *error)
{
    if (!input->regular)
        return fail_stream(input->name, error);
    sluice_status status = check_content(input, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    if (input->size < LENGTH_BYTES)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: the file ends here, expected %d bytes of header length",
                       input->name, input->size, LENGTH_BYTES);
    uint64_t length;
    status = read_known(input, 0, &length, sizeof length, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    if (length > SL_SAFETENSORS_MAX_HEADER)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte 0: expected a header of at most %d bytes, found %" PRIu64 "; is it a safetensors file?",
                       input->name, SL_SAFETENSORS_MAX_HEADER, length);
    if (length > input->size - LENGTH_BYTES)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte 0: a header of %" PRIu64
                       " bytes is longer than the rest of the file, %zu bytes; was it cut short?",
                       input->name, length, input->size - LENGTH_BYTES);
    *header_bytes = (size_t)length;
    return SLUICE_STATUS_OK;
}

static sluice_status read_header(sl_safetensors *file, sluice_error *error)
{
    size_t bytes = 0;
    sluice_status status = read_length(&file->input, &bytes, error);
    if (status != SLUICE_STATUS_OK)
        return status;
    file->data_at = LENGTH_BYTES + bytes;
    file->header = sl_alloc(bytes);
    if (!file->header)
        return sl_fail_memory(error, "a safetensors header", bytes);
    status = read_known(&file->input, LENGTH_BYTES, file->header, bytes, error);
    return status == SLUICE_STATUS_OK ? sl_safetensors_parse(file, bytes, error) : status;
}

sluice_status sl_safetensors_open(const char *path, sl_safetensors **file, sluice_error *error)
{
    *file = NULL;
    sl_safetensors *opened = sl_alloc(sizeof *opened);
    if (!opened)
        return sl_fail_memory(error, "a safetensors file", sizeof *opened);
    sl_resolved at; /* looked at first, for opening a FIFO waits for a writer */
    const bool is_stream =
        sl_resolve(path, STDIN_FILENO, &at) == 0 && at.exists && !S_ISREG(at.about.st_mode) && !S_ISDIR(at.about.st_mode);
    sluice_status status = is_stream ? fail_stream(path, error) : sl_input_open(path, &opened->input, error);
    if (status == SLUICE_STATUS_OK)
        status = read_header(opened, error);
    if (status == SLUICE_STATUS_OK)
        *file = opened;
    else
        sl_safetensors_close(opened);
    return status;
}

void sl_safetensors_close(sl_safetensors *file)
{
    if (!file)
        return;
    sl_input_close(&file->input);
    sl_free(file->header);
    sl_free(file->tensors);
    sl_free(file->metadata);
    sl_free(file);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

sluice_status sl_safetensors_read_bytes(const sl_safetensors *file, const sl_tensor *tensor, void *bytes, sluice_error *error)
{
    return read_known(&file->input, file->data_at + tensor->begin, bytes, tensor->end - tensor->begin, error);
}

sluice_status sl_safetensors_read(const sl_safetensors *file, const sl_tensor *tensor, float *values, sluice_error *error)
{
    assert(tensor->readable);
    const size_t at = file->data_at + tensor->begin;
    if (strcmp(tensor->dtype, "F32") == 0)
        return read_known(&file->input, at, values, tensor->elements * sizeof *values, error);
    float (*const widen)(uint16_t) = strcmp(tensor->dtype, "F16") == 0 ? sl_widen_f16 : sl_widen_bf16;
    uint16_t narrow[8192]; /* large enough that the calls cost nothing, small enough for any thread's stack */
    for (size_t done = 0; done < tensor->elements;) {
        const size_t n = sl_size_min(tensor->elements - done, sizeof narrow / sizeof narrow[0]);
        const sluice_status status = read_known(&file->input, at + done * sizeof narrow[0], narrow, n * sizeof narrow[0], error);
        if (status != SLUICE_STATUS_OK)
            return status;
        for (size_t k = 0; k < n; k++)
            values[done + k] = widen(narrow[k]);
        done += n;
    }
    return SLUICE_STATUS_OK;
}
