/* Tiles for weights of 16 and 8 bits, for avx512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "needs -mavx512f -mavx512dq"
#endif
#include "kernel/isa/simd_avx512.h"

#include "kernel/format_tiles.h"

FLOAT_TILES(BF16)
FLOAT_TILES(F16)
INTEGER_TILES(INT8)
