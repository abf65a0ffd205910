/* Numbers in double precision that carry a bound on the error which single precision makes of them: a running error analysis.
 *
 * With u = 2^-24, an operation whose exact result is r rounds it to r (1 + d), |d| <= u. An error is kept in units of u, and is
 * the sum of what the operands' errors amount to, and of what the operation adds. A sum of K terms, each perhaps a product, errs
 * by at most K S u in whatever order it is taken, fused or not, where S is the sum of the terms' absolute values: each term is
 * rounded at most K times. Beyond K = 49, where that gets too large to find an error, by 7 sqrt(K) S u: with rounding errors that
 * are independent and of mean zero, more has a probability of 2 exp(-7^2 / 2) = 5e-11 (Higham & Mary 2019, theorem 2.4). */
#ifndef SLUICE_TESTS_NUMBER_H
#define SLUICE_TESTS_NUMBER_H

#include <math.h>
#include <stddef.h>

/** A value, and how far from it the one in single precision may be, in units of u. */
typedef struct test_number {
    double value, error;
} test_number;

static const double test_unit = 0x1p-24; /* u */

static inline test_number test_times(test_number a, test_number b)
{
    const double value = a.value * b.value;
    return (test_number){value, fabs(a.value) * b.error + fabs(b.value) * a.error + test_unit * a.error * b.error + fabs(value)};
}

static inline test_number test_plus(test_number a, test_number b)
{
    const double value = a.value + b.value;
    return (test_number){value, a.error + b.error + fabs(value)};
}

/** 1 - a */
static inline test_number test_one_less(test_number a)
{
    return (test_number){1.0 - a.value, a.error + fabs(1.0 - a.value)};
}

/** 1 - a^2, as that or as (1 - a) (1 + a): a rounding of a^2 and one of the whole, or three of the whole. */
static inline test_number test_one_less_square(test_number a)
{
    const double square = a.value * a.value, value = 1.0 - square;
    return (test_number){value, 2.0 * fabs(a.value) * a.error + test_unit * a.error * a.error + square + 3.0 * fabs(value)};
}

/* What a function with this value and slope at z, and a second derivative below 1, makes of z's error, and its own of at most one
 * unit in the last place, 2 u of the value. */
static inline test_number test_activated(test_number z, double value, double slope)
{
    return (test_number){value, slope * z.error + test_unit * z.error * z.error / 2.0 + 2.0 * fabs(value)};
}

static inline test_number test_sigmoid(test_number z)
{
    const double value = 1.0 / (1.0 + exp(-z.value));
    return test_activated(z, value, value * (1.0 - value));
}

static inline test_number test_tanh(test_number z)
{
    const double value = tanh(z.value);
    return test_activated(z, value, 1.0 - value * value);
}

/** A sum in the making. Begin with zeros. */
typedef struct test_sum {
    double value, error; /* as it would be without roundings of the sum itself */
    double size;         /* of the terms' absolute values */
    size_t terms;
} test_sum;

static inline void test_sum_add(test_sum *sum, test_number a)
{
    sum->value += a.value;
    sum->error += a.error;
    sum->size += fabs(a.value);
    sum->terms++;
}

static inline void test_sum_add_product(test_sum *sum, test_number a, test_number b)
{
    const double value = a.value * b.value;
    sum->value += value;
    sum->error += fabs(a.value) * b.error + fabs(b.value) * a.error + test_unit * a.error * b.error;
    sum->size += fabs(value);
    sum->terms++;
}

/** The terms of another sum. */
static inline void test_sum_add_sum(test_sum *sum, const test_sum *other)
{
    sum->value += other->value;
    sum->error += other->error;
    sum->size += other->size;
    sum->terms += other->terms;
}

static inline test_number test_sum_get(const test_sum *sum)
{
    const double terms = (double)sum->terms;
    return (test_number){sum->value, sum->error + fmin(terms, 7.0 * sqrt(terms)) * sum->size};
}

/** How far off the single-precision value may be. One in a hundred is for what is of second order in u; the least normal number
 * for products that underflow. */
static inline double test_bound(test_number a)
{
    return 1.01 * test_unit * a.error + 0x1p-126;
}

#endif
