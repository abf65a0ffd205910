/* The context of a figure: the versions, the machine and the settings that it was measured with. */
#ifndef SLUICE_PERF_MEASURE_CONTEXT_H
#define SLUICE_PERF_MEASURE_CONTEXT_H

#include "sluice_tools.h"

#include <jansson.h>

/**
 * The fields of sl_context_fields (perf/report/row_fields.h) as a flat object. context.c documents some of
 * them. Evaluates OpenMP's environment as if SLUICE_NUM_THREADS and OMP_NUM_THREADS were not set, so that no other thread may read the
 * environment meanwhile.
 * @param argv the command line, which NULL ends; only the first word's file name is kept of its path.
 * @return NULL when there is no memory.
 */
json_t *sl_context_create(const sluice_environment *environment, char **argv);

#endif
