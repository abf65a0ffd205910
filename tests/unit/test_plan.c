/* Plans: what sluice_plan_get returns, what measuring stores, and plans that are chosen only where there are more CPUs than here. */
#include "base/size.h"
#include "engine/forward/workspace.h"
#include "engine/forward/workspace_pool.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/tuned_plan_list.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_train.h"
#include "sluice_tools.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static const sluice_shape one = {TEST_LDIH(1, 1, 20, 100), .has_bias = 1};
static const sluice_shape stack = {TEST_LDIH(4, 1, 24, 40), .classes = 3, .has_bias = 1};
static const sluice_shape both_ways = {TEST_LDIH(2, 2, 9, 33), .vocabulary = 11, .has_bias = 1};

/* An engine that takes the machine to have so many CPUs; its threads are as many. */
static test_runner runner_with_cpus(const sluice_model *model, unsigned cpus)
{
    test_runner runner = test_runner_create(model, SLUICE_ISA_AUTO, cpus, SLUICE_SCHEDULE_AUTO);
    runner.engine->limits.cpus = cpus;
    return runner;
}

static sluice_candidate candidate_of(const test_runner *runner, size_t rows, size_t steps, const int64_t *lengths, size_t k)
{
    sluice_candidate candidate = {.struct_size = sizeof candidate};
    SUCCEEDS(sluice_plan_get_candidate, runner->engine, rows, steps, lengths, k, &candidate);
    return candidate;
}

static sluice_plan plan_of(const test_runner *runner, size_t rows, size_t steps, const int64_t *lengths)
{
    sluice_plan plan = {.struct_size = sizeof plan};
    SUCCEEDS(sluice_plan_get, runner->engine, rows, steps, lengths, &plan);
    ck_assert_uint_gt(plan.candidates, 0);
    ck_assert_uint_le(plan.candidates, SL_CANDIDATES_MAX);
    ck_assert_uint_lt(plan.chosen, plan.candidates);
    ck_assert(plan.reason[0] && !strchr(plan.reason, '\n'));
    for (size_t k = 0; k < plan.candidates; k++) {
        const sluice_candidate candidate = candidate_of(runner, rows, steps, lengths, k);
        ck_assert_uint_ge(candidate.thread_groups, 1);
        ck_assert_uint_ge(candidate.threads_per_group, 1);
        ck_assert_uint_le(candidate.thread_groups * candidate.threads_per_group, runner->engine->threads);
        ck_assert(candidate.cycles >= 0 && isfinite(candidate.cycles));
        ck_assert_int_eq(candidate.threads_per_group > 1, candidate.schedule == SLUICE_SCHEDULE_UNITS);
    }
    return plan;
}

static sluice_candidate chosen_of(const test_runner *runner, size_t rows, size_t steps, const int64_t *lengths)
{
    return candidate_of(runner, rows, steps, lengths, plan_of(runner, rows, steps, lengths).chosen);
}

TEST(refusals)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(test_runner) rows = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_ROWS);
    sluice_plan plan = {.struct_size = sizeof plan}, small = {.struct_size = 8};
    sluice_candidate candidate = {.struct_size = sizeof candidate};
    const int64_t negative[] = {3, -1}, beyond[] = {6, 5};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine", sluice_plan_get, NULL, 1, 1, NULL, &plan);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "plan", sluice_plan_get, runner.engine, 1, 1, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_plan_get, runner.engine, 1, 1, NULL, &small);
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 1", sluice_plan_get, runner.engine, 2, 5, negative, &plan);
    REFUSED(SLUICE_STATUS_BAD_DATA, "6", sluice_plan_get, runner.engine, 2, 5, beyond, &plan);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "address space", sluice_plan_get, runner.engine, SIZE_MAX / 4, 5, NULL, &plan);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine", sluice_plan_get_candidate, NULL, 1, 1, NULL, 0, &candidate);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "candidate", sluice_plan_get_candidate, runner.engine, 1, 1, NULL, 0, NULL);
    REFUSED(SLUICE_STATUS_BAD_DATA, "6", sluice_plan_get_candidate, runner.engine, 2, 5, beyond, 0, &candidate);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "index", sluice_plan_get_candidate, runner.engine, 1, 1, NULL, SL_CANDIDATES_MAX,
            &candidate);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine", sluice_plan_measure, NULL, 1, 1, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "rows", sluice_plan_measure, runner.engine, 0, 1, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "rows", sluice_plan_measure, runner.engine, 1, 0, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "auto", sluice_plan_measure, rows.engine, 1, 1, NULL);
}

