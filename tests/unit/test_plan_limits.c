/* Limits that a caller sets: the end of a measurement of plans, and the threads of a call. */
#include "engine/forward/workspace.h"
#include "engine/engine.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <check.h>

static const sluice_shape one = {TEST_LDIH(1, 1, 20, 100), .has_bias = 1};
static const sluice_shape stack = {TEST_LDIH(4, 1, 24, 40), .has_bias = 1};
static const sluice_shape both_ways = {TEST_LDIH(2, 2, 9, 33), .vocabulary = 11};

/* An engine that takes the machine to have so many CPUs; its threads are as many. */
static test_runner runner_with_cpus(const sluice_model *model, unsigned cpus)
{
    test_runner runner = test_runner_create(model, SLUICE_ISA_AUTO, cpus, SLUICE_SCHEDULE_AUTO);
    runner.engine->limits.cpus = cpus;
    return runner;
}

static sluice_plan get_plan(const sluice_engine *engine)
{
    sluice_plan plan = {.struct_size = sizeof plan};
    ck_assert_int_eq(sluice_plan_get(engine, 3, 4, NULL, &plan, NULL), SLUICE_STATUS_OK);
    return plan;
}

static int count_candidates(const sluice_engine *engine)
{
    return (int)get_plan(engine).candidates;
}

static double measured_seconds(const sluice_engine *engine)
{
    sluice_candidate chosen = {.struct_size = sizeof chosen};
    ck_assert_int_eq(sluice_plan_get_candidate(engine, 3, 4, NULL, get_plan(engine).chosen, &chosen, NULL), SLUICE_STATUS_OK);
    return chosen.seconds;
}

static int cancel_after(void *countdown)
{
    return --*(int *)countdown < 0;
}

/* Cancelled in the first round, measuring leaves no trace; later, what was found stays. */
TEST_LOOP(cancelled, 0, 3)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 2);
    int countdown;
    const sluice_measure_options until = {.struct_size = sizeof until, .is_cancelled = cancel_after, .context = &countdown};
    const int candidates = count_candidates(runner.engine);
    const int given = _i == 0 ? 0 : _i == 1 ? candidates - 2 : candidates;
    countdown = given;
    REFUSED(SLUICE_STATUS_CANCELLED, "cancel", sluice_plan_measure, runner.engine, 3, 4, &until);
    ck_assert_int_eq(measured_seconds(runner.engine) > 0, given >= candidates);
    ck_assert_uint_eq(runner.engine->tuned_plan_count, given >= candidates);
    countdown = 1000;
    ck_assert_int_eq(sluice_plan_measure(runner.engine, 3, 4, &until, NULL), SLUICE_STATUS_OK);
    const double seconds = measured_seconds(runner.engine);
    countdown = 0;
    ck_assert_int_eq(sluice_plan_measure(runner.engine, 3, 4, &until, NULL), SLUICE_STATUS_CANCELLED);
    ck_assert(measured_seconds(runner.engine) == seconds);
}

/* Measuring a row beyond all memory fails with the bytes of that row, and leaves no trace. */
TEST(row_beyond_memory)
{
    if (TEST_SANITIZED) /* which ends the process instead */
        return;
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 2);
    const size_t steps = (size_t)1 << 50;
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%zu bytes", steps * one.inputs * sizeof(float));
    REFUSED(SLUICE_STATUS_NO_MEMORY, bytes, sluice_plan_measure, runner.engine, 1, steps, NULL);
    ck_assert_uint_eq(runner.engine->tuned_plan_count, 0);
}

/* A call with a limit has the bits of one without, and its plan no more threads. */
TEST_LOOP(thread_limit, 0, 3)
{
    static const sluice_shape *const shapes[] = {&one, &stack, &both_ways};
    const sluice_shape *shape = shapes[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(shape, 5, 7, TEST_STATES | TEST_RAGGED, &random);
    OWNED(test_rows) reference = test_reference(shape, network.model, &batch);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 4);
    OWNED_HANDLE(sluice_workspace) workspace = NULL;
    ck_assert_int_eq(sluice_workspace_create(runner.engine, 5, 7, &workspace, NULL), SLUICE_STATUS_OK);
    for (unsigned limit = 1; limit <= 5; limit++) {
        batch.batch.max_threads = limit;
        test_against(&runner, shape, &batch, &reference, 0);
        ck_assert_int_eq(sluice_forward(runner.engine, workspace, &batch.batch, NULL), SLUICE_STATUS_OK);
        ck_assert_uint_le(workspace->partition.plan.thread_groups * workspace->partition.plan.threads_per_group, limit);
    }
}
