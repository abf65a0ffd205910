/* Checks of networks and shapes: each layer by itself, and whether it fits those before it. */
#ifndef SLUICE_MODEL_NETWORK_CHECK_H
#define SLUICE_MODEL_NETWORK_CHECK_H

#include "sluice_network.h"

#include <stdbool.h>

enum { SL_LAYER_KINDS = SLUICE_LAYER_REDUCE + 1 };

/** Outputs of a step of a layer that reads `inputs`. */
size_t sl_layer_get_width(const sluice_layer *layer, size_t inputs);

/** Check the number of layers, and that they are there. BAD_ARGUMENT */
sluice_status sl_network_check_count(const sluice_network *network, bool is_shape, sluice_error *error);

/** Check all layers and cells, which have this library's sizes. BAD_ARGUMENT, TOO_LARGE. */
sluice_status sl_network_check_layers(const sluice_network *network, sluice_error *error);

/** Check which steps a network of these layers, which were checked, masks by itself. BAD_ARGUMENT */
sluice_status sl_network_check_masking(const sluice_network *network, sluice_error *error);

/** Check a shape. BAD_ARGUMENT, TOO_LARGE. */
sluice_status sl_shape_check(const sluice_shape *shape, sluice_error *error);

#endif
