/* Checked arithmetic on sizes that come from outside. */
#ifndef SLUICE_BASE_SIZE_H
#define SLUICE_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

/** *product = a * b; false if it does not fit, *product then undefined. */
static inline bool sl_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/** *sum = a + b; false if it does not fit. */
static inline bool sl_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

/** a / b rounded up; b > 0. */
static inline size_t sl_size_div_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/** The least multiple of `step` that is >= a; the caller knows that it fits. */
static inline size_t sl_size_round_up(size_t a, size_t step)
{
    return sl_size_div_up(a, step) * step;
}

static inline size_t sl_size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t sl_size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
