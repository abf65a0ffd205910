/* Files with a description of a network: a safetensors file whose metadata entry "sluice" has a given text. */
#ifndef SLUICE_TESTS_DESCRIBED_FILE_H
#define SLUICE_TESTS_DESCRIBED_FILE_H

#include "support/cases/safetensors_file.h"

/** Where a description's text begins in the file. */
enum { TEST_DESCRIPTION_AT = 8 + sizeof "{\"__metadata__\":{\"sluice\":\"" - 1 };

/** Add the text as the inside of a JSON string. */
static inline void test_bytes_add_escaped(test_bytes *to, const char *text, size_t size)
{
    char *escaped = malloc(2 * size + 1);
    size_t used = 0;
    ck_assert_ptr_nonnull(escaped);
    for (size_t k = 0; k < size; k++) {
        if (text[k] == '"' || text[k] == '\\')
            escaped[used++] = '\\';
        escaped[used++] = text[k];
    }
    test_bytes_add(to, escaped, used);
    free(escaped);
}

/** A file of the tensors (a list as test_safetensors_network takes it) and this description; `more` follows it in the metadata. */
static inline test_bytes test_described_file(const char *description, const char *more, const char *tensors, uint64_t *state)
{
    static const char before[] = "{\"__metadata__\":{";
    test_bytes plain = test_safetensors_network(tensors, NULL, state), header = {0}, file = {0};
    uint64_t header_bytes;
    memcpy(&header_bytes, plain.data, sizeof header_bytes);
    test_bytes_add_text(&header, before);
    test_bytes_add_text(&header, "\"sluice\":\"");
    test_bytes_add_escaped(&header, description, strlen(description));
    test_bytes_add_text(&header, "\"");
    test_bytes_add_text(&header, more);
    test_bytes_add(&header, plain.data + 8 + strlen(before), header_bytes - strlen(before));
    test_bytes_add_number(&file, header.size, 8);
    test_bytes_add(&file, header.data, header.size);
    test_bytes_add(&file, plain.data + 8 + header_bytes, plain.size - 8 - header_bytes);
    test_bytes_free(&plain);
    test_bytes_free(&header);
    return file;
}

#endif
