/* Tiles for weights of 8 bits, for avx512 with vpdpbusd (AVX512_VNNI). */
#if !defined(__AVX512VNNI__)
#error "needs -mavx512vnni"
#endif
#include "kernel/isa/simd_avx512.h"

/* sum + the products of four bytes of x and four signed bytes of w. The compiler's intrinsic has another type of vector. */
static inline __attribute__((always_inline)) vsum vs_add_bytes(vsum sum, vi x, vi w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}
#define V_HAS_INT8_DOT

#include "kernel/format_tiles.h"

INTEGER_TILES(INT8_DOT)
