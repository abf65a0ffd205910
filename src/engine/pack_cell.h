/* What a layer-direction's cell has besides W, U and b, into the layouts that the kernels read. */
#ifndef SLUICE_ENGINE_PACK_CELL_H
#define SLUICE_ENGINE_PACK_CELL_H

#include "engine/engine.h"
#include "model/weights.h"

/** Set what follows from a layer-direction's cell (packed->dir is known), and allocate its arrays. false: out of memory. */
bool sl_pack_cell_allocate(sluice_engine *engine, sl_packed *packed);

/** Put a share of the parameters of layer-direction k into the arrays. */
void sl_pack_cell_fill(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share);

void sl_pack_cell_free(sl_packed *packed);

#endif
