/*
 * Sigmoid and tanh, written once over the verbs of an isa/simd_*.h, which the including file has chosen. Only correctly rounded
 * operations in one order: the same bits on every instruction set. tests/unit/test_activation.c tries all 2^32 inputs.
 *
 * tests/derive/activation.py explains and recomputes every constant; three are free choices (sigmoid's clamp, tanh's offset and
 * slope), for which it checks what they must keep to.
 */
#ifndef SLUICE_KERNEL_ACTIVATION_H
#define SLUICE_KERNEL_ACTIVATION_H

#include "kernel/isa/simd_three.h"

#include <stdint.h>

/*
 * sigmoid(x) = e / (1 + e) for x <= 0 with e = exp(x), and 1 minus that of -x for x > 0; at most 0.953 ULP.
 *
 * exp(z) for z = -|x|. With n8 the integer nearest to 8 z / ln2, and j its low three bits, exp(z) = 2^((n8 - j)/8) T_j exp(r), where
 * T_j = 2^(j/8) and r = z - n8 ln2/8. Adding a large M rounds to an integer: kf = n8 + M, whose low bits are those of n8. The upper
 * bits of M are free. Since the low part of ln2/8 is multiplied with kf, not n8, the computed r is smaller than that above by
 * rho = M * lo(ln2/8), and the table has T_j exp(rho). M was searched for a rho that brings all eight of these close to floats
 * (within 0.19 ULP instead of 0.35).
 *
 * exp(z) is kept as e plus a small elo, and s0 = e / (1 + e) is corrected by one residual step. s64, e64 and elo are scaled by 2^64,
 * so that a result below the normal range is rounded once, at the end.
 *
 * No operand is negated inside a multiply-add: it might flip the sign of a NaN in one instruction set and not in another.
 */
static inline __attribute__((always_inline)) vf3 v_sigmoid3(vf3 x)
{
    /* bits(T_j * exp(rho)) - bits(1.0) - (j << 20), as floats' encodings: what to add to n8 << 20 */
    static const union {
        uint32_t bits[8];
        float f[8];
    } table __attribute__((aligned(32))) = {
        {0xffff6901, 0xfffb436d, 0xfff7de28, 0xfff59cee, 0xfff49a2e, 0xfff4f2bb, 0xfff6c604, 0xfffa3650}};
    const vf3 big = v_set3(0x1.27abfp+23f);           /* M = 9688568 */
    const vi3 big_least = vi_set3(0x4b13d5f8 - 1208); /* bits of M less 151 octaves, as 104.5 / ln 2 < 151 */
    const vf3 one = v_set3(1.0f);

    vf3 z = v_float3(vi_or3(v_bits3(x), vi_set3((int)0x80000000)));
    z = v_max3(v_set3(-104.5f), z); /* below, the result is 0; NaN passes */
    const vf3 kf = v_fma3(z, v_set3(0x1.715476p+3f), big);
    const vf3 n8 = v_sub3(kf, big);
    vf3 r = v_fma3(n8, v_set3(-0x1.62e43p-4f), z);  /* exact: the high part of ln2/8 is short */
    r = v_fma3(kf, v_set3(0x1.05c61p-32f), r);      /* the low part, times kf and not n8: that shifts by rho */
    const vi3 ki = vi_max3(v_bits3(kf), big_least); /* keeps a NaN's payload out of the exponent arithmetic */
    const vf3 s64 = v_float3(vi_add3(v_bits3(v_lookup3(table.f, v_bits3(kf))), vi_shift_left_203(ki)));

    const vf3 r2 = v_mul3(r, r);
    vf3 q = v_fma3(r, v_set3(0x1.567de2p-5f), v_set3(0x1.555c88p-3f));
    q = v_fma3(q, r, v_set3(0x1.fffff6p-2f));
    q = v_fma3(r2, q, r); /* exp(r) - 1 */
    const vf3 e64 = v_fma3(s64, q, s64);
    const vf3 elo = v_fma3(s64, q, v_sub3(s64, e64));
    const vf3 e = v_mul3(e64, v_set3(0x1p-64f));

    const vf3 s0 = v_div3(e, v_add3(one, e));
    vf3 residual = v_fma3(s0, e, v_sub3(s0, e));
    residual = v_fma3(elo, v_set3(-0x1p-64f), residual);
    const vf3 s = v_fma3(residual, v_sub3(s0, one), s0);
    return v_select_negative3(x, s, v_sub3(one, s));
}

