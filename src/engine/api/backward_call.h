/* sluice_backward for a caller that takes the gradients of layers as they are completed. */
#ifndef SLUICE_ENGINE_API_BACKWARD_CALL_H
#define SLUICE_ENGINE_API_BACKWARD_CALL_H

#include "engine/backward/backward.h"

/** sluice_backward; watch may be NULL. */
sluice_status sl_backward_call(sluice_tape *tape, const sluice_gradient *gradient, const sl_backward_watch *watch,
                               sluice_error *error);

#endif
