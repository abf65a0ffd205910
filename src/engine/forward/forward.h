/* The forward pass of a checked batch, whose strides are filled in, in a workspace that fits. Nothing here can fail. */
#ifndef SLUICE_ENGINE_FORWARD_FORWARD_H
#define SLUICE_ENGINE_FORWARD_FORWARD_H

#include "engine/forward/forward_thread.h"
#include "engine/forward/workspace.h"

/** Begin a call: choose its execution plan and divide its rows. Returns the number of threads that the plan has. */
unsigned sl_forward_begin(sluice_workspace *workspace, const sluice_batch *batch, sl_forward_call *call);

/** One of the call's threads, for sl_threads_run; context is the sl_forward_call. There may be fewer threads than planned. */
void sl_forward_run_thread(void *context, unsigned thread, unsigned threads);

void sl_forward_end(const sl_forward_call *call);

#endif
