/* From tensors that were found by their names to a model of a sluice_network. */
#ifndef SLUICE_IO_MODEL_NAMES_BUILD_H
#define SLUICE_IO_MODEL_NAMES_BUILD_H

#include "io/model/names_find.h"

/** Make the model. *model is set on success only. BAD_DATA: a weight, or a sum of two biases, is NaN or infinite; IO, NO_MEMORY,
 *  TOO_LARGE; UNSUPPORTED: more than SLUICE_MAX_LAYERS layers. */
sluice_status sl_names_build(const sl_tensor_source *source, const sl_bound_network *network, sluice_model **model,
                             sluice_error *error);

#endif
