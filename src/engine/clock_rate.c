#include "engine/clock_rate.h"

#include "base/clock.h"

#include <stddef.h>

double sl_clock_rate_measure(void)
{
    enum { CHAIN = 64, ROUNDS = 20000 };
    size_t sum = 0;
    const double start = sl_clock_get();
    for (size_t round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 64
        for (size_t k = 0; k < CHAIN; k++) {
            sum += round;
            __asm__ volatile("" : "+r"(sum)); /* so that the compiler does not combine the additions */
        }
    }
    return (double)CHAIN * ROUNDS / (sl_clock_get() - start);
}
