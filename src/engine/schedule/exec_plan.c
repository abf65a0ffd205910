#include "engine/schedule/exec_plan.h"

#include "base/size.h"

bool sl_exec_plan_fits(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const sl_engine_sizes *sizes = &engine->sizes;
    const size_t lines = plan->wavefront ? sizes->all_lines : sizes->layer_lines;
    return plan->thread_groups <= load->rows && plan->threads_per_group <= lines &&
           (size_t)plan->thread_groups * plan->threads_per_group <= load->workers && (!plan->wavefront || sizes->wavefronts);
}

size_t sl_exec_plan_hoisted_rows(const sluice_engine *engine, const sl_exec_plan *plan)
{
    if (sl_engine_always_hoists(engine))
        return SIZE_MAX;
    if (engine->schedule == SLUICE_SCHEDULE_ROWS)
        return 0;
    return plan->hoists ? SIZE_MAX : engine->limits.auto_hoisted_rows;
}

bool sl_exec_plan_hoists(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const bool multiplies_x = engine->gemm == SLUICE_GEMM_BLIS || engine->network->lstm_layers > 1 || !engine->layers[0].table;
    const size_t rows = sl_exec_plan_hoisted_rows(engine, plan), groups = plan->thread_groups;
    return multiplies_x && (rows == SIZE_MAX || load->rows <= rows * groups);
}
