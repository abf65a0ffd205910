/* A barrier for the few microseconds between two steps: the threads of a team wait for each other without the system's help. */
#ifndef SLUICE_SYSTEM_BARRIER_H
#define SLUICE_SYSTEM_BARRIER_H

#include <stdatomic.h>

/** How often one member has arrived; alone on its cache line, since all others look at it while it is written. */
typedef struct sl_barrier_flag {
    _Alignas(64) atomic_uint arrived;
} sl_barrier_flag;

/**
 * Wait until all members have called this as often as this one. What any of them wrote before is seen by all after.
 * @param marks    [members], alike when the first of them arrives for the first time.
 * @param arrivals how often this member has arrived, the value of its mark; counted up.
 */
void sl_barrier_wait(sl_barrier_flag *marks, unsigned members, unsigned member, unsigned *arrivals);

#endif
