/* Tiles for weights of 8 bits, for avx2 with vpdpbusd (AVX-VNNI). */
#if !defined(__AVXVNNI__)
#error "needs -mavxvnni"
#endif
#include "kernel/isa/simd_avx2.h"

/* sum + the products of four bytes of x and four signed bytes of w. The compiler's intrinsic has another type of vector. */
static inline __attribute__((always_inline)) vsum vs_add_bytes(vsum sum, vi x, vi w)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
    return sum;
}
#define V_HAS_INT8_DOT

#include "kernel/format_tiles.h"

INTEGER_TILES(INT8_DOT)
