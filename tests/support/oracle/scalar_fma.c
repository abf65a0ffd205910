/* The scalar kernel once more, compiled with -mfma: the same C, its fmaf an instruction and not a library call, ten times as
 * fast. By the definition of fmaf it has the scalar kernel's bits, and that is tested too; it can be tried on all 2^32 inputs. */
#define SL_ISA SLUICE_ISA_SCALAR
#define SL_KERNEL sl_kernel_scalar_fma
#include "kernel/isa/simd_scalar.h"
#include "kernel/table.h"
