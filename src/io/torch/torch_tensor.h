/* A tensor in a pickle of torch.save: which part of which storage it is, checked against the storage and the file. */
#ifndef SLUICE_IO_TORCH_TORCH_TENSOR_H
#define SLUICE_IO_TORCH_TORCH_TENSOR_H

#include "io/torch/torch_archive.h"

/** What is inside of a parameter or of a value with a type beside it: the tensor, the list; else the value itself. */
sl_value sl_torch_unwrap(const sl_pickle *pickle, sl_value value);

/** Whether an unwrapped value is a tensor with elements of its own. */
bool sl_torch_is_tensor(const sl_pickle *pickle, sl_value value);

/** Fill in all but the name of a tensor. Its elements are in its storage, and in the file. BAD_DATA with the byte, IO, NO_MEMORY. */
sluice_status sl_torch_tensor_read(sl_torch_archive *archive, sl_value value, sl_tensor *tensor, sluice_error *error);

#endif
