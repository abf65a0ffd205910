/* Tiles for weights of 16 and 8 bits, in plain C. */
#include "kernel/isa/simd_scalar.h"

#include "kernel/format_tiles.h"

FLOAT_TILES(BF16)
FLOAT_TILES(F16)
INTEGER_TILES(INT8)
