/* How long a call takes, for what measures execution plans and the machine. */
#ifndef SLUICE_ENGINE_API_TIMED_CALLS_H
#define SLUICE_ENGINE_API_TIMED_CALLS_H

#include "sluice.h"

/** Seconds of sluice_forward with a valid batch that fits the workspace: the mean of as many calls as together take `least` seconds. */
double sl_calls_time(sluice_workspace *workspace, const sluice_batch *batch, double least);

#endif
