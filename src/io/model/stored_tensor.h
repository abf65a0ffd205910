/* A model's tensors on their way into a file. */
#ifndef SLUICE_IO_MODEL_STORED_TENSOR_H
#define SLUICE_IO_MODEL_STORED_TENSOR_H

#include "io/safetensors/safetensors_writer.h"

typedef struct sl_stored_tensor {
    const char *name;
    size_t shape[2], dims;
    const float *values; /* NULL: negative zeros; adding -0 changes nothing, not even the sign of a zero */
} sl_stored_tensor;

/** What is done with a tensor. */
typedef void sl_stored_action(sl_writer *writer, const sl_stored_tensor *tensor);

/** Put it into the header. Errors of the writer; BAD_DATA: a value is NaN or infinite. */
sl_stored_action sl_stored_tensor_put;

/** Write its values. Errors of the writer. */
sl_stored_action sl_stored_tensor_write;

#endif
