#include "perf/bench/choice.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/api/timed_calls.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/tuned_plan_list.h"
#include "program/options/option_words.h"

#include <math.h>

/* The candidates of a case at a number of threads. */
typedef struct candidates {
    sl_exec_plan plans[SL_CANDIDATES_MAX];
    double seconds[SL_CANDIDATES_MAX];
    size_t count, chosen, fastest;
} candidates;

typedef struct choice {
    sl_case shape;
    unsigned threads;
    const char *chosen, *fastest;
    size_t candidates;
    double chosen_seconds, fastest_seconds, excess, expected_excess;
} choice;

#define FIELD(member) offsetof(choice, member)
/* clang-format off */
static const sl_field fields[] = {
    SL_EXPECT_SHAPE_FIELDS(choice),
    {"candidates", FIELD(candidates), SL_FIELD_SIZE, 0, "", "execution plans that were timed", {"of", 3}},
    {"chosen", FIELD(chosen), SL_FIELD_TEXT, 0, "", "the plan that the library chooses", {"chosen", -8}},
    {"fastest", FIELD(fastest), SL_FIELD_TEXT, 0, "", "the fastest plan as timed", {"fastest", -8}},
    {"chosen_seconds", FIELD(chosen_seconds), SL_FIELD_REAL, 0, "s", "of a call by the chosen plan", {"ms", 9, 3, 1e3}},
    {"fastest_seconds", FIELD(fastest_seconds), SL_FIELD_REAL, 0, "s", "of a call by the fastest plan", {"least", 9, 3, 1e3}},
    {"excess", FIELD(excess), SL_FIELD_REAL, 0, "", "by how much of the fastest plan's time the chosen one is slower", {"excess%", 7, 1, 100}},
    {"expected_excess", FIELD(expected_excess), SL_FIELD_REAL, 0, "", "the same by the cost model, 0 or below", {"expect%", 7, 1, 100}},
};
/* clang-format on */
const sl_field_table sl_choice_fields = {sizeof fields / sizeof fields[0], fields};

/* Time all candidates in turn. */
static void time_candidates(sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                            const sl_timing_plan *plan, candidates *all)
{
    sl_tuned_plan tuned = {.rows = batch->rows, .steps = batch->steps};
    for (size_t k = 0; k < all->count; k++)
        all->seconds[k] = INFINITY;
    for (size_t k = 0; k < plan->repetitions * all->count && !(plan->stopped && plan->stopped()); k++) {
        double *const seconds = &all->seconds[k % all->count];
        tuned.plan = all->plans[k % all->count];
        (void)sl_tuned_plan_store(engine, &tuned, NULL); /* in the place of the one before */
        *seconds = fmin(*seconds, sl_calls_time(workspace, batch, plan->min_seconds));
    }
    sl_tuned_plan_remove(engine, batch->rows, batch->steps);
    for (size_t k = 0; k < all->count; k++)
        all->fastest = all->seconds[k] < all->seconds[all->fastest] ? k : all->fastest;
}

static sluice_status add_row(const sluice_engine *engine, const sl_case *shape, const candidates *all, sl_bench_report *report,
                             sl_choice_tally *tally, sluice_error *error)
{
    const size_t index[] = {all->chosen, all->fastest};
    sluice_candidate found[2] = {{.struct_size = sizeof *found}, {.struct_size = sizeof *found}};
    char words[2][SL_WORDS_CANDIDATE];
    for (size_t k = 0; k < 2; k++) {
        const sluice_status status =
            sluice_plan_get_candidate(engine, shape->batch, shape->steps, NULL, index[k], &found[k], error);
        if (status)
            return status;
        sl_words_candidate(&found[k], words[k]);
    }
    const choice row = {.shape = *shape,
                        .threads = engine->threads,
                        .chosen = words[0],
                        .fastest = words[1],
                        .candidates = all->count,
                        .chosen_seconds = all->seconds[all->chosen],
                        .fastest_seconds = all->seconds[all->fastest],
                        .excess = all->seconds[all->chosen] / all->seconds[all->fastest] - 1,
                        .expected_excess = found[0].cycles / found[1].cycles - 1};
    tally->rows++;
    tally->near += row.excess <= SL_CHOICE_NEAR;
    return sl_bench_report_add(report, sl_fields_to_row(&sl_choice_fields, &row), error);
}

/* The batch is of zeros, one row of which is all rows. */
static sluice_status run(sluice_engine *engine, const sl_case *shape, const sl_timing_plan *plan, sl_bench_report *report,
                         sl_choice_tally *tally, sluice_error *error)
{
    const sl_batch_load load = sl_batch_load_get(engine, shape->batch, shape->steps, NULL);
    candidates all = {0};
    all.count = sl_candidates_list(engine, &load, all.plans);
    sluice_plan made = {.struct_size = sizeof made};
    sluice_status status = sluice_plan_get(engine, shape->batch, shape->steps, NULL, &made, error);
    if (status)
        return status;
    all.chosen = made.chosen;
    const size_t count = shape->steps * shape->input; /* as the case was checked */
    const sl_tuned_plan room = {.rows = shape->batch, .steps = shape->steps, .plan = all.plans[all.chosen]};
    sluice_workspace *workspace = NULL;
    float *zeros = sl_alloc_array(count, sizeof *zeros);
    status = zeros ? sluice_workspace_create(engine, shape->batch, shape->steps, &workspace, error)
                   : sl_fail_memory(error, "the inputs", count * sizeof *zeros);
    status = status ? status : sl_tuned_plan_store(engine, &room, error);
    const sluice_batch batch = {
        .struct_size = sizeof batch, .steps = shape->steps, .rows = shape->batch, .x = zeros, .x_step_stride = shape->input};
    if (!status) {
        time_candidates(engine, workspace, &batch, plan, &all);
        if (!plan->stopped || !plan->stopped())
            status = add_row(engine, shape, &all, report, tally, error);
    }
    sluice_workspace_destroy(workspace);
    sl_free(zeros);
    return status;
}

sluice_status sl_choice_run(const sl_case *shape, const sluice_machine *machine, const sl_list *threads, const sl_timing_plan *plan,
                            sl_bench_report *report, sl_choice_tally *tally, sluice_error *error)
{
    sluice_status status = sl_case_check(shape, error);
    for (size_t k = 0; !status && k < threads->count; k++) {
        sluice_engine *engine;
        status = sl_expect_create(shape, machine, (unsigned)threads->values[k], "--choice", &engine, error);
        status = status ? status : run(engine, shape, plan, report, tally, error);
        sluice_engine_destroy(engine);
    }
    return status;
}
