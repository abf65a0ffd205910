/* A batch run once by the library, for what others are compared with. */
#ifndef SLUICE_PERF_CASES_LIBRARY_RUN_H
#define SLUICE_PERF_CASES_LIBRARY_RUN_H

#include "sluice.h"

/** Run the batch by the library's own kernels of an instruction set, on so many threads, in a precision; zeros are the library's
 *  choice. What its calls return. */
SLUICE_WARN_UNUSED sluice_status sl_library_run(const sluice_model *model, sluice_isa isa, unsigned threads,
                                                sluice_precision precision, const sluice_batch *batch, sluice_error *error);

#endif