TEST(schedules_asked_for)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
        OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 5, schedule);
        const sluice_candidate chosen = chosen_of(&runner, 3, 10, NULL);
        ck_assert_int_eq(chosen.schedule, schedule);
        ck_assert_uint_eq(chosen.thread_groups, schedule == SLUICE_SCHEDULE_UNITS ? 1 : 3);
        ck_assert_uint_eq(chosen.threads_per_group, schedule == SLUICE_SCHEDULE_UNITS ? 5 : 1);
        ck_assert_int_eq(chosen.hoists, schedule != SLUICE_SCHEDULE_ROWS);
    }
}

static void check_choices(const test_runner *runner)
{
    for (size_t rows = 1; rows <= 40; rows += 3)
        for (size_t steps = 1; steps <= 64; steps *= 4) {
            const sluice_plan plan = plan_of(runner, rows, steps, NULL);
            const double cycles = candidate_of(runner, rows, steps, NULL, plan.chosen).cycles;
            for (size_t k = 0; k < plan.candidates; k++)
                ck_assert(cycles <= candidate_of(runner, rows, steps, NULL, k).cycles);
        }
}

/* The choice is one of the candidates, and the cheapest; also where a parallel region takes longer than the batch, so that not all of
 * them need an estimate. */
TEST(chosen_is_cheapest)
{
    static const sluice_shape shapes[] = {{TEST_LDIH(1, 1, 64, 8), .has_bias = 1},
                                          {TEST_LDIH(1, 1, 20, 100), .has_bias = 1},
                                          {TEST_LDIH(3, 1, 9, 33), .has_bias = 1},
                                          {TEST_LDIH(2, 2, 4, 16), .has_bias = 1}};
    uint64_t random = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        OWNED(test_network) network = test_network_random(&shapes[s], 1.0f, &random);
        for (unsigned cpus = 1; cpus <= 6; cpus++)
            for (sluice_gemm gemm = SLUICE_GEMM_FUSED; gemm <= SLUICE_GEMM_BLIS; gemm++) {
                sluice_engine_options options = test_options(SLUICE_ISA_AUTO, cpus, SLUICE_SCHEDULE_AUTO);
                options.gemm = gemm;
                OWNED(test_runner) runner = test_runner_of(network.model, &options);
                runner.engine->limits.cpus = cpus;
                check_choices(&runner);
            }
    }
}

/* More threads than CPUs bring nothing, and are not used unless asked for. */
TEST(no_more_than_cpus)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 8, SLUICE_SCHEDULE_AUTO);
    for (unsigned cpus = 1; cpus <= 8; cpus++) {
        runner.engine->limits.cpus = cpus;
        for (size_t rows = 1; rows < 100; rows += 7) {
            const sluice_plan plan = plan_of(&runner, rows, 50, NULL);
            for (size_t k = 0; k < plan.candidates; k++) {
                const sluice_candidate candidate = candidate_of(&runner, rows, 50, NULL, k);
                ck_assert_uint_le(candidate.thread_groups * candidate.threads_per_group, cpus);
            }
        }
    }
}

/* What the query says is what a workspace takes. It follows the rows, for the order they are taken in, and the threads that can be
 * busy; steps count only in a bidirectional stack, which holds all those of a tile of rows for each thread group. */
