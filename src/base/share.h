/* Work that several threads divide evenly, without asking each other. */
#ifndef SLUICE_BASE_SHARE_H
#define SLUICE_BASE_SHARE_H

#include <stddef.h>
#include <string.h>

/** One of `threads` equal shares of some work; its pieces are those from sl_share_from to sl_share_to - 1. */
typedef struct sl_share {
    unsigned index, threads;
} sl_share;

/** All of it. */
#define SL_SHARE_ALL ((sl_share){0, 1})

static inline size_t sl_share_from(sl_share share, size_t pieces)
{
    return pieces * share.index / share.threads;
}

static inline size_t sl_share_to(sl_share share, size_t pieces)
{
    return pieces * (share.index + 1) / share.threads;
}

/** Copy a share of the rows of an array [rows][width]. */
static inline void sl_share_copy(sl_share share, size_t rows, size_t width, const float *from, float *to)
{
    const size_t first = sl_share_from(share, rows) * width, end = sl_share_to(share, rows) * width;
    memcpy(to + first, from + first, (end - first) * sizeof *to);
}

#endif
