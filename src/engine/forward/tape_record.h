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

/** Where a layer's outputs go, or where it reads its inputs. */
sl_layer_rows sl_tape_layer_rows(const sluice_tape *tape, size_t layer, bool outputs);

/** Run the kernel's step and record it: gates, c, outputs with and without dropout. The last layer's are copied to y. */
void sl_tape_record_step(sl_recurrence *p);

#endif
