/* The allocations of a rank's program, but not of its libraries: SLUICE_TEST_FAULT=RANK:N has allocation N of a rank fail, the first is 0.
 * Linked with --wrap. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static bool fails(void)
{
    static atomic_ulong count;
    const char *fault = getenv("SLUICE_TEST_FAULT"), *of_open_mpi = getenv("OMPI_COMM_WORLD_RANK");
    const char *rank = of_open_mpi ? of_open_mpi : getenv("PMI_RANK");
    char *rest;
    return fault && rank && strtoul(fault, &rest, 10) == strtoul(rank, NULL, 10) && *rest == ':' &&
           strtoul(rest + 1, NULL, 10) == atomic_fetch_add(&count, 1);
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : __real_realloc(memory, bytes);
}
