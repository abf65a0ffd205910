#include "perf/bench/choice.h"

#include "engine/api/timed_calls.h"
#include "program/options/option_words.h"

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

static sluice_status add_row(const sluice_engine *engine, const sl_case *shape, const sl_timed_candidates *all, size_t chosen,
                             sl_bench_report *report, sl_choice_tally *tally, sluice_error *error)
{
    const size_t index[] = {chosen, all->fastest};
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
                        .chosen_seconds = all->seconds[chosen],
                        .fastest_seconds = all->seconds[all->fastest],
                        .excess = all->seconds[chosen] / all->seconds[all->fastest] - 1,
                        .expected_excess = found[0].cycles / found[1].cycles - 1};
    tally->rows++;
    tally->near += row.excess <= SL_CHOICE_NEAR;
    return sl_bench_report_add(report, sl_fields_to_row(&sl_choice_fields, &row), error);
}

static int is_stopped(void *context)
{
    const sl_timing_plan *plan = context;
    return plan->stopped && plan->stopped();
}

static sluice_status run(sluice_engine *engine, const sl_case *shape, sl_timing_plan plan, sl_bench_report *report,
                         sl_choice_tally *tally, sluice_error *error)
{
    const sl_candidate_timing timing = {
        .rounds = plan.repetitions, .least = plan.min_seconds, .until = {sizeof timing.until, is_stopped, &plan}};
    sl_timed_candidates all;
    sluice_plan made = {.struct_size = sizeof made};
    sluice_status status = sluice_plan_get(engine, shape->batch, shape->steps, NULL, &made, error);
    status = status ? status : sl_candidates_time(engine, shape->batch, shape->steps, &timing, &all, error);
    if (status == SLUICE_STATUS_CANCELLED)
        return SLUICE_STATUS_OK;
    return status ? status : add_row(engine, shape, &all, made.chosen, report, tally, error);
}

sluice_status sl_choice_run(const sl_case *shape, const sluice_machine *machine, const sl_list *threads, const sl_timing_plan *plan,
                            sl_bench_report *report, sl_choice_tally *tally, sluice_error *error)
{
    sluice_status status = sl_case_check(shape, error);
    for (size_t k = 0; !status && k < threads->count; k++) {
        sluice_engine *engine;
        status = sl_expect_create(shape, machine, (unsigned)threads->values[k], "--choice", &engine, error);
        status = status ? status : run(engine, shape, *plan, report, tally, error);
        sluice_engine_destroy(engine);
    }
    return status;
}
