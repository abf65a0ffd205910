/* sigmoid and tanh of other libraries: the C library's, and SLEEF's where the build has it. */
#ifndef SLUICE_PERF_MEASURE_OTHER_FUNCTIONS_H
#define SLUICE_PERF_MEASURE_OTHER_FUNCTIONS_H

#include "sluice.h"

/** out[k] = f(x[k]) for k < n. */
typedef void sl_map(size_t n, const float *x, float *out);

typedef struct sl_other {
    const char *name;
    sluice_isa isa; /* AUTO: it chooses by itself */
    sl_map *sigmoid;
    sl_map *tanh;
} sl_other;

/** Other k = 0, 1, ...; NULL past the last. The caller checks that the machine has its instruction set. */
const sl_other *sl_other_get(size_t k);

#endif
