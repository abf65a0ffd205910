/* Cutting one block of memory into aligned arrays: a first time on paper, to learn its size, then in earnest. */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "base/memory.h"
#include "base/size.h"

#include <stdint.h>

/** Begin with used 0 and fits true; with base NULL it only counts. */
typedef struct sl_arena {
    char *base;
    size_t used;
    bool fits; /* all sizes so far fit size_t */
} sl_arena;

/** The next `count` elements of `bytes` bytes; NULL on paper. */
static inline void *sl_arena_take(sl_arena *from, size_t count, size_t bytes)
{
    size_t size;
    void *piece = from->base ? from->base + from->used : NULL;
    from->fits = from->fits && sl_size_mul(count, bytes, &size) && size < SIZE_MAX - SL_ALIGNMENT &&
                 sl_size_add(from->used, sl_size_round_up(size, SL_ALIGNMENT), &from->used);
    return piece;
}

#endif
