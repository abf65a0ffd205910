/* From a model of a network to a file with a description of it. */
#ifndef SLUICE_IO_NETWORK_NETWORK_WRITE_H
#define SLUICE_IO_NETWORK_NETWORK_WRITE_H

#include "io/model/stored_tensor.h"
#include "model/model.h"

/** Put the description as a metadata entry. `name` is the network's, or NULL. Errors of the writer; BAD_ARGUMENT: a name that a
 *  description cannot have. */
void sl_network_put_description(sl_writer *writer, const sluice_model *model, const char *name);

/** Call `act` with every tensor, in the file's order. */
void sl_network_visit_stored(sl_writer *writer, const sluice_model *model, const char *name, sl_stored_action *act);

#endif
