/* What a pickle of torch.save says of a storage, the flat array that tensors are views of: its type, size and key. Where its bytes are
 * is the archive's to know. */
#ifndef SLUICE_IO_TORCH_TORCH_STORAGE_H
#define SLUICE_IO_TORCH_TORCH_STORAGE_H

#include "io/tensor_source.h"
#include "io/torch/pickle.h"

typedef struct sl_torch_type {
    const char *storage, *dtype; /* torch's names: "FloatStorage", "float32" */
    const char *name;            /* safetensors' name: "F32" */
    size_t bytes;                /* of an element */
    sl_element element;
} sl_torch_type;

typedef struct sl_torch_storage {
    const sl_torch_type *type;  /* that of bytes for a storage without a type */
    sl_value key;               /* STRING */
    size_t bytes;               /* of the whole */
    size_t view_at, view_bytes; /* those of them that are meant */
    size_t at;                  /* where in the text it is stated */
} sl_torch_storage;

/** Read the tuple of a PERSISTENT value. BAD_DATA: not as torch.save writes it, an unknown type, or a size that does not fit. */
sluice_status sl_torch_storage_read(const sl_pickle *pickle, sl_value persistent, sl_torch_storage *storage, sluice_error *error);

/** The type that a GLOBAL torch.float32 or the like names; NULL: none that is known. */
const sl_torch_type *sl_torch_find_dtype(const sl_pickle *pickle, sl_value dtype);

/** A value that is an integer >= 0 which fits size_t. */
bool sl_torch_get_size(const sl_pickle *pickle, sl_value value, size_t *size);

#endif
