/* Values of a file's tensors that become a model's weights: all of them finite. */
#ifndef SLUICE_IO_MODEL_TENSOR_VALUES_H
#define SLUICE_IO_MODEL_TENSOR_VALUES_H

#include "io/tensor_source.h"

/** Reads `count` elements of a tensor from element `first` on. */
typedef sluice_status sl_tensor_values_reader(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count,
                                              float *values, sluice_error *error);

/** Read them into `values`. IO; BAD_DATA: one is NaN or infinite. */
sl_tensor_values_reader sl_tensor_values_read;

/** Add them to `values`. IO; BAD_DATA: one is NaN or infinite, or a sum is. */
sl_tensor_values_reader sl_tensor_values_add;

#endif
