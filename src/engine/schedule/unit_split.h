/* The unit split: how the threads of a group share the units of layer-directions. */
#ifndef SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H
#define SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H

#include "base/memory.h"
#include "engine/engine.h"

/** Units are split by whole cache lines of floats, so that no two threads write to one line. */
enum { SL_LINE_UNITS = SL_LINE_FLOATS };

/** Cache lines of the units of one layer-direction. */
static inline size_t sl_unit_lines(const sluice_engine *engine)
{
    return (engine->shape.hidden + SL_LINE_UNITS - 1) / SL_LINE_UNITS;
}

/** A range of the units of a layer-direction, as blocks of packed columns. */
typedef struct sl_unit_range {
    size_t layer_dir; /* from sl_unit_split: counted from the first that is split */
    size_t block, blocks;
} sl_unit_range;

/**
 * Split the units of the network's first `layer_dirs` layer-directions, laid one after the other, into contiguous parts of equal
 * work, one for each thread of a group.
 * @param ranges  [layer_dirs], receives the part of thread `index`.
 * @param divided receives whether threads share a layer-direction. They then wait at the barrier after each iteration.
 * @return        how many ranges the part has.
 */
size_t sl_unit_split(const sluice_engine *engine, size_t layer_dirs, unsigned threads, unsigned index, sl_unit_range *ranges,
                     bool *divided);

#endif
