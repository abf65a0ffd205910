#include "perf/measure/other_functions.h"

#include <math.h>

static void map_sigmoid(size_t n, const float *x, float *out)
{
    for (size_t k = 0; k < n; k++)
        out[k] = 1.0f / (1.0f + expf(-x[k]));
}

static void map_tanh(size_t n, const float *x, float *out)
{
    for (size_t k = 0; k < n; k++)
        out[k] = tanhf(x[k]);
}

/* By sleef.c, compiled once for each of these instruction sets. */
#ifdef SL_HAVE_SLEEF
sl_map sl_sleef_sigmoid_avx2, sl_sleef_tanh_avx2, sl_sleef_sigmoid_avx512, sl_sleef_tanh_avx512;
#endif

static const sl_other others[] = {
    {"libm", SLUICE_ISA_AUTO, map_sigmoid, map_tanh},
#ifdef SL_HAVE_SLEEF
    {"sleef", SLUICE_ISA_AVX2, sl_sleef_sigmoid_avx2, sl_sleef_tanh_avx2},
    {"sleef", SLUICE_ISA_AVX512, sl_sleef_sigmoid_avx512, sl_sleef_tanh_avx512},
#endif
};

const sl_other *sl_other_get(size_t k)
{
    return k < sizeof others / sizeof others[0] ? &others[k] : NULL;
}
