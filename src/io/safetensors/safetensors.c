/* Opening safetensors files: which files can be one, and the length of the header. */
#include "io/safetensors/safetensors.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/content.h"
#include "io/safetensors/safetensors_header.h"

#include <inttypes.h>

enum { LENGTH_BYTES = 8 };

/* Refuse a file that is known to be of another kind. */
static sluice_status check_content(const sl_tensor_source *source, sluice_error *error)
{
    char beginning[SL_CONTENT_BYTES];
    const size_t bytes = sl_size_min(sizeof beginning, source->input.size);
    const sluice_status status = sl_source_read_at(source, 0, beginning, bytes, error);
    if (status)
        return status;
    const char *other = sl_content_describe(sl_content_find(beginning, bytes));
    return other ? sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected a safetensors file, found %s", source->input.name, other)
                 : SLUICE_STATUS_OK;
}

/* Read the length of the header, and check it. */
static sluice_status read_length(const sl_tensor_source *source, size_t *header_bytes, sluice_error *error)
{
    const sl_input *input = &source->input;
    sluice_status status = check_content(source, error);
    if (status)
        return status;
    if (input->size < LENGTH_BYTES)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, input->size,
                            "the file ends here, expected %d bytes of header length", LENGTH_BYTES);
    uint64_t length;
    status = sl_source_read_at(source, 0, &length, sizeof length, error);
    if (status)
        return status;
    if (length > SL_SAFETENSORS_MAX_HEADER)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, 0,
                            "expected a header of at most %d bytes, found %" PRIu64 "; is it a safetensors file?",
                            SL_SAFETENSORS_MAX_HEADER, length);
    if (length > input->size - LENGTH_BYTES)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, input->name, 0,
                            "a header of %" PRIu64 " bytes is longer than the rest of the file, %zu bytes; was it cut short?",
                            length, input->size - LENGTH_BYTES);
    *header_bytes = (size_t)length;
    return SLUICE_STATUS_OK;
}

sluice_status sl_safetensors_open_input(sl_input *input, sl_tensor_source *source, sluice_error *error)
{
    *source = (sl_tensor_source){.input = *input};
    *input = (sl_input){.fd = -1};
    size_t bytes = 0;
    sluice_status status = read_length(source, &bytes, error);
    if (!status) {
        source->header = sl_alloc(bytes);
        status = source->header ? sl_source_read_at(source, LENGTH_BYTES, source->header, bytes, error)
                                : sl_fail_memory(error, "a safetensors header", bytes);
    }
    if (!status)
        status = sl_safetensors_parse(source, LENGTH_BYTES, bytes, error);
    if (status)
        sl_source_release(source);
    return status;
}

sluice_status sl_safetensors_open(const char *path, sl_tensor_source *source, sluice_error *error)
{
    sl_input input;
    *source = (sl_tensor_source){.input.fd = -1};
    const sluice_status status = sl_input_open_regular(path, &input, error);
    return status ? status : sl_safetensors_open_input(&input, source, error);
}
