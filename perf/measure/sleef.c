/* SLEEF's functions of at most 1.0 ulp over arrays, for the instruction set that this file is compiled for; the compiler's flags
 * say which. SLEEF has no sigmoid; its exponential makes one as anybody would. */
#include <sleef.h>
#include <stddef.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#define exponential Sleef_expf16_u10avx512f
#define hyperbolic_tangent Sleef_tanhf16_u10avx512f
#define map_sigmoid sl_sleef_sigmoid_avx512
#define map_tanh sl_sleef_tanh_avx512
#elif defined(__AVX2__)
enum { LANES = 8 };
#define exponential Sleef_expf8_u10avx2
#define hyperbolic_tangent Sleef_tanhf8_u10avx2
#define map_sigmoid sl_sleef_sigmoid_avx2
#define map_tanh sl_sleef_tanh_avx2
#else
#error "compile this with -mavx2 -mfma or -mavx512f"
#endif

/* Not aligned, and any float may be read through it. */
typedef float vector __attribute__((vector_size(LANES * sizeof(float)), may_alias));
typedef vector loose __attribute__((aligned(sizeof(float))));

void map_sigmoid(size_t n, const float *x, float *out);
void map_tanh(size_t n, const float *x, float *out);

/* n is a multiple of LANES in both. */
void map_sigmoid(size_t n, const float *x, float *out)
{
    for (size_t k = 0; k < n; k += LANES)
        *(loose *)(out + k) = 1.0f / (1.0f + exponential(-*(const loose *)(x + k)));
}

void map_tanh(size_t n, const float *x, float *out)
{
    for (size_t k = 0; k < n; k += LANES)
        *(loose *)(out + k) = hyperbolic_tangent(*(const loose *)(x + k));
}
