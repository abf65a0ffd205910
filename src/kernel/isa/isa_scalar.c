/* The kernels for any CPU, in plain C. */
#define SL_ISA SLUICE_ISA_SCALAR
#define SL_HAVE_INT8_DOT 0
#define SL_HAVE_BF16_DOT 0
#define SL_KERNEL sl_kernel_scalar
#include "kernel/isa/simd_scalar.h"
#include "kernel/table.h"
