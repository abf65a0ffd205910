/* How units are cut into pieces, one for each member of a team. */
#ifndef SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H
#define SLUICE_ENGINE_SCHEDULE_UNIT_SPLIT_H

#include "engine/engine.h"

/** Units are cut by whole cache lines, so that no two members write one. */
enum { SL_LINE_UNITS = 16 };

/** Lines of the units of one strand, that is, one direction of one layer. */
static inline size_t sl_lines(const sluice_engine *engine)
{
    return (engine->shape.hidden + SL_LINE_UNITS - 1) / SL_LINE_UNITS;
}

/** Some blocks of columns of a strand. */
typedef struct sl_unit_range {
    size_t layer_dir; /* counted from the first that is cut */
    size_t block, blocks;
} sl_unit_range;

/**
 * Cut the network's first `strands` strands, laid one after the other as lines of units, into as many pieces of equal work as a
 * team has members.
 * @param pieces  [strands], receives what member `index` has.
 * @param divided receives whether any strand is divided between members, who must then meet after every turn.
 * @return        how many of the pieces there are.
 */
size_t sl_unit_split(const sluice_engine *engine, size_t layer_dirs, unsigned members, unsigned index, sl_unit_range *pieces,
                     bool *divided);

#endif
