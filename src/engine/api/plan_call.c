/* Plans as the caller sees them: what a batch would do and why, and finding out by the clock what is fastest. */
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "system/threads.h"
#include "engine/check.h"
#include "engine/forward/forward.h"

#include <math.h>
#include <stdio.h>

static sluice_schedule schedule_of(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way)
{
    if (way->members > 1)
        return SLUICE_SCHEDULE_UNITS;
    return sl_exec_plan_hoists(engine, load, way) ? SLUICE_SCHEDULE_HOIST : SLUICE_SCHEDULE_ROWS;
}

static sluice_candidate describe(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way)
{
    const sl_tuned_plan *learnt = sl_tuned_plan_find(engine, load);
    return (sluice_candidate){.schedule = schedule_of(engine, load, way),
                              .teams = way->teams,
                              .members = way->members,
                              .hoists = sl_exec_plan_hoists(engine, load, way),
                              .wavefront = way->wavefront,
                              .cycles = sl_exec_plan_cycles(engine, load, way),
                              .seconds = learnt && sl_exec_plan_equals(&learnt->way, way) ? learnt->seconds : 0};
}

/* How much less the chosen one is estimated to take than the next, as a share. */
static double lead_of(const sluice_plan *plan)
{
    double next = INFINITY;
    for (size_t k = 0; k < plan->candidates; k++)
        if (k != plan->chosen)
            next = fmin(next, plan->candidate[k].cycles);
    return 1 - plan->candidate[plan->chosen].cycles / next;
}

static void explain(const sluice_engine *engine, size_t tail, sluice_plan *plan)
{
    const sluice_candidate *chosen = &plan->candidate[plan->chosen];
    const size_t threads = (size_t)chosen->teams * chosen->members;
    char why[80], who[80], rest[64] = "";
    if (chosen->seconds > 0)
        snprintf(why, sizeof why, "the fastest as measured");
    else if (plan->candidates == 1)
        snprintf(why, sizeof why, "the only way there is to choose");
    else
        snprintf(why, sizeof why, "the least of %zu estimates, by %.0f %%", plan->candidates, 100 * lead_of(plan));
    if (chosen->members > 1)
        snprintf(who, sizeof who, ", %u to a team, which share the units of each step", chosen->members);
    else
        snprintf(who, sizeof who, "%s", threads > 1 ? ", each with rows of its own" : "");
    if (tail)
        snprintf(rest, sizeof rest, "; all of them share the %zu longest first", tail);
    snprintf(plan->reason, sizeof plan->reason, "%s: %zu of %u thread%s%s%s%s", why, threads, engine->threads,
             engine->threads > 1 ? "s" : "", engine->limits.cpus < engine->threads ? " (there are no more CPUs)" : "", who, rest);
}

/* The rows that are too long for one team; found as a call finds them, in a workspace of its own. */
static sluice_status find_tail(const sluice_engine *engine, const sl_load *load, const int64_t *lengths, const sl_exec_plan *way,
                               size_t *tail, sluice_error *error)
{
    *tail = 0;
    if (load->equal)
        return SLUICE_STATUS_OK;
    sluice_workspace *workspace;
    const sluice_status status = sluice_workspace_create(engine, load->rows, 1, &workspace, error);
    if (status)
        return status;
    workspace->deal.way = *way;
    sl_partition_rows(&workspace->deal, engine, load, lengths);
    *tail = workspace->deal.tail;
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
    const sl_load load = sl_load_get(engine, rows, steps, lengths);
    if (!sl_workspace_measure(engine, rows, load.steps, &plan->workspace_bytes))
        return sl_fail_size(error, "the workspace");
    const sl_exec_plan way = sl_exec_plan_choose(engine, &load);
    sl_exec_plan ways[SLUICE_CANDIDATES_MAX];
    const size_t count = sl_candidates_list(engine, &load, ways);
    plan->chosen = count; /* what was learnt elsewhere may be none of those */
    for (size_t k = 0; k < count; k++) {
        plan->candidate[plan->candidates++] = describe(engine, &load, &ways[k]);
        plan->chosen = sl_exec_plan_equals(&ways[k], &way) ? k : plan->chosen;
    }
    if (plan->chosen == count)
        plan->candidate[plan->candidates++] = describe(engine, &load, &way);
    size_t tail;
    status = find_tail(engine, &load, lengths, &way, &tail, error);
    if (!status)
        explain(engine, tail, plan);
    return status;
}

