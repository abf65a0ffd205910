/*
 * The equations of the LSTM cell (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000) and their
 * derivative, for one vector of units of one row.
 */
#ifndef SLUICE_KERNEL_CELL_LSTM_H
#define SLUICE_KERNEL_CELL_LSTM_H

#include "kernel/activation.h"
#include "kernel/cell_kind.h"

/* gates: pre-activations, which become the gates. c: the state before the step, which becomes that after it. */
static inline __attribute__((always_inline)) void cell_lstm(vf gates[SL_GATES], vf *c, vf *h)
{
    const vf g = v_tanh(gates[SL_GATE_G]);
    const vf3 pre = {{gates[SL_GATE_I], gates[SL_GATE_F], gates[SL_GATE_O]}}, ifo = v_sigmoid3(pre);
    gates[SL_GATE_I] = ifo.v[0];
    gates[SL_GATE_F] = ifo.v[1];
    gates[SL_GATE_G] = g;
    gates[SL_GATE_O] = ifo.v[2];
    *c = v_canonical(v_fma(ifo.v[1], *c, v_mul(ifo.v[0], g)));
    *h = v_canonical(v_mul(ifo.v[2], v_tanh(*c)));
}

/* The activation of c, which step_grad.h computes for all units of a tile beforehand. */
static inline __attribute__((always_inline)) vf cell_lstm_activate(vf c)
{
    return v_tanh(c);
}

/* (1 - a)(1 + a): three roundings near 1, where 1 - a*a would lose all digits. */
static inline __attribute__((always_inline)) vf one_minus_square(vf a)
{
    const vf one = v_set(1.0f);
    return v_mul(v_sub(one, a), v_add(one, a));
}

/* gates: those of the step, which become the gradients of the pre-activations. tanh_c: of c after the step. dh: the gradient of h.
 * dc: the gradient of c through the later steps, which becomes that of c_before. */
static inline __attribute__((always_inline)) void cell_lstm_grad(vf gates[SL_GATES], vf c_before, vf tanh_c, vf dh, vf *dc)
{
    const vf one = v_set(1.0f);
    const vf i = gates[SL_GATE_I], f = gates[SL_GATE_F], g = gates[SL_GATE_G], o = gates[SL_GATE_O];
    const vf dc_now = v_fma(v_mul(dh, o), one_minus_square(tanh_c), *dc);
    gates[SL_GATE_I] = v_canonical(v_mul(v_mul(dc_now, g), v_mul(i, v_sub(one, i))));
    gates[SL_GATE_F] = v_canonical(v_mul(v_mul(dc_now, c_before), v_mul(f, v_sub(one, f))));
    gates[SL_GATE_G] = v_canonical(v_mul(v_mul(dc_now, i), one_minus_square(g)));
    gates[SL_GATE_O] = v_canonical(v_mul(v_mul(dh, tanh_c), v_mul(o, v_sub(one, o))));
    *dc = v_canonical(v_mul(dc_now, f));
}

#endif
