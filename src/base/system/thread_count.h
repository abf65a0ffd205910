/* How many threads to use: what is asked for, and what the machine and the OpenMP runtime allow. */
#ifndef SLUICE_BASE_SYSTEM_THREAD_COUNT_H
#define SLUICE_BASE_SYSTEM_THREAD_COUNT_H

#include "sluice.h"

/** More are never used. */
enum { SL_THREADS_MAX = 1024 };

/** How many threads to use: option if not 0, else SLUICE_NUM_THREADS, else OMP_NUM_THREADS where it is valid, else the least of CPU
 * affinity (or OpenMP's places), cgroup CPU quota (rounded up) and physical cores; and no more than the runtime can make under
 * OMP_THREAD_LIMIT and GOMP_CPU_AFFINITY. `reason` receives which it was, in words. BAD_ARGUMENT if SLUICE_NUM_THREADS is not a
 * number in 1..SL_THREADS_MAX, or option is beyond it. */
sluice_status sl_threads_choose(unsigned option, unsigned *threads, char *reason, size_t reason_bytes, sluice_error *error);

/** The most threads that the runtime can make here, under OMP_THREAD_LIMIT and GOMP_CPU_AFFINITY; SL_THREADS_MAX where neither
 * limits them. */
unsigned sl_threads_most(void);

/** The CPUs this process may use at once: affinity, or those of OpenMP's places that there are, the cgroup's quota rounded up, and no
 * more than sl_threads_most. At least 1. */
unsigned sl_threads_cpus(void);

#endif
