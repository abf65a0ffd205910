/* The forward pass of a checked batch. */
#ifndef SLUICE_ENGINE_FORWARD_FORWARD_H
#define SLUICE_ENGINE_FORWARD_FORWARD_H

#include "engine/forward/workspace.h"

/** Run the batch: its arguments have been checked and its strides filled in, the workspace fits. Cannot fail. */
void sl_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch);

#endif