/* Seconds of a call, the mean of as many as the clock needs. */
static double time_calls(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    const double least = 100e-6;
    for (size_t calls = 1;; calls *= 2) {
        const double start = sl_clock_get();
        for (size_t k = 0; k < calls; k++)
            sl_forward(engine, workspace, batch);
        const double seconds = sl_clock_get() - start;
        if (seconds >= least)
            return seconds / (double)calls;
    }
}

/* All candidates in turn, several times over, so that a busy moment of the machine hits none of them alone. The engine has an
 * entry for the batch, so that it takes what it is taught without more memory. */
static void measure(sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch)
{
    enum { ROUNDS = 5 };
    const sl_load load = sl_load_get(engine, batch->rows, batch->steps, NULL);
    sl_tuned_plan entry = {.rows = batch->rows, .steps = batch->steps};
    sl_exec_plan ways[SLUICE_CANDIDATES_MAX];
    double seconds[SLUICE_CANDIDATES_MAX] = {0};
    const size_t count = sl_candidates_list(engine, &load, ways);
    size_t best = 0;
    for (size_t k = 0; k < count; k++)
        seconds[k] = INFINITY;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < count; k++) {
            entry.way = ways[k];
            (void)sl_tuned_plan_store(engine, &entry, NULL);
            seconds[k] = fmin(seconds[k], time_calls(engine, workspace, batch));
        }
    for (size_t k = 1; k < count; k++)
        best = seconds[k] < seconds[best] ? k : best;
    entry.way = ways[best];
    entry.seconds = seconds[best];
    (void)sl_tuned_plan_store(engine, &entry, NULL);
}

static sluice_status check_measurable(const sluice_engine *engine, size_t rows, size_t steps, sluice_error *error)
{
    const char *why = NULL;
    if (!engine)
        why = "engine is NULL";
    else if (rows == 0 || steps == 0)
        why = "rows and steps are to be 1 at least";
    else if (engine->schedule != SLUICE_SCHEDULE_AUTO || engine->gemm != SLUICE_GEMM_FUSED)
        why = "the engine's options leave nothing to choose; make it with schedule auto and gemm fused";
    else if (sl_threads_alone())
        why = "the call stands in a parallel region, where one thread is all there is; measure outside it";
    return why ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_measure: %s", why) : SLUICE_STATUS_OK;
}

sluice_status sluice_plan_measure(sluice_engine *engine, size_t rows, size_t steps, sluice_error *error)
{
    sluice_status status = check_measurable(engine, rows, steps, error);
    if (status)
        return status;
    const size_t inputs = engine->shape.vocabulary ? 1 : engine->shape.inputs;
    size_t count;
    if (!sl_size_mul(steps, inputs, &count))
        return sl_fail_size(error, "a row of the batch");
    sluice_workspace *workspace = NULL;
    float *zeros = sl_alloc_array(count, sizeof *zeros); /* one row of x, or of tokens, for all */
    status = zeros ? sluice_workspace_create(engine, rows, steps, &workspace, error) : sl_fail_memory(error, "the input", count);
    const sl_tuned_plan entry = {.rows = rows, .steps = steps, .way = {1, 1, false, false}};
    if (!status)
        status = sl_tuned_plan_store(engine, &entry, error);
    if (!status) {
        const bool reads_tokens = engine->shape.vocabulary > 0;
        const sluice_batch batch = {.struct_size = sizeof batch,
                                    .steps = steps,
                                    .rows = rows,
                                    .x = reads_tokens ? NULL : zeros,
                                    .tokens = reads_tokens ? (const int32_t *)(const void *)zeros : NULL,
                                    .x_step_stride = inputs};
        measure(engine, workspace, &batch);
    }
    sluice_workspace_destroy(workspace);
    sl_free(zeros);
    return status;
}
