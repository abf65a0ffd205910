/* Whatever allocation fails: the call says so, and nothing is left. */
#ifndef SLUICE_TESTS_FAILING_H
#define SLUICE_TESTS_FAILING_H

#include "support/memory/allocator.h"
#include "support/message.h"

/** What is tried: it frees all that it makes. */
typedef sluice_status test_attempt(void *context, sluice_error *error);

/** Try it with its first allocation failing, then with its second, and so on, until none fails: NO_MEMORY each time, in the end `wanted`,
 *  and no memory is left. It makes more than `least` allocations. */
static inline void test_fail_each(test_attempt *attempt, void *context, sluice_status wanted, long least)
{
    bool fired = true;
    long n = 0;
    while (fired) {
        sluice_error error = {.message = ""};
        const size_t before = test_alive;
        test_fired = false;
        test_watching = true;
        test_countdown = ++n;
        const sluice_status status = attempt(context, &error);
        test_watching = false;
        test_countdown = 0;
        fired = test_fired;
        ck_assert_msg(status == (fired ? SLUICE_STATUS_NO_MEMORY : wanted), "allocation %ld: status %d, %s", n, (int)status,
                      error.message);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, least);
}

#endif
