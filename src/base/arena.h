/* An arena: one block of memory that is divided into aligned arrays. A layout runs twice: a sizing pass without memory computes
 * the size of the block, then the same code assigns the arrays in it. */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "base/memory.h"
#include "base/size.h"

#include <stdint.h>

/** Begin with used 0 and fits true. With base NULL (the sizing pass) only `used` and `fits` are computed. */
typedef struct sl_arena {
    char *base;
    size_t used;
    bool fits; /* all sizes so far fit size_t */
} sl_arena;

/** The next `count` elements of `bytes` bytes; NULL in the sizing pass. */
static inline void *sl_arena_take(sl_arena *from, size_t count, size_t bytes)
{
    size_t size;
    void *array = from->base ? from->base + from->used : NULL;
    from->fits = from->fits && sl_size_mul(count, bytes, &size) && size < SIZE_MAX - SL_ALIGNMENT &&
                 sl_size_add(from->used, sl_size_round_up(size, SL_ALIGNMENT), &from->used);
    return array;
}

#endif
