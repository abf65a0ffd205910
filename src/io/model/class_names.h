/* Class names in a file's metadata: the entry "classes", the names separated by commas. */
#ifndef SLUICE_IO_MODEL_CLASS_NAMES_H
#define SLUICE_IO_MODEL_CLASS_NAMES_H

#include "io/model/names_find.h"
#include "io/safetensors/safetensors_writer.h"

/** Find the class names of `expected` outputs (0: none are looked for): the entry's text is split in place, and the list is owned by
 *  the caller. What does not fit gives no names, and a reason: `counted` says of what, as "the network 3 outputs". NO_MEMORY. */
sluice_status sl_class_names_split(sl_tensor_source *source, size_t expected, const char *counted, const char ***names,
                                   sl_names_reason *reason, sluice_error *error);

/** Bind the class names of a network whose head is bound. NO_MEMORY. */
sluice_status sl_class_names_bind(sl_tensor_source *source, sl_binding *binding, sluice_error *error);

/** Put the names of a model that has them. BAD_ARGUMENT for a name that the file could not hold; NO_MEMORY; errors of the
 *  writer. */
void sl_class_names_put(sl_writer *writer, const sluice_model *model);

#endif