TEST_LOOP(memory, 0, 6)
{
    static const sluice_shape shapes[] = {
        {TEST_LDIH(1, 1, 64, 64)},    {TEST_LDIH(4, 1, 8, 256)}, {TEST_LDIH(1, 2, 1, 1)},
        {TEST_LDIH(1, 1, 2048, 512)}, {TEST_LDIH(2, 2, 8, 32)},  {TEST_LDIH(3, 2, 8, 32)},
    };
    static const size_t sizes[][3] = {{1, 1, 2}, {1, 1000000, 2}, {1000000, 1, 2}, {1000000, 1000000, 2}, {37, 200, 2},
                                      {0, 0, 2}, {1, 1000, 1024}, {2, 1000, 64},   {64, 1000, 1024}};
    const sluice_shape *shape = &shapes[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(shape, 1.0f, &random);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const size_t rows = sizes[k][0], steps = sizes[k][1], threads = sizes[k][2];
        OWNED(test_runner) runner = runner_with_cpus(network.model, (unsigned)threads);
        const sluice_plan plan = plan_of(&runner, rows, steps, NULL);
        const size_t groups = sl_size_min(rows, threads), lines = (shape->hidden + 15) / 16;
        const size_t busy = sl_size_min(threads, groups * shape->layers * shape->directions * lines);
        const size_t held = sl_size_min(rows, groups * runner.engine->kernel->tile_rows) * sl_size_min(2, shape->layers - 1);
        const size_t whole_rows = shape->directions == 2 ? held * steps * 2 * shape->hidden * sizeof(float) : 0;
        const size_t state = shape->layers * shape->directions * 3 * 200 * (shape->hidden + 32) * sizeof(float);
        ck_assert_msg(plan.workspace_bytes <= 32 * rows + whole_rows + groups * (state + (9 << 20)) + busy * (1 << 20) + 65536,
                      "%zu rows, %zu steps, %zu threads: %zu bytes", rows, steps, threads, plan.workspace_bytes);
        if (plan.workspace_bytes < (size_t)1 << 28) {
            OWNED_HANDLE(sluice_workspace) workspace = NULL;
            ck_assert_int_eq(sluice_workspace_create(runner.engine, rows, steps, &workspace, NULL), SLUICE_STATUS_OK);
            ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), plan.workspace_bytes);
        }
    }
}

/* A batch's steps are the room of its arrays: rows that are all shorter take what a batch of just their steps takes, by the plan
 * and in calls with and without a workspace of the caller's. */
TEST(memory_follows_the_longest_row)
{
    enum { ROWS = 8, STEPS = 50, ROOM = 4000 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both_ways, 1.0f, &random);
    for (sluice_gemm gemm = SLUICE_GEMM_FUSED; gemm <= SLUICE_GEMM_BLIS; gemm++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
        options.gemm = gemm;
        OWNED(test_runner) runner = test_runner_of(network.model, &options);
        OWNED(test_batch) batch = test_batch_random(&both_ways, ROWS, ROOM, TEST_RAGGED, &random);
        for (size_t n = 0; n < ROWS; n++)
            batch.lengths[n] = (int64_t)(n == 3 ? STEPS : n);
        const size_t wanted = plan_of(&runner, ROWS, STEPS, NULL).workspace_bytes;
        ck_assert_uint_eq(plan_of(&runner, ROWS, ROOM, batch.lengths).workspace_bytes, wanted);
        test_forward(&runner, &batch.batch);
        ck_assert_uint_eq(sluice_workspace_get_bytes(runner.workspace), wanted);

        OWNED_HANDLE(sluice_workspace) own = NULL;
        ck_assert_int_eq(sluice_workspace_create(runner.engine, ROWS, STEPS, &own, NULL), SLUICE_STATUS_OK);
        ck_assert_int_eq(sluice_forward(runner.engine, own, &batch.batch, NULL), SLUICE_STATUS_OK);
        ck_assert_uint_eq(sluice_workspace_get_bytes(own), wanted); /* made for it: it does not grow */

        sluice_workspace *borrowed;
        ck_assert_int_eq(sluice_forward(runner.engine, NULL, &batch.batch, NULL), SLUICE_STATUS_OK);
        ck_assert_int_eq(sl_pool_take(runner.engine->pool, runner.engine, &(sl_batch_size){0}, &borrowed, NULL), SLUICE_STATUS_OK);
        ck_assert_uint_eq(sluice_workspace_get_bytes(borrowed), wanted);
        sl_pool_give_back(runner.engine->pool, borrowed);
    }
}

/* Long rows and many rows in turn take no more than the larger of both. */
TEST(memory_of_shapes_in_turn)
{
    static const size_t sizes[][2] = {{1, 4000}, {300, 3}, {1, 4000}, {40, 40}, {300, 3}};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both_ways, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 3);
    size_t most = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        OWNED(test_batch) batch = test_batch_random(&both_ways, sizes[k][0], sizes[k][1], TEST_RAGGED, &random);
        OWNED(test_rows) reference = test_reference(&both_ways, network.model, &batch);
        most = sl_size_max(most, plan_of(&runner, sizes[k][0], sizes[k][1], NULL).workspace_bytes);
        test_against(&runner, &both_ways, &batch, &reference, 0);
        ck_assert_uint_le(sluice_workspace_get_bytes(runner.workspace), most);
    }
}

