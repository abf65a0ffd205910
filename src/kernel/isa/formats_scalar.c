/* Tiles for weights of 16 and 8 bits, in plain C. */
#include "kernel/isa/simd_scalar.h"

#include "kernel/format_tiles.h"

FORMAT_TILES(BF16)
FORMAT_TILES(F16)
FORMAT_TILES(INT8)
