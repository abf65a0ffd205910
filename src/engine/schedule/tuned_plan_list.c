#include "engine/schedule/tuned_plan_list.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/schedule/exec_plan.h"

#include <string.h>

/* Where the entry for such batches is, or is to be inserted. */
static size_t position_of(const sluice_engine *engine, size_t rows, size_t steps)
{
    size_t from = 0, to = engine->tuned_plan_count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const sl_tuned_plan *entry = &engine->tuned_plans[middle];
        if (entry->rows < rows || (entry->rows == rows && entry->steps < steps))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const sluice_engine *engine, size_t at, size_t rows, size_t steps)
{
    return at < engine->tuned_plan_count && engine->tuned_plans[at].rows == rows && engine->tuned_plans[at].steps == steps;
}

const sl_tuned_plan *sl_tuned_plan_find(const sluice_engine *engine, const sl_batch_load *load)
{
    if (engine->schedule != SLUICE_SCHEDULE_AUTO || engine->gemm != SLUICE_GEMM_FUSED || !load->equal)
        return NULL;
    const size_t at = position_of(engine, load->rows, load->steps);
    if (!is_at(engine, at, load->rows, load->steps) || !sl_exec_plan_fits(engine, load, &engine->tuned_plans[at].plan))
        return NULL;
    return &engine->tuned_plans[at];
}

sluice_status sl_tuned_plan_store(sluice_engine *engine, const sl_tuned_plan *tuned, sluice_error *error)
{
    const size_t at = position_of(engine, tuned->rows, tuned->steps), count = engine->tuned_plan_count;
    if (is_at(engine, at, tuned->rows, tuned->steps)) {
        engine->tuned_plans[at] = *tuned;
        return SLUICE_STATUS_OK;
    }
    if (count == SL_TUNED_PLANS_MAX)
        return sl_fail(error, SLUICE_STATUS_TOO_LARGE,
                       "%zu batch sizes have been measured, the most that an engine stores; make an engine for the others", count);
    if ((count & (count - 1)) == 0) { /* full: the capacity is a power of two */
        sl_tuned_plan *grown = sl_alloc_array(sl_size_max(1, 2 * count), sizeof *grown);
        if (!grown)
            return sl_fail_memory(error, "a tuned plan", 2 * count * sizeof *grown);
        if (count)
            memcpy(grown, engine->tuned_plans, count * sizeof *grown);
        sl_free(engine->tuned_plans);
        engine->tuned_plans = grown;
    }
    memmove(engine->tuned_plans + at + 1, engine->tuned_plans + at, (count - at) * sizeof *tuned);
    engine->tuned_plans[at] = *tuned;
    engine->tuned_plan_count++;
    return SLUICE_STATUS_OK;
}

void sl_tuned_plan_remove(sluice_engine *engine, size_t rows, size_t steps)
{
    const size_t at = position_of(engine, rows, steps);
    if (!is_at(engine, at, rows, steps))
        return;
    engine->tuned_plan_count--;
    memmove(engine->tuned_plans + at, engine->tuned_plans + at + 1, (engine->tuned_plan_count - at) * sizeof *engine->tuned_plans);
}
