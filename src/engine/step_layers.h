/* The layers of an engine that compute each step by itself: which there are, and their weights. */
#ifndef SLUICE_ENGINE_STEP_LAYERS_H
#define SLUICE_ENGINE_STEP_LAYERS_H

#include "engine/engine.h"
#include "model/weights.h"

/** Make them for the engine's network, with room for their weights. false: there is no memory. */
bool sl_step_layers_create(sluice_engine *engine);

/** Floats of a row's one vector before the layers behind the reduction; of a network that has one. */
size_t sl_step_layers_reduced_width(const sluice_engine *engine);

/** Give them a share of their weights. */
void sl_step_layers_fill(const sluice_engine *engine, const sl_weights *weights, sl_share share);

void sl_step_layers_destroy(sl_step_layers *steps);

#endif
