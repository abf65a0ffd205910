/* The kernels for avx512. */
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "needs -mavx512f -mavx512dq"
#endif
#define SL_ISA SLUICE_ISA_AVX512
#define SL_HAVE_INT8_DOT 1
#define SL_HAVE_BF16_DOT 1
#define SL_KERNEL sl_kernel_avx512
#include "kernel/isa/simd_avx512.h"
#include "kernel/table.h"
