/* A kind of cell, as step.h and step_grad.h use it: functions of one vector of units of one row, always inlined. */
#ifndef SLUICE_KERNEL_CELL_EQUATIONS_H
#define SLUICE_KERNEL_CELL_EQUATIONS_H

#include "kernel/cell_kind.h"

/*
 * The forward step has three stages, each of which is run for all vectors of a tile before the next: a stage is one long chain of
 * dependent operations, and a core overlaps the chains of several vectors only where they follow each other closely.
 */
typedef struct cell_equations {
    void (*begin)(vf gates[SL_GATES]);         /* pre-activations become gates, those that can before the others */
    void (*update)(vf gates[SL_GATES], vf *c); /* the other gates, and c */
    vf (*output)(vf gates[SL_GATES], vf c);    /* h of the new c; canonical, as are c and what grad returns */
    vf (*activate)(vf c);                      /* grad's `activated_c`, computed ahead of it: again a long chain of operations */
    /* gates: those of the step, which become the gradients of the pre-activations. dh: the gradient of h. dc: the gradient of the new
     * c through the later steps, which becomes that of c_before. */
    void (*grad)(vf gates[SL_GATES], vf c_before, vf activated_c, vf dh, vf *dc);
} cell_equations;

#define EQUATION static inline __attribute__((always_inline))

/* (1 - a)(1 + a): three roundings near 1, where 1 - a*a would lose all digits. */
EQUATION vf one_minus_square(vf a)
{
    const vf one = v_set(1.0f);
    return v_mul(v_sub(one, a), v_add(one, a));
}

#endif
