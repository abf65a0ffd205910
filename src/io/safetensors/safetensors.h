/* Safetensors files: what tensors are in one, and their values as float32. Hostile input: dtype, shape, place and size of every
 * tensor are checked against each other and against the file before anything is handed out. What is merely unusual (a type not yet
 * known, many dimensions, any name, more keys) is listed, and a matter of who asks for that tensor. Knows nothing of networks.
 * Format: 8 bytes of header length, little-endian; a JSON object; the data, wholly covered by the tensors and nothing twice. */
#ifndef SLUICE_IO_SAFETENSORS_SAFETENSORS_H
#define SLUICE_IO_SAFETENSORS_SAFETENSORS_H

#include "io/input.h"

enum { SL_TENSOR_MAX_DIMS = 8 };                        /* that are kept; a tensor with more is one that nobody here reads */
enum { SL_SAFETENSORS_MAX_HEADER = 100 * 1000 * 1000 }; /* bytes; the reference implementation's bound */

typedef struct sl_tensor {
    const char *name;  /* any text of UTF-8, also of control characters: sl_label_get; lives as long as the file */
    const char *dtype; /* "F32"; any text, as the file says; lives as long */
    size_t dims;
    size_t shape[SL_TENSOR_MAX_DIMS]; /* the first of them */
    size_t elements;                  /* of a readable tensor: the product of all dimensions */
    size_t begin, end;                /* bytes in the data section */
    size_t stated_at;                 /* byte of the file where the header states it */
    bool readable;                    /* sl_safetensors_read can widen its type: F32, F16, BF16 */
    bool used;                        /* free for the reader's user; false at first */
} sl_tensor;

typedef struct sl_metadata {
    const char *key;
    char *value;
    size_t stated_at;
} sl_metadata;

/** An open file. To be read only, but for `used` and the bytes of metadata values. */
typedef struct sl_safetensors {
    sl_input input;
    char *header;       /* owns all names and metadata */
    sl_tensor *tensors; /* [count], sorted by name (strcmp), no two alike */
    size_t count;
    sl_metadata *metadata; /* [metadata_count], sorted by key, no two alike */
    size_t metadata_count;
    size_t data_at; /* byte of the file where the data section begins */
} sl_safetensors;

/** Open and check a file. *file is NULL on failure. NO_INPUT (also what is not a regular file), IO, NO_MEMORY, BAD_DATA with the
 *  file's name, byte offset, expected and found. */
sluice_status sl_safetensors_open(const char *path, sl_safetensors **file, sluice_error *error);

/** The tensor of this name, or NULL. */
sl_tensor *sl_safetensors_find(const sl_safetensors *file, const char *name);

/** The tensor whose name is the first `head_bytes` bytes of head and then `tail`, or NULL. No NUL is among those bytes. */
sl_tensor *sl_safetensors_find_joined(const sl_safetensors *file, const char *head, size_t head_bytes, const char *tail);

/** The value of a metadata key, or NULL. */
char *sl_safetensors_find_metadata(const sl_safetensors *file, const char *key);

/** Read tensor->elements values of a readable tensor, widened exactly. IO, also when the file has shrunk since it was opened. */
sluice_status sl_safetensors_read(const sl_safetensors *file, const sl_tensor *tensor, float *values, sluice_error *error);

/** Read a tensor's data as they stand in the file, tensor->end - tensor->begin bytes. IO likewise. */
sluice_status sl_safetensors_read_bytes(const sl_safetensors *file, const sl_tensor *tensor, void *bytes, sluice_error *error);

/** NULL is allowed. */
void sl_safetensors_close(sl_safetensors *file);

/** "[512][128]"; "[]" for a scalar; "[...]" at the end for dimensions beyond those that are kept. */
typedef struct sl_shape_text {
    char text[SL_TENSOR_MAX_DIMS * 22 + sizeof "[...]"];
} sl_shape_text;
sl_shape_text sl_shape_get_text(const size_t *shape, size_t dims);

#endif
