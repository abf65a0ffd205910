/* The tuned plans of an engine: the fastest plans that sluice_plan_measure has found, or a file has brought. */
#ifndef SLUICE_ENGINE_SCHEDULE_TUNED_PLAN_LIST_H
#define SLUICE_ENGINE_SCHEDULE_TUNED_PLAN_LIST_H

#include "engine/schedule/batch_load.h"

/** Most tuned plans of an engine. */
enum { SL_TUNED_PLANS_MAX = 4096 };

/** The tuned plan for a load; NULL: there is none, or it is not feasible here. */
const sl_tuned_plan *sl_tuned_plan_find(const sluice_engine *engine, const sl_batch_load *load);

/** Store a tuned plan, in place of one for the same rows and steps. NO_MEMORY; TOO_LARGE: there are SL_TUNED_PLANS_MAX others. */
sluice_status sl_tuned_plan_store(sluice_engine *engine, const sl_tuned_plan *tuned, sluice_error *error);

/** Remove the tuned plan of such batches, if there is one. */
void sl_tuned_plan_remove(sluice_engine *engine, size_t rows, size_t steps);

#endif
