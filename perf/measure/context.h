/* What a figure means nothing without: the versions, the machine and the settings it was measured with. */
#ifndef SLUICE_PERF_MEASURE_CONTEXT_H
#define SLUICE_PERF_MEASURE_CONTEXT_H

#include "sluice_tools.h"

#include <jansson.h>
#include <stdbool.h>

/**
 * A flat object of strings: version git cpu cpu_id caches cpus affinity governor system compiler flags blis blis_config openmp
 * environment (the OMP_, GOMP_, KMP_, BLIS_ and SLUICE_ variables in force, NAME=VALUE separated by spaces) date (UTC).
 * perf/measure/machine.h says what some of them hold.
 * @return NULL when there is no memory.
 */
json_t *sl_context_create(const sluice_environment *environment);

/** Add `command`: the words of argv, which NULL ends, separated by blanks, the first without its folders. false when there is no
 * memory. */
bool sl_context_add_command(json_t *context, char **argv);

#endif
