#include "base/system/barrier.h"

#include <sched.h>

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* A thread that has not arrived after about ten microseconds is probably not running; it may be waiting for this thread's CPU, so
 * yield. */
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

/* Each thread writes only its own flag and reads the others': with two threads, one transfer of a cache line in each direction. */
void sl_barrier_wait(sl_barrier_flag *flags, unsigned threads, unsigned index, unsigned *arrivals)
{
    if (threads == 1)
        return;
    ++*arrivals;
    atomic_store_explicit(&flags[index].arrived, *arrivals, memory_order_release);
    for (unsigned other = 0; other < threads; other++)
        if (other != index)
            wait_for(&flags[other].arrived, *arrivals);
}
