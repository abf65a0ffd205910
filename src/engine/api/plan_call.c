/* Execution plans in the public interface: which one a batch gets and why, and measuring which is the fastest. */
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/check.h"
#include "engine/forward/forward.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/cost_model.h"
#include "engine/schedule/tuned_plan_list.h"
#include "system/threads.h"

#include <math.h>
#include <stdio.h>

static sluice_schedule schedule_of(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    if (plan->threads_per_group > 1)
        return SLUICE_SCHEDULE_UNITS;
    return sl_exec_plan_hoists(engine, load, plan) ? SLUICE_SCHEDULE_HOIST : SLUICE_SCHEDULE_ROWS;
}

static sluice_candidate describe(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const sl_tuned_plan *tuned = sl_tuned_plan_find(engine, load);
    return (sluice_candidate){.schedule = schedule_of(engine, load, plan),
                              .teams = plan->thread_groups,
                              .members = plan->threads_per_group,
                              .hoists = sl_exec_plan_hoists(engine, load, plan),
                              .wavefront = plan->wavefront,
                              .cycles = sl_exec_plan_cycles(engine, load, plan),
                              .seconds = tuned && sl_exec_plan_equals(&tuned->plan, plan) ? tuned->seconds : 0};
}

/* By how much the estimate of the chosen plan is below the next lowest, as a share. */
static double lead_of(const sluice_plan *plan)
{
    double next = INFINITY;
    for (size_t k = 0; k < plan->candidates; k++)
        if (k != plan->chosen)
            next = fmin(next, plan->candidate[k].cycles);
    return 1 - plan->candidate[plan->chosen].cycles / next;
}

static void explain(const sluice_engine *engine, size_t shared_rows, sluice_plan *plan)
{
    const sluice_candidate *chosen = &plan->candidate[plan->chosen];
    const size_t threads = (size_t)chosen->teams * chosen->members;
    char why[80], who[80], rest[64] = "";
    if (chosen->seconds > 0)
        snprintf(why, sizeof why, "the fastest as measured");
    else if (plan->candidates == 1)
        snprintf(why, sizeof why, "the only candidate");
    else
        snprintf(why, sizeof why, "the least of %zu estimates, by %.0f %%", plan->candidates, 100 * lead_of(plan));
    if (chosen->members > 1)
        snprintf(who, sizeof who, ", in groups of %u, which share the units of each step", chosen->members);
    else
        snprintf(who, sizeof who, "%s", threads > 1 ? ", each with rows of its own" : "");
    if (shared_rows)
        snprintf(rest, sizeof rest, "; before that, all threads share the %zu longest row%s", shared_rows,
                 shared_rows > 1 ? "s" : "");
    snprintf(plan->reason, sizeof plan->reason, "%s: %zu of %u thread%s%s%s%s", why, threads, engine->threads,
             engine->threads > 1 ? "s" : "", engine->limits.cpus < engine->threads ? " (there are no more CPUs)" : "", who, rest);
}

/* Count the rows that are too long for one thread group, by the partition that a call would make. */
static sluice_status count_shared_rows(const sluice_engine *engine, const sl_batch_load *load, const int64_t *lengths,
                                       const sl_exec_plan *plan, size_t *shared_rows, sluice_error *error)
{
    *shared_rows = 0;
    if (load->equal)
        return SLUICE_STATUS_OK;
    sluice_workspace *workspace;
    const sluice_status status = sluice_workspace_create(engine, load->rows, 1, &workspace, error);
    if (status)
        return status;
    workspace->partition.plan = *plan;
    sl_partition_rows(&workspace->partition, engine, load, lengths);
    *shared_rows = workspace->partition.shared_rows;
    sluice_workspace_destroy(workspace);
    return SLUICE_STATUS_OK;
}

sluice_status sluice_plan_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths, sluice_plan *plan,
                              sluice_error *error)
{
    if (!engine || !plan || plan->struct_size != sizeof *plan)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_get: %s",
                       !engine ? "engine is NULL"
                       : !plan ? "plan is NULL"
                               : "the plan's struct_size is not its size");
    sluice_status status = sl_batch_check_lengths(rows, steps, lengths, error);
    if (status)
        return status;
    *plan = (sluice_plan){.struct_size = sizeof *plan};
    const sl_batch_load load = sl_batch_load_get(engine, rows, steps, lengths);
    if (!sl_workspace_measure(engine, rows, load.steps, &plan->workspace_bytes))
        return sl_fail_size(error, "the workspace");
    const sl_exec_plan chosen = sl_exec_plan_choose(engine, &load);
    sl_exec_plan plans[SLUICE_CANDIDATES_MAX];
    const size_t count = sl_candidates_list(engine, &load, plans);
    plan->chosen = count; /* a tuned plan from a file may be none of the candidates */
    for (size_t k = 0; k < count; k++) {
        plan->candidate[plan->candidates++] = describe(engine, &load, &plans[k]);
        plan->chosen = sl_exec_plan_equals(&plans[k], &chosen) ? k : plan->chosen;
    }
    if (plan->chosen == count)
        plan->candidate[plan->candidates++] = describe(engine, &load, &chosen);
    size_t shared_rows;
    status = count_shared_rows(engine, &load, lengths, &chosen, &shared_rows, error);
    if (!status)
        explain(engine, shared_rows, plan);
    return status;
}

