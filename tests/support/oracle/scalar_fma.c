/* The scalar kernel once more, compiled with -mfma: the same C, its fmaf an instruction and not a library call, ten times as
 * fast. By the definition of fmaf it has the scalar kernel's bits, and that is tested too; it can be tried on all 2^32 inputs. */
#define SL_ISA SLUICE_ISA_SCALAR
#define SL_HAVE_INT8_DOT 0
#define SL_HAVE_BF16_DOT 0
#define SL_KERNEL sl_kernel_scalar_fma
#include "kernel/isa/simd_scalar.h"
#undef SL_TILES
#define SL_TILES(format) sl_tiles_scalar_fma_##format
#include "kernel/table.h"

FLOAT_TILES(BF16)
FLOAT_TILES(F16)
INTEGER_TILES(INT8)
