/* The backward pass: the gradients of a recorded batch. */
#ifndef SLUICE_ENGINE_BACKWARD_BACKWARD_H
#define SLUICE_ENGINE_BACKWARD_BACKWARD_H

#include "engine/tape/tape.h"
#include "sluice_train.h"

/** Compute the gradients of the batch that the tape holds; the gradient has been checked, and its strides filled in. */
void sl_backward(sluice_tape *tape, const sluice_gradient *gradient);

#endif
