#include "system/barrier.h"

#include <sched.h>

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* A member that is not there after some ten microseconds has probably no CPU, which ours may be the one to give it. */
static void wait_for(const atomic_uint *arrived, unsigned arrivals)
{
    enum { SPINS = 400 };
    for (unsigned spin = 0; (int)(atomic_load_explicit(arrived, memory_order_acquire) - arrivals) < 0; spin++) {
        if (spin < SPINS)
            relax();
        else
            sched_yield();
    }
}

/* Each member writes its own mark only and reads the others': with two of them, one transfer of a cache line each way. */
void sl_barrier_wait(sl_barrier_flag *marks, unsigned members, unsigned member, unsigned *arrivals)
{
    if (members == 1)
        return;
    ++*arrivals;
    atomic_store_explicit(&marks[member].arrived, *arrivals, memory_order_release);
    for (unsigned other = 0; other < members; other++)
        if (other != member)
            wait_for(&marks[other].arrived, *arrivals);
}
