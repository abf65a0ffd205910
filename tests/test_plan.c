/* Plans: what sluice_plan_get tells, what measuring teaches, and the ways that only more CPUs than this machine's would choose. */
#include "base/size.h"
#include "engine/workspace.h"
#include "support/network.h"
#include "support/suite.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static const sluice_shape one = {.layers = 1, .directions = 1, .inputs = 20, .hidden = 100, .has_bias = 1};
static const sluice_shape stack = {.layers = 4, .directions = 1, .inputs = 24, .hidden = 40, .classes = 3, .has_bias = 1};
static const sluice_shape both_ways = {.layers = 2, .directions = 2, .inputs = 9, .hidden = 33, .vocabulary = 11, .has_bias = 1};

/* An engine that takes the machine to have so many CPUs; its threads are as many. */
static test_runner runner_with_cpus(const sluice_model *model, unsigned cpus)
{
    test_runner runner = test_runner_create(model, SLUICE_ISA_AUTO, cpus, SLUICE_SCHEDULE_AUTO);
    runner.engine->limits.cpus = cpus;
    return runner;
}

static sluice_plan plan_of(const test_runner *runner, size_t rows, size_t steps, const int64_t *lengths)
{
    sluice_plan plan = {.struct_size = sizeof plan};
    sluice_error error = {0};
    ck_assert_msg(sluice_plan_get(runner->engine, rows, steps, lengths, &plan, &error) == SLUICE_STATUS_OK, "%s", error.message);
    ck_assert_uint_gt(plan.candidates, 0);
    ck_assert_uint_le(plan.candidates, SLUICE_CANDIDATES_MAX);
    ck_assert_uint_lt(plan.chosen, plan.candidates);
    ck_assert(plan.reason[0] && !strchr(plan.reason, '\n'));
    for (size_t k = 0; k < plan.candidates; k++) {
        const sluice_candidate *candidate = &plan.candidate[k];
        ck_assert_uint_ge(candidate->teams, 1);
        ck_assert_uint_ge(candidate->members, 1);
        ck_assert_uint_le(candidate->teams * candidate->members, runner->engine->threads);
        ck_assert(candidate->cycles >= 0 && isfinite(candidate->cycles));
        ck_assert_int_eq(candidate->members > 1, candidate->schedule == SLUICE_SCHEDULE_UNITS);
    }
    return plan;
}

