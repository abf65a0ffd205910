/* The vocabulary of verbs in plain C: one lane, and the meaning of every verb. What the SIMD versions do to each lane is this,
 * bit for bit. fmaf is one rounding by C11 7.12.13.1, in software where the CPU has no FMA. */
#ifndef SLUICE_KERNEL_SIMD_SCALAR_H
#define SLUICE_KERNEL_SIMD_SCALAR_H

#include "kernel/kernel.h"

/* The name of a format's tiles. */
#define SL_TILES(format) sl_tiles_scalar_##format

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vf;     /* V_LANES floats */
typedef int32_t vi;   /* as many 32-bit integers; sums wrap */
typedef int32_t vsum; /* the same, sums of products of integers */
typedef double vd;    /* as many doubles */

/* Floats of a vector, rows of a full register tile, and of a tall one (kernel/tile.h); 0: there are none. */
enum { V_LANES = 1 };
#define V_TILE_ROWS 2
#define V_TALL_ROWS 0

/* One verb a line. */
/* clang-format off */
#define VERB(type) static inline __attribute__((always_inline)) type

VERB(vf) v_load(const float *p) { return *p; }
VERB(vf) v_load_first(const float *p, size_t n) /* the first n lanes, 0 < n <= V_LANES, the others 0 */
{
    (void)n;
    return *p;
}
VERB(vf) v_broadcast(const float *p) { return *p; } /* one float into all lanes */
VERB(vf) v_set(float a) { return a; }
VERB(void) v_store(float *p, vf a) { *p = a; }
VERB(void) v_store_first(float *p, vf a, size_t n) /* the first n lanes, 0 < n <= V_LANES */
{
    (void)n;
    *p = a;
}

VERB(vf) v_fma(vf a, vf b, vf c) { return fmaf(a, b, c); } /* a * b + c, rounded once */
VERB(vf) v_add(vf a, vf b) { return a + b; }
VERB(vf) v_sub(vf a, vf b) { return a - b; }
VERB(vf) v_mul(vf a, vf b) { return a * b; }
VERB(vf) v_div(vf a, vf b) { return a / b; }
VERB(vf) v_max(vf a, vf b) { return a > b ? a : b; } /* b if either is NaN, as maxps */
VERB(vf) v_min(vf a, vf b) { return a < b ? a : b; } /* b if either is NaN, as minps */
VERB(vi) v_bits(vf a) /* the float's encoding */
{
    vi bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}
VERB(vf) v_float(vi a) /* the float so encoded */
{
    vf value;
    memcpy(&value, &a, sizeof value);
    return value;
}
VERB(vi) vi_set(int a) { return a; }
VERB(vi) vi_and(vi a, vi b) { return a & b; }
VERB(vi) vi_or(vi a, vi b) { return a | b; }
VERB(vi) vi_add(vi a, vi b) { return (vi)((uint32_t)a + (uint32_t)b); }
VERB(vi) vi_max(vi a, vi b) { return a > b ? a : b; }
VERB(vi) vi_shift_left_20(vi a) { return (vi)((uint32_t)a << 20); }
VERB(vi) vi_shift_right_22(vi a) { return (vi)((uint32_t)a >> 22); }
VERB(vf) v_in_register(vf a) { return a; } /* a, loaded once for all its uses: compilers like to load for each */
VERB(vf) v_lookup(const float table[8], vi index) { return table[index & 7]; } /* by the low 3 bits */
VERB(vf) v_select_negative(vf x, vf a, vf b) { return v_bits(x) < 0 ? a : b; } /* a where x's sign bit is set */
VERB(vf) v_canonical(vf a) { return a == a ? a : v_float((vi)SL_NAN_BITS); } /* any NaN to the one NaN */
VERB(vf) v_select_at_most(vf x, vf y, vf a, vf b) { return x <= y ? a : b; } /* a where x <= y; b if either is NaN */

/* Other formats of weights, packed_matrix.h. vector: 0 or 1 of half a block. */
VERB(vf) v_load_bf16(const float *p, size_t vector)
{
    uint32_t both;
    memcpy(&both, p, sizeof both);
    return v_float((vi)(vector ? both & UINT32_C(0xffff0000) : both << 16));
}
VERB(vf) v_load_f16(const float *p, size_t vector) /* exact: its fraction * 2^(exponent - 25), of subnormals 2^-24 */
{
    uint16_t half;
    memcpy(&half, (const char *)p + vector * sizeof half, sizeof half);
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 0)
        return v_float((vi)(sign | (uint32_t)v_bits((float)fraction * 0x1p-24f)));
    return v_float((vi)(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13));
}
VERB(vi) vi_load_bytes(const float *p, size_t vector) /* a pair of bytes as 16-bit integers */
{
    int8_t pair[2];
    memcpy(pair, (const char *)p + vector * sizeof pair, sizeof pair);
    return (vi)((uint32_t)(uint16_t)pair[0] | (uint32_t)(uint16_t)pair[1] << 16);
}
VERB(vi) vi_load(const float *p) { return v_bits(*p); }
VERB(vi) vi_broadcast(const float *p) { return v_bits(*p); } /* one word into all lanes */
VERB(vi) vi_round(vf a) { return (vi)lrintf(a); } /* to nearest, ties to even */
VERB(vi) vi_shift_right_16(vi a) { return (vi)((uint32_t)a >> 16); }
VERB(vi) vi_in_register(vi a) { return a; }
VERB(void) vi_store_int16(void *p, vi a) /* the lanes' lower halves, one behind the other */
{
    const int16_t value = (int16_t)a;
    memcpy(p, &value, sizeof value);
}
VERB(void) vi_store_bytes(void *p, vi a) { *(uint8_t *)p = (uint8_t)a; } /* of numbers in 0..255 */
VERB(vsum) vs_load(const float *p) { return v_bits(*p); }
VERB(vsum) vs_add_pairs(vsum sum, vi x, vi w) /* sum + both products of 16-bit integers of a lane */
{
    return sum + (int16_t)x * (int16_t)w + (int16_t)((uint32_t)x >> 16) * (int16_t)((uint32_t)w >> 16);
}
VERB(vf) vs_float(vsum a) { return (float)a; }

VERB(vd) vd_widen(vf a) { return (double)a; }
VERB(vf) vd_narrow(vd a) { return (float)a; } /* rounded once, to subnormals and infinities as well */
VERB(vd) vd_set(double a) { return a; }
VERB(vd) vd_fma(vd a, vd b, vd c) { return fma(a, b, c); }
VERB(vd) vd_add(vd a, vd b) { return a + b; }
VERB(vd) vd_sub(vd a, vd b) { return a - b; }
VERB(vd) vd_mul(vd a, vd b) { return a * b; }
VERB(vd) vd_div(vd a, vd b) { return a / b; }
VERB(vd) vd_max(vd a, vd b) { return a > b ? a : b; } /* b if either is NaN, as maxpd */
VERB(vd) vd_min(vd a, vd b) { return a < b ? a : b; }
VERB(vd) vd_power_of_2(vd a) /* 2^n of a = n + 3 * 2^51, |n| <= 1022, whose encoding ends in n; of a NaN any double */
{
    uint64_t bits;
    memcpy(&bits, &a, sizeof bits);
    bits = (bits << 52) + (UINT64_C(1023) << 52);
    memcpy(&a, &bits, sizeof a);
    return a;
}
#undef VERB
/* clang-format on */

#endif
