/* The backward pass: the gradients of a recorded batch. */
#ifndef SLUICE_ENGINE_BACKWARD_BACKWARD_H
#define SLUICE_ENGINE_BACKWARD_BACKWARD_H

#include "engine/tape/tape.h"
#include "sluice_train.h"

/** Who wants to know when gradients are complete. */
typedef struct sl_backward_watch {
    void *context;
    /** Called by one of the call's threads: those of the layers behind the last LSTM layer, and of the LSTM layers from this one on
     *  (lstm_layers: none), are complete. From the last layer to the first; the others go on meanwhile. */
    void (*complete)(void *context, size_t lstm_layer);
} sl_backward_watch;

/** Compute the gradients of the batch that the tape holds; the gradient has been checked, and its strides filled in. watch may be
 *  NULL. */
void sl_backward(sluice_tape *tape, const sluice_gradient *gradient, const sl_backward_watch *watch);

#endif