START_TEST(refusals)
{
    uint64_t random = test_seed();
    test_network network = test_network_random(&one, 1.0f, &random);
    test_runner runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_runner rows = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_ROWS);
    sluice_plan plan = {.struct_size = sizeof plan}, small = {.struct_size = 8};
    const int64_t negative[] = {3, -1}, beyond[] = {6, 5};
    sluice_error error = {0};
    test_refused(sluice_plan_get(NULL, 1, 1, NULL, &plan, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "no engine");
    test_refused(sluice_plan_get(runner.engine, 1, 1, NULL, NULL, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "no plan");
    test_refused(sluice_plan_get(runner.engine, 1, 1, NULL, &small, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "struct_size");
    test_refused(sluice_plan_get(runner.engine, 2, 5, negative, &plan, &error), SLUICE_STATUS_BAD_DATA, &error, "negative");
    test_names(&error, "row 1");
    test_refused(sluice_plan_get(runner.engine, 2, 5, beyond, &plan, &error), SLUICE_STATUS_BAD_DATA, &error, "beyond T");
    test_refused(sluice_plan_get(runner.engine, SIZE_MAX / 4, 5, NULL, &plan, &error), SLUICE_STATUS_TOO_LARGE, &error, "rows");
    test_refused(sluice_plan_measure(NULL, 1, 1, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "no engine");
    test_refused(sluice_plan_measure(runner.engine, 0, 1, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "no rows");
    test_refused(sluice_plan_measure(runner.engine, 1, 0, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "no steps");
    test_refused(sluice_plan_measure(rows.engine, 1, 1, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "a schedule asked for");
    test_names(&error, "auto");
    test_runner_free(&rows);
    test_runner_free(&runner);
    test_network_free(&network);
}
END_TEST

START_TEST(schedules_asked_for)
{
    uint64_t random = test_seed();
    test_network network = test_network_random(&one, 1.0f, &random);
    for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
        test_runner runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 5, schedule);
        const sluice_plan plan = plan_of(&runner, 3, 10, NULL);
        const sluice_candidate *chosen = &plan.candidate[plan.chosen];
        ck_assert_int_eq(chosen->schedule, schedule);
        ck_assert_uint_eq(chosen->teams, schedule == SLUICE_SCHEDULE_UNITS ? 1 : 3);
        ck_assert_uint_eq(chosen->members, schedule == SLUICE_SCHEDULE_UNITS ? 5 : 1);
        ck_assert_int_eq(chosen->hoists, schedule != SLUICE_SCHEDULE_ROWS);
        test_runner_free(&runner);
    }
    test_network_free(&network);
}
END_TEST

/* More threads than CPUs bring nothing, and are not used unless asked for. */
START_TEST(no_more_than_cpus)
{
    uint64_t random = test_seed();
    test_network network = test_network_random(&one, 1.0f, &random);
    test_runner runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 8, SLUICE_SCHEDULE_AUTO);
    for (unsigned cpus = 1; cpus <= 8; cpus++) {
        runner.engine->limits.cpus = cpus;
        for (size_t rows = 1; rows < 100; rows += 7) {
            const sluice_plan plan = plan_of(&runner, rows, 50, NULL);
            for (size_t k = 0; k < plan.candidates; k++)
                ck_assert_uint_le(plan.candidate[k].teams * plan.candidate[k].members, cpus);
        }
    }
    test_runner_free(&runner);
    test_network_free(&network);
}
END_TEST

/* What the query says is what a workspace takes; it follows the rows, for the order they are taken in, but never steps x rows. */
START_TEST(memory)
{
    static const sluice_shape shapes[] = {
        {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64}, {.layers = 4, .directions = 1, .inputs = 8, .hidden = 256},
        {.layers = 1, .directions = 2, .inputs = 1, .hidden = 1},   {.layers = 1, .directions = 1, .inputs = 2048, .hidden = 512},
        {.layers = 2, .directions = 2, .inputs = 8, .hidden = 32},
    };
    static const size_t sizes[][2] = {{1, 1}, {1, 1000000}, {1000000, 1}, {1000000, 1000000}, {37, 200}, {0, 0}};
    uint64_t random = test_seed();
    test_network network = test_network_random(&shapes[_i], 1.0f, &random);
    test_runner runner = runner_with_cpus(network.model, 2);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const size_t rows = sizes[k][0], steps = sizes[k][1];
        const sluice_plan plan = plan_of(&runner, rows, steps, NULL);
        /* A bidirectional stack holds all steps of a tile of rows in each part: twice [tile][T][D*H]. */
        const size_t whole_rows = shapes[_i].layers > 1 && shapes[_i].directions == 2
                                      ? 2 * 2 * runner.engine->kernel->tile_rows * steps * 2 * shapes[_i].hidden * sizeof(float)
                                      : 0;
        ck_assert_msg(plan.workspace_bytes <= 32 * rows + whole_rows + ((size_t)48 << 20), "%zu rows, %zu steps: %zu bytes", rows,
                      steps, plan.workspace_bytes);
        if (plan.workspace_bytes > (size_t)1 << 28)
            continue;
        sluice_workspace *workspace;
        ck_assert_int_eq(sluice_workspace_create(runner.engine, rows, steps, &workspace, NULL), SLUICE_STATUS_OK);
        ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), plan.workspace_bytes);
        sluice_workspace_destroy(workspace);
    }
    test_runner_free(&runner);
    test_network_free(&network);
}
END_TEST

