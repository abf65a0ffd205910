/* The cost model: an estimate of how long a batch takes by an execution plan, in cycles of one core. */
#ifndef SLUICE_ENGINE_SCHEDULE_COST_MODEL_H
#define SLUICE_ENGINE_SCHEDULE_COST_MODEL_H

#include "engine/schedule/exec_plan.h"

/** Cycles of a batch by a plan. */
double sl_exec_plan_cycles(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan);

/** Of them, those that a parallel region of so many threads takes by itself; one thread has none. */
double sl_region_cycles(const sluice_engine *engine, double threads);

/** How much longer a step of a row takes a thread group when the row is alone than when it is one of many, as a share of the
 *  latter. */
double sl_single_row_excess(const sluice_engine *engine, unsigned threads_per_group);

/** Whether a single row is faster when so many threads share its units than on one thread. */
bool sl_row_sharing_pays(const sluice_engine *engine, unsigned threads);

#endif
