/* The vocabulary of verbs over AVX-512 (F, DQ): 16 lanes. simd_scalar.h says what each verb means. */
#ifndef SLUICE_KERNEL_SIMD_AVX512_H
#define SLUICE_KERNEL_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>

#include "kernel/kernel.h"

typedef __m512 vf;
typedef __m512i vi;

/* 24 accumulators, 6 broadcasts and a weight vector: 31 of 32 registers. */
enum { V_LANES = 16 };
#define V_TILE_ROWS 6
#define V_TALL_ROWS 0

/* One verb a line. */
/* clang-format off */
#define VERB(type) static inline __attribute__((always_inline)) type

VERB(vf) v_load(const float *p) { return _mm512_loadu_ps(p); }
VERB(vf) v_load_first(const float *p, size_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
VERB(vf) v_broadcast(const float *p) { return _mm512_set1_ps(*p); }
VERB(vf) v_set(float a) { return _mm512_set1_ps(a); }
VERB(void) v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
VERB(void) v_store_first(float *p, vf a, size_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a); }
VERB(vf) v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VERB(vf) v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VERB(vf) v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VERB(vf) v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VERB(vf) v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VERB(vf) v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VERB(vf) v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VERB(vi) v_bits(vf a) { return _mm512_castps_si512(a); }
VERB(vf) v_float(vi a) { return _mm512_castsi512_ps(a); }
VERB(vi) vi_set(int a) { return _mm512_set1_epi32(a); }
VERB(vi) vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
VERB(vi) vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
VERB(vi) vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
VERB(vi) vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
VERB(vi) vi_shift_left_20(vi a) { return _mm512_slli_epi32(a, 20); }
VERB(vi) vi_shift_right_22(vi a) { return _mm512_srli_epi32(a, 22); }
VERB(vf) v_in_register(vf a)
{
    __asm__("" : "+v"(a));
    return a;
}
/* The table stands twice in the register, so that the fourth index bit does not matter. */
VERB(vf) v_lookup(const float table[8], vi index) { return _mm512_permutexvar_ps(index, _mm512_broadcast_f32x8(_mm256_load_ps(table))); }
VERB(vf) v_select_negative(vf x, vf a, vf b) { return _mm512_mask_mov_ps(b, _mm512_movepi32_mask(v_bits(x)), a); }
VERB(vf) v_canonical(vf a) { return _mm512_mask_mov_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), v_float(vi_set((int)SL_NAN_BITS))); }
#undef VERB
/* clang-format on */

#endif
