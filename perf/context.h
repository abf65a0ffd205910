/* What a figure means nothing without: the versions, the machine and the settings it was measured with. */
#ifndef SLUICE_PERF_CONTEXT_H
#define SLUICE_PERF_CONTEXT_H

#include "sluice.h"

#include <jansson.h>

/**
 * A flat object of strings: version git cpu compiler blis blis_config openmp environment (the OMP_, GOMP_, KMP_, BLIS_ and
 * SLUICE_ variables in force, NAME=VALUE separated by spaces).
 * @return NULL when there is no memory.
 */
json_t *sl_context_create(const sluice_environment *environment);

#endif
