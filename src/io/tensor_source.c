#include "io/tensor_source.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/widen.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "F32 data are copied from file to memory without conversion");

/* ---- Finding --------------------------------------------------------------------------------------------------------------- */

typedef struct joined_name {
    const char *head, *tail;
    size_t head_bytes;
} joined_name;

static int compare_joined(const void *wanted, const void *tensor)
{
    const joined_name *key = wanted;
    const char *name = ((const sl_tensor *)tensor)->name;
    const int order = strncmp(key->head, name, key->head_bytes);
    return order ? order : strcmp(key->tail, name + key->head_bytes);
}

sl_tensor *sl_source_find_joined(const sl_tensor_source *source, const char *head, size_t head_bytes, const char *tail)
{
    const joined_name wanted = {head, tail, head_bytes};
    return source->count ? bsearch(&wanted, source->tensors, source->count, sizeof *source->tensors, compare_joined) : NULL;
}

sl_tensor *sl_source_find(const sl_tensor_source *source, const char *name)
{
    return sl_source_find_joined(source, name, strlen(name), "");
}

const sl_tensor *sl_source_find_unused(const sl_tensor_source *source)
{
    for (size_t k = 0; k < source->count; k++)
        if (!source->tensors[k].used)
            return &source->tensors[k];
    return NULL;
}

static int compare_keys(const void *wanted, const void *item)
{
    return strcmp(wanted, ((const sl_metadata *)item)->key);
}

const sl_metadata *sl_source_find_entry(const sl_tensor_source *source, const char *key)
{
    return source->metadata_count ? bsearch(key, source->metadata, source->metadata_count, sizeof *source->metadata, compare_keys)
                                  : NULL;
}

char *sl_source_find_metadata(const sl_tensor_source *source, const char *key)
{
    const sl_metadata *entry = sl_source_find_entry(source, key);
    return entry ? entry->value : NULL;
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

sluice_status sl_source_read_at(const sl_tensor_source *source, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(&source->input, offset, data, bytes, &got, error);
    if (status || got == bytes)
        return status;
    return sl_fail_byte(error, SLUICE_STATUS_IO, source->input.name, offset + got,
                        "the file ends here, but was longer when it was opened");
}

sluice_status sl_source_read_bytes(const sl_tensor_source *source, const sl_tensor *tensor, void *bytes, sluice_error *error)
{
    return sl_source_read_at(source, tensor->begin, bytes, tensor->end - tensor->begin, error);
}

sluice_status sl_source_read(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count, float *values,
                             sluice_error *error)
{
    assert(tensor->readable && first <= tensor->elements && count <= tensor->elements - first);
    if (strcmp(tensor->dtype, "F32") == 0)
        return sl_source_read_at(source, tensor->begin + first * sizeof *values, values, count * sizeof *values, error);
    float (*const widen)(uint16_t) = strcmp(tensor->dtype, "F16") == 0 ? sl_widen_f16 : sl_widen_bf16;
    uint16_t narrow[8192]; /* so large that the system calls cost little, and small enough for any thread's stack */
    for (size_t done = 0; done < count;) {
        const size_t n = sl_size_min(count - done, sizeof narrow / sizeof narrow[0]);
        const size_t at = tensor->begin + (first + done) * sizeof narrow[0];
        const sluice_status status = sl_source_read_at(source, at, narrow, n * sizeof narrow[0], error);
        if (status)
            return status;
        for (size_t k = 0; k < n; k++)
            values[done + k] = widen(narrow[k]);
        done += n;
    }
    return SLUICE_STATUS_OK;
}

/* ---- Failures -------------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 6, 0))) static sluice_status fail_at(const sl_tensor_source *source, const sl_tensor *tensor,
                                                                   size_t at, const char *element, sluice_error *error,
                                                                   const char *format, va_list arguments)
{
    char message[512];
    vsnprintf(message, sizeof message, format, arguments);
    return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, source->input.name, at, "tensor \"%s\": %s%s",
                        sl_label_get(tensor->name).text, element, message);
}

sluice_status sl_source_fail_tensor(const sl_tensor_source *source, const sl_tensor *tensor, sluice_error *error,
                                    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail_at(source, tensor, tensor->stated_at, "", error, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sl_source_fail_element(const sl_tensor_source *source, const sl_tensor *tensor, size_t element, sluice_error *error,
                                     const char *format, ...)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "element %zu: ", element);
    const size_t at = tensor->begin + element * ((tensor->end - tensor->begin) / tensor->elements);
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail_at(source, tensor, at, prefix, error, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- The rest -------------------------------------------------------------------------------------------------------------- */

void sl_source_release(sl_tensor_source *source)
{
    sl_input_close(&source->input);
    sl_free(source->header);
    sl_free(source->tensors);
    sl_free(source->metadata);
    *source = (sl_tensor_source){.input.fd = -1};
}

sl_shape_text sl_shape_get_text(const size_t *shape, size_t dims)
{
    sl_shape_text made = {"[]"};
    size_t at = 0;
    for (size_t k = 0; k < sl_size_min(dims, SL_TENSOR_MAX_DIMS); k++)
        at += (size_t)snprintf(made.text + at, sizeof made.text - at, "[%zu]", shape[k]);
    if (dims > SL_TENSOR_MAX_DIMS)
        snprintf(made.text + at, sizeof made.text - at, "[...]");
    return made;
}
