/* Notes on a loaded model: sluice_model_get_notes. */
#ifndef SLUICE_IO_MODEL_LOAD_NOTES_H
#define SLUICE_IO_MODEL_LOAD_NOTES_H

#include "io/model/names.h"
#include "model/model.h"

/** Set the notes of the model: which tensors of the file were used, and which not. NO_MEMORY. */
sluice_status sl_load_notes_set(sluice_model *model, const sl_tensor_source *source, const sl_bound_network *network,
                                sluice_error *error);

/** The same of a model that a description was read for. `network` is its name, or NULL; `reason` why it has no class names. */
sluice_status sl_load_notes_set_described(sluice_model *model, const sl_tensor_source *source, const char *network,
                                          const sl_names_reason *reason, sluice_error *error);

#endif
