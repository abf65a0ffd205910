/* The gradients of the functions (kernel/training/functions_grad.h): against differences of the oracle's functions in double precision, at kinks
 * and far out, of softmax against its Jacobian, and the same bits on every instruction set, in place or not. */
#include "support/kernels.h"
#include "support/network.h"
#include "support/oracle/family.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>

enum { POINTS = 401 };

static const sluice_activation activations[] = {
    {SLUICE_FUNCTION_DEFAULT, 0, 0},
    {SLUICE_FUNCTION_LINEAR, 0, 0},
    {SLUICE_FUNCTION_SIGMOID, 0, 0},
    {SLUICE_FUNCTION_TANH, 0, 0},
    {SLUICE_FUNCTION_HARD_SIGMOID, 0.2f, 0.5f},
    {SLUICE_FUNCTION_RELU, 0, 0},
    {SLUICE_FUNCTION_LEAKY_RELU, 0.1f, 0},
    {SLUICE_FUNCTION_LEAKY_RELU, -0.3f, 0},
    {SLUICE_FUNCTION_THRESHOLD_RELU, 1, 0},
    {SLUICE_FUNCTION_ELU, 0.7f, 0},
    {SLUICE_FUNCTION_SELU, 0, 0},
    {SLUICE_FUNCTION_SOFTPLUS, 0, 0},
    {SLUICE_FUNCTION_SOFTSIGN, 0, 0},
    {SLUICE_FUNCTION_SWISH, 0, 0},
    {SLUICE_FUNCTION_GELU, 0, 0},
    {SLUICE_FUNCTION_GELU_TANH, 0, 0},
    {SLUICE_FUNCTION_AFFINE, -2.5f, 1},
    {SLUICE_FUNCTION_SCALED_TANH, 1.7f, -0.6f},
};

/* x from -10 to 10, without the kinks; what activate_grad reads; and dy. */
typedef struct points {
    float x[POINTS], at[POINTS], dy[POINTS];
} points;

static points points_of(const sl_kernel *kernel, const sluice_activation *activation)
{
    points p;
    uint64_t random = test_seed();
    for (size_t k = 0; k < POINTS; k++) {
        p.x[k] = ((float)k - 200) * 0.05f + 0.013f;
        p.dy[k] = 2 * test_uniform(&random) - 1;
    }
    kernel->activate(activation, POINTS, p.x, p.at);
    if (sl_grad_is_of_input(activation->function))
        memcpy(p.at, p.x, sizeof p.at);
    return p;
}

TEST_EACH(differences, activations)
{
    const sluice_activation *activation = &activations[_i];
    const sl_kernel *kernel = sl_kernel_get(SLUICE_ISA_SCALAR);
    const points p = points_of(kernel, activation);
    const double e = 1e-4;
    float got[POINTS];
    test_prefill(got, POINTS);
    kernel->activate_grad(activation, POINTS, p.at, p.dy, got);
    for (size_t k = 0; k < POINTS; k++) {
        double f[2];
        for (int j = 0; j < 2; j++)
            f[j] = test_family_function(*activation, SLUICE_FUNCTION_LINEAR, (double)p.x[k] + (j ? -e : e));
        const double want = (f[0] - f[1]) / (2 * e) * (double)p.dy[k];
        /* 4 roundings of the outputs that sigmoid and tanh are had from, of 1 at most; e^2 / 6 of a third derivative, at most 3 */
        ck_assert_msg(fabs((double)got[k] - want) <= 4 * 0x1p-24 + 0.5 * e * e + 0x1p-23 * fabs(want),
                      "function %d at %g: %g, not %g", (int)activation->function, (double)p.x[k], (double)got[k], want);
    }
}

