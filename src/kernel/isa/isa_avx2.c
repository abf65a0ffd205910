/* The kernels for avx2. */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "needs -mavx2 -mfma -mf16c"
#endif
#define SL_ISA SLUICE_ISA_AVX2
#define SL_HAVE_INT8_DOT 1
#define SL_HAVE_BF16_DOT 0
#define SL_KERNEL sl_kernel_avx2
#include "kernel/isa/simd_avx2.h"
#include "kernel/table.h"
