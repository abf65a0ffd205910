/* How far an engine's outputs are from those of another one. */
#ifndef SLUICE_CLI_INFO_OUTPUT_DIFFERENCE_H
#define SLUICE_CLI_INFO_OUTPUT_DIFFERENCE_H

#include <stddef.h>
#include <stdint.h>

/** Sums over elements, zeros at the beginning. Elements that are NaN or infinite in one of the two, or in both, are counted and left
 *  out of the figures. */
typedef struct sl_output_difference {
    uint64_t elements;
    uint64_t nonfinite, nonfinite_reference;     /* elements that are NaN or infinite; in the reference */
    uint64_t finite;                             /* elements that are finite in both, of which are: */
    double largest, squares;                     /* the largest absolute difference, and the sum of squared ones */
    double largest_reference, squares_reference; /* the same of the reference's values */
} sl_output_difference;

/** Add `count` elements. */
void sl_output_difference_add(sl_output_difference *difference, const float *values, const float *reference, size_t count);

/** The root of the mean of such a sum of squares; 0 without elements. */
double sl_output_difference_get_rms(const sl_output_difference *difference, double squares);

#endif
