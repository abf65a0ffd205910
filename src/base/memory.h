/* Aligned memory. */
#ifndef SLUICE_BASE_MEMORY_H
#define SLUICE_BASE_MEMORY_H

#include <stddef.h>

/** Alignment of all of it: a cache line, and the widest vector. */
enum { SL_ALIGNMENT = 64 };

/** Floats of a cache line. */
enum { SL_LINE_FLOATS = SL_ALIGNMENT / sizeof(float) };

/** `bytes` zeroed bytes (1 if 0), aligned; NULL when there are none. Freed by sl_free. */
void *sl_alloc(size_t bytes);

/** `count` zeroed elements of `bytes` bytes; NULL as well when the product does not fit. */
void *sl_alloc_array(size_t count, size_t bytes);

void sl_free(void *memory);

#endif
