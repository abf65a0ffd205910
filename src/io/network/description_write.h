/* From a network to its description in a file: the text of the metadata entry SL_DESCRIPTION_KEY. */
#ifndef SLUICE_IO_NETWORK_DESCRIPTION_WRITE_H
#define SLUICE_IO_NETWORK_DESCRIPTION_WRITE_H

#include "sluice_network.h"

/** Make the description of a network that was checked and whose layers all have names. `name` is the network's, or NULL. *text is set
 *  on success only, and freed by sl_free. It is JSON, if the names are UTF-8. NO_MEMORY. */
sluice_status sl_description_make(const sluice_network *network, const char *name, char **text, sluice_error *error);

#endif
