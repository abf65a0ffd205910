/* Execution plans in the public interface: which one a batch gets and why, and measuring which is the fastest. */
#include "base/error.h"
#include "base/struct_size.h"
#include "base/system/threads.h"
#include "engine/api/timed_calls.h"
#include "engine/check.h"
#include "engine/forward/workspace.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/cost_model.h"
#include "engine/schedule/tuned_plan_list.h"

#include <math.h>
#include <stdio.h>

static sluice_schedule schedule_of(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    if (plan->threads_per_group > 1)
        return SLUICE_SCHEDULE_UNITS;
    return sl_exec_plan_hoists(engine, load, plan) ? SLUICE_SCHEDULE_HOIST : SLUICE_SCHEDULE_ROWS;
}

/* A batch, and the candidates for it. */
typedef struct comparison {
    sl_batch_load load;
    sl_exec_plan candidates[SL_CANDIDATES_MAX];
    size_t count;
    size_t chosen; /* the index of the plan that a call takes */
} comparison;

static comparison compare(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths)
{
    comparison found = {.load = sl_batch_load_get(engine, rows, steps, lengths)};
    found.count = sl_candidates_list(engine, &found.load, found.candidates);
    const sl_exec_plan chosen = sl_exec_plan_choose(engine, &found.load);
    while (found.chosen < found.count && !sl_exec_plan_equals(&found.candidates[found.chosen], &chosen))
        found.chosen++;
    if (found.chosen == found.count) /* a tuned plan out of a file need not be in the list */
        found.candidates[found.count++] = chosen;
    return found;
}

static double measured_seconds(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const sl_tuned_plan *tuned = sl_tuned_plan_find(engine, load);
    return tuned && sl_exec_plan_equals(&tuned->plan, plan) ? tuned->seconds : 0;
}

/* By how much the estimate of the chosen candidate is below the next one's, as a share of the latter. */
static double lead_of(const sluice_engine *engine, const comparison *c, size_t chosen)
{
    double next = INFINITY;
    for (size_t k = 0; k < c->count; k++)
        if (k != chosen)
            next = fmin(next, sl_exec_plan_cycles(engine, &c->load, &c->candidates[k]));
    return 1 - sl_exec_plan_cycles(engine, &c->load, &c->candidates[chosen]) / next;
}

static void explain(const sluice_engine *engine, const comparison *c, size_t chosen, size_t shared_rows, char *reason, size_t bytes)
{
    const sl_exec_plan *plan = &c->candidates[chosen];
    const size_t threads = (size_t)plan->thread_groups * plan->threads_per_group;
    char why[80], who[80], rest[80] = "";
    if (measured_seconds(engine, &c->load, plan) > 0)
        snprintf(why, sizeof why, "the fastest as measured");
    else if (c->count == 1)
        snprintf(why, sizeof why, "the only candidate");
    else
        snprintf(why, sizeof why, "the least of %zu estimates, by %.0f %%", c->count, 100 * lead_of(engine, c, chosen));
    if (plan->threads_per_group > 1)
        snprintf(who, sizeof who, ", in groups of %u, which share the units of each step", plan->threads_per_group);
    else
        snprintf(who, sizeof who, "%s", threads > 1 ? ", each with rows of its own" : "");
    if (shared_rows)
        snprintf(rest, sizeof rest, "; before that, all threads share the %zu longest row%s", shared_rows,
                 shared_rows > 1 ? "s" : "");
    snprintf(reason, bytes, "%s: %zu of %u thread%s%s%s%s", why, threads, engine->threads, engine->threads > 1 ? "s" : "",
             engine->limits.cpus < engine->threads ? " (there are no more CPUs)" : "", who, rest);
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

/* What a batch and the place for what is found about it have to be. */
static sluice_status check_load(const sluice_engine *engine, const void *to, const sl_struct_type *type, size_t rows, size_t steps,
                                const int64_t *lengths, const char *call, sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: engine is NULL", call);
    const sluice_status status = sl_struct_check(to, type, call, error);
    return status ? status : sl_batch_check_lengths(rows, steps, lengths, error);
}

sluice_status sluice_plan_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths, sluice_plan *plan,
                              sluice_error *error)
{
    sluice_status status = check_load(engine, plan, SL_STRUCT(sluice_plan), rows, steps, lengths, "sluice_plan_get", error);
    if (status)
        return status;
    const comparison found = compare(engine, rows, steps, lengths);
    sluice_plan made = {.candidates = found.count, .chosen = found.chosen};
    if (!sl_workspace_measure(engine, rows, found.load.steps, &made.workspace_bytes))
        return sl_fail_size(error, "the workspace");
    size_t shared_rows;
    status = count_shared_rows(engine, &found.load, lengths, &found.candidates[made.chosen], &shared_rows, error);
    if (status)
        return status;
    explain(engine, &found, made.chosen, shared_rows, made.reason, sizeof made.reason);
    sl_struct_give(plan, &made, SL_STRUCT(sluice_plan));
    return SLUICE_STATUS_OK;
}

sluice_status sluice_plan_get_candidate(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths,
                                        size_t index, sluice_candidate *candidate, sluice_error *error)
{
    const sluice_status status =
        check_load(engine, candidate, SL_STRUCT(sluice_candidate), rows, steps, lengths, "sluice_plan_get_candidate", error);
    if (status)
        return status;
    const comparison found = compare(engine, rows, steps, lengths);
    if (index >= found.count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_get_candidate: index %zu; expected less than %zu", index,
                       found.count);
    const sl_exec_plan *plan = &found.candidates[index];
    const sluice_candidate made = {.schedule = schedule_of(engine, &found.load, plan),
                                   .thread_groups = plan->thread_groups,
                                   .threads_per_group = plan->threads_per_group,
                                   .hoists = sl_exec_plan_hoists(engine, &found.load, plan),
                                   .wavefront = plan->wavefront,
                                   .cycles = sl_exec_plan_cycles(engine, &found.load, plan),
                                   .seconds = measured_seconds(engine, &found.load, plan)};
    sl_struct_give(candidate, &made, SL_STRUCT(sluice_candidate));
    return SLUICE_STATUS_OK;
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

sluice_status sluice_plan_measure(sluice_engine *engine, size_t rows, size_t steps, const sluice_measure_options *options,
                                  sluice_error *error)
{
    enum { ROUNDS = 5 };
    sl_candidate_timing timing = {.rounds = ROUNDS, .least = 100e-6};
    sl_timed_candidates found;
    sluice_status status = check_measurable(engine, rows, steps, error);
    if (!status && options)
        status = sl_struct_take(&timing.until, options, SL_STRUCT(sluice_measure_options), "sluice_plan_measure", error);
    return status ? status : sl_candidates_time(engine, rows, steps, &timing, &found, error);
}
