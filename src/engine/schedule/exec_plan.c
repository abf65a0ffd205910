#include "engine/schedule/exec_plan.h"

#include "base/size.h"
#include "engine/schedule/unit_split.h"

bool sl_exec_plan_fits(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const sluice_shape *shape = &engine->shape;
    const size_t layer_dirs = plan->wavefront ? shape->layers : shape->directions;
    return plan->thread_groups <= load->rows && plan->threads_per_group <= layer_dirs * sl_unit_lines(engine) &&
           (size_t)plan->thread_groups * plan->threads_per_group <= load->workers &&
           (!plan->wavefront || (shape->directions == 1 && shape->layers > 1));
}

size_t sl_exec_plan_hoisted_rows(const sluice_engine *engine, const sl_exec_plan *plan)
{
    if (engine->gemm == SLUICE_GEMM_BLIS) /* which adds the products of h to them in memory */
        return SIZE_MAX;
    if (engine->schedule == SLUICE_SCHEDULE_ROWS)
        return 0;
    return plan->hoists ? SIZE_MAX : engine->limits.auto_hoisted_rows;
}

bool sl_exec_plan_hoists(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const bool multiplies_x = engine->gemm == SLUICE_GEMM_BLIS || engine->shape.layers > 1 || !engine->layers[0].table;
    return multiplies_x && sl_size_div_up(load->rows, plan->thread_groups) <= sl_exec_plan_hoisted_rows(engine, plan);
}
