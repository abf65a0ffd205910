/*
 * The phases of an iteration. A plain cell has one, in which the fused step makes h of x and h'. Other cells, and projections, need
 * whole rows of what all threads that share the layer-direction made, which then wait for each other between two phases:
 *
 *     plain cell              fused step: c and h                       the same, with m for h
 *     other cell              pre-activations, c and h
 *     layer normalisation     pre-activations | f c' + i g | c and h    the last one with m for h
 *     projection                                                        | h = W_p m + b_p
 */
#ifndef SLUICE_ENGINE_FORWARD_CELL_PHASES_H
#define SLUICE_ENGINE_FORWARD_CELL_PHASES_H

#include "engine/forward/forward_thread.h"

/** The part of a row of h that a recurrence writes, in floats; none if a projection has fewer blocks of columns than threads share. */
typedef struct sl_h_range {
    size_t from, count;
} sl_h_range;

sl_h_range sl_phase_h_range(const sl_recurrence *p);

/** Run a phase of an iteration, whose step is set: rows, pointers and states in phase 0, y in the last one. */
void sl_phase_run(sl_recurrence *p, unsigned phase);

#endif
