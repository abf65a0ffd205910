/* Functions of whole arrays: sigmoid, tanh, sums of rows, and the loop that measures the peak. */
#ifndef SLUICE_KERNEL_ARRAYS_H
#define SLUICE_KERNEL_ARRAYS_H

#include "kernel/activation.h"
#include "kernel/tile.h"

#include <string.h>

TILE apply_three(vf3 (*function)(vf3), const float *x, float *out)
{
    vf3 values = {{v_load(x), v_load(x + V_LANES), v_load(x + 2 * V_LANES)}};
    values = function(values);
    v_store(out, values.v[0]);
    v_store(out + V_LANES, values.v[1]);
    v_store(out + 2 * V_LANES, values.v[2]);
}

/* The last vectors go through a buffer, so that nothing past x[n-1] is touched. */
TILE apply(vf3 (*function)(vf3), size_t n, const float *x, float *out)
{
    enum { THREE = 3 * V_LANES };
    size_t k = 0;
    for (; k + THREE <= n; k += THREE)
        apply_three(function, x + k, out + k);
    if (k < n) {
        float last[THREE] = {0};
        memcpy(last, x + k, (n - k) * sizeof *last);
        apply_three(function, last, last);
        memcpy(out + k, last, (n - k) * sizeof *last);
    }
}

static void map_sigmoid(size_t n, const float *x, float *out)
{
    apply(v_sigmoid3, n, x, out);
}

static void map_tanh(size_t n, const float *x, float *out)
{
    apply(v_tanh3, n, x, out);
}

static float run_peak(size_t rounds)
{
    vf acc[SL_PEAK_CHAINS];
    UNROLL
    for (size_t i = 0; i < SL_PEAK_CHAINS; i++)
        acc[i] = v_set((float)i);
    const vf half = v_set(0.5f);
    for (size_t k = 0; k < rounds; k++) {
        UNROLL
        for (size_t i = 0; i < SL_PEAK_CHAINS; i++)
            acc[i] = v_fma(acc[i], half, half);
    }
    vf sum = acc[0];
    UNROLL
    for (size_t i = 1; i < SL_PEAK_CHAINS; i++)
        sum = v_add(sum, acc[i]);
    float lanes[V_LANES];
    v_store(lanes, sum);
    return lanes[0];
}

/* Columns outside, rows inside: the sums stay in registers. */
static void add_rows(size_t rows, size_t n, const float *x, size_t x_stride, float *sum)
{
    enum { SUMS = 8, CHUNK = SUMS * V_LANES };
    size_t k = 0;
    for (; k + CHUNK <= n; k += CHUNK) {
        vf acc[SUMS];
        UNROLL
        for (size_t v = 0; v < SUMS; v++)
            acc[v] = v_load(sum + k + v * V_LANES);
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t v = 0; v < SUMS; v++)
            acc[v] = v_add(acc[v], v_load(x + r * x_stride + k + v * V_LANES));
        UNROLL
        for (size_t v = 0; v < SUMS; v++)
            v_store(sum + k + v * V_LANES, acc[v]);
    }
    for (; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        vf acc = v_load_first(sum + k, lanes);
        for (size_t r = 0; r < rows; r++)
            acc = v_add(acc, v_load_first(x + r * x_stride + k, lanes));
        v_store_first(sum + k, acc, lanes);
    }
}

#endif
