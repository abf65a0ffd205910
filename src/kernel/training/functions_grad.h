/*
 * The gradients of the functions of sluice_network.h, each written once over the verbs of an isa/simd_*.h, which the including file has
 * chosen: dx = dy f'(x), the same bits on every instruction set. f' of sigmoid, tanh and relu is had from the output, all others from
 * the input (sl_grad_is_of_input); those that need exponentials are computed in doubles and rounded once.
 *
 * At a kink the gradient is that of the left side, as torch has it: of relu and the threshold 0, of leaky relu alpha, of elu alpha, of
 * selu 1.0507 * 1.6733; at both ends of the hard sigmoid's slope 0.
 */
#ifndef SLUICE_KERNEL_FUNCTIONS_GRAD_H
#define SLUICE_KERNEL_FUNCTIONS_GRAD_H

#include "kernel/functions.h"

DOUBLES vd_sigmoid(vd z)
{
    return vd_div(vd_set(1.0), vd_add(vd_set(1.0), vd_exp(vd_clamp(vd_sub(vd_set(0.0), z)))));
}

/* dy times the slope, rounded once. */
FUNCTION v_times(vf dy, vd slope)
{
    return vd_narrow(vd_mul(vd_widen(dy), slope));
}

/* Of dy where 0 < t < 1, else 0. */
FUNCTION v_inside(vf t, vf dy)
{
    const vf zero = v_set(0.0f);
    return v_select_at_most(t, zero, zero, v_select_at_most(v_set(1.0f), t, zero, dy));
}

/* Of dy above 0, dy a exp(x) below it. */
FUNCTION v_elu_grad(vf x, vf dy, double a)
{
    return v_times(dy, vd_mul(vd_set(a), vd_exp(vd_clamp(vd_widen(x)))));
}

FUNCTION v_selu_grad(vf x, vf dy)
{
    const double scale = 1.0507009873554805, a = 1.6732632423543772;
    return v_select_at_most(x, v_set(0.0f), v_elu_grad(x, dy, scale * a), v_times(dy, vd_set(scale)));
}

/* 1 / (1 + |x|)^2 */
FUNCTION v_softsign_grad(vf x, vf dy)
{
    const vd part = vd_div(vd_set(1.0), vd_add(vd_set(1.0), vd_widen(v_magnitude(x))));
    return v_times(dy, vd_mul(part, part));
}

/* s + x s (1 - s) z' with s the sigmoid of z, and x at most 200 or so away from 0. */
DOUBLES vd_times_sigmoid_slope(vd x, vd z, vd z_slope)
{
    const vd s = vd_sigmoid(z), rest = vd_sigmoid(vd_sub(vd_set(0.0), z));
    return vd_fma(vd_mul(x, z_slope), vd_mul(s, rest), s);
}

FUNCTION v_swish_grad(vf x, vf dy)
{
    const vd at = vd_clamp(vd_widen(x));
    return v_times(dy, vd_times_sigmoid_slope(at, at, vd_set(1.0)));
}

/* The normal distribution below x, and x times its density; at 15 the one is 1 or 0, and the other 0. */
FUNCTION v_gelu_grad(vf x, vf dy)
{
    const vf near = v_min(v_set(15.0f), v_max(v_set(-15.0f), x));
    const vd at = vd_widen(near), below = vd_normal_below(vd_widen(v_magnitude(near)));
    const vd density = vd_mul(vd_set(0x1.9884533d43651p-2), vd_exp(vd_mul(vd_mul(at, at), vd_set(-0.5))));
    return v_select_negative(x, v_times(dy, vd_fma(at, density, below)),
                             v_times(dy, vd_fma(at, density, vd_sub(vd_set(1.0), below))));
}

/* z = 2 sqrt(2 / pi) (x + 0.044715 x^3), as v_gelu_tanh has it; at 20 the slope is 1 or 0. */
FUNCTION v_gelu_tanh_grad(vf x, vf dy)
{
    const double cubic = 0x1.2444f2a4d8b4bp-4, linear = 0x1.9884533d43651p0;
    const vd at = vd_widen(v_min(v_set(20.0f), v_max(v_set(-20.0f), x))), square = vd_mul(at, at);
    const vd z = vd_mul(at, vd_fma(square, vd_set(cubic), vd_set(linear)));
    return v_times(dy, vd_times_sigmoid_slope(at, z, vd_fma(square, vd_set(3.0 * cubic), vd_set(linear))));
}

