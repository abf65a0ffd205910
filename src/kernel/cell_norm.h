/* The sums of layer normalisation: mean and deviation of arrays of H numbers, each one chain in index order. */
#ifndef SLUICE_KERNEL_CELL_NORM_H
#define SLUICE_KERNEL_CELL_NORM_H

#include "kernel/tile.h"

#include <math.h>

/* Arrays that are summed at once. A chain waits for each of its additions; eight side by side do not (latency 4, two pipes). They are
 * numbers, not lanes: a vector's lanes would be strided loads. */
enum { NORM_SUMS = 8 };

/* LN(v) = gain (v - mean) / deviation + shift. */
typedef struct norm_sums {
    float mean, deviation; /* sqrt(variance + epsilon) */
} norm_sums;

/* sums[k] += the n numbers at[k], or with `squares` those less mean[k], squared and added by one fused multiply-add each. The numbers
 * are vectors, `stride` floats apart. */
TILE add_arrays(const float *const at[NORM_SUMS], size_t stride, size_t n, bool squares, const float mean[NORM_SUMS],
                float sums[NORM_SUMS])
{
    for (size_t from = 0; from < n; from += V_LANES) {
        const size_t lanes = n - from < V_LANES ? n - from : V_LANES, first = from / V_LANES * stride;
        for (size_t lane = 0; lane < lanes; lane++) {
            UNROLL
            for (size_t k = 0; k < NORM_SUMS; k++) {
                const float value = at[k][first + lane];
                sums[k] = squares ? fmaf(value - mean[k], value - mean[k], sums[k]) : sums[k] + value;
            }
        }
    }
}

/* Mean and deviation of `count` <= NORM_SUMS arrays, count > 0, of n numbers each. */
TILE sum_arrays(const float *const *arrays, size_t count, size_t stride, size_t n, float epsilon, norm_sums *out)
{
    const float *at[NORM_SUMS];
    float mean[NORM_SUMS] = {0}, squares[NORM_SUMS] = {0};
    for (size_t k = 0; k < NORM_SUMS; k++)
        at[k] = arrays[k < count ? k : 0]; /* the rest is computed for nothing */
    add_arrays(at, stride, n, false, mean, mean);
    for (size_t k = 0; k < NORM_SUMS; k++)
        mean[k] /= (float)n;
    add_arrays(at, stride, n, true, mean, squares);
    for (size_t k = 0; k < count; k++)
        out[k] = (norm_sums){mean[k], sqrtf(squares[k] / (float)n + epsilon)};
}

#endif
