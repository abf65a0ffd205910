/* The recurrence: it runs the kernel's step, one iteration after the other. */
#ifndef SLUICE_ENGINE_FORWARD_RECURRENCE_H
#define SLUICE_ENGINE_FORWARD_RECURRENCE_H

#include "engine/forward/forward_thread.h"

/** Go to the first iteration. `buffer` has room for input products of `capacity` rows that are hoisted out of the recurrence. */
void sl_recurrence_begin(sl_recurrence *p, float *buffer, size_t capacity);

/** Run a phase (cell_phases.h) of the next iteration, if any row has it and there are so many phases; after the last one comes the
 *  next iteration. All threads that share the layer-direction must have finished the phase before. */
void sl_recurrence_step(sl_recurrence *p, unsigned phase);

#endif
