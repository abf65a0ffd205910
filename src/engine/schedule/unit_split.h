/* The unit split: how the threads of a group share the units of layer-directions. */
#ifndef SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H
#define SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H

#include "base/memory.h"
#include "base/size.h"
#include "engine/engine.h"

/** Cache lines of the units of one layer-direction. Units are split by whole lines, so that no two threads write to one. */
static inline size_t sl_unit_lines(const sl_packed *packed)
{
    return sl_size_div_up(packed->dir->hidden, SL_LINE_FLOATS);
}

/** Those of some layer-directions together. */
size_t sl_unit_lines_sum(const sluice_engine *engine, size_t first, size_t count);

/** A range of the units of a layer-direction, as blocks of packed columns. */
typedef struct sl_unit_range {
    size_t layer_dir;
    size_t block, blocks;
} sl_unit_range;

/**
 * Split the units of `count` layer-directions, from `first` on, laid one after the other, into contiguous parts of equal work, one
 * for each thread of a group.
 * @param ranges  [count], receives the part of thread `index`.
 * @param divided receives whether threads share a layer-direction. They then wait at the barrier after each iteration.
 * @return        how many ranges the part has.
 */
size_t sl_unit_split(const sluice_engine *engine, size_t first, size_t count, unsigned threads, unsigned index,
                     sl_unit_range *ranges, bool *divided);

#endif