/* Seconds of a call: the mean of as many calls as the clock can resolve. */
static double time_calls(sluice_workspace *workspace, const sluice_batch *batch)
{
    const double least = 100e-6;
    for (size_t calls = 1;; calls *= 2) {
        const double start = sl_clock_get();
        for (size_t k = 0; k < calls; k++)
            sl_forward(workspace, batch);
        const double seconds = sl_clock_get() - start;
        if (seconds >= least)
            return seconds / (double)calls;
    }
}

/* Time each candidate in several rounds, so that other load on the machine does not hit one of them alone. The engine has a tuned
 * plan for the batch already, so that replacing it needs no memory and cannot fail. */
static void measure(sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    enum { ROUNDS = 5 };
    const sl_batch_load load = sl_batch_load_get(engine, batch->rows, batch->steps, NULL);
    sl_tuned_plan tuned = {.rows = batch->rows, .steps = batch->steps};
    sl_exec_plan plans[SLUICE_CANDIDATES_MAX];
    double seconds[SLUICE_CANDIDATES_MAX] = {0};
    const size_t count = sl_candidates_list(engine, &load, plans);
    size_t best = 0;
    for (size_t k = 0; k < count; k++)
        seconds[k] = INFINITY;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < count; k++) {
            tuned.plan = plans[k];
            (void)sl_tuned_plan_store(engine, &tuned, NULL);
            seconds[k] = fmin(seconds[k], time_calls(workspace, batch));
        }
    for (size_t k = 1; k < count; k++)
        best = seconds[k] < seconds[best] ? k : best;
    tuned.plan = plans[best];
    tuned.seconds = seconds[best];
    (void)sl_tuned_plan_store(engine, &tuned, NULL);
}

static sluice_status check_measurable(const sluice_engine *engine, size_t rows, size_t steps, sluice_error *error)
{
    const char *why = NULL;
    if (!engine)
        why = "engine is NULL";
    else if (rows == 0 || steps == 0)
        why = "rows or steps is 0; expected at least 1";
    else if (engine->schedule != SLUICE_SCHEDULE_AUTO || engine->gemm != SLUICE_GEMM_FUSED)
        why = "the engine's options leave one plan only; make it with schedule auto and gemm fused";
    else if (sl_threads_alone())
        why = "the caller is in a parallel region, where calls use one thread; measure outside it";
    return why ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_measure: %s", why) : SLUICE_STATUS_OK;
}

sluice_status sluice_plan_measure(sluice_engine *engine, size_t rows, size_t steps, sluice_error *error)
{
    sluice_status status = check_measurable(engine, rows, steps, error);
    if (status)
        return status;
    size_t count;
    if (!sl_size_mul(steps, engine->dims.step_inputs, &count))
        return sl_fail_size(error, "a row of the batch");
    sluice_workspace *workspace = NULL;
    float *zeros = sl_alloc_array(count, sizeof *zeros); /* one row of x, or of tokens, which all rows read */
    status = zeros ? sluice_workspace_create(engine, rows, steps, &workspace, error) : sl_fail_memory(error, "the input", count);
    const sl_tuned_plan tuned = {.rows = rows, .steps = steps, .plan = {1, 1, false, false}};
    if (!status)
        status = sl_tuned_plan_store(engine, &tuned, error);
    if (!status) {
        const bool reads_tokens = engine->shape.vocabulary > 0;
        const sluice_batch batch = {.struct_size = sizeof batch,
                                    .steps = steps,
                                    .rows = rows,
                                    .x = reads_tokens ? NULL : zeros,
                                    .tokens = reads_tokens ? (const int32_t *)(const void *)zeros : NULL,
                                    .x_step_stride = engine->dims.step_inputs};
        measure(engine, workspace, &batch);
    }
    sluice_workspace_destroy(workspace);
    sl_free(zeros);
    return status;
}
