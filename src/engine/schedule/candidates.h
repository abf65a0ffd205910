/* Candidates: the execution plans that are weighed for a batch, and the choice among them. No bit of a result depends on it. */
#ifndef SLUICE_ENGINE_SCHEDULE_CANDIDATES_H
#define SLUICE_ENGINE_SCHEDULE_CANDIDATES_H

#include "engine/schedule/batch_load.h"

enum { SL_CANDIDATES_MAX = 32 };

/** List the plans for a load that the engine's schedule allows. Returns how many: at least 1, less than SL_CANDIDATES_MAX. */
size_t sl_candidates_list(const sluice_engine *engine, const sl_batch_load *load, sl_exec_plan plans[SL_CANDIDATES_MAX]);

/** The plan of a load: its tuned plan, else the candidate with the lowest estimate. */
sl_exec_plan sl_exec_plan_choose(const sluice_engine *engine, const sl_batch_load *load);

#endif
