#include "cli/info/output_difference.h"

#include <math.h>

void sl_output_difference_add(sl_output_difference *difference, const float *values, const float *reference, size_t count)
{
    difference->elements += count;
    for (size_t k = 0; k < count; k++) {
        const double value = values[k], expected = reference[k], error = fabs(value - expected), size = fabs(expected);
        difference->nonfinite += !isfinite(value);
        difference->nonfinite_reference += !isfinite(expected);
        if (!isfinite(value) || !isfinite(expected))
            continue;
        difference->finite++;
        difference->largest = error > difference->largest ? error : difference->largest;
        difference->squares += error * error;
        difference->largest_reference = size > difference->largest_reference ? size : difference->largest_reference;
        difference->squares_reference += size * size;
    }
}

double sl_output_difference_get_rms(const sl_output_difference *difference, double squares)
{
    return difference->finite ? sqrt(squares / (double)difference->finite) : 0;
}
