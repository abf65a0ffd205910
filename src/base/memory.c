#include "base/memory.h"

#include "base/size.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From this size on, blocks start at a huge page and ask for them: a packed layer of 33 MB read once a step costs one TLB miss
 * per 2 MiB instead of one per 4 KiB. */
enum { HUGE_PAGE = 1 << 21 };

void *sl_alloc(size_t bytes)
{
    const size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : SL_ALIGNMENT;
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    const size_t rounded = sl_size_round_up(bytes ? bytes : 1, alignment);
    void *memory = aligned_alloc(alignment, rounded);
    if (!memory)
        return NULL;
    if (alignment == HUGE_PAGE)
        (void)madvise(memory, rounded, MADV_HUGEPAGE); /* a kernel without them serves small pages: slower, not wrong */
    return memset(memory, 0, rounded);
}

void *sl_alloc_array(size_t count, size_t bytes)
{
    size_t total;
    return sl_size_mul(count, bytes, &total) ? sl_alloc(total) : NULL;
}

void sl_free(void *memory)
{
    free(memory);
}
