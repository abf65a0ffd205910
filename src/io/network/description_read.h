/* From the description in a file, the metadata entry SL_DESCRIPTION_KEY, to a network. docs/files.md has the format. */
#ifndef SLUICE_IO_NETWORK_DESCRIPTION_READ_H
#define SLUICE_IO_NETWORK_DESCRIPTION_READ_H

#include "io/tensor_source.h"
#include "model/layer_chain.h"
#include "sluice_tools.h"

typedef struct sl_described {
    sl_network *network;
    const char *name;     /* the network's in the file, or NULL; the source owns it */
    size_t networks;      /* that the file has */
    const char **classes; /* [ends] names, or NULL; the array is owned, the source owns the names */
} sl_described;

/** Whether the file has a description. */
bool sl_description_exists(const sl_tensor_source *source);

/** Read the description, and make the network of this name; NULL: the only one. The entry's text is decoded in place, so that it can
 *  be read once. BAD_DATA: malformed, with the path within the JSON and the byte of the file; no such network, or several and no
 *  name, with their names. UNSUPPORTED: a newer version. TOO_LARGE, NO_MEMORY. *described is then zeroed. */
sluice_status sl_description_read(const sl_tensor_source *source, const char *name, sl_described *described, sluice_error *error);

/** Read the description, and visit each of its networks; the text can be read once here as well. Errors as above, but for those of the
 *  choice. */
sluice_status sl_description_list(const sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error);

/** Free what it owns. A zeroed one is allowed. */
void sl_described_release(sl_described *described);

#endif
