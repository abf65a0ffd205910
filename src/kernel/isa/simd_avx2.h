/* The vocabulary of verbs over AVX2 and FMA: 8 lanes. simd_scalar.h says what each verb means. */
#ifndef SLUICE_KERNEL_SIMD_AVX2_H
#define SLUICE_KERNEL_SIMD_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

#define SL_TILES(format) sl_tiles_avx2_##format

typedef __m256 vf;
typedef __m256i vi;
typedef int32_t vsum __attribute__((vector_size(32))); /* GCC copies registers where sums change their type */
typedef struct vd {
    __m256d low, high;
} vd;

/* 12 accumulators, 3 broadcasts and one weight vector: the 16 registers. */
enum { V_LANES = 8 };
#define V_TILE_ROWS 3
/* And 12 of half a block, one broadcast and two weight vectors. */
#define V_TALL_ROWS 6

/* One verb a line. */
/* clang-format off */
#define VERB(type) static inline __attribute__((always_inline)) type

VERB(vf) v_load(const float *p) { return _mm256_loadu_ps(p); }
VERB(vi) lanes_before(size_t n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
VERB(vf) v_load_first(const float *p, size_t n) { return _mm256_maskload_ps(p, lanes_before(n)); }
VERB(vf) v_broadcast(const float *p) { return _mm256_broadcast_ss(p); }
VERB(vf) v_set(float a) { return _mm256_set1_ps(a); }
VERB(void) v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
VERB(void) v_store_first(float *p, vf a, size_t n) { _mm256_maskstore_ps(p, lanes_before(n), a); }
VERB(vf) v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VERB(vf) v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VERB(vf) v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VERB(vf) v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VERB(vf) v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VERB(vf) v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VERB(vf) v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VERB(vi) v_bits(vf a) { return _mm256_castps_si256(a); }
VERB(vf) v_float(vi a) { return _mm256_castsi256_ps(a); }
VERB(vi) vi_set(int a) { return _mm256_set1_epi32(a); }
VERB(vi) vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
VERB(vi) vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
VERB(vi) vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
VERB(vi) vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }
VERB(vi) vi_shift_left_20(vi a) { return _mm256_slli_epi32(a, 20); }
VERB(vi) vi_shift_right_22(vi a) { return _mm256_srli_epi32(a, 22); }
VERB(vf) v_in_register(vf a)
{
    __asm__("" : "+x"(a));
    return a;
}
/* On Zen 3 vpermps takes twice as long with its table in memory. */
VERB(vf) v_lookup(const float table[8], vi index) { return _mm256_permutevar8x32_ps(v_in_register(_mm256_load_ps(table)), index); }
VERB(vf) v_select_negative(vf x, vf a, vf b) { return _mm256_blendv_ps(b, a, x); }
VERB(vf) v_canonical(vf a)
{
    const vf nan = v_float(vi_set((int)SL_NAN_BITS));
    return _mm256_blendv_ps(a, nan, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
VERB(vf) v_select_at_most(vf x, vf y, vf a, vf b) { return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LE_OQ)); }

/* Other formats of weights, packed_matrix.h. vector: 0 or 1 of half a block. */
/* The mask stays in memory: a register for it would be taken from the tile's sums. */
VERB(vf) v_load_bf16(const float *p, size_t vector)
{
    static const uint32_t upper[8] __attribute__((aligned(32))) = {0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000,
                                                                   0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000};
    vf both = v_load(p);
    if (vector == 0)
        return v_float(_mm256_slli_epi32(v_bits(both), 16));
    __asm__("vandps %1, %0, %0" : "+x"(both) : "m"(upper));
    return both;
}
VERB(vf) v_load_f16(const float *p, size_t vector) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + vector)); }
VERB(vi) vi_load_bytes(const float *p, size_t vector) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p + vector)); }
VERB(vi) vi_load(const float *p) { return _mm256_loadu_si256((const vi *)p); }
VERB(vi) vi_broadcast(const float *p) { return v_bits(_mm256_broadcast_ss(p)); }
VERB(vi) vi_round(vf a) { return _mm256_cvtps_epi32(a); }
VERB(vi) vi_shift_right_16(vi a) { return _mm256_srli_epi32(a, 16); }
VERB(vi) vi_in_register(vi a)
{
    __asm__("" : "+x"(a));
    return a;
}
VERB(void) vi_store_int16(void *p, vi a) { _mm_storeu_si128(p, _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1))); }
VERB(void) vi_store_bytes(void *p, vi a)
{
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    _mm_storel_epi64(p, _mm_packus_epi16(words, words));
}
VERB(vsum) vs_load(const float *p) { return (vsum)_mm256_loadu_si256((const vi *)p); }
VERB(vsum) vs_add_pairs(vsum sum, vi x, vi w) { return sum + (vsum)_mm256_madd_epi16(x, w); }
VERB(vf) vs_float(vsum a) { return _mm256_cvtepi32_ps((vi)a); }

VERB(vd) vd_widen(vf a) { return (vd){_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))}; }
VERB(vf) vd_narrow(vd a) { return _mm256_set_m128(_mm256_cvtpd_ps(a.high), _mm256_cvtpd_ps(a.low)); }
VERB(vd) vd_set(double a) { return (vd){_mm256_set1_pd(a), _mm256_set1_pd(a)}; }
VERB(vd) vd_fma(vd a, vd b, vd c) { return (vd){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)}; }
VERB(vd) vd_add(vd a, vd b) { return (vd){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
VERB(vd) vd_sub(vd a, vd b) { return (vd){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)}; }
VERB(vd) vd_mul(vd a, vd b) { return (vd){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)}; }
VERB(vd) vd_div(vd a, vd b) { return (vd){_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)}; }
VERB(vd) vd_max(vd a, vd b) { return (vd){_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)}; }
VERB(vd) vd_min(vd a, vd b) { return (vd){_mm256_min_pd(a.low, b.low), _mm256_min_pd(a.high, b.high)}; }
VERB(__m256d) power_of_2(__m256d a)
{
    return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_slli_epi64(_mm256_castpd_si256(a), 52), _mm256_set1_epi64x(INT64_C(1023) << 52)));
}
VERB(vd) vd_power_of_2(vd a) { return (vd){power_of_2(a.low), power_of_2(a.high)}; }
#undef VERB
/* clang-format on */

#endif
