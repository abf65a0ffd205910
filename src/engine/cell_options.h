/* Which options a layer-direction's cell has, and what follows from them. */
#ifndef SLUICE_ENGINE_CELL_OPTIONS_H
#define SLUICE_ENGINE_CELL_OPTIONS_H

#include "model/layer_chain.h"

/** The description of a layer-direction's cell, the plain one's where it has none, with the activations that DEFAULT stands for. */
sluice_cell sl_cell_resolve(const sl_layer_dir *dir);

/** Whether the fused step computes a resolved cell: it has no options but biases, a projection and a learned initial state. */
bool sl_cell_is_plain(const sluice_cell *cell);

/** Whether o * output(c) is in +-1, whatever c is. The cell is resolved. */
bool sl_cell_is_within_one(const sluice_cell *cell);

/** Whether all layers can be trained. UNSUPPORTED, with the layer and the option that cannot. */
sluice_status sl_cells_check_training(const sl_network *network, sluice_error *error);

#endif
