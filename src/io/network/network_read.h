/* From a file with a description to a model. */
#ifndef SLUICE_IO_NETWORK_NETWORK_READ_H
#define SLUICE_IO_NETWORK_NETWORK_READ_H

#include "io/tensor_source.h"
#include "model/model.h"

/** Read the network of this name, NULL: the only one. Its tensors are marked as used. *model is set on success only. BAD_DATA, IO,
 *  NO_MEMORY, TOO_LARGE, UNSUPPORTED: the description (io/network/description_read.h); a tensor is missing, or has another shape or
 *  type, or a value that is not finite. */
sluice_status sl_network_read(sl_tensor_source *source, const char *name, sluice_model **model, sluice_error *error);

#endif