/* Each candidate for each number of CPUs, stored as the tuned plan, gives the bits of the reference. */
TEST_LOOP(every_candidate, 0, 3)
{
    static const sluice_shape *const shapes[] = {&one, &stack, &both_ways};
    const sluice_shape *shape = shapes[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(shape, 1.0f, &random);
    size_t plans_seen = 0, wavefronts = 0, mixtures = 0;
    for (unsigned cpus = 1; cpus <= 8; cpus++)
        for (size_t rows = 1; rows <= 9; rows += 4) {
            OWNED(test_runner) runner = runner_with_cpus(network.model, cpus);
            OWNED(test_batch) batch = test_batch_random(shape, rows, 13, TEST_STATES, &random);
            OWNED(test_rows) reference = test_reference(shape, network.model, &batch);
            const sl_batch_load load = sl_batch_load_get(runner.engine, rows, 13, NULL);
            sl_exec_plan plans[SL_CANDIDATES_MAX];
            const size_t count = sl_candidates_list(runner.engine, &load, plans);
            for (size_t k = 0; k < count; k++) {
                const sl_tuned_plan entry = {.rows = rows, .steps = 13, .plan = plans[k], .seconds = 1};
                ck_assert_int_eq(sl_tuned_plan_store(runner.engine, &entry, NULL), SLUICE_STATUS_OK);
                const sluice_candidate chosen = chosen_of(&runner, rows, 13, NULL);
                ck_assert_uint_eq(chosen.thread_groups, plans[k].thread_groups);
                ck_assert_uint_eq(chosen.threads_per_group, plans[k].threads_per_group);
                ck_assert(chosen.seconds == 1);
                test_against(&runner, shape, &batch, &reference, 0);
                plans_seen++;
                wavefronts += plans[k].wavefront;
                mixtures += plans[k].thread_groups > 1 && plans[k].threads_per_group > 1;
            }
        }
    ck_assert_uint_gt(plans_seen, 40);
    ck_assert_uint_gt(mixtures, 5);
    ck_assert(shape != &stack || wavefronts > 10);
}

/* One long row among many short ones: with several CPUs all threads share it. */
TEST(shared_row)
{
    enum { ROWS = 60, STEPS = 400 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&one, ROWS, STEPS, TEST_RAGGED, &random);
    for (size_t n = 0; n < ROWS; n++)
        batch.lengths[n] = n == 41 ? STEPS : (int64_t)(n % 5);
    OWNED(test_rows) reference = test_reference(&one, network.model, &batch);
    for (unsigned cpus = 1; cpus <= 8; cpus *= 2) {
        OWNED(test_runner) runner = runner_with_cpus(network.model, cpus);
        const sl_exec_plan rows_only = {cpus, 1, false, false};
        const sl_batch_load load = sl_batch_load_get(runner.engine, ROWS, STEPS, batch.lengths);
        runner.workspace->partition.plan = rows_only;
        ck_assert_int_eq(sl_workspace_fit(runner.workspace, &(sl_batch_size){ROWS, STEPS, false}, NULL), SLUICE_STATUS_OK);
        runner.workspace->partition.plan = rows_only;
        sl_partition_rows(&runner.workspace->partition, runner.engine, &load, batch.lengths);
        ck_assert_uint_eq(runner.workspace->partition.shared_rows, cpus > 1);
        if (cpus > 1)
            ck_assert_uint_eq(runner.workspace->partition.order[0], 41);
        test_against(&runner, &one, &batch, &reference, 0);
    }
}

/* The partition has every row once, the longest first, and thread groups differ by one row's steps at most. */
TEST(partitions)
{
    enum { ROWS = 2000, STEPS = 300 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&one, ROWS, STEPS, TEST_RAGGED, &random);
    for (unsigned groups = 1; groups <= 64; groups = 2 * groups + 1) {
        OWNED(test_runner) runner = runner_with_cpus(network.model, groups);
        ck_assert_int_eq(sl_workspace_fit(runner.workspace, &(sl_batch_size){ROWS, STEPS, false}, NULL), SLUICE_STATUS_OK);
        const sl_batch_load load = sl_batch_load_get(runner.engine, ROWS, STEPS, batch.lengths);
        sl_partition *partition = &runner.workspace->partition;
        partition->plan = (sl_exec_plan){groups, 1, false, false};
        sl_partition_rows(partition, runner.engine, &load, batch.lengths);
        bool seen[ROWS] = {false};
        uint64_t least = UINT64_MAX, most = 0;
        ck_assert_uint_eq(partition->first[0], partition->shared_rows);
        ck_assert_uint_eq(partition->first[groups], ROWS);
        for (unsigned group = 0; group < groups; group++) {
            uint64_t steps = 0;
            for (size_t k = partition->first[group]; k < partition->first[group + 1]; k++) {
                const size_t row = partition->order[k];
                ck_assert(row < ROWS && !seen[row]);
                seen[row] = true;
                steps += (uint64_t)batch.lengths[row];
                ck_assert(k == partition->first[group] || batch.lengths[partition->order[k - 1]] >= batch.lengths[row]);
            }
            least = steps < least ? steps : least;
            most = steps > most ? steps : most;
        }
        ck_assert_uint_le(most - least, 2 * STEPS);
    }
}

TEST_LOOP(measuring, 0, 3)
{
    static const sluice_shape *const shapes[] = {&one, &stack, &both_ways};
    const sluice_shape *shape = shapes[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(shape, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 2);
    OWNED(test_batch) batch = test_batch_random(shape, 5, 7, TEST_STATES, &random);
    OWNED(test_rows) reference = test_reference(shape, network.model, &batch);
    ck_assert(chosen_of(&runner, 5, 7, NULL).seconds == 0);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(sluice_plan_measure(runner.engine, 5, 7, NULL, NULL), SLUICE_STATUS_OK);
        ck_assert(chosen_of(&runner, 5, 7, NULL).seconds > 0);
        ck_assert_uint_eq(runner.engine->tuned_plan_count, 1);
        test_against(&runner, shape, &batch, &reference, 0);
    }
    ck_assert(chosen_of(&runner, 5, 8, NULL).seconds == 0);
}

/* A tuned plan for more CPUs than there are, or not feasible for the network, is ignored; each is found among many. */
TEST(tuned_elsewhere)
{
    static const sl_exec_plan plans[] = {{1, 2, true, false}, {2, 2, true, false}, {3, 1, false, false}, {1, 2, true, true}};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 4);
    for (size_t k = 0; k < 4; k++) {
        const sl_tuned_plan entry = {.rows = 2, .steps = 5, .plan = plans[k], .seconds = 1};
        ck_assert_int_eq(sl_tuned_plan_store(runner.engine, &entry, NULL), SLUICE_STATUS_OK);
        for (unsigned cpus = 1; cpus <= 4; cpus++) {
            runner.engine->limits.cpus = cpus;
            const bool fits = k < 2 && plans[k].thread_groups * plans[k].threads_per_group <= cpus;
            ck_assert_int_eq(chosen_of(&runner, 2, 5, NULL).seconds == 1, fits);
        }
    }
    for (size_t k = 1; k < SL_TUNED_PLANS_MAX; k++) {
        const sl_tuned_plan entry = {
            .rows = 1 + k * 7919 % SL_TUNED_PLANS_MAX, .steps = 9, .plan = {1, 1, false, false}, .seconds = (double)k};
        ck_assert_int_eq(sl_tuned_plan_store(runner.engine, &entry, NULL), SLUICE_STATUS_OK);
    }
    const sl_tuned_plan beyond = {.rows = SL_TUNED_PLANS_MAX + 9, .steps = 9, .plan = {1, 1, false, false}, .seconds = 1};
    REFUSED(SLUICE_STATUS_TOO_LARGE, "the most that an engine stores", sl_tuned_plan_store, runner.engine, &beyond);
    for (size_t k = 1; k < SL_TUNED_PLANS_MAX; k++) {
        const sl_batch_load load = sl_batch_load_get(runner.engine, 1 + k * 7919 % SL_TUNED_PLANS_MAX, 9, NULL);
        ck_assert(sl_tuned_plan_find(runner.engine, &load)->seconds == (double)k);
    }
}

