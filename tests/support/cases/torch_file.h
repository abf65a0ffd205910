/* Files of torch.save in the making: a zip archive with a pickle and one storage, and the opcodes of a pickle. */
#ifndef SLUICE_TESTS_TORCH_FILE_H
#define SLUICE_TESTS_TORCH_FILE_H

#include "io/torch/torch.h"
#include "io/zip/crc32.h"

#include "support/files.h"
#include "support/message.h"

enum { TORCH_STORAGE_BYTES = 64 }; /* of "0", 16 float32 */

/* ---- Pickles --------------------------------------------------------------------------------------------------------------- */

static inline void torch_add_text(test_bytes *to, const char *text)
{
    test_bytes_add_text(to, "X");
    test_bytes_add_number(to, strlen(text), 4);
    test_bytes_add_text(to, text);
}

static inline void torch_add_int(test_bytes *to, int64_t number)
{
    test_bytes_add_text(to, "\x8a\x08");
    test_bytes_add_number(to, (uint64_t)number, 8);
}

/** A tensor of storage "0". */
typedef struct torch_tensor {
    const char *type;
    int64_t numel, offset;
    size_t dims;
    int64_t sizes[3], strides[3];
} torch_tensor;

static inline void torch_add_tuple(test_bytes *to, const int64_t *numbers, size_t count)
{
    test_bytes_add_text(to, "(");
    for (size_t k = 0; k < count; k++)
        torch_add_int(to, numbers[k]);
    test_bytes_add_text(to, "t");
}

static inline void torch_add_tensor(test_bytes *to, const torch_tensor *tensor)
{
    test_bytes_add_text(to, "ctorch._utils\n_rebuild_tensor_v2\n((");
    torch_add_text(to, "storage");
    test_bytes_add_text(to, "ctorch\n");
    test_bytes_add_text(to, tensor->type);
    test_bytes_add_text(to, "\n");
    torch_add_text(to, "0");
    torch_add_text(to, "cpu");
    torch_add_int(to, tensor->numel);
    test_bytes_add_text(to, "tQ");
    torch_add_int(to, tensor->offset);
    torch_add_tuple(to, tensor->sizes, tensor->dims);
    torch_add_tuple(to, tensor->strides, tensor->dims);
    test_bytes_add_text(to, "\x89}tR");
}

/* ---- Archives -------------------------------------------------------------------------------------------------------------- */

typedef struct torch_member {
    const char *name;
    const void *data;
    size_t bytes;
    bool wrong_crc;
} torch_member;

static inline uint32_t torch_get_crc(const torch_member *member)
{
    const uint32_t crc = sl_crc32_begin(member->bytes) ^ sl_crc32_part(member->data, member->bytes, 0, member->bytes);
    return member->wrong_crc ? ~crc : crc;
}

static inline void torch_add_header(test_bytes *to, const torch_member *member, size_t at, bool is_entry)
{
    test_bytes_add(to, is_entry ? "PK\1\2\0\0" : "PK\3\4", is_entry ? 6 : 4);
    test_bytes_add_number(to, 0, 8);
    test_bytes_add_number(to, 0, 2);
    test_bytes_add_number(to, torch_get_crc(member), 4);
    test_bytes_add_number(to, member->bytes, 4);
    test_bytes_add_number(to, member->bytes, 4);
    test_bytes_add_number(to, strlen(member->name), 4);
    if (is_entry) {
        test_bytes_add_number(to, 0, 8);
        test_bytes_add_number(to, 0, 2);
        test_bytes_add_number(to, at, 4);
    }
    test_bytes_add_text(to, member->name);
}

/** The archive of some members, stored. */
static inline test_bytes torch_make_zip(const torch_member *members, size_t count)
{
    test_bytes made = {0}, directory = {0};
    for (size_t k = 0; k < count; k++) {
        torch_add_header(&directory, &members[k], made.size, true);
        torch_add_header(&made, &members[k], 0, false);
        test_bytes_add(&made, members[k].data, members[k].bytes);
    }
    const size_t at = made.size;
    test_bytes_add(&made, directory.data, directory.size);
    test_bytes_add_text(&made, "PK\5\6");
    test_bytes_add_number(&made, 0, 4);
    test_bytes_add_number(&made, count | count << 16, 4);
    test_bytes_add_number(&made, directory.size, 4);
    test_bytes_add_number(&made, at, 4);
    test_bytes_add_number(&made, 0, 2);
    test_bytes_free(&directory);
    return made;
}

/** The archive of a pickle and storage "0", the bytes 0, 1, 2, ... */
static inline test_bytes torch_make_file(const test_bytes *pickle)
{
    unsigned char storage[TORCH_STORAGE_BYTES];
    for (size_t k = 0; k < sizeof storage; k++)
        storage[k] = (unsigned char)k;
    const torch_member members[] = {{"m/data.pkl", pickle->data, pickle->size, false},
                                    {"m/data/0", storage, sizeof storage, false},
                                    {"m/version", "3\n", 2, false}};
    return torch_make_zip(members, sizeof members / sizeof *members);
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static inline sl_torch_layout torch_get_layout(const unsigned char *data, size_t size)
{
    return size && data[0] == 'P' ? SL_TORCH_ZIP : SL_TORCH_LEGACY;
}

/** Open a file in memory; the bytes have to stay. */
static inline sluice_status torch_open(const unsigned char *data, size_t size, sl_tensor_source *source, sluice_error *error)
{
    sl_input input;
    SUCCEEDS(sl_input_open_memory, data, size, &input);
    const sluice_status status = sl_torch_open(&input, torch_get_layout(data, size), source, error);
    ck_assert(input.name == NULL);
    return status;
}

/** Open a copy of its own size, so that a sanitizer sees a byte too many, and read each tensor that can be read. */
static inline sluice_status torch_try(const unsigned char *data, size_t size, sluice_error *error)
{
    FREED unsigned char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, data, size);
    sl_tensor_source source;
    sluice_status status = torch_open(copy, size, &source, error);
    for (size_t k = 0; !status && k < source.count; k++) {
        const sl_tensor *tensor = &source.tensors[k];
        ck_assert(tensor->begin <= tensor->end && tensor->end <= size);
        ck_assert(!k || strcmp(source.tensors[k - 1].name, tensor->name) < 0);
        if (tensor->type == SL_ELEMENT_OTHER || tensor->dims > 2 || !tensor->elements)
            continue;
        FREED float *values = calloc(tensor->elements, sizeof *values);
        ck_assert_ptr_nonnull(values);
        status = sl_source_read(&source, tensor, 0, tensor->elements, values, NULL, error);
    }
    sl_source_release(&source);
    return status;
}

/** A file is refused with these words. */
static inline void torch_refuse(const char *what, const test_bytes *file, sluice_status want, const char *words)
{
    sluice_error error = {0};
    const sluice_status got = torch_try(file->data, file->size, &error);
    test_check_refused(what, got, want, &error, words);
}

/** The archive of this pickle is refused. */
static inline void torch_refuse_pickle(const char *what, const test_bytes *pickle, const char *words)
{
    test_bytes file = torch_make_file(pickle);
    torch_refuse(what, &file, SLUICE_STATUS_BAD_DATA, words);
    test_bytes_free(&file);
}

#endif
