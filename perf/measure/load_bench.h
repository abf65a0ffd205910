/* Loading a model file, beside the least that it could take: reading the file, and looking at each number. */
#ifndef SLUICE_PERF_MEASURE_LOAD_BENCH_H
#define SLUICE_PERF_MEASURE_LOAD_BENCH_H

#include "perf/measure/micro.h"

/** Add two rows for a file that sluice_model_load reads: by `sluice`; and by `read`, its bytes into new memory and a pass over them as
 *  floats, which looks for those that are not finite. What sluice_model_load returns when it fails; IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_load_run(const char *path, const sl_micro_run *run, sluice_error *error);

#endif