/* A stack of many narrow layers: as a wavefront, and with more threads in a group than a layer has cache lines of units. */
TEST(deep)
{
    static const sluice_shape shape = {TEST_LDIH(70, 1, 3, 20), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 2, 30, TEST_RAGGED | TEST_STATES, &random);
    batch.lengths[0] = batch.lengths[1] = 30;
    OWNED(test_rows) reference = test_reference(&shape, network.model, &batch);
    for (unsigned cpus = 2; cpus <= 16; cpus *= 2) {
        OWNED(test_runner) runner = runner_with_cpus(network.model, cpus);
        const sl_tuned_plan entry = {.rows = 2, .steps = 30, .plan = {1, cpus, true, true}, .seconds = 1};
        ck_assert_int_eq(sl_tuned_plan_store(runner.engine, &entry, NULL), SLUICE_STATUS_OK);
        test_against(&runner, &shape, &batch, &reference, 0);
        ck_assert(runner.workspace->partition.plan.wavefront);
    }
}

/* Calls at the same time share the CPUs; results are the same. */
TEST(calls_share)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    OWNED(test_runner) runner = runner_with_cpus(network.model, 4);
    OWNED(test_batch) batch = test_batch_random(&one, 8, 20, 0, &random);
    OWNED(test_rows) reference = test_reference(&one, network.model, &batch);
    for (unsigned others = 0; others < 6; others++) {
        test_against(&runner, &one, &batch, &reference, 0);
        const sl_exec_plan *plan = &runner.workspace->partition.plan;
        ck_assert_uint_le(plan->thread_groups * plan->threads_per_group, others < 4 ? 4 / (others + 1) : 1);
        ck_assert_uint_eq(sl_pool_begin(runner.engine->pool), others + 1);
    }
}

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

