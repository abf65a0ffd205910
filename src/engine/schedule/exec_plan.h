/* Execution plans: what follows from one for an engine. */
#ifndef SLUICE_ENGINE_SCHEDULE_EXEC_PLAN_H
#define SLUICE_ENGINE_SCHEDULE_EXEC_PLAN_H

#include "engine/schedule/batch_load.h"

static inline bool sl_exec_plan_equals(const sl_exec_plan *a, const sl_exec_plan *b)
{
    return a->thread_groups == b->thread_groups && a->threads_per_group == b->threads_per_group && a->hoists == b->hoists &&
           a->wavefront == b->wavefront;
}

/** Whether the plan is feasible for a load: a tuned plan may come from a file of another machine. */
bool sl_exec_plan_fits(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan);

/** Input products (of x, or of the layer below) are hoisted, that is, made for several steps ahead of the recurrence, while at most
 *  so many rows run; SIZE_MAX: always. */
size_t sl_exec_plan_hoisted_rows(const sluice_engine *engine, const sl_exec_plan *plan);

/** Whether the plan hoists any input products while all rows run. */
bool sl_exec_plan_hoists(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan);

#endif
