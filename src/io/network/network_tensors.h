/* The tensors by which a network with a description stands in a file: their names, shapes and order. torch's names where it has some;
 * docs/files.md has all. */
#ifndef SLUICE_IO_NETWORK_NETWORK_TENSORS_H
#define SLUICE_IO_NETWORK_NETWORK_TENSORS_H

#include "model/parameters.h"
#include "io/network/network_fields.h"

/** Room for the longest name that a description allows. */
typedef struct sl_network_tensor_name {
    char text[2 * SL_DESCRIPTION_MAX_NAME + 64];
} sl_network_tensor_name;

typedef struct sl_network_tensor {
    sl_network_tensor_name name;
    size_t layer, direction; /* of the parameter whose values it has */
    sluice_tensor tensor;
    size_t shape[2], dims;
    bool is_addend; /* b_hh, which is added to the parameter */
} sl_network_tensor;

/** What is done with a tensor; a status other than OK ends the visit. */
typedef sluice_status sl_network_visitor(void *context, const sl_network_tensor *tensor);

/** Visit all tensors in the order in which they are written. `name` is the network's, or NULL. */
sluice_status sl_network_visit(const sl_network *network, const char *name, sl_network_visitor *visitor, void *context);

#endif
