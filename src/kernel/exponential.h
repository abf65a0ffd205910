/*
 * exp, expm1, log1p and the normal distribution in doubles, written once over the verbs of an isa/simd_*.h, which the including file
 * has chosen. Only correctly rounded operations in one order: the same bits on every instruction set.
 *
 * Polynomials err by less than 2^-32 of the result, 1/256 of a float's ULP: rounded once to a float, a result errs by hardly more
 * than half an ULP, subnormal ones included. A double has twice the bits, so nothing below needs a second word.
 *
 * tests/derive/functions.py explains and recomputes every constant.
 */
#ifndef SLUICE_KERNEL_EXPONENTIAL_H
#define SLUICE_KERNEL_EXPONENTIAL_H

#include <stddef.h>

#define DOUBLES static inline __attribute__((always_inline)) vd

/* c[0] x^(count-1) + ... + c[count-1] */
DOUBLES vd_polynomial(const double *c, size_t count, vd x)
{
    vd sum = vd_set(c[0]);
    for (size_t k = 1; k < count; k++)
        sum = vd_fma(sum, x, vd_set(c[k]));
    return sum;
}

/*
 * exp(z) = *scale * (1 + result), for |z| <= 700: z = n ln 2 + r with n = rint(z / ln 2), *scale = 2^n, and the result is exp(r) - 1 =
 * r + r^2 (c0 r^6 + ... + c6). n is had by adding 3 * 2^51, where doubles are the integers. NaN gives NaN.
 */
DOUBLES vd_exp_parts(vd z, vd *scale)
{
    static const double c[7] = {0x1.a11313706b54dp-16,
                                0x1.a1516a0790f9dp-13,
                                0x1.6c1685918e3cfp-10,
                                0x1.1110c63a3c331p-7,
                                0x1.5555555c85fc4p-5,
                                0x1.55555567506dep-3,
                                0x1.0p-1};
    const vd big = vd_set(0x1.8p52);
    const vd kf = vd_fma(z, vd_set(0x1.71547652b82fep0), big);
    const vd r = vd_fma(vd_sub(kf, big), vd_set(-0x1.62e42fefa39efp-1), z);
    *scale = vd_power_of_2(kf);
    return vd_fma(vd_mul(r, r), vd_polynomial(c, 7, r), r);
}

DOUBLES vd_exp(vd z)
{
    vd scale;
    const vd p = vd_exp_parts(z, &scale);
    return vd_fma(scale, p, scale);
}

/* exp(z) - 1, near 0 as precise as elsewhere; of -0 it is 0. */
DOUBLES vd_expm1(vd z)
{
    vd scale;
    const vd p = vd_exp_parts(z, &scale);
    return vd_fma(scale, p, vd_sub(scale, vd_set(1.0)));
}

/* log(1 + u) for 0 <= u <= 1: log((1 + s) / (1 - s)) = 2 s + s^3 (c0 s^10 + ... + c5) of s = u / (2 + u), which is at most 1/3. */
DOUBLES vd_log1p(vd u)
{
    static const double c[6] = {0x1.a9bafb0c93ac9p-3, 0x1.65ad56d9e0064p-3, 0x1.c7fb3587cdba6p-3,
                                0x1.248f579c7d0d0p-2, 0x1.9999a0d3dcfedp-2, 0x1.55555553e7594p-1};
    const vd s = vd_div(u, vd_add(vd_set(2.0), u));
    const vd s2 = vd_mul(s, s);
    return vd_fma(vd_mul(s, s2), vd_polynomial(c, 6, s2), vd_add(s, s));
}

/*
 * The normal distribution below -a, (1 + erf(-a / sqrt(2))) / 2, for 0 <= a <= 15: exp(-a^2 / 2) times a function that falls from 1/2
 * to 1/38, t (c0 t^11 + ... + c11) of t = 1 / (a + 5). a has a float's digits, so its square is exact.
 */
DOUBLES vd_normal_below(vd a)
{
    static const double c[12] = {0x1.5240f1780db17p22, -0x1.8ed9bcb8b0833p22, 0x1.65ff662c8c8efp21, -0x1.52a8eebe2c50cp19,
                                 0x1.fd26faf30e2cbp16, -0x1.56a61e8056806p13, 0x1.de76ae44e5452p10, 0x1.f4d4ca340a136p6,
                                 0x1.73e476f0904ecp5,  0x1.30385331c5617p3,   0x1.fee94aecbefbfp0,  0x1.98827b7165bfap-2};
    const vd t = vd_div(vd_set(1.0), vd_add(a, vd_set(5.0)));
    const vd e = vd_exp(vd_mul(vd_mul(a, a), vd_set(-0.5)));
    return vd_mul(e, vd_mul(t, vd_polynomial(c, 12, t)));
}

#endif
