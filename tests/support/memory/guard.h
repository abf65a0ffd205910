/* Memory that ends, or begins, flush against a page nobody may touch: one byte too far is a crash. */
#ifndef SLUICE_TESTS_GUARD_H
#define SLUICE_TESTS_GUARD_H

#include <stddef.h>

/** Which end is flush against the forbidden page. */
typedef enum test_side { TEST_SIDE_END, TEST_SIDE_BEGIN } test_side;

/** `bytes` bytes between two forbidden pages; 0 bytes: an address that cannot be read. For TEST_SIDE_END the address is aligned as
 *  `bytes` is. Freed by test_guard_free_all. */
void *test_guard_alloc(size_t bytes, test_side side);

/** test_guard_alloc holding a copy of from; NULL for a NULL from. */
void *test_guard_copy(const void *from, size_t bytes, test_side side);

/** Free every block there is. */
void test_guard_free_all(void);

/** Forbid (or allow again) reading and writing of the block's own pages; `bytes` as for the allocation. NULL is allowed. */
void test_guard_close(void *data, size_t bytes, int closed);

#endif
