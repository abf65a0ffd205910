/* Blocks between forbidden pages, by mmap. */
#include "support/memory/guard.h"

#include <check.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The mappings that hold the blocks. */
static struct {
    void *map;
    size_t bytes;
} maps[64];
static size_t map_count;

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of the pages that hold the block, without the forbidden ones. */
static size_t inner_bytes(size_t bytes)
{
    const size_t page = page_bytes();
    return (bytes + page - 1) / page * page;
}

/* Start of the pages that hold the block. An empty block lies at the start of the second forbidden page. */
static char *inner_start(void *data)
{
    return (char *)((uintptr_t)data / page_bytes() * page_bytes());
}

void *test_guard_alloc(size_t bytes, test_side side)
{
    const size_t page = page_bytes(), inner = inner_bytes(bytes);
    char *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_uint_lt(map_count, sizeof maps / sizeof maps[0]);
    maps[map_count].map = map;
    maps[map_count++].bytes = inner + 2 * page;
    if (inner)
        ck_assert_int_eq(mprotect(map + page, inner, PROT_READ | PROT_WRITE), 0);
    return map + page + (side == TEST_SIDE_END ? inner - bytes : 0);
}

void *test_guard_copy(const void *from, size_t bytes, test_side side)
{
    if (!from)
        return NULL;
    void *data = test_guard_alloc(bytes, side);
    return bytes ? memcpy(data, from, bytes) : data;
}

void test_guard_free_all(void)
{
    while (map_count > 0) {
        map_count--;
        ck_assert_int_eq(munmap(maps[map_count].map, maps[map_count].bytes), 0);
    }
}

void test_guard_close(void *data, size_t bytes, int closed)
{
    if (data && bytes)
        ck_assert_int_eq(mprotect(inner_start(data), inner_bytes(bytes), closed ? PROT_NONE : PROT_READ | PROT_WRITE), 0);
}
