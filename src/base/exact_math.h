/* A few functions of double, made of correctly rounded operations alone, so that they give the same bits on every machine; results of
 * C libraries differ in their last bits from one library to the next, and from one CPU to the next. And sums in an order that vector
 * code keeps. */
#ifndef SLUICE_BASE_EXACT_MATH_H
#define SLUICE_BASE_EXACT_MATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A long sum is the sum of SL_LANES lanes, each with every fourth term. Terms are computed in blocks of SL_BLOCK. */
enum { SL_LANES = 4, SL_BLOCK = 64 };

/** Add `count` terms to the lanes. The count is a multiple of SL_LANES: callers append zeros. */
static inline void sl_lanes_add(double lanes[SL_LANES], const double *terms, size_t count)
{
    for (size_t k = 0; k < count; k += SL_LANES)
        for (size_t j = 0; j < SL_LANES; j++)
            lanes[j] += terms[k + j];
}

static inline double sl_lanes_sum(const double lanes[SL_LANES])
{
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/**
 * exp(x) for x <= 0, to 2e-15 of it; below -708, exp(-708). A loop of it becomes vector code.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2: the Taylor polynomial of degree 12 leaves r^13/13! < 2e-16 of e^r; the rest is rounding.
 */
static inline double sl_exp(double x)
{
    /* Adding 1.5 * 2^52 rounds to an integer, which then stands in the low bits. n times the first part of ln 2 is exact. */
    const double shifter = 0x1.8p52, least = x > -708.0 ? x : -708.0;
    double n = least * 0x1.71547652b82fep0 + shifter, scale;
    uint64_t bits;
    memcpy(&bits, &n, sizeof bits);
    n -= shifter;
    const double r = (least - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    /* Even and odd powers separately: two chains of operations, half as long. */
    const double square = r * r;
    double even = 1.0 / 479001600, odd = 1.0 / 39916800;
    even = even * square + 1.0 / 3628800;
    odd = odd * square + 1.0 / 362880;
    even = even * square + 1.0 / 40320;
    odd = odd * square + 1.0 / 5040;
    even = even * square + 1.0 / 720;
    odd = odd * square + 1.0 / 120;
    even = even * square + 1.0 / 24;
    odd = odd * square + 1.0 / 6;
    even = even * square + 0.5;
    odd = odd * square + 1.0;
    const double sum = (even * square + odd * r) + 1.0;
    bits = (bits << 52) + (UINT64_C(1023) << 52);
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/**
 * log(x) of a normal x > 0, to 1e-15 of it or 1e-15, whichever is larger.
 *
 * x = m 2^n with m in [sqrt(1/2), sqrt(2)): log m = 2 artanh s with s = (m - 1)/(m + 1), |s| < 0.1716, whose series of 11 terms
 * leaves s^23/23 < 1e-19.
 */
static inline double sl_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m, sum = 0;
    memcpy(&m, &bits, sizeof m);
    if (m >= 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        n++;
    }
    const double s = (m - 1) / (m + 1);
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * (s * s) + 2.0 / k;
    return n * 0x1.62e42fefa39efp-1 + s * sum;
}

/**
 * cos(pi x) for 0 <= x <= 2, to 1e-15.
 *
 * By symmetry it is + or - the cosine or the sine of at most pi/4, whose Taylor polynomials of degrees 16 and 15 leave 1e-17.
 */
static inline double sl_cos_pi(double x)
{
    static const double pi = 0x1.921fb54442d18p1;
    const double folded = x > 1 ? 2 - x : x;                     /* cos is even, its period 2: 0..1 */
    const double least = folded > 0.5 ? 1 - folded : folded;     /* cos(pi - a) = -cos(a): 0..1/2 */
    const int by_sine = least > 0.25, terms = by_sine ? 15 : 16; /* cos(pi/2 - a) = sin(a): 0..1/4 */
    const double a = pi * (by_sine ? 0.5 - least : least);
    double sum = 1;
    for (int k = terms; k > 1; k -= 2)
        sum = 1 - sum * (a * a) / (k * (k - 1));
    sum = by_sine ? sum * a : sum;
    return folded > 0.5 ? -sum : sum;
}

/** base^n by squaring, n in any size. */
static inline double sl_power(double base, uint64_t n)
{
    double power = 1;
    for (; n; n >>= 1) {
        power = n & 1 ? power * base : power;
        base *= base;
    }
    return power;
}

#endif
