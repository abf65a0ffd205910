#include "base/memory.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From this size on, blocks start at a huge page and ask for them: a packed layer of 33 MB read once a step costs one TLB miss
 * per 2 MiB instead of one per 4 KiB. */
enum { HUGE_PAGE = 1 << 21 };

/* The allocator is the one setting of the process: handed down from object to object, it would be a parameter of every function that
 * takes memory, of those without an object too (reading a file, a tape's measurement). It is written once, before any memory is taken,
 * and then only read; the state says which, so that memory is always given back to the allocator it came from. */
enum { UNUSED, SETTING, CALLERS, OURS };
static atomic_int state = UNUSED;
static sluice_allocator callers;

/* CALLERS or OURS; from now on it stays so. */
static int settle(void)
{
    int now = UNUSED;
    if (atomic_compare_exchange_strong(&state, &now, OURS))
        return OURS;
    while (now == SETTING) /* another thread is in the few instructions of sluice_allocator_set */
        now = atomic_load(&state);
    return now;
}

static void *allocate(size_t bytes, size_t alignment)
{
    if (settle() == CALLERS)
        return callers.allocate(callers.context, bytes, alignment);
    void *memory = aligned_alloc(alignment, bytes);
    if (memory && alignment == HUGE_PAGE)
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a kernel without them serves small pages: slower, not wrong */
    return memory;
}

void *sl_alloc(size_t bytes)
{
    const size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : SL_ALIGNMENT;
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    const size_t rounded = sl_size_round_up(bytes ? bytes : 1, alignment);
    void *memory = allocate(rounded, alignment);
    return memory ? memset(memory, 0, rounded) : NULL;
}

void *sl_alloc_array(size_t count, size_t bytes)
{
    size_t total;
    return sl_size_mul(count, bytes, &total) ? sl_alloc(total) : NULL;
}

void sl_free(void *memory)
{
    if (memory && atomic_load(&state) == CALLERS)
        callers.release(callers.context, memory);
    else
        free(memory);
}

void sluice_free(void *memory)
{
    sl_free(memory);
}

sluice_status sluice_allocator_set(const sluice_allocator *allocator, sluice_error *error)
{
    sluice_allocator known;
    const sluice_status status = sl_struct_take(&known, allocator, SL_STRUCT(sluice_allocator), "sluice_allocator_set", error);
    if (status)
        return status;
    if (!known.allocate || !known.release)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_allocator_set: allocate or release is NULL; give both");
    int now = UNUSED;
    if (!atomic_compare_exchange_strong(&state, &now, SETTING))
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "sluice_allocator_set: the library has taken memory already, or has an allocator; set it once, before all else");
    callers = known;
    atomic_store(&state, CALLERS);
    return SLUICE_STATUS_OK;
}
