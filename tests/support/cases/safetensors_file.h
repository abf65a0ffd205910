/* Safetensors files in the making: from a header's text, or from a list of tensors. */
#ifndef SLUICE_TESTS_SAFETENSORS_FILE_H
#define SLUICE_TESTS_SAFETENSORS_FILE_H

#include "io/safetensors/safetensors.h"
#include "support/files.h"
#include "support/suite.h"

#include <string.h>

/* A file of this header and `data` bytes of zeros; `length` is what it says of the header. */
static inline test_bytes test_safetensors_file(const char *header, uint64_t length, size_t data)
{
    test_bytes file = {0};
    test_bytes_add_number(&file, length, 8);
    test_bytes_add_text(&file, header);
    for (size_t k = 0; k < data; k++)
        test_bytes_add(&file, "", 1);
    return file;
}

static inline size_t test_dtype_bytes(const char *dtype)
{
    return strstr(dtype, "64") ? 8 : strstr(dtype, "32") ? 4 : strstr(dtype, "16") ? 2 : 1;
}

/* One float of the kinds a trained network has, as its type's bits. */
static inline uint64_t test_dtype_random(const char *dtype, uint64_t *state)
{
    const float value = 2 * test_uniform(state) - 1;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(dtype, "F64") == 0) { /* with bits that a float does not have */
        const double wide = (double)value * (1 + 0x1p-30);
        uint64_t wide_bits;
        memcpy(&wide_bits, &wide, sizeof wide_bits);
        return wide_bits;
    }
    if (strcmp(dtype, "F16") == 0) /* any value with the exponent of 0.5 */
        return (test_random(state) & 0x83ff) | 0x3800;
    return strcmp(dtype, "BF16") == 0 ? bits >> 16 : bits;
}

/* A file of the tensors of a list "name dtype dimension,dimension;...", one behind the other, with random values. "-": no
 * dimensions. */
static inline test_bytes test_safetensors_network(const char *tensors, const char *metadata, uint64_t *state)
{
    OWNED(test_bytes) header = {0};
    OWNED(test_bytes) data = {0};
    char piece[1024];
    snprintf(piece, sizeof piece, "{\"__metadata__\":%s", metadata ? metadata : "{}");
    test_bytes_add_text(&header, piece);
    for (int end = 0; *tensors; tensors += end) {
        char name[512], dtype[16], shape[64];
        ck_assert_int_eq(sscanf(tensors, "%511[^ ] %15[^ ] %63[^;];%n", name, dtype, shape, &end), 3);
        size_t elements = 1;
        for (char *at = strcmp(shape, "-") == 0 ? NULL : shape; at && *at; at += strspn(at, ","))
            elements *= strtoull(at, &at, 10);
        const size_t begin = data.size;
        for (size_t k = 0; k < elements; k++)
            test_bytes_add_number(&data, test_dtype_random(dtype, state), test_dtype_bytes(dtype));
        snprintf(piece, sizeof piece, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", name, dtype,
                 strcmp(shape, "-") == 0 ? "" : shape, begin, data.size);
        test_bytes_add_text(&header, piece);
    }
    test_bytes_add_text(&header, "}");
    while (header.size % 8)
        test_bytes_add_text(&header, " ");
    test_bytes file = {0};
    test_bytes_add_number(&file, header.size, 8);
    test_bytes_add(&file, header.data, header.size);
    test_bytes_add(&file, data.data, data.size);
    return file;
}

/** Open the content of a safetensors file, which has to stay until the source is released. */
static inline sluice_status test_safetensors_open(const test_bytes *file, sl_tensor_source *source)
{
    sl_input input;
    const sluice_status status = sl_input_open_memory(file->data, file->size, &input, NULL);
    return status ? status : sl_safetensors_open_input(&input, source, NULL);
}

#endif