/* a b (1 - tanh^2) = a b 4 u / (1 + u)^2 with u = exp(-2 |b x|). */
FUNCTION v_scaled_tanh_grad(vf x, vf dy, float a, float b)
{
    const vd u = vd_exp(vd_max(vd_set(-200.0), vd_mul(vd_widen(v_magnitude(x)), vd_set(-2.0 * (double)fabsf(b)))));
    const vd part = vd_div(vd_set(2.0), vd_add(vd_set(1.0), u));
    return v_times(dy, vd_mul(vd_mul(vd_set((double)a * (double)b), u), vd_mul(part, part)));
}

/* dy times a function's slope. `at`: its output, or, where sl_grad_is_of_input, its input. `function` should be a constant. */
FUNCTION v_activate_grad(sluice_function function, vf at, vf dy, float alpha, float beta)
{
    const vf zero = v_set(0.0f), one = v_set(1.0f), a = v_set(alpha);
    switch (function) {
    case SLUICE_FUNCTION_SIGMOID:
        return v_mul(dy, v_mul(at, v_sub(one, at)));
    case SLUICE_FUNCTION_TANH:
        return v_mul(dy, v_sub(one, v_mul(at, at)));
    case SLUICE_FUNCTION_HARD_SIGMOID:
        return v_inside(v_fma(a, at, v_set(beta)), v_mul(a, dy));
    case SLUICE_FUNCTION_RELU:
        return v_select_at_most(at, zero, zero, dy);
    case SLUICE_FUNCTION_LEAKY_RELU:
        return v_select_at_most(at, zero, v_mul(a, dy), dy);
    case SLUICE_FUNCTION_THRESHOLD_RELU:
        return v_select_at_most(at, a, zero, dy);
    case SLUICE_FUNCTION_ELU:
        return v_select_at_most(at, zero, v_elu_grad(at, dy, (double)alpha), dy);
    case SLUICE_FUNCTION_SELU:
        return v_selu_grad(at, dy);
    case SLUICE_FUNCTION_SOFTPLUS:
        return v_times(dy, vd_sigmoid(vd_widen(at)));
    case SLUICE_FUNCTION_SOFTSIGN:
        return v_softsign_grad(at, dy);
    case SLUICE_FUNCTION_SWISH:
        return v_swish_grad(at, dy);
    case SLUICE_FUNCTION_GELU:
        return v_gelu_grad(at, dy);
    case SLUICE_FUNCTION_GELU_TANH:
        return v_gelu_tanh_grad(at, dy);
    case SLUICE_FUNCTION_AFFINE:
        return v_mul(a, dy);
    case SLUICE_FUNCTION_SCALED_TANH:
        return v_scaled_tanh_grad(at, dy, alpha, beta);
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_LINEAR:
    case SLUICE_FUNCTION_SOFTMAX:
        break;
    }
    return dy;
}

static inline __attribute__((always_inline)) void apply_grad(sluice_function function, size_t n, const float *at, const float *dy,
                                                             float *dx, float alpha, float beta)
{
    for (size_t k = 0; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        const vf grad = v_activate_grad(function, v_load_first(at + k, lanes), v_load_first(dy + k, lanes), alpha, beta);
        v_store_first(dx + k, v_canonical(grad), lanes);
    }
}

#define GRAD_OF(name)                                                                                                              \
    static void grad_##name(size_t n, const float *at, const float *dy, float *dx, float alpha, float beta)                        \
    {                                                                                                                              \
        apply_grad(SLUICE_FUNCTION_##name, n, at, dy, dx, alpha, beta);                                                            \
    }
EACH_FUNCTION(GRAD_OF)
#undef GRAD_OF

static void activate_grad(const sluice_activation *activation, size_t n, const float *at, const float *dy, float *dx)
{
    assert(activation->function != SLUICE_FUNCTION_SOFTMAX);
    switch (activation->function) {
#define CASE(name)                                                                                                                 \
    case SLUICE_FUNCTION_##name:                                                                                                   \
        grad_##name(n, at, dy, dx, activation->alpha, activation->beta);                                                           \
        return;
        EACH_FUNCTION(CASE)
#undef CASE
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_SOFTMAX:
        break;
    }
    grad_LINEAR(n, dy, dy, dx, 0.0f, 0.0f);
}

static void softmax_grad(size_t n, const float *y, const float *dy, float *dx)
{
    float sum = 0.0f;
    for (size_t k = 0; k < n; k++)
        sum = fmaf(dy[k], y[k], sum);
    for (size_t k = 0; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        const vf grad = v_mul(v_load_first(y + k, lanes), v_sub(v_load_first(dy + k, lanes), v_set(sum)));
        v_store_first(dx + k, v_canonical(grad), lanes);
    }
}

#endif
