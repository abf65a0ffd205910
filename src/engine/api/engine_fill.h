/* Weights into an engine. */
#ifndef SLUICE_ENGINE_API_ENGINE_FILL_H
#define SLUICE_ENGINE_API_ENGINE_FILL_H

#include "engine/engine.h"
#include "model/weights.h"

/** The threads that are worth starting to go once over all weights of an engine. */
unsigned sl_engine_fill_threads(const sluice_engine *engine);

/** Pack weights into an engine's memory, by so many threads. */
void sl_engine_fill(const sluice_engine *engine, const sl_weights *weights, unsigned threads);

#endif