/* The value that functions_grad.h states, of the left side. */
TEST(kinks)
{
    static const struct {
        sluice_activation activation;
        float at, want;
    } kinks[] = {
        {{SLUICE_FUNCTION_RELU, 0, 0}, 0, 0},
        {{SLUICE_FUNCTION_RELU, 0, 0}, -0.0f, 0},
        {{SLUICE_FUNCTION_LEAKY_RELU, 0.1f, 0}, 0, 0.1f},
        {{SLUICE_FUNCTION_THRESHOLD_RELU, 1, 0}, 1, 0},
        {{SLUICE_FUNCTION_ELU, 0.7f, 0}, 0, 0.7f},
        {{SLUICE_FUNCTION_SELU, 0, 0}, 0, (float)(1.0507009873554805 * 1.6732632423543772)},
        {{SLUICE_FUNCTION_HARD_SIGMOID, 0.25f, 0.5f}, -2, 0},
        {{SLUICE_FUNCTION_HARD_SIGMOID, 0.25f, 0.5f}, 2, 0},
        /* far out */
        {{SLUICE_FUNCTION_SWISH, 0, 0}, 3e38f, 1},
        {{SLUICE_FUNCTION_GELU, 0, 0}, 3e38f, 1},
        {{SLUICE_FUNCTION_GELU, 0, 0}, -3e38f, 0},
        {{SLUICE_FUNCTION_GELU_TANH, 0, 0}, 3e38f, 1},
        {{SLUICE_FUNCTION_GELU_TANH, 0, 0}, -3e38f, 0},
        {{SLUICE_FUNCTION_SOFTPLUS, 0, 0}, 3e38f, 1},
        {{SLUICE_FUNCTION_SOFTSIGN, 0, 0}, 3e38f, 0},
        {{SLUICE_FUNCTION_SCALED_TANH, 2, 3}, -3e38f, 0},
    };
    const float dy = 1;
    for (size_t k = 0; k < sizeof kinks / sizeof *kinks; k++) {
        float got = NAN;
        sl_kernel_get(SLUICE_ISA_SCALAR)->activate_grad(&kinks[k].activation, 1, &kinks[k].at, &dy, &got);
        ck_assert_msg(fabsf(got - kinks[k].want) <= 1e-30f, "function %d at %g: %g, not %g", (int)kinks[k].activation.function,
                      (double)kinks[k].at, (double)got, (double)kinks[k].want);
    }
}

TEST(softmax)
{
    enum { N = 37 };
    const sl_kernel *kernel = sl_kernel_get(SLUICE_ISA_SCALAR);
    float x[N], y[N], dy[N], got[N];
    uint64_t random = test_seed();
    for (size_t k = 0; k < N; k++) {
        x[k] = 4 * test_uniform(&random);
        dy[k] = 2 * test_uniform(&random) - 1;
    }
    kernel->softmax(N, x, y);
    kernel->softmax_grad(N, y, dy, got);
    for (size_t k = 0; k < N; k++) {
        double want = 0;
        for (size_t j = 0; j < N; j++)
            want += (double)dy[j] * (double)y[j] * ((j == k) - (double)y[k]);
        ck_assert_double_eq_tol((double)got[k], want,
                                (N + 4) * 0x1p-24 * (double)y[k]); /* a chain of N terms, of which all y are 1 */
    }
}

TEST_EACH(same_bits, activations)
{
    const sluice_activation *activation = &activations[_i];
    const points p = points_of(sl_kernel_get(SLUICE_ISA_SCALAR), activation);
    const test_isa_list isas = test_isas();
    float want[POINTS], got[POINTS + 1];
    for (size_t n = 1; n <= POINTS; n += n < 40 ? 1 : 90) {
        sl_kernel_get(SLUICE_ISA_SCALAR)->activate_grad(activation, n, p.at, p.dy, want);
        for (size_t j = 0; j < isas.count; j++) {
            test_prefill(got, POINTS + 1);
            sl_kernel_get(isas.isa[j])->activate_grad(activation, n, p.at, p.dy, got);
            test_same_bits(got, want, n, sluice_isa_get_name(isas.isa[j]));
            ck_assert(test_prefilled(got + n, 1));
            memcpy(got, p.dy, n * sizeof *got);
            sl_kernel_get(isas.isa[j])->activate_grad(activation, n, p.at, got, got);
            test_same_bits(got, want, n, "in place");
            memcpy(got, p.dy, n * sizeof *got);
            sl_kernel_get(isas.isa[j])->softmax_grad(n, p.at, p.dy, got);
            float softmax[POINTS];
            sl_kernel_get(SLUICE_ISA_SCALAR)->softmax_grad(n, p.at, p.dy, softmax);
            test_same_bits(got, softmax, n, "softmax");
        }
    }
}