/*
 * tanh(x) by eight intervals of |x|, two a binade, and a polynomial of degree 7 round each one's centre; at most 0.755 ULP, odd
 * to the bit.
 *
 * A centre is a float whose tanh is within 0.001 ULP of a float (0.09 in interval 6, the last), so that c0 needs no low part.
 * Interval 6 begins at 0: its c0 is 0, and max(c0, t) makes t + t * (polynomial in t^2) of it with one last rounding.
 */
static inline __attribute__((always_inline)) vf v_tanh(vf x)
{
    static const float centre[8] __attribute__((aligned(32))) = {0x1.d5bb58p-1f, 0x1.87756cp+0f, 0x1.392ffcp+1f, 0x1.d5a34p+1f,
                                                                 0x1.6eca5ap+2f, 0x1.043d74p+3f, 0.0f,           0x1.d5a4ep-2f};
    static const float c[8][8] __attribute__((aligned(32))) = {
        {0x1.730a1ap-1f, 0x1.d20fc4p-1f, 0x1.f861eap-1f, 0x1.ff55a4p-1f, 0x1.fffd3ep-1f, 0x1.fffffap-1f, 0.0f, 0x1.b7449p-2f},
        {0x1.e639b8p-2f, 0x1.5f0534p-3f, 0x1.e3e53ep-6f, 0x1.547f48p-9f, 0x1.607fb6p-15f, 0x1.72e9d8p-22f, 0.0f, 0x1.a1c878p-1f},
        {-0x1.605cc4p-2f, -0x1.3f8676p-3f, -0x1.dcaf52p-6f, -0x1.541048p-9f, -0x1.60c85p-15f, -0x1.0b318p-22f, 0.0f,
         -0x1.666f56p-2f},
        {0x1.751ba2p-4f, 0x1.5bb29cp-4f, 0x1.34484p-6f, 0x1.c43cap-10f, 0x1.de1254p-16f, 0x1.0a5eb4p-22f, -0x1.555488p-2f,
         -0x1.f303c2p-4f},
        {0x1.8f92ap-5f, -0x1.9e1acap-6f, -0x1.21f9c8p-7f, -0x1.c14d2ep-11f, -0x1.d77082p-17f, -0x1.709b6ep-22f, 0.0f,
         0x1.59fc1cp-3f},
        {-0x1.c3a5fep-5f, -0x1.843776p-10f, 0x1.96c708p-9f, 0x1.63ccc4p-12f, 0x1.3fff22p-18f, -0x1.42e12p-25f, 0x1.10a86cp-3f,
         -0x1.dbadeep-7f},
        {0x1.d91624p-7f, 0x1.a9888cp-8f, -0x1.6f1e3ep-11f, -0x1.e5de7ap-14f, -0x1.0c4f12p-19f, 0x1.07a134p-23f, 0.0f,
         -0x1.d8344ap-5f},
        {0x1.0fc8bp-7f, -0x1.ebca86p-9f, 0x1.67da98p-16f, 0x1.076094p-15f, 0x1.12d8ep-20f, 0x1.4a354p-24f, -0x1.9b7c06p-5f,
         0x1.67d4c6p-5f},
    };
    const vf magnitude = v_float(vi_and(v_bits(x), vi_set(0x7fffffff)));
    const vf a = v_min(v_set(9.125f), magnitude); /* beyond, the result is 1; NaN passes */
    const vi interval = vi_shift_right_22(v_bits(v_fma(a, v_set(0x1.a28f5cp+0f), v_set(1.0f))));
    const vf t = v_sub(a, v_lookup(centre, interval));
    vf p = v_lookup(c[7], interval);
    p = v_fma(p, t, v_lookup(c[6], interval));
    p = v_fma(p, t, v_lookup(c[5], interval));
    p = v_fma(p, t, v_lookup(c[4], interval));
    p = v_fma(p, t, v_lookup(c[3], interval));
    p = v_fma(p, t, v_lookup(c[2], interval));
    p = v_fma(p, t, v_lookup(c[1], interval));
    const vf y = v_fma(p, t, v_max(v_lookup(c[0], interval), t));
    return v_float(vi_or(v_bits(y), vi_and(v_bits(x), vi_set((int)0x80000000))));
}

static inline __attribute__((always_inline)) vf3 v_tanh3(vf3 x)
{
    const vf3 result = {{v_tanh(x.v[0]), v_tanh(x.v[1]), v_tanh(x.v[2])}};
    return result;
}

#endif
