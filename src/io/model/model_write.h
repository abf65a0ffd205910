/* From a model to a file's tensors: sluice_model_save, and the weights in a checkpoint. */
#ifndef SLUICE_IO_MODEL_MODEL_WRITE_H
#define SLUICE_IO_MODEL_MODEL_WRITE_H

#include "io/model/names.h"
#include "io/safetensors/safetensors_writer.h"

/** Room for a name that can be written, and more, so that a longer one is still recognised as too long. */
typedef struct sl_tensor_name {
    char text[SL_WRITER_MAX_NAME + 64];
} sl_tensor_name;

/** The name of a model's tensor; for SLUICE_TENSOR_BIAS that of b_ih. No field of `names` is NULL, but `network` may be. */
sl_tensor_name sl_model_file_get_name(const sluice_shape *shape, const sluice_names *names, sluice_tensor tensor, size_t k);

/** The default names of sluice_model_save. */
sluice_names sl_model_file_get_names(void);

/** Put a model's class names and tensors. No field of `names` is NULL. Errors of the writer; BAD_ARGUMENT also for a class name
 *  that cannot be written, BAD_DATA for a weight that is NaN or infinite, which sluice_model_load would refuse. */
void sl_model_file_put(sl_writer *writer, const sluice_model *model, const sluice_names *names);

/** sl_writer_put_tensor of finite values; BAD_DATA if one is not. */
void sl_model_file_put_finite(sl_writer *writer, const char *name, const size_t *shape, size_t dims, const float *values);

/** Write the values of the tensors that sl_model_file_put has put. */
void sl_model_file_write(sl_writer *writer, const sluice_model *model);

#endif
