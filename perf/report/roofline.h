/* The roofline: attained speed against the work for each byte that is moved, below the roofs of the peak of multiply-adds and of the
 * bandwidth of each level of memory. */
#ifndef SLUICE_PERF_REPORT_ROOFLINE_H
#define SLUICE_PERF_REPORT_ROOFLINE_H

#include "sluice.h"

#include <jansson.h>

/**
 * Draw the rows into an SVG file; those without work for each byte, peers' for example, are left out.
 * @retval BAD_ARGUMENT no row of a case is left, too many series, or they were run without --roofline, so that bandwidths are not
 *                      known.
 * @retval IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_roofline_plot(const json_t *rows, const char *path, sluice_error *error);

#endif
