/* Tiles for weights of 16 and 8 bits, for avx2. */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "needs -mavx2 -mfma -mf16c"
#endif
#include "kernel/isa/simd_avx2.h"

#include "kernel/format_tiles.h"

FLOAT_TILES(BF16)
FLOAT_TILES(F16)
INTEGER_TILES(INT8)
