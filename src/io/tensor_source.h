/* An open file of named tensors, whatever its format: which tensors it has, and their values as float32. What binds names to a
 * network's weights, and what reads a model, know only this. A format is one file that fills a source in, as
 * io/safetensors/safetensors.c does; its tensors have to lie contiguously in the file, little-endian and row-major. Knows
 * nothing of networks. */
#ifndef SLUICE_IO_TENSOR_SOURCE_H
#define SLUICE_IO_TENSOR_SOURCE_H

#include "io/input.h"

enum { SL_TENSOR_MAX_DIMS = 8 }; /* that are kept; this library reads no tensor that has more */

typedef struct sl_tensor {
    const char *name;  /* any UTF-8 text, which may hold control characters: sl_label_get; lives as long as the source */
    const char *dtype; /* in safetensors' words, "F32"; any text, as the file says; lives as long */
    size_t dims;
    size_t shape[SL_TENSOR_MAX_DIMS]; /* the first of them */
    size_t elements;                  /* of a readable tensor: the product of all dimensions */
    size_t begin, end;                /* bytes of the file that hold its elements */
    size_t stated_at;                 /* byte of the file where the header describes it */
    bool readable;                    /* sl_source_read can convert its type: F32, F16, BF16 */
    bool used;                        /* for the user of the source to set; false at first */
} sl_tensor;

typedef struct sl_metadata {
    const char *key;
    char *value;
    size_t stated_at;
    size_t value_at, value_bytes; /* bytes of the file where the value stands as a JSON string, quotes included */
} sl_metadata;

/** Read-only for its users, but for `used` and the bytes of metadata values. Starts from zeros ({0}). */
typedef struct sl_tensor_source {
    sl_input input;
    char *header;       /* owns all names and metadata */
    sl_tensor *tensors; /* [count], sorted by name (strcmp), no two names equal */
    size_t count;
    sl_metadata *metadata; /* [metadata_count], sorted by key, no two keys equal */
    size_t metadata_count;
} sl_tensor_source;

/** The tensor of this name, or NULL. */
sl_tensor *sl_source_find(const sl_tensor_source *source, const char *name);

/** The tensor whose name is the first `head_bytes` bytes of head followed by `tail`, or NULL. No NUL is among those bytes. */
sl_tensor *sl_source_find_joined(const sl_tensor_source *source, const char *head, size_t head_bytes, const char *tail);

/** The first tensor that is not marked as used, or NULL. */
const sl_tensor *sl_source_find_unused(const sl_tensor_source *source);

/** The metadata entry of a key, or NULL. */
const sl_metadata *sl_source_find_entry(const sl_tensor_source *source, const char *key);

/** Its value, or NULL. */
char *sl_source_find_metadata(const sl_tensor_source *source, const char *key);

/** Read `count` elements of a readable tensor from element `first` on, widened exactly. IO, also if the file has become shorter
 *  since it was opened. */
sluice_status sl_source_read(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count, float *values,
                             sluice_error *error);

/** Read a tensor's bytes as they are in the file, tensor->end - tensor->begin of them. IO likewise. */
sluice_status sl_source_read_bytes(const sl_tensor_source *source, const sl_tensor *tensor, void *bytes, sluice_error *error);

/** Read `bytes` bytes at `offset`, all of which were in the file when it was opened. IO likewise. */
sluice_status sl_source_read_at(const sl_tensor_source *source, size_t offset, void *data, size_t bytes, sluice_error *error);

/** Fail with BAD_DATA: "NAME: byte N: tensor "T": " and the message, N being where the header describes the tensor. */
sluice_status sl_source_fail_tensor(const sl_tensor_source *source, const sl_tensor *tensor, sluice_error *error,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/** The same of one element, N being its place. */
sluice_status sl_source_fail_element(const sl_tensor_source *source, const sl_tensor *tensor, size_t element, sluice_error *error,
                                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Close the input and free what the source owns, which is then zeroed. */
void sl_source_release(sl_tensor_source *source);

/** "[512][128]"; "[]" for a scalar; "[...]" at the end for dimensions that are not kept. */
typedef struct sl_shape_text {
    char text[SL_TENSOR_MAX_DIMS * 22 + sizeof "[...]"];
} sl_shape_text;
sl_shape_text sl_shape_get_text(const size_t *shape, size_t dims);

#endif
