/* Tiles for weights and rows of bfloat16, for avx512 with vdpbf16ps (AVX512_BF16). */
#if !defined(__AVX512BF16__)
#error "needs -mavx512bf16"
#endif
#include "kernel/isa/simd_avx512.h"

/* sum + x[1] w[1], then that + x[0] w[0], of a lane's two bfloat16; each rounded, subnormals flushed. */
static inline __attribute__((always_inline)) vf v_add_bf16_pairs(vf sum, vf x, vf w)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}
#define V_HAS_BF16_DOT

#include "kernel/format_tiles.h"

FLOAT_TILES(BF16_DOT)
