/* An allocator in the place of the C library's. */
#include "support/memory/allocator.h"

#include "support/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local bool test_watching;
_Thread_local long test_countdown;
_Thread_local bool test_fired;
size_t test_alive, test_alive_bytes, test_peak_bytes;

#if TEST_SANITIZED || !defined(__GLIBC__)

bool test_allocator_begin(void)
{
    printf("skipped: a sanitizer (or a C library other than glibc) has the allocator that this test has to replace\n");
    return false;
}

#else

bool test_allocator_begin(void)
{
    return true;
}

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

/* Addresses handed out to this thread while it watched and not freed yet, by open addressing; NULL: free slot. The lock is for
 * other threads that free. */
enum { SLOTS = 1 << 14 };
static void *alive[SLOTS];
static atomic_flag lock = ATOMIC_FLAG_INIT;

static size_t slot_of(const void *memory)
{
    size_t slot = (uintptr_t)memory / 16 % SLOTS;
    while (alive[slot] && alive[slot] != memory)
        slot = (slot + 1) % SLOTS;
    return slot;
}

static void note(void *memory)
{
    if (!memory)
        return;
    while (atomic_flag_test_and_set(&lock))
        ;
    alive[slot_of(memory)] = memory;
    test_alive++;
    test_alive_bytes += malloc_usable_size(memory);
    if (test_alive_bytes > test_peak_bytes)
        test_peak_bytes = test_alive_bytes;
    if (test_alive > SLOTS / 2)
        abort();
    atomic_flag_clear(&lock);
}

static void forget(void *memory)
{
    if (!memory)
        return;
    while (atomic_flag_test_and_set(&lock))
        ;
    size_t slot = slot_of(memory);
    if (alive[slot]) {
        alive[slot] = NULL;
        test_alive--;
        test_alive_bytes -= malloc_usable_size(memory);
        /* those behind it may have been pushed there by it: put them in again */
        for (slot = (slot + 1) % SLOTS; alive[slot]; slot = (slot + 1) % SLOTS) {
            void *moved = alive[slot];
            alive[slot] = NULL;
            alive[slot_of(moved)] = moved;
        }
    }
    atomic_flag_clear(&lock);
}

/* OpenMP runtimes and BLIS are not what is tested. */
static bool is_ours(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return true;
    const char *slash = strrchr(info.dli_fname, '/'), *name = slash ? slash + 1 : info.dli_fname;
    return !strstr(name, "omp") && !strstr(name, "libblis");
}

/* Whether the allocation that `caller` asks for is watched; *fails: and is the one to fail. */
static bool watched(const void *caller, bool *fails)
{
    *fails = false;
    if (!test_watching || !is_ours(caller))
        return false;
    if (test_countdown > 0 && --test_countdown == 0)
        *fails = test_fired = true;
    return true;
}

/* Seen by shared libraries too, so that what the C library allocates for us is ours to fail. */
#define EVERYWHERE __attribute__((visibility("default")))

#define ALLOCATE(call)                                                                                                             \
    bool fails;                                                                                                                    \
    const bool noted = watched(__builtin_return_address(0), &fails);                                                               \
    void *memory = NULL;                                                                                                           \
    if (fails)                                                                                                                     \
        errno = ENOMEM;                                                                                                            \
    else                                                                                                                           \
        memory = call;                                                                                                             \
    if (noted)                                                                                                                     \
        note(memory);

EVERYWHERE void *malloc(size_t bytes)
{
    ALLOCATE(__libc_malloc(bytes))
    return memory;
}

EVERYWHERE void *calloc(size_t count, size_t bytes)
{
    ALLOCATE(__libc_calloc(count, bytes))
    return memory;
}

EVERYWHERE void *aligned_alloc(size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    return memory;
}

void *memalign(size_t alignment, size_t bytes);
EVERYWHERE void *memalign(size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    return memory;
}

EVERYWHERE int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    if (memory)
        *out = memory;
    return memory ? 0 : ENOMEM;
}

EVERYWHERE void *realloc(void *old, size_t bytes)
{
    bool fails;
    const bool noted = watched(__builtin_return_address(0), &fails);
    if (fails) {
        errno = ENOMEM;
        return NULL;
    }
    forget(old);
    void *memory = __libc_realloc(old, bytes);
    if (noted)
        note(memory);
    return memory;
}

EVERYWHERE void free(void *memory)
{
    forget(memory);
    __libc_free(memory);
}

#endif