TEST(pooled)
{
    enum { CALLERS = 6 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&stack, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    caller callers[CALLERS];
    for (size_t k = 0; k < CALLERS; k++) {
        callers[k] = (caller){.engine = runner.engine, .shape = &stack, .batch = test_batch_random(&stack, 3 + k, 9, 0, &random)};
        ck_assert_int_eq(pthread_create(&callers[k].thread, NULL, call_often, &callers[k]), 0);
    }
    for (size_t k = 0; k < CALLERS; k++) {
        ck_assert_int_eq(pthread_join(callers[k].thread, NULL), 0);
        ck_assert(!callers[k].failed);
        OWNED(test_rows) reference = test_reference(&stack, network.model, &callers[k].batch);
        for (size_t n = 0; n < 3 + k; n++)
            test_same_row(&stack, &callers[k].batch, n, &reference.row[n], "pooled");
        test_batch_free(&callers[k].batch);
    }
}

/* ---- Extremes ---- */

/* Fewer CPUs than threads, as taskset or a container leaves them, and known to the engine or not. */
TEST(one_cpu)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&stack, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&stack, 3, 20, TEST_RAGGED | TEST_STATES, &random);
    OWNED(test_rows) reference = test_reference(&stack, network.model, &batch);
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
        test_against(&before[k], &stack, &batch, &reference, 0);
        test_against(&after[k], &stack, &batch, &reference, 0);
        test_runner_free(&before[k]);
    }
    const sluice_candidate chosen = chosen_of(&after[0], 3, 20, batch.lengths);
    ck_assert_uint_eq(chosen.thread_groups * chosen.threads_per_group, 1);
    for (size_t k = 0; k < 3; k++)
        test_runner_free(&after[k]);
}

/* The longest, the widest and the most: final states against the scalar kernels' on one thread. x lies where all rows, or all
 * steps, share it. */
static const struct extreme {
    sluice_shape shape;
    size_t rows, steps;
} extremes[] = {
    {{TEST_LDIH(1, 1, 1, 1), .has_bias = 1}, 1, 1000000},
    {{TEST_LDIH(2, 1, 2, 17)}, 1, 30000},
    {{TEST_LDIH(1, 1, 3, 2), .has_bias = 1}, 1000000, 1},
    {{TEST_LDIH(1, 1, 8192, 32)}, 2, 3},
    {{TEST_LDIH(1, 1, 64, 4096)}, 2, 2},
};

TEST_LOOP(extreme, 0, test_by_depth(1, 0, 0) ? 2 : sizeof extremes / sizeof extremes[0])
{
    const struct extreme *e = &extremes[_i];
    uint64_t random = test_seed();
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_initial, &e->shape, SLUICE_INITIALIZER_UNIFORM, random, NULL, &model);
    FREED float *x = test_floats(e->steps + e->shape.inputs), *want = test_floats(e->rows * e->shape.layers * e->shape.hidden),
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
}
