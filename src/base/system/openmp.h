/* What the OpenMP runtime says of itself: its places, and how it binds and limits threads. */
#ifndef SLUICE_BASE_SYSTEM_OPENMP_H
#define SLUICE_BASE_SYSTEM_OPENMP_H

#include "sluice_tools.h"

#include <sched.h>
#include <stdbool.h>

/** The CPUs of one of OpenMP's places; false: more than there is room for. */
bool sl_openmp_get_place(int place, cpu_set_t *cpus);

/** Fill in what an environment says of the runtime: name, version, binding, places, dynamic and thread limit. */
void sl_openmp_describe(sluice_environment *environment);

#endif