/* Each way that the list has for each number of CPUs, taught to the engine, yields the reference's bits. */
START_TEST(every_way)
{
    static const sluice_shape *const shapes[] = {&one, &stack, &both_ways};
    const sluice_shape *shape = shapes[_i];
    uint64_t random = test_seed();
    test_network network = test_network_random(shape, 1.0f, &random);
    size_t ways_seen = 0, wavefronts = 0, mixtures = 0;
    for (unsigned cpus = 1; cpus <= 8; cpus++)
        for (size_t rows = 1; rows <= 9; rows += 4) {
            test_runner runner = runner_with_cpus(network.model, cpus);
            test_batch batch = test_batch_random(shape, rows, 13, TEST_STATES, &random);
            test_batch *reference = test_reference(shape, network.model, &batch);
            const sl_load load = sl_load_get(rows, 13, NULL);
            sl_way ways[SLUICE_CANDIDATES_MAX];
            const size_t count = sl_ways_list(runner.engine, &load, ways);
            for (size_t k = 0; k < count; k++) {
                const sl_learnt entry = {.rows = rows, .steps = 13, .way = ways[k], .seconds = 1};
                ck_assert_int_eq(sl_learn(runner.engine, &entry, NULL), SLUICE_STATUS_OK);
                const sluice_plan plan = plan_of(&runner, rows, 13, NULL);
                ck_assert_uint_eq(plan.candidate[plan.chosen].teams, ways[k].teams);
                ck_assert_uint_eq(plan.candidate[plan.chosen].members, ways[k].members);
                ck_assert(plan.candidate[plan.chosen].seconds == 1);
                test_against(&runner, shape, &batch, reference, 0, rows);
                ways_seen++;
                wavefronts += ways[k].wavefront;
                mixtures += ways[k].teams > 1 && ways[k].members > 1;
            }
            test_reference_free(reference, rows);
            test_batch_free(&batch);
            test_runner_free(&runner);
        }
    ck_assert_uint_gt(ways_seen, 40);
    ck_assert_uint_gt(mixtures, 5);
    ck_assert(shape != &stack || wavefronts > 10);
    test_network_free(&network);
}
END_TEST

/* One long row among many short ones: with many CPUs all threads share it, with two it is dealt. */
START_TEST(heavy_tail)
{
    enum { ROWS = 60, STEPS = 400 };
    uint64_t random = test_seed();
    test_network network = test_network_random(&one, 1.0f, &random);
    test_batch batch = test_batch_random(&one, ROWS, STEPS, TEST_RAGGED, &random);
    for (size_t n = 0; n < ROWS; n++)
        batch.lengths[n] = n == 41 ? STEPS : (int64_t)(n % 5);
    test_batch *reference = test_reference(&one, network.model, &batch);
    for (unsigned cpus = 1; cpus <= 8; cpus *= 2) {
        test_runner runner = runner_with_cpus(network.model, cpus);
        const sl_way rows_only = {cpus, 1, false, false};
        const sl_load load = sl_load_get(ROWS, STEPS, batch.lengths);
        runner.workspace->deal.way = rows_only;
        ck_assert_int_eq(sl_workspace_fit(runner.workspace, ROWS, STEPS, NULL), SLUICE_STATUS_OK);
        runner.workspace->deal.way = rows_only;
        sl_deal_rows(&runner.workspace->deal, runner.engine, &load, batch.lengths);
        ck_assert_uint_eq(runner.workspace->deal.tail, cpus > 1);
        if (cpus > 1)
            ck_assert_uint_eq(runner.workspace->deal.order[0], 41);
        test_against(&runner, &one, &batch, reference, 0, ROWS);
        test_runner_free(&runner);
    }
    test_reference_free(reference, ROWS);
    test_batch_free(&batch);
    test_network_free(&network);
}
END_TEST

/* Every row is dealt once, longest first, and no team has more to do than another by more than one row. */
START_TEST(dealing)
{
    enum { ROWS = 2000, STEPS = 300 };
    uint64_t random = test_seed();
    test_network network = test_network_random(&one, 1.0f, &random);
    test_batch batch = test_batch_random(&one, ROWS, STEPS, TEST_RAGGED, &random);
    const sl_load load = sl_load_get(ROWS, STEPS, batch.lengths);
    for (unsigned teams = 1; teams <= 64; teams = 2 * teams + 1) {
        test_runner runner = runner_with_cpus(network.model, teams);
        ck_assert_int_eq(sl_workspace_fit(runner.workspace, ROWS, STEPS, NULL), SLUICE_STATUS_OK);
        sl_deal *deal = &runner.workspace->deal;
        deal->way = (sl_way){teams, 1, false, false};
        sl_deal_rows(deal, runner.engine, &load, batch.lengths);
        bool seen[ROWS] = {false};
        uint64_t least = UINT64_MAX, most = 0;
        ck_assert_uint_eq(deal->first[0], deal->tail);
        ck_assert_uint_eq(deal->first[teams], ROWS);
        for (unsigned team = 0; team < teams; team++) {
            uint64_t steps = 0;
            for (size_t k = deal->first[team]; k < deal->first[team + 1]; k++) {
                const size_t row = deal->order[k];
                ck_assert(row < ROWS && !seen[row]);
                seen[row] = true;
                steps += (uint64_t)batch.lengths[row];
                ck_assert(k == deal->first[team] || batch.lengths[deal->order[k - 1]] >= batch.lengths[row]);
            }
            least = steps < least ? steps : least;
            most = steps > most ? steps : most;
        }
        ck_assert_uint_le(most - least, 2 * STEPS);
        test_runner_free(&runner);
    }
    test_batch_free(&batch);
    test_network_free(&network);
}
END_TEST

