/*
 * The functions of sluice_network.h, each written once over the verbs of an isa/simd_*.h, which the including file has chosen: the same
 * bits on every instruction set. Except for sigmoid and tanh (activation.h) a function is computed in doubles and rounded once, or is
 * exact but for one rounding. tests/unit/test_functions.c tries all 2^32 inputs.
 *
 * A NaN gives a NaN, of any bits: v_canonical is left to the caller, who may have more to compute. Signs of zeros are those of the
 * formulas; v_max(0, -0) is -0.
 */
#ifndef SLUICE_KERNEL_FUNCTIONS_H
#define SLUICE_KERNEL_FUNCTIONS_H

#include "kernel/activation.h"
#include "kernel/exponential.h"
#include "sluice_network.h"

#include <math.h>

#define FUNCTION static inline __attribute__((always_inline)) vf

/* X(name) for all functions of one number: the cases of a switch over an activation's function, each with a constant for v_activate. */
#define EACH_FUNCTION(X)                                                                                                           \
    X(LINEAR)                                                                                                                      \
    X(SIGMOID)                                                                                                                     \
    X(TANH)                                                                                                                        \
    X(HARD_SIGMOID)                                                                                                                \
    X(RELU)                                                                                                                        \
    X(LEAKY_RELU)                                                                                                                  \
    X(THRESHOLD_RELU)                                                                                                              \
    X(ELU)                                                                                                                         \
    X(SELU)                                                                                                                        \
    X(SOFTPLUS)                                                                                                                    \
    X(SOFTSIGN)                                                                                                                    \
    X(SWISH)                                                                                                                       \
    X(GELU)                                                                                                                        \
    X(GELU_TANH)                                                                                                                   \
    X(AFFINE)                                                                                                                      \
    X(SCALED_TANH)

/* Beyond these the floats that are made of exponentials are 0, infinite or 1: exp(-200) is 1e-87, the least float 1e-45. */
DOUBLES vd_clamp(vd z)
{
    return vd_min(vd_set(200.0), vd_max(vd_set(-200.0), z));
}

FUNCTION v_magnitude(vf x)
{
    return v_float(vi_and(v_bits(x), vi_set(0x7fffffff)));
}

/* a x + b is one multiply-add. The formula's x = NaN: v_min and v_max give their second operand. */
FUNCTION v_hard_sigmoid(vf x, vf a, vf b)
{
    return v_max(v_set(0.0f), v_min(v_set(1.0f), v_fma(a, x, b)));
}

/* a (exp(x) - 1) of the negative x. */
FUNCTION v_elu_below(vf x, double a)
{
    return vd_narrow(vd_mul(vd_set(a), vd_expm1(vd_clamp(vd_widen(x)))));
}

FUNCTION v_elu(vf x, float a)
{
    return v_select_at_most(v_set(0.0f), x, x, v_elu_below(x, (double)a));
}

FUNCTION v_selu(vf x)
{
    const double scale = 1.0507009873554805, a = 1.6732632423543772;
    return v_select_at_most(v_set(0.0f), x, vd_narrow(vd_mul(vd_set(scale), vd_widen(x))), v_elu_below(x, scale * a));
}

/* max(x, 0) + log(1 + exp(-|x|)): nothing overflows, and nothing cancels. */
FUNCTION v_softplus(vf x)
{
    const vd below = vd_sub(vd_set(0.0), vd_widen(v_magnitude(x)));
    return vd_narrow(vd_add(vd_widen(v_max(v_set(0.0f), x)), vd_log1p(vd_exp(vd_max(vd_set(-200.0), below)))));
}

/* From 2^60 on the result is +-1, and infinity / infinity would be NaN. */
FUNCTION v_softsign(vf x)
{
    const vd at = vd_widen(v_min(v_set(0x1p60f), v_max(v_set(-0x1p60f), x)));
    return vd_narrow(vd_div(at, vd_add(vd_set(1.0), vd_widen(v_min(v_set(0x1p60f), v_magnitude(x))))));
}

/* x / (1 + exp(-z)). Where x is far below 0 the result is -0, which -infinity times 0 would not be. */
DOUBLES vd_times_sigmoid(vd x, vd z)
{
    const vd e = vd_exp(vd_clamp(vd_sub(vd_set(0.0), z)));
    return vd_div(vd_max(vd_set(-200.0), x), vd_add(vd_set(1.0), e));
}

FUNCTION v_swish(vf x)
{
    return vd_narrow(vd_times_sigmoid(vd_widen(x), vd_widen(x)));
}

