#include "engine/api/timed_calls.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/forward/workspace.h"
#include "engine/schedule/tuned_plan_list.h"

#include <assert.h>
#include <math.h>

double sl_calls_time(sluice_workspace *workspace, const sluice_batch *batch, double least)
{
    for (size_t calls = 1;; calls *= 2) {
        const double start = sl_clock_get();
        for (size_t k = 0; k < calls; k++) {
            const sluice_status status = sluice_forward(workspace->engine, workspace, batch, NULL);
            assert(!status); /* the batch is valid, and fits the workspace */
            (void)status;
        }
        const double seconds = sl_clock_get() - start;
        if (seconds >= least)
            return seconds / (double)calls;
    }
}

/* Time all candidates in turn, several times over, so that a busy moment of the machine hits none of them alone, and store the fastest;
 * true, and cancelled set or not, once each has been timed. The engine has an entry for the batch already, so that storing another
 * plan in it takes no memory. */
static bool time_in_turn(sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                         const sl_candidate_timing *timing, sl_timed_candidates *found, bool *cancelled)
{
    sl_tuned_plan tuned = {.rows = batch->rows, .steps = batch->steps};
    size_t timed = 0;
    for (; timed < timing->rounds * found->count && !*cancelled; timed++) {
        const size_t k = timed % found->count;
        tuned.plan = found->plans[k];
        (void)sl_tuned_plan_store(engine, &tuned, NULL);
        const double seconds = sl_calls_time(workspace, batch, timing->least);
        found->seconds[k] = timed < found->count ? seconds : fmin(found->seconds[k], seconds);
        *cancelled = timing->until.is_cancelled && timing->until.is_cancelled(timing->until.context) != 0;
    }
    if (timed < found->count)
        return false;
    found->fastest = 0;
    for (size_t k = 1; k < found->count; k++)
        found->fastest = found->seconds[k] < found->seconds[found->fastest] ? k : found->fastest;
    tuned.plan = found->plans[found->fastest];
    tuned.seconds = found->seconds[found->fastest];
    (void)sl_tuned_plan_store(engine, &tuned, NULL);
    return true;
}

/* Time, and put back what the engine had for such batches if the caller cancels before each candidate has been timed. */
static sluice_status time_or_restore(sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                                     const sl_candidate_timing *timing, sl_timed_candidates *found, sluice_error *error)
{
    const sl_batch_load load = sl_batch_load_get(engine, batch->rows, batch->steps, NULL);
    const sl_tuned_plan *stored = sl_tuned_plan_find(engine, &load);
    const sl_tuned_plan room = {.rows = batch->rows, .steps = batch->steps, .plan = {1, 1, false, false}};
    const sl_tuned_plan before = stored ? *stored : room;
    bool cancelled = false;
    const sluice_status status = sl_tuned_plan_store(engine, &before, error);
    if (status)
        return status;
    found->count = sl_candidates_list(engine, &load, found->plans);
    if (!time_in_turn(engine, workspace, batch, timing, found, &cancelled)) {
        if (stored)
            (void)sl_tuned_plan_store(engine, &before, NULL);
        else
            sl_tuned_plan_remove(engine, batch->rows, batch->steps);
    }
    return cancelled ? sl_fail(error, SLUICE_STATUS_CANCELLED, "sluice_plan_measure: cancelled by the caller") : SLUICE_STATUS_OK;
}

sluice_status sl_candidates_time(sluice_engine *engine, size_t rows, size_t steps, const sl_candidate_timing *timing,
                                 sl_timed_candidates *found, sluice_error *error)
{
    size_t count;
    if (!sl_size_mul(steps, engine->network->step_inputs, &count))
        return sl_fail_size(error, "a row of the batch");
    sluice_workspace *workspace = NULL;
    float *zeros = sl_alloc_array(count, sizeof *zeros); /* one row of x, or of tokens, which all rows read */
    sluice_status status = zeros ? sluice_workspace_create(engine, rows, steps, &workspace, error)
                                 : sl_fail_memory(error, "the input", count * sizeof *zeros);
    if (!status) {
        const bool reads_tokens = engine->shape.vocabulary > 0;
        const sluice_batch batch = {.struct_size = sizeof batch,
                                    .steps = steps,
                                    .rows = rows,
                                    .x = reads_tokens ? NULL : zeros,
                                    .tokens = reads_tokens ? (const int32_t *)(const void *)zeros : NULL,
                                    .x_step_stride = engine->network->step_inputs};
        status = time_or_restore(engine, workspace, &batch, timing, found, error);
    }
    sluice_workspace_destroy(workspace);
    sl_free(zeros);
    return status;
}
