/* Into how many parts the sums of a gradient over all row-steps are divided, so that all threads have work. It follows from the
 * sizes alone, never from the number of threads: partial sums are added in a fixed order. */
#ifndef SLUICE_ENGINE_TAPE_PARTIAL_SUMS_H
#define SLUICE_ENGINE_TAPE_PARTIAL_SUMS_H

#include "base/size.h"

/* A tile has at most SL_TILE_ROWS rows of a sum; a sum has about SL_TILE_TASKS tiles, its partial sums counted apart. */
enum { SL_TILE_ROWS = 1024, SL_TILE_TASKS = 8 };

/** The partial sums of a sum with `rows` rows over so many time blocks: more where there are few tiles. At least 1. */
static inline size_t sl_partial_sum_count(size_t rows, size_t time_blocks)
{
    const size_t partial_sums = SL_TILE_TASKS / sl_size_max(1, sl_size_div_up(rows, SL_TILE_ROWS));
    return sl_size_max(1, sl_size_min(partial_sums, time_blocks));
}

/** The tiles that the rows of a partial sum are divided into: more where there are few partial sums. */
static inline size_t sl_partial_sum_tiles(size_t rows, size_t partial_sums)
{
    enum { LEAST_ROWS = 256, LEAST_TASKS = 4 };
    const size_t most = sl_size_div_up(rows, LEAST_ROWS), wanted = sl_size_div_up(LEAST_TASKS, partial_sums);
    return sl_size_max(sl_size_div_up(rows, SL_TILE_ROWS), sl_size_min(most, wanted));
}

#endif
