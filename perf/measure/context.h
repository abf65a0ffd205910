/* The context of a figure: the versions, the machine and the settings that it was measured with. */
#ifndef SLUICE_PERF_MEASURE_CONTEXT_H
#define SLUICE_PERF_MEASURE_CONTEXT_H

#include "sluice_tools.h"

#include <jansson.h>

/**
 * The fields of sl_context_fields (perf/report/row_fields.h) as a flat object. perf/measure/machine.h documents some of them.
 * @param argv the command line, which NULL ends; only the first word's file name is kept of its path.
 * @return NULL when there is no memory.
 */
json_t *sl_context_create(const sluice_environment *environment, char **argv);

#endif
