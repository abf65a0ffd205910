/* Rows of floats to the words that weights of other formats are multiplied with; packed_matrix.h has the forms. */
#ifndef SLUICE_KERNEL_PREPARE_ROW_H
#define SLUICE_KERNEL_PREPARE_ROW_H

#include "base/float_bits.h"
#include "kernel/functions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The bfloat16 next to each number, ties to even, as a float; a subnormal number becomes a zero of its sign, as vcvtneps2bf16 has it. */
static inline __attribute__((always_inline)) vf v_round_bf16(vf a)
{
    const vi bits = v_bits(v_canonical(a)), odd = vi_and(vi_shift_right_16(bits), vi_set(1));
    const vi rounded = vi_and(vi_add(vi_add(bits, vi_set(0x7fff)), odd), vi_set((int)0xffff0000));
    const vf zero = v_float(vi_and(bits, vi_set((int)0x80000000)));
    return v_select_at_most(v_magnitude(a), v_set(0x1.fffffcp-127f), zero, v_float(rounded));
}

static inline vf load_some(const float *x, size_t k, size_t n)
{
    return n - k >= V_LANES ? v_load(x + k) : v_load_first(x + k, n - k);
}

static void prepare_bf16(sl_row_form form, size_t n, const float *x, float *words)
{
    const size_t bytes = form == SL_ROW_BF16_PAIRS ? sizeof(uint16_t) : sizeof(float);
    for (size_t k = 0; k < n; k += V_LANES) {
        const vf rounded = v_round_bf16(load_some(x, k, n));
        if (form == SL_ROW_BF16_PAIRS)
            vi_store_int16((char *)words + k * bytes, vi_shift_right_16(v_bits(rounded)));
        else
            v_store(words + k, rounded);
    }
    if (n % 2)
        memset((char *)words + n * bytes, 0, bytes);
    for (size_t k = 0; form == SL_ROW_BF16_SWAPPED && k < n; k += 2) {
        const float first = words[k];
        words[k] = words[k + 1];
        words[k + 1] = first;
    }
}

/* The largest magnitude, which is a NaN where there is one: found by encodings, whose order is that of magnitudes. */
static float find_largest(size_t n, const float *x)
{
    vi most = vi_set(0);
    for (size_t k = 0; k < n; k += V_LANES)
        most = vi_max(most, v_bits(v_magnitude(load_some(x, k, n))));
    float lanes[V_LANES];
    uint32_t largest = 0;
    v_store(lanes, v_float(most));
    for (size_t k = 0; k < V_LANES; k++)
        largest = sl_float_bits(lanes[k]) > largest ? sl_float_bits(lanes[k]) : largest;
    return sl_float_of_bits(largest);
}

static void prepare_integers(sl_row_form form, bool within_one, size_t n, const float *x, float *words)
{
    const float largest = find_largest(n, x);
    float scale = 0.0f, inverse = 0.0f;
    if (!isfinite(largest)) {
        scale = NAN;
    } else if (within_one && largest <= 1.0f) {
        inverse = 127.0f;
    } else if (largest >= SL_LEAST_MAGNITUDE) {
        scale = largest / 127.0f;
        inverse = 127.0f / largest;
    }
    const vf factor = v_set(inverse);
    for (size_t k = 0; k < n; k += V_LANES) {
        const vi value = isnan(scale) ? vi_set(0) : vi_round(v_mul(load_some(x, k, n), factor));
        if (form == SL_ROW_INT16_PAIRS)
            vi_store_int16((int16_t *)words + k, value);
        else
            vi_store_bytes((uint8_t *)words + k, vi_add(value, vi_set(128)));
    }
    if (form == SL_ROW_INT16_PAIRS && n % 2)
        memset((int16_t *)words + n, 0, sizeof(int16_t));
    words[sl_row_form_words(form, n)] = scale;
}

static void prepare_row(sl_row_form form, bool within_one, size_t n, const float *x, float *words)
{
    assert(form != SL_ROW_FLOATS);
    if (form == SL_ROW_BF16_SWAPPED || form == SL_ROW_BF16_PAIRS)
        prepare_bf16(form, n, x, words);
    else
        prepare_integers(form, within_one, n, x, words);
}

#endif
