#include "kernel/kernel.h"

extern const sl_kernel sl_kernel_scalar, sl_kernel_avx2, sl_kernel_avx512;

const sl_kernel *sl_kernel_get(sluice_isa isa)
{
    switch (isa) {
    case SLUICE_ISA_SCALAR:
        return &sl_kernel_scalar;
#ifdef SL_HAVE_AVX2
    case SLUICE_ISA_AVX2:
        return &sl_kernel_avx2;
#endif
#ifdef SL_HAVE_AVX512
    case SLUICE_ISA_AVX512:
        return &sl_kernel_avx512;
#endif
    default:
        return NULL;
    }
}
