/* Properties of this machine, and of the part of it that this process may use, as the system reports them. */
#ifndef SLUICE_PERF_MEASURE_MACHINE_H
#define SLUICE_PERF_MEASURE_MACHINE_H

#include "sluice_tools.h"

typedef struct sl_machine {
    char cpu_id[64];    /* vendor, family, model, stepping: "AuthenticAMD 25 1 1"; no microcode, which changes under one CPU */
    char caches[96];    /* of one core's view: "L1d 32 KiB, L2 512 KiB, L3 32768 KiB" */
    char cpus[160];     /* number of threads that is used by default, and what limits it: affinity, cores, cgroup quota */
    char affinity[256]; /* the CPUs on which the process may run: "0-3,8" */
    char governor[32];  /* of the first CPU's frequency; "unknown" where the system has none, as in a virtual machine */
    char system[160];   /* the kernel's name, release and machine */
    char date[32];      /* now: "2026-01-31T12:00:00Z" */
} sl_machine;

/** Where the system does not report a property, it is "unknown". Evaluates OpenMP's environment as if SLUICE_NUM_THREADS and OMP_NUM_THREADS were not set,
 *  so that no other thread may read the environment meanwhile. */
void sl_machine_get(const sluice_environment *environment, sl_machine *machine);

#endif
