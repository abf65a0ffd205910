/* How far computed numbers are from the right ones. */
#ifndef SLUICE_PERF_CASES_DEVIATION_H
#define SLUICE_PERF_CASES_DEVIATION_H

#include <stddef.h>

/** Over all numbers that were added; zeros: none so far. */
typedef struct sl_deviation {
    double largest; /* difference; NaN once one was NaN */
    double squares; /* the sum of the differences' squares */
    size_t count;
} sl_deviation;

/** Add `count` numbers. The index of the first among them that is further from the right one than `bound` or NaN; `count`: none is. */
size_t sl_deviation_add(sl_deviation *deviation, size_t count, const float *found, const float *expected, double bound);

/** The root mean square of the differences. */
double sl_deviation_rms(const sl_deviation *deviation);

#endif
