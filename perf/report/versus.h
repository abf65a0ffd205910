/* Comparing the rows of a case among peers. */
#ifndef SLUICE_PERF_REPORT_VERSUS_H
#define SLUICE_PERF_REPORT_VERSUS_H

#include <jansson.h>

/** In each of an array's rows, all of one shape, make `vs_best` its `gflops` over those of the best row of another `peer` with as
 * many `threads`; null where there is none. -1 when there is no memory. */
int sl_versus_fill(json_t *rows);

#endif