START_TEST(measuring)
{
    static const sluice_shape *const shapes[] = {&one, &stack, &both_ways};
    const sluice_shape *shape = shapes[_i];
    uint64_t random = test_seed();
    test_network network = test_network_random(shape, 1.0f, &random);
    test_runner runner = runner_with_cpus(network.model, 2);
    test_batch batch = test_batch_random(shape, 5, 7, TEST_STATES, &random);
    test_batch *reference = test_reference(shape, network.model, &batch);
    sluice_plan plan = plan_of(&runner, 5, 7, NULL);
    ck_assert(plan.candidate[plan.chosen].seconds == 0);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(sluice_plan_measure(runner.engine, 5, 7, NULL), SLUICE_STATUS_OK);
        plan = plan_of(&runner, 5, 7, NULL);
        ck_assert(plan.candidate[plan.chosen].seconds > 0);
        ck_assert_uint_eq(runner.engine->learnt_count, 1);
        test_against(&runner, shape, &batch, reference, 0, 5);
    }
    plan = plan_of(&runner, 5, 8, NULL);
    ck_assert(plan.candidate[plan.chosen].seconds == 0);
    test_reference_free(reference, 5);
    test_batch_free(&batch);
    test_runner_free(&runner);
    test_network_free(&network);
}
END_TEST

/* ---- Workspaces that the engine keeps ---- */

typedef struct caller {
    pthread_t thread;
    const sluice_engine *engine;
    const sluice_shape *shape;
    test_batch batch;
    const test_batch *reference;
    bool failed;
} caller;

static void *call_often(void *context)
{
    caller *c = context;
    for (int k = 0; k < 20 && !c->failed; k++) {
        test_batch_prefill(&c->batch);
        c->failed = sluice_forward(c->engine, NULL, &c->batch.batch, NULL) != SLUICE_STATUS_OK;
    }
    return NULL;
}

START_TEST(pooled)
{
    enum { CALLERS = 6 };
    uint64_t random = test_seed();
    test_network network = test_network_random(&stack, 1.0f, &random);
    test_runner runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    caller callers[CALLERS];
    for (size_t k = 0; k < CALLERS; k++) {
        callers[k] = (caller){.engine = runner.engine, .shape = &stack, .batch = test_batch_random(&stack, 3 + k, 9, 0, &random)};
        ck_assert_int_eq(pthread_create(&callers[k].thread, NULL, call_often, &callers[k]), 0);
    }
    for (size_t k = 0; k < CALLERS; k++) {
        ck_assert_int_eq(pthread_join(callers[k].thread, NULL), 0);
        ck_assert(!callers[k].failed);
        test_batch *reference = test_reference(&stack, network.model, &callers[k].batch);
        for (size_t n = 0; n < 3 + k; n++)
            test_same_row(&stack, &callers[k].batch, n, &reference[n], "pooled");
        test_reference_free(reference, 3 + k);
        test_batch_free(&callers[k].batch);
    }
    test_runner_free(&runner);
    test_network_free(&network);
}
END_TEST

/* ---- Extremes ---- */

