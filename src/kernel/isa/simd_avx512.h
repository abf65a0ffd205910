/* The vocabulary of verbs over AVX-512 (F, DQ): 16 lanes. simd_scalar.h says what each verb means. */
#ifndef SLUICE_KERNEL_SIMD_AVX512_H
#define SLUICE_KERNEL_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

#define SL_TILES(format) sl_tiles_avx512_##format

typedef __m512 vf;
typedef __m512i vi;
typedef int32_t vsum __attribute__((vector_size(64))); /* GCC copies registers where sums change their type */
typedef struct vd {
    __m512d low, high;
} vd;

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
VERB(vf) v_select_at_most(vf x, vf y, vf a, vf b) { return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, y, _CMP_LE_OQ), a); }

/* Other formats of weights, packed_matrix.h. vector: 0 or 1 of half a block. */
VERB(vf) v_load_bf16(const float *p, size_t vector)
{
    const vi both = _mm512_loadu_si512(p);
    return v_float(vector ? _mm512_and_si512(both, _mm512_set1_epi32((int)0xffff0000)) : _mm512_slli_epi32(both, 16));
}
VERB(vf) v_load_f16(const float *p, size_t vector) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p + vector)); }
VERB(vi) vi_load_bytes(const float *p, size_t vector) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p + vector)); }
VERB(vi) vi_load(const float *p) { return _mm512_loadu_si512(p); }
VERB(vi) vi_broadcast(const float *p) { return v_bits(v_broadcast(p)); }
VERB(vi) vi_round(vf a) { return _mm512_cvtps_epi32(a); }
VERB(vi) vi_shift_right_16(vi a) { return _mm512_srli_epi32(a, 16); }
VERB(vi) vi_in_register(vi a)
{
    __asm__("" : "+v"(a));
    return a;
}
VERB(void) vi_store_int16(void *p, vi a) { _mm256_storeu_si256(p, _mm512_cvtepi32_epi16(a)); }
VERB(void) vi_store_bytes(void *p, vi a) { _mm_storeu_si128(p, _mm512_cvtepi32_epi8(a)); }
VERB(vsum) vs_load(const float *p) { return (vsum)_mm512_loadu_si512(p); }
VERB(vsum) vs_add_pairs(vsum sum, vi x, vi w) { return sum + (vsum)_mm512_madd_epi16(x, w); }
VERB(vf) vs_float(vsum a) { return _mm512_cvtepi32_ps((vi)a); }

VERB(vd) vd_widen(vf a) { return (vd){_mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))}; }
VERB(vf) vd_narrow(vd a) { return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(a.low)), _mm512_cvtpd_ps(a.high), 1); }
VERB(vd) vd_set(double a) { return (vd){_mm512_set1_pd(a), _mm512_set1_pd(a)}; }
VERB(vd) vd_fma(vd a, vd b, vd c) { return (vd){_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)}; }
VERB(vd) vd_add(vd a, vd b) { return (vd){_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)}; }
VERB(vd) vd_sub(vd a, vd b) { return (vd){_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)}; }
VERB(vd) vd_mul(vd a, vd b) { return (vd){_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)}; }
VERB(vd) vd_div(vd a, vd b) { return (vd){_mm512_div_pd(a.low, b.low), _mm512_div_pd(a.high, b.high)}; }
VERB(vd) vd_max(vd a, vd b) { return (vd){_mm512_max_pd(a.low, b.low), _mm512_max_pd(a.high, b.high)}; }
VERB(vd) vd_min(vd a, vd b) { return (vd){_mm512_min_pd(a.low, b.low), _mm512_min_pd(a.high, b.high)}; }
VERB(__m512d) power_of_2(__m512d a)
{
    return _mm512_castsi512_pd(_mm512_add_epi64(_mm512_slli_epi64(_mm512_castpd_si512(a), 52), _mm512_set1_epi64(INT64_C(1023) << 52)));
}
VERB(vd) vd_power_of_2(vd a) { return (vd){power_of_2(a.low), power_of_2(a.high)}; }
#undef VERB
/* clang-format on */

#endif