/* x times the normal distribution below x, for x > 0 one less that below -x; at -15 the result is -0. */
FUNCTION v_gelu(vf x)
{
    const vd at = vd_widen(v_max(v_set(-15.0f), x));
    const vd below = vd_normal_below(vd_widen(v_min(v_set(15.0f), v_magnitude(x))));
    return v_select_negative(x, vd_narrow(vd_mul(at, below)), vd_narrow(vd_mul(at, vd_sub(vd_set(1.0), below))));
}

/* (1 + tanh(z / 2)) / 2 = 1 / (1 + exp(-z)), and z = 2 sqrt(2 / pi) (x + 0.044715 x^3). */
FUNCTION v_gelu_tanh(vf x)
{
    const vd at = vd_widen(x);
    const vd slope = vd_fma(vd_mul(at, at), vd_set(0x1.2444f2a4d8b4bp-4), vd_set(0x1.9884533d43651p0));
    return vd_narrow(vd_times_sigmoid(at, vd_mul(at, slope)));
}

/* tanh(y) = m / (m + 2) with m = exp(2 y) - 1 of y = |b x|; the sign goes into a. From 30 on tanh rounds to 1. */
FUNCTION v_scaled_tanh(vf x, float a, float b)
{
    const vd twice = vd_mul(vd_widen(v_magnitude(x)), vd_set(2.0 * (double)fabsf(b)));
    const vd m = vd_expm1(vd_min(vd_set(60.0), twice));
    const vf signed_a = v_select_negative(v_mul(v_set(b), x), v_set(-a), v_set(a));
    return vd_narrow(vd_mul(vd_widen(signed_a), vd_div(m, vd_add(m, vd_set(2.0)))));
}

/* exp(x - most) of x <= most, the difference without rounding; of softmax. */
FUNCTION v_exp_below(vf x, float most)
{
    const vd z = vd_sub(vd_widen(x), vd_set((double)most));
    return vd_narrow(vd_exp(vd_max(vd_set(-200.0), z)));
}

/* A function of one number, not softmax; alpha and beta are used where it has them. DEFAULT is x: the defaults of a cell's places are
 * the caller's to know. `function` should be a constant, so that nothing is left of the switch. */
FUNCTION v_activate(sluice_function function, vf x, float alpha, float beta)
{
    switch (function) {
    case SLUICE_FUNCTION_SIGMOID:
        return v_sigmoid3((vf3){{x, x, x}}).v[0]; /* the compiler drops the other two */
    case SLUICE_FUNCTION_TANH:
        return v_tanh(x);
    case SLUICE_FUNCTION_HARD_SIGMOID:
        return v_hard_sigmoid(x, v_set(alpha), v_set(beta));
    case SLUICE_FUNCTION_RELU:
        return v_max(v_set(0.0f), x);
    case SLUICE_FUNCTION_LEAKY_RELU:
        return v_select_at_most(v_set(0.0f), x, x, v_mul(v_set(alpha), x));
    case SLUICE_FUNCTION_THRESHOLD_RELU:
        return v_select_at_most(x, v_set(alpha), v_set(0.0f), x);
    case SLUICE_FUNCTION_ELU:
        return v_elu(x, alpha);
    case SLUICE_FUNCTION_SELU:
        return v_selu(x);
    case SLUICE_FUNCTION_SOFTPLUS:
        return v_softplus(x);
    case SLUICE_FUNCTION_SOFTSIGN:
        return v_softsign(x);
    case SLUICE_FUNCTION_SWISH:
        return v_swish(x);
    case SLUICE_FUNCTION_GELU:
        return v_gelu(x);
    case SLUICE_FUNCTION_GELU_TANH:
        return v_gelu_tanh(x);
    case SLUICE_FUNCTION_AFFINE:
        return v_fma(v_set(alpha), x, v_set(beta));
    case SLUICE_FUNCTION_SCALED_TANH:
        return v_scaled_tanh(x, alpha, beta);
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_LINEAR:
    case SLUICE_FUNCTION_SOFTMAX:
        break;
    }
    return x;
}

/* v_activate of three vectors, in lockstep where activation.h has that: a cell's gates i, f and o, or a piece of an array. */
static inline __attribute__((always_inline)) vf3 v_activate3(sluice_function function, vf3 x, float alpha, float beta)
{
    if (function == SLUICE_FUNCTION_SIGMOID)
        return v_sigmoid3(x);
    return (vf3){{v_activate(function, x.v[0], alpha, beta), v_activate(function, x.v[1], alpha, beta),
                  v_activate(function, x.v[2], alpha, beta)}};
}

#endif
