/* Limits of an engine's schedules: what follows from its weights and this CPU, whatever the batch. */
#ifndef SLUICE_ENGINE_SCHEDULE_LIMITS_H
#define SLUICE_ENGINE_SCHEDULE_LIMITS_H

#include "engine/engine.h"

/** At least so many rows make a row block, if a batch has them. */
enum { SL_LEAST_BLOCK_ROWS = 48 };

/** Fill in engine->limits from its packed layers and this CPU's caches. */
void sl_limits_set(sluice_engine *engine);

/** Threads that calls use: more than there are CPUs only if the engine was made with a schedule other than auto. */
unsigned sl_workers(const sluice_engine *engine);

#endif
