/* The forward pass of a checked batch. */
#ifndef SLUICE_ENGINE_FORWARD_FORWARD_H
#define SLUICE_ENGINE_FORWARD_FORWARD_H

#include "engine/forward/workspace.h"

/** Run the batch, whose arguments have been checked and whose strides filled in, in a workspace that fits. Cannot fail. */
void sl_forward(sluice_workspace *workspace, const sluice_batch *batch);

#endif
