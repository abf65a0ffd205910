/* zlib's memory by this library's allocator. */
#ifndef SLUICE_IO_ZIP_ZIP_MEMORY_H
#define SLUICE_IO_ZIP_ZIP_MEMORY_H

#include "base/memory.h"

/** The zalloc and zfree of a z_stream. */
static inline void *sl_zip_allocate(void *context, unsigned count, unsigned bytes)
{
    (void)context;
    return sl_alloc_array(count, bytes);
}

static inline void sl_zip_release(void *context, void *memory)
{
    (void)context;
    sl_free(memory);
}

#endif
