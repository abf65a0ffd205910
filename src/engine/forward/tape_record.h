/* Recording on a tape: all that the forward pass does for sluice_backward. Where the batch has no tape, nothing is recorded. */
#ifndef SLUICE_ENGINE_FORWARD_TAPE_RECORD_H
#define SLUICE_ENGINE_FORWARD_TAPE_RECORD_H

#include "engine/forward/forward_thread.h"

/** Check the batch's options of training, and make its tape fit, if it has one. BAD_ARGUMENT, NO_MEMORY, TOO_LARGE. */
sluice_status sl_tape_record_begin(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error);

/** The batch has been through the network: its tape, if it has one, holds it. */
void sl_tape_record_end(const sluice_batch *batch);

/** Record the states before the first iteration of the rows from..to-1 of the row block, which have been loaded. */
void sl_tape_record_states(const sl_forward_thread *t, size_t from, size_t to);

/** What an LSTM layer reads; its outputs; and these as the layers behind it read them. */
sl_layer_rows sl_tape_inputs_of(const sluice_tape *tape, size_t layer);
sl_layer_rows sl_tape_outputs_of(const sluice_tape *tape, size_t layer);
sl_layer_rows sl_tape_given_by(const sluice_tape *tape, size_t layer);

/** A vector that a step layer computes: of a step of a row, or of a row's one vector. */
typedef struct sl_tape_vector {
    size_t step_layer;
    size_t row, step; /* of the batch */
    bool by_step;
} sl_tape_vector;

/** Record what the layer's function is applied to. */
void sl_tape_record_pre_activations(const sluice_tape *tape, const sl_tape_vector *vector, const float *from);

/** Record its outputs, after dropout, which is applied to them in place. */
void sl_tape_record_vector(const sluice_tape *tape, const sl_tape_vector *vector, float *outputs);

/** Record a row's one vector before the layers behind the reduction. */
void sl_tape_record_reduced(const sluice_tape *tape, size_t row, const float *from);

/** Run the kernel's step, phase 0 of a plain cell, and record its gates and c and, of a layer with a projection, m. */
void sl_tape_record_step(sl_recurrence *p);

/** Record outputs of an iteration, [from, from + count) of the layer-direction's, which are at step.y: with dropout for the layers
 *  behind; the last layer's are copied to y, unless there are layers behind that give y. */
void sl_tape_record_h(const sl_recurrence *p, size_t from, size_t count);

#endif
