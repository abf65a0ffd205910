/* The adjoint of a batch, in phases that its threads go through together: backward.c has their order. */
#ifndef SLUICE_ENGINE_BACKWARD_GRAD_H
#define SLUICE_ENGINE_BACKWARD_GRAD_H

#include "engine/forward/tape.h"
#include "sluice_train.h"

#include <stdatomic.h>

/** A call of sluice_backward. */
typedef struct sl_grad {
    sluice_tape *tape;
    const sluice_gradient *gradient; /* checked, strides filled in */
    atomic_size_t taken[2];          /* tasks of this phase that have been begun, and of the next */
} sl_grad;

/** One of its threads. */
typedef struct sl_grad_thread {
    sl_grad *grad;
    sluice_tape *tape;
    const sl_tape_scratch *own;
    unsigned index, count;
    unsigned arrivals, team_arrivals; /* at the ends of phases, and of turns */
    unsigned phase;
} sl_grad_thread;

/** The number of a task of this phase that nobody has begun yet. */
size_t sl_grad_next(sl_grad_thread *thread);

/** Wait until all threads have ended the phase. */
void sl_grad_end_phase(sl_grad_thread *thread);

/** A strand at work. */
typedef struct sl_grad_layer_dir {
    size_t k, layer, direction;
    float *dy;                /* gradient of the layer's outputs, by steps */
    float *dx;                /* of its inputs, likewise; may be dy where there is one direction */
    size_t segment, from, to; /* the segment, and its turns */
} sl_grad_layer_dir;

/** Gates, or their gradients, of a cell of the strand's segment. */
static inline float *sl_grad_gates(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t rank)
{
    const size_t cell = tape->first[iteration] - tape->first[layer_dir->from] + rank;
    return tape->layer_dirs[layer_dir->k].gates + cell * tape->gate_stride;
}

/** to[j] += from[j], or = with !adds. */
static inline void sl_grad_put(float *to, const float *from, size_t count, bool adds)
{
    for (size_t j = 0; j < count; j++)
        to[j] = adds ? to[j] + from[j] : from[j];
}

/* ---- Phases; each ends with all threads' meeting ---------------------------------------------------------------------------- */

/** The head's gradients, and with them, and the caller's dy, that of the last layer's outputs. */
void sl_grad_head(sl_grad_thread *thread, float *dy);

/** The strand's dc before its last turn, and dhn where its rows end. */
void sl_grad_begin_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** The turns of a segment, from the last to the first: gates become their gradients. */
void sl_grad_steps(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Sums over a segment's cells for dW, dU and db, and its dx. */
void sl_grad_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** dh0 and dc0, and what the sums come to. */
void sl_grad_end_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** dx of layer 0 to the caller, or the embedding's rows. */
void sl_grad_inputs(sl_grad_thread *thread, const float *dx);

/* ---- Tasks that a phase of one file has from another ------------------------------------------------------------------------- */

/** dh0 and dc0 of the rows of a group. */
void sl_grad_first_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t group);
size_t sl_grad_groups(const sluice_tape *tape);

#endif
