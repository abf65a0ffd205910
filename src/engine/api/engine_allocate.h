/* The memory of an engine's weights. */
#ifndef SLUICE_ENGINE_API_ENGINE_ALLOCATE_H
#define SLUICE_ENGINE_API_ENGINE_ALLOCATE_H

#include "engine/weight_format.h"

/** The columns of the gates. */
static inline sl_columns sl_gate_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){SL_GATES, packed->dir->hidden, engine->kernel->lanes};
}

/** The columns of U transposed: h. */
static inline sl_columns sl_unit_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){1, packed->dir->h_width, engine->kernel->lanes};
}

/** Make room for the weights, in formats that hold these. false: there is no memory, and sl_engine_free_weights frees what there is. */
bool sl_engine_allocate(sluice_engine *engine, const sl_weights *weights);

/** The same of a layer-direction's W of so many inputs, and U; the panels of one block follow each other. */
bool sl_engine_allocate_pair(sluice_engine *engine, size_t inputs, sl_format_choice choice, sl_packed *packed);

void sl_engine_free_weights(sluice_engine *engine);

#endif
