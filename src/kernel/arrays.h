/* Functions of whole arrays: activations, softmax, sums of rows, and the loop that measures the peak. */
#ifndef SLUICE_KERNEL_ARRAYS_H
#define SLUICE_KERNEL_ARRAYS_H

#include "kernel/functions.h"
#include "kernel/tile.h"

#include <assert.h>
#include <math.h>
#include <string.h>

TILE apply_three(sluice_function function, const float *x, float *out, float alpha, float beta)
{
    vf3 values = {{v_load(x), v_load(x + V_LANES), v_load(x + 2 * V_LANES)}};
    values = v_activate3(function, values, alpha, beta);
    v_store(out, v_canonical(values.v[0]));
    v_store(out + V_LANES, v_canonical(values.v[1]));
    v_store(out + 2 * V_LANES, v_canonical(values.v[2]));
}

/* The last vectors go through a buffer, so that nothing past x[n-1] is touched. */
TILE apply(sluice_function function, size_t n, const float *x, float *out, float alpha, float beta)
{
    enum { THREE = 3 * V_LANES };
    size_t k = 0;
    for (; k + THREE <= n; k += THREE)
        apply_three(function, x + k, out + k, alpha, beta);
    if (k < n) {
        float last[THREE] = {0};
        memcpy(last, x + k, (n - k) * sizeof *last);
        apply_three(function, last, last, alpha, beta);
        memcpy(out + k, last, (n - k) * sizeof *last);
    }
}

static void activate(const sluice_activation *activation, size_t n, const float *x, float *out)
{
    const float alpha = activation->alpha, beta = activation->beta;
    assert(activation->function != SLUICE_FUNCTION_SOFTMAX);
    switch (activation->function) {
#define CASE(name)                                                                                                                 \
    case SLUICE_FUNCTION_##name:                                                                                                   \
        apply(SLUICE_FUNCTION_##name, n, x, out, alpha, beta);                                                                     \
        return;
        EACH_FUNCTION(CASE)
#undef CASE
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_SOFTMAX:
        break;
    }
    apply(SLUICE_FUNCTION_LINEAR, n, x, out, alpha, beta);
}

/* NaN, +infinity or nothing but -infinity makes an exponential NaN, hence the sum, hence all elements. */
static void softmax(size_t n, const float *x, float *out)
{
    float most = -INFINITY, sum = 0.0f;
    for (size_t k = 0; k < n; k++)
        most = x[k] > most ? x[k] : most;
    for (size_t k = 0; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        v_store_first(out + k, v_exp_below(v_load_first(x + k, lanes), most), lanes);
    }
    for (size_t k = 0; k < n; k++)
        sum += out[k];
    for (size_t k = 0; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        v_store_first(out + k, v_canonical(v_div(v_load_first(out + k, lanes), v_set(sum))), lanes);
    }
}

static void map_affine(size_t n, const float *x, const float *scale, const float *shift, float *out)
{
    for (size_t k = 0; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        const vf result = v_fma(v_load_first(x + k, lanes), v_load_first(scale + k, lanes), v_load_first(shift + k, lanes));
        v_store_first(out + k, v_canonical(result), lanes);
    }
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
