/* An open file of named tensors, whatever its format: which tensors it has, and their values as float32. What binds names to a
 * network's weights, and what reads a model, know only this. A format is one file that fills a source in, as
 * io/safetensors/safetensors.c does; its tensors have to lie in the file uncompressed and little-endian. Knows nothing of
 * networks. */
#ifndef SLUICE_IO_TENSOR_SOURCE_H
#define SLUICE_IO_TENSOR_SOURCE_H

#include "io/input.h"

enum { SL_TENSOR_MAX_DIMS = 8 }; /* that are kept; this library reads no tensor that has more */

/** Types of elements whose values can be read. F64 is rounded, all others are widened exactly. */
typedef enum sl_element {
    SL_ELEMENT_OTHER = 0, /* not readable */
    SL_ELEMENT_F32,
    SL_ELEMENT_F16,
    SL_ELEMENT_BF16,
    SL_ELEMENT_F64,
    SL_ELEMENT_I8,
    SL_ELEMENT_U8
} sl_element;

/** Bytes of an element; 0 for OTHER. */
size_t sl_element_get_bytes(sl_element type);

typedef struct sl_tensor {
    const char *name;  /* any UTF-8 text, which may hold control characters: sl_label_get; lives as long as the source */
    const char *dtype; /* in safetensors' words, "F32"; any text, as the file says; lives as long */
    size_t dims;
    size_t shape[SL_TENSOR_MAX_DIMS]; /* the first of them */
    size_t elements;                  /* of a readable tensor: the product of all dimensions */
    const sl_input *input;            /* that has its elements; NULL: the source's */
    size_t begin, end;                /* bytes of the input from its first element to the end of its last */
    size_t stated_at;                 /* byte of the file where the header describes it */
    sl_element type;
    bool strided;                      /* element [i][j] is the one at i * stride[0] + j * stride[1] from `begin` on; else */
    size_t stride[SL_TENSOR_MAX_DIMS]; /* they are not set, and the elements follow each other, row-major */
    bool used;                         /* for the user of the source to set; false at first */
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
    const char *format; /* that messages about a tensor begin with, "HDF5"; NULL: none */
    const char *remark; /* a line for the notes on a model, "torch: ...": what files of the format leave open; NULL: none */
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

/** Read `count` elements of a readable tensor of one or two dimensions from element `first` on, in row-major order; of a strided
 *  matrix whole rows. *finite (may be NULL) becomes false if a value is NaN or infinite, and else stays. IO, also if the file has become shorter since it was opened. */
sluice_status sl_source_read(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count, float *values,
                             bool *finite, sluice_error *error);

/** A rectangle of a readable tensor's elements; strides count elements, wherever the tensor's own dimensions end. */
typedef struct sl_view {
    const sl_tensor *tensor;
    size_t first; /* element at [0][0], counted from the tensor's first byte */
    size_t rows, columns;
    size_t row_stride, column_stride;
} sl_view;

/** The view of rows `first`.. of a tensor [rows][columns], or of elements of one [rows], which has columns 1. */
sl_view sl_view_get_rows(const sl_tensor *tensor, size_t first, size_t rows);

/** Whether all of a view's elements are among its tensor's bytes. */
bool sl_view_fits(const sl_view *view);

/** Read a view that fits: element [i][j] to values[i * pitch + j]. Transposed ones (row_stride < column_stride) are read by blocks. IO
 *  likewise; NO_MEMORY. */
sluice_status sl_view_read(const sl_tensor_source *source, const sl_view *view, float *values, size_t pitch, bool *finite,
                           sluice_error *error);

/** Read a tensor's bytes as they are in the file, tensor->end - tensor->begin of them. IO likewise. */
sluice_status sl_source_read_bytes(const sl_tensor_source *source, const sl_tensor *tensor, void *bytes, sluice_error *error);

/** Read `bytes` bytes at `offset` of the source's input, all of which were in the file when it was opened. IO likewise. */
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
