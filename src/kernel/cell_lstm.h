/*
 * The LSTM cell (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000):
 *     i, f, o = sigmoid(pre-activations)    g = tanh(pre-activation)    c = f * c' + i * g    h = o * tanh(c)
 */
#ifndef SLUICE_KERNEL_CELL_LSTM_H
#define SLUICE_KERNEL_CELL_LSTM_H

#include "kernel/activation.h"
#include "kernel/cell_equations.h"

EQUATION void cell_lstm_begin(vf gates[SL_GATES])
{
    gates[SL_GATE_G] = v_tanh(gates[SL_GATE_G]);
}

EQUATION void cell_lstm_update(vf gates[SL_GATES], vf *c)
{
    vf3 ifo = {{gates[SL_GATE_I], gates[SL_GATE_F], gates[SL_GATE_O]}};
    ifo = v_sigmoid3(ifo);
    gates[SL_GATE_I] = ifo.v[0];
    gates[SL_GATE_F] = ifo.v[1];
    gates[SL_GATE_O] = ifo.v[2];
    *c = v_canonical(v_fma(ifo.v[1], *c, v_mul(ifo.v[0], gates[SL_GATE_G])));
}

EQUATION vf cell_lstm_output(vf gates[SL_GATES], vf c)
{
    return v_canonical(v_mul(gates[SL_GATE_O], v_tanh(c)));
}

EQUATION vf cell_lstm_activate(vf c)
{
    return v_tanh(c);
}

/* kernel.h has the equations, in sl_step_grad. */
EQUATION void cell_lstm_grad(vf gates[SL_GATES], vf c_before, vf tanh_c, vf dh, vf *dc)
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

static const cell_equations cell_lstm = {cell_lstm_begin, cell_lstm_update, cell_lstm_output, cell_lstm_activate, cell_lstm_grad};

#endif