/* Fewer CPUs than threads, as taskset or a container leaves them, and known to the engine or not. */
START_TEST(one_cpu)
{
    uint64_t random = test_seed();
    test_network network = test_network_random(&stack, 1.0f, &random);
    test_batch batch = test_batch_random(&stack, 3, 20, TEST_RAGGED | TEST_STATES, &random);
    test_batch *reference = test_reference(&stack, network.model, &batch);
    cpu_set_t all, first;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&first);
    for (int cpu = 0; CPU_COUNT(&first) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &first);
    test_runner before[3], after[3];
    static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_AUTO, SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_UNITS};
    for (size_t k = 0; k < 3; k++)
        before[k] = test_runner_create(network.model, SLUICE_ISA_AUTO, 4, schedules[k]);
    ck_assert_int_eq(sched_setaffinity(0, sizeof first, &first), 0);
    for (size_t k = 0; k < 3; k++) {
        after[k] = test_runner_create(network.model, SLUICE_ISA_AUTO, 4, schedules[k]);
        test_against(&before[k], &stack, &batch, reference, 0, 3);
        test_against(&after[k], &stack, &batch, reference, 0, 3);
        test_runner_free(&before[k]);
    }
    const sluice_plan plan = plan_of(&after[0], 3, 20, batch.lengths);
    ck_assert_uint_eq(plan.candidate[plan.chosen].teams * plan.candidate[plan.chosen].members, 1);
    for (size_t k = 0; k < 3; k++)
        test_runner_free(&after[k]);
    test_reference_free(reference, 3);
    test_batch_free(&batch);
    test_network_free(&network);
}
END_TEST

/* The longest, the widest and the most: final states against the scalar kernels' on one thread. x lies where all rows, or all
 * steps, share it. */
static const struct extreme {
    sluice_shape shape;
    size_t rows, steps;
} extremes[] = {
    {{.layers = 1, .directions = 1, .inputs = 1, .hidden = 1, .has_bias = 1}, 1, 1000000},
    {{.layers = 2, .directions = 1, .inputs = 2, .hidden = 17}, 1, 30000},
    {{.layers = 1, .directions = 1, .inputs = 3, .hidden = 2, .has_bias = 1}, 1000000, 1},
    {{.layers = 1, .directions = 1, .inputs = 8192, .hidden = 32}, 2, 3},
    {{.layers = 1, .directions = 1, .inputs = 64, .hidden = 4096}, 2, 2},
};

START_TEST(extreme)
{
    const struct extreme *e = &extremes[_i];
    uint64_t random = test_seed();
    sluice_model *model;
    ck_assert_int_eq(sluice_model_create_random(&e->shape, random, &model, NULL), SLUICE_STATUS_OK);
    float *x = test_floats(e->steps + e->shape.inputs), *want = test_floats(e->rows * e->shape.layers * e->shape.hidden),
          *got = test_floats(e->rows * e->shape.layers * e->shape.hidden);
    for (size_t k = 0; k < e->steps + e->shape.inputs; k++)
        x[k] = 2 * test_uniform(&random) - 1;
    const sluice_schedule schedules[] = {SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_AUTO, SLUICE_SCHEDULE_UNITS};
    for (size_t k = 0; k < 3; k++) { /* steps overlap in x: step t begins at x[t] */
        sluice_batch batch = {
            .struct_size = sizeof batch, .steps = e->steps, .rows = e->rows, .x = x, .x_step_stride = 1, .hn = k ? got : want};
        const sluice_engine_options options = test_options(k ? SLUICE_ISA_AUTO : SLUICE_ISA_SCALAR, k ? 2 : 1, schedules[k]);
        test_run_once(model, &options, &batch);
        if (k)
            test_same_bits(got, want, e->rows * e->shape.layers * e->shape.hidden, "hn");
    }
    free(x);
    free(want);
    free(got);
    sluice_model_destroy(model);
}
END_TEST

int main(void)
{
    test_begin();
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, schedules_asked_for);
    tcase_add_test(tcase, no_more_than_cpus);
    tcase_add_loop_test(tcase, memory, 0, 5);
    tcase_add_loop_test(tcase, every_way, 0, 3);
    tcase_add_test(tcase, heavy_tail);
    tcase_add_test(tcase, dealing);
    tcase_add_loop_test(tcase, measuring, 0, 3);
    tcase_add_test(tcase, pooled);
    tcase_add_test(tcase, one_cpu);
    tcase_add_loop_test(tcase, extreme, 0, TEST_LIGHT ? 2 : sizeof extremes / sizeof extremes[0]);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
