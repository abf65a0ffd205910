/* A barrier for the few microseconds between two steps: the threads of a thread group spin until all have arrived, without
 * a blocking system call. */
#ifndef SLUICE_BASE_SYSTEM_BARRIER_H
#define SLUICE_BASE_SYSTEM_BARRIER_H

#include <stdatomic.h>

/** How often one thread has arrived. Each flag has a cache line of its own, since all other threads poll it. */
typedef struct sl_barrier_flag {
    _Alignas(64) atomic_uint arrived;
} sl_barrier_flag;

/**
 * Wait until all threads have called this as often as this one. What any of them wrote before is seen by all after.
 * @param flags    [threads], all equal when the first thread arrives for the first time.
 * @param index    of this thread, < threads.
 * @param arrivals how often this thread has arrived, the value of its flag; incremented.
 */
void sl_barrier_wait(sl_barrier_flag *flags, unsigned threads, unsigned index, unsigned *arrivals);

#endif
