#include "perf/cases/deviation.h"

#include <math.h>

size_t sl_deviation_add(sl_deviation *deviation, size_t count, const float *found, const float *expected, double bound)
{
    size_t first = count;
    for (size_t k = 0; k < count; k++) {
        const double difference = fabs((double)found[k] - (double)expected[k]);
        if (!(difference <= deviation->largest)) /* also if it is NaN; a NaN that was the largest stays */
            deviation->largest = isnan(deviation->largest) ? deviation->largest : difference;
        if (first == count && !(difference <= bound))
            first = k;
        deviation->squares += difference * difference;
    }
    deviation->count += count;
    return first;
}

double sl_deviation_rms(const sl_deviation *deviation)
{
    return sqrt(deviation->squares / (double)deviation->count);
}
