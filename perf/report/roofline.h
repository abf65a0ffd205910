/* The roofline: what was attained against the work for each byte brought near, below the roofs of the multiply-adds' peak and of
 * the bandwidth of each level of memory. */
#ifndef SLUICE_PERF_REPORT_ROOFLINE_H
#define SLUICE_PERF_REPORT_ROOFLINE_H

#include "perf/measure/harness.h"

#include <jansson.h>

/**
 * Measure the bandwidth of L2, L3 and DRAM with one thread and with `threads`, and add them to the context of a run:
 * `l2_gbytes_per_second` and so on for one, `l2_gbytes_per_second_all` and so on for all, and `read_threads`. A level that is not
 * there has no field.
 * @return as sl_stream_run, UNSUPPORTED apart
 */
SLUICE_WARN_UNUSED sluice_status sl_roofline_measure(json_t *context, unsigned threads, const sl_plan *plan, sluice_error *error);

/**
 * Draw the rows into an SVG file; those without work for each byte, peers' for example, are left out.
 * @retval BAD_ARGUMENT no row of a case is left, too many series, or they were run without --roofline, so that bandwidths are not
 *                      known.
 * @retval IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_roofline_plot(const json_t *rows, const char *path, sluice_error *error);

#endif
