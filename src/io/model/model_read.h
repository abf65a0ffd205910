/* From a file's tensors to a model. */
#ifndef SLUICE_IO_MODEL_MODEL_READ_H
#define SLUICE_IO_MODEL_MODEL_READ_H

#include "io/model/names.h"
#include "sluice_tools.h"

/** sluice_model_load from an open source. *model is set on success only; the tensors that belong to it are marked as used. */
sluice_status sl_model_read(sl_tensor_source *source, const sluice_names *names, sluice_model **model, sluice_error *error);

/** sluice_model_list of an open source. */
sluice_status sl_model_list(sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error);

/** The second half of sl_model_read: make the model of a binding, each tensor read straight into the model's memory and its gates brought into
 *  the model's order. IO, NO_MEMORY, TOO_LARGE; BAD_DATA: a weight, or a sum of two biases, is NaN or infinite. */
sluice_status sl_model_read_bound(const sl_tensor_source *source, const sl_binding *binding, sluice_model **model,
                                  sluice_error *error);

#endif
