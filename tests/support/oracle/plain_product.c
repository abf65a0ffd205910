#include "support/oracle/plain_product.h"

#include "support/float_blocks.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Nearest bfloat16, ties to even, subnormals to a zero of their sign. */
static float round_bf16(float value)
{
    const uint32_t bits = bits_of(value), magnitude = bits & 0x7fffffff;
    if (isnan(value))
        return value;
    if (magnitude < 0x00800000)
        return float_of(bits & 0x80000000);
    const uint32_t upper = bits & 0xffff0000, rest = bits & 0xffff;
    const bool up = rest > 0x8000 || (rest == 0x8000 && (upper & 0x10000));
    return float_of(upper + (up ? 0x10000 : 0));
}

static float largest_of(size_t count, const float *values)
{
    float largest = 0;
    for (size_t k = 0; k < count; k++)
        largest = isnan(values[k]) || isnan(largest) ? NAN : fmaxf(largest, fabsf(values[k]));
    return largest;
}

test_plain_row test_plain_row_of(sluice_precision precision, bool within_one, size_t terms, const float *x)
{
    test_plain_row row = {.precision = precision, .terms = terms, .values = calloc(terms + 1, sizeof *row.values)};
    ck_assert_ptr_nonnull(row.values);
    const float largest = largest_of(terms, x);
    const bool fixed = within_one && largest <= 1.0f;
    for (size_t k = 0; k < terms; k++)
        if (precision == SLUICE_PRECISION_F32)
            row.values[k] = x[k];
        else if (precision == SLUICE_PRECISION_BF16)
            row.values[k] = round_bf16(x[k]);
        else if (!isfinite(largest) || (!fixed && largest < 0x1p-100f))
            row.values[k] = 0;
        else
            row.values[k] = rintf(x[k] * (fixed ? 127.0f : 127.0f / largest));
    if (precision == SLUICE_PRECISION_INT8)
        row.scale = !isfinite(largest) ? NAN : fixed || largest < 0x1p-100f ? 0.0f : largest / 127.0f;
    return row;
}

/* One chain from zero; of each pair of terms the second first. */
static float chain_bf16(const test_plain_row *row, const float *w)
{
    float sum = 0;
    for (size_t k = 0; k < row->terms + row->terms % 2; k++) {
        const size_t term = k ^ 1;
        const bool exists = term < row->terms;
        sum = fmaf(exists ? row->values[term] : 0.0f, exists ? round_bf16(w[term]) : 0.0f, sum);
    }
    return sum;
}

static float chain(const test_plain_row *row, const float *w)
{
    float sum = 0;
    for (size_t k = 0; k < row->terms; k++)
        sum = fmaf(row->values[k], w[k], sum);
    return sum;
}

static float add_integers(float onto, const test_plain_row *row, const float *w)
{
    const float largest = largest_of(row->terms, w), s = largest < 0x1p-100f ? 0 : largest / 127.0f;
    int64_t sum = 0;
    for (size_t k = 0; k < row->terms && s > 0; k++)
        sum += (int64_t)row->values[k] * (int64_t)rintf(w[k] * (127.0f / largest));
    ck_assert(sum == (int32_t)sum);
    return fmaf((float)sum, row->scale == 0 ? s / 127.0f : row->scale * s, onto);
}

float test_plain_add_product(float onto, const test_plain_row *row, const float *w)
{
    return row->precision == SLUICE_PRECISION_INT8   ? add_integers(onto, row, w)
           : row->precision == SLUICE_PRECISION_BF16 ? onto + chain_bf16(row, w)
                                                     : onto + chain(row, w);
}
