/* What threads share in training, exercised for a race detector: those of a call, forward with a tape and back, in every way that
 * they divide a batch; callers with tapes of their own on one engine; and a trainer's steps. The answers are compared bit for bit
 * with one thread's, so that the program is a test without a detector too. tests/unit/test_races.c says what the detector can see. */
#include "support/gradients.h"
#include "support/cases/minibatches.h"
#include "support/cases/rank_threads.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

/* ---- A batch there and back ---- */

/* What a tape is given. */
typedef struct variety {
    const char *name;
    sluice_shape shape;
    unsigned what; /* for test_batch_random */
    size_t rows, steps;
    size_t recompute;
    float dropout;
} variety;

/* A batch with its outputs, and gradients. */
typedef struct work {
    test_batch batch;
    test_gradient gradient;
} work;

/* The same input each time, outputs of its own. */
static work make_work(const variety *kind)
{
    uint64_t random = test_seed() + 1;
    work made = {.batch = test_batch_random(&kind->shape, kind->rows, kind->steps, kind->what, &random)};
    made.batch.batch.dropout = kind->dropout;
    made.batch.batch.dropout_key = test_random(&random);
    made.gradient = test_gradient_random(&kind->shape, &made.batch.batch, &random);
    return made;
}

static void work_free(work *made)
{
    test_gradient_free(&made->gradient);
    test_batch_free(&made->batch);
}

/* Twice, the second time onto the gradients of the first: it finds tape, workspace and threads as they were left. Without Check's
 * words, which are for its own thread. */
static bool go_twice(const sluice_engine *engine, sluice_workspace *workspace, sluice_tape *tape, work *own)
{
    sluice_batch taped = own->batch.batch;
    sluice_gradient gradient = own->gradient.gradient;
    taped.tape = tape;
    for (int k = 0; k < 2; k++) {
        test_batch_prefill(&own->batch);
        gradient.accumulate = k;
        if (sluice_forward(engine, workspace, &taped, NULL) || sluice_backward(tape, &gradient, NULL))
            return false;
    }
    return true;
}

static void go_with(const variety *kind, const sluice_model *model, sluice_isa isa, unsigned threads, sluice_schedule schedule,
                    work *own)
{
    OWNED(test_runner) runner = test_trainable(model, isa, threads, schedule);
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(&runner, kind->recompute);
    ck_assert_msg(go_twice(runner.engine, runner.workspace, tape, own), "%s, %s: a call failed", kind->name, runner.name);
}

/* ---- One call's threads ---- */

/* Work enough for eight threads, a million operations each. Of a scalar kernel's rows four go together where there are threads for
 * all groups, and of two threads or more a group has as many as there are 100,000 operations in an iteration, 8 H^2 of them a row.
 * Segments have 512 cells or more. */
static const variety varieties[] = {
    {"groups", {TEST_LDIH(1, 1, 9, 19), .has_bias = 1}, TEST_STATES, 40, 26, 0, 0},
    {"one row", {TEST_LDIH(1, 1, 7, 165), .has_bias = 1}, TEST_STATES, 1, 18, 0, 0},
    {"three rows", {TEST_LDIH(1, 2, 7, 97), .classes = 3}, TEST_RAGGED, 3, 24, 0, 0},
    {"thread groups", {TEST_LDIH(1, 1, 7, 81), .has_bias = 1}, TEST_RAGGED | TEST_STATES, 8, 20, 0, 0},
    {"dropout", {TEST_LDIH(2, 2, 6, 13), .has_bias = 1}, TEST_RAGGED | TEST_STATES, 33, 24, 0, 0.3f},
    {"segments", {TEST_LDIH(2, 2, 5, 9), .has_bias = 1}, TEST_STATES, 60, 26, 1, 0.3f},
    {"segments of groups", {TEST_LDIH(1, 1, 4, 80), .has_bias = 1}, 0, 12, 46, 1, 0},
    {"each step", {TEST_LDIH(1, 2, 3, 16), .classes = 5}, TEST_EACH_STEP, 60, 20, 0, 0},
    {"a table",
     {TEST_LDIH(1, 2, 7, 17), .vocabulary = 23, .classes = 4, .has_bias = 1},
     TEST_RAGGED | TEST_EACH_STEP,
     44,
     34,
     1,
     0},
    {"lists", {TEST_LDIH(1, 2, 6, 15), .vocabulary = 1100, .has_bias = 1}, TEST_RAGGED, 40, 30, 0, 0},
};
enum { VARIETIES = sizeof varieties / sizeof varieties[0] };

static const struct {
    unsigned threads;
    sluice_schedule schedule; /* of the way there; any but AUTO has all threads used, be there CPUs for them or not */
} settings[] = {{2, SLUICE_SCHEDULE_AUTO}, {2, SLUICE_SCHEDULE_ROWS},  {3, SLUICE_SCHEDULE_UNITS}, {4, SLUICE_SCHEDULE_HOIST},
                {5, SLUICE_SCHEDULE_ROWS}, {6, SLUICE_SCHEDULE_UNITS}, {7, SLUICE_SCHEDULE_HOIST}, {8, SLUICE_SCHEDULE_UNITS}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

START_TEST(every_setting)
{
    const variety *kind = &varieties[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&kind->shape, 1.5f, &random);
    OWNED(work) want = make_work(kind);
    OWNED(work) got = make_work(kind);
    const test_isa_list isas = test_isas();
    go_with(kind, network.model, isas.isa[0], 1, SLUICE_SCHEDULE_ROWS, &want);
    for (size_t k = 0; k < isas.count; k++)
        for (size_t j = 0; j < SETTINGS; j++) {
            char what[128];
            snprintf(what, sizeof what, "%s, %s, %u threads", kind->name, sluice_isa_get_name(isas.isa[k]), settings[j].threads);
            test_gradient_prefill(&got.gradient);
            go_with(kind, network.model, isas.isa[k], settings[j].threads, settings[j].schedule, &got);
            test_same_outputs(&got.batch, &want.batch, what);
            test_same_gradients(&got.gradient, &want.gradient, what);
        }
}
END_TEST

/* ---- Callers on one engine ---- */

enum { CALLERS = 2, CALLS = 3 };

/* A network of one shape: the one caller's rows are many and go in groups, or through segments; the other's few, and of one thread group. */
#define WIDE                                                                                                                       \
    {                                                                                                                              \
        TEST_LDIH(1, 2, 7, 81), .classes = 3, .has_bias = 1                                                                        \
    }
#define NARROW                                                                                                                     \
    {                                                                                                                              \
        TEST_LDIH(2, 1, 7, 17), .classes = 3, .has_bias = 1                                                                        \
    }
static const variety shared_varieties[][CALLERS] = {
    {{"groups", WIDE, TEST_RAGGED, 24, 7, 0, 0}, {"a thread group", WIDE, TEST_STATES, 3, 11, 0, 0}},
    {{"segments", NARROW, TEST_STATES, 90, 9, 1, 0}, {"dropout", NARROW, TEST_RAGGED | TEST_EACH_STEP, 40, 12, 0, 0.4f}},
};
enum { SCENES = sizeof shared_varieties / sizeof shared_varieties[0] };

typedef struct caller {
    const sluice_engine *engine;
    sluice_tape *tape;
    work want, got;
    int wrong; /* calls that failed or gave another answer */
    atomic_uint *begun;
    pthread_t thread;
} caller;

/* A network, an engine of it, and its callers, each with a tape and a batch of its own. */
typedef struct scene {
    test_network network;
    test_runner runner;
    atomic_uint begun; /* callers */
    caller callers[CALLERS];
} scene;

/* Where there is anything to compare. */
static bool same(const float *got, const float *want, size_t count)
{
    return !want || count == 0 || memcmp(got, want, count * sizeof *got) == 0;
}

static bool same_work(const work *got, const work *want)
{
    const test_batch *a = &got->batch, *b = &want->batch;
    bool is_same = same(a->y, b->y, b->y_count) && same(a->hn, b->hn, b->state_count) && same(a->cn, b->cn, b->state_count) &&
                   same(a->logits, b->logits, b->logits_count) && same(a->step_logits, b->step_logits, b->step_logits_count);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        is_same &= same(got->gradient.out[j], want->gradient.out[j], want->gradient.out_count[j]);
    return is_same;
}

static scene *make_scene(const variety kinds[CALLERS])
{
    uint64_t random = test_seed();
    scene *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    made->network = test_network_random(&kinds[0].shape, 1.5f, &random);
    made->runner = test_trainable(made->network.model, SLUICE_ISA_SCALAR, 4, SLUICE_SCHEDULE_ROWS);
    for (size_t j = 0; j < CALLERS; j++) {
        made->callers[j] = (caller){.engine = made->runner.engine,
                                    .tape = test_tape_create(&made->runner, kinds[j].recompute),
                                    .want = make_work(&kinds[j]),
                                    .got = make_work(&kinds[j]),
                                    .begun = &made->begun};
        go_with(&kinds[j], made->network.model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS, &made->callers[j].want);
    }
    return made;
}

/* Check the callers and free all. */
static void end_scene(scene *made)
{
    for (size_t j = 0; j < CALLERS; j++) {
        caller *c = &made->callers[j];
        ck_assert_msg(c->wrong == 0, "caller %zu: %d of its calls failed or gave another answer", j, c->wrong);
        sluice_tape_destroy(c->tape);
        work_free(&c->want);
        work_free(&c->got);
    }
    test_runner_free(&made->runner);
    test_network_free(&made->network);
    free(made);
}

/* The engine lends the workspaces. */
static void *call_often(void *context)
{
    caller *c = context;
    atomic_fetch_add(c->begun, 1);
    while (atomic_load(c->begun) < CALLERS) /* so that none has ended before another begins */
        sched_yield();
    for (int k = 0; k < CALLS; k++) {
        test_gradient_prefill(&c->got.gradient);
        c->wrong += !go_twice(c->engine, NULL, c->tape, &c->got) || !same_work(&c->got, &c->want);
    }
    return NULL;
}

TEST_IN("callers", callers_with_tapes, 0, SCENES)
{
    scene *made = make_scene(shared_varieties[_i]);
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_create(&made->callers[j].thread, NULL, call_often, &made->callers[j]), 0);
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_join(made->callers[j].thread, NULL), 0);
    end_scene(made);
}

TEST_IN("callers", callers_in_a_parallel_region, 0, SCENES)
{
    scene *made = make_scene(shared_varieties[_i]);
#pragma omp parallel for schedule(static, 1) num_threads(CALLERS)
    for (size_t j = 0; j < CALLERS; j++)
        call_often(&made->callers[j]);
    end_scene(made);
}

/* ---- Trainers ---- */

enum { UPDATES = 3 };

typedef struct course {
    sluice_shape shape;
    sluice_trainer_options options;
} course;

/* Outputs and weights enough that loss and optimiser are divided among threads too. */
static const course courses[] = {
    {{TEST_LDIH(2, 1, 6, 20), .classes = 55, .has_bias = 1},
     {.struct_size = sizeof(sluice_trainer_options), .clip = 0.01, .every_step = 1, .label_smoothing = 0.1f, .dropout = 0.2f}},
    {{TEST_LDIH(1, 2, 5, 21), .has_bias = 1},
     {.struct_size = sizeof(sluice_trainer_options),
      .optimizer = SLUICE_OPTIMIZER_SGD,
      .momentum = 0.9,
      .loss = SLUICE_LOSS_SQUARED_ERROR,
      .every_step = 1,
      .recompute = 1}},
};
enum { COURSES = sizeof courses / sizeof courses[0] };

typedef struct pupil {
    sluice_trainer *trainer;
    test_minibatch minibatch;
    sluice_report reports[UPDATES];
    bool failed;
    pthread_t thread;
} pupil;

/* The same minibatch each time. */
static pupil make_pupil(const course *of, const sluice_model *model, sluice_isa isa, unsigned threads)
{
    enum { ROWS = 40, STEPS = 18 };
    uint64_t random = test_seed() + 2;
    const sluice_engine_options options = test_options(isa, threads, SLUICE_SCHEDULE_ROWS);
    return (pupil){.trainer = test_trainer_create(model, &options, &of->options),
                   .minibatch = test_minibatch_random(&of->shape, &of->options, ROWS, STEPS, TEST_STATES, &random)};
}

static void pupil_free(pupil *made)
{
    sluice_trainer_destroy(made->trainer);
    test_minibatch_free(&made->minibatch);
}

static void *learn(void *context)
{
    pupil *p = context;
    const test_minibatch *minibatch = &p->minibatch;
    for (int k = 0; k < UPDATES && !p->failed; k++) {
        p->reports[k].struct_size = sizeof p->reports[k];
        p->failed = sluice_trainer_step(p->trainer, &minibatch->batch.batch, minibatch->labels, minibatch->values, &p->reports[k],
                                        NULL) != 0;
    }
    return NULL;
}

static void check_pupil(const pupil *got, const pupil *want)
{
    ck_assert_msg(!got->failed, "a step failed");
    for (int k = 0; k < UPDATES; k++)
        test_same_report(&got->reports[k], &want->reports[k]);
    test_same_outputs(&got->minibatch.batch, &want->minibatch.batch, "a minibatch's outputs");
    test_same_weights(sluice_trainer_get_model(got->trainer), sluice_trainer_get_model(want->trainer));
}

TEST_IN("trainers", trainers_of_threads, 0, COURSES)
{
    const course *of = &courses[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&of->shape, 1.5f, &random);
    OWNED(pupil) want = make_pupil(of, network.model, SLUICE_ISA_SCALAR, 1);
    const test_isa_list isas = test_isas();
    learn(&want);
    for (size_t k = 0; k < isas.count; k++)
        for (unsigned threads = 2; threads <= 8; threads += 3) {
            OWNED(pupil) got = make_pupil(of, network.model, isas.isa[k], threads);
            learn(&got);
            check_pupil(&got, &want);
        }
}

TEST_IN("trainers", trainers_at_once, 0, COURSES)
{
    enum { TRAINERS = 2 };
    const course *of = &courses[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&of->shape, 1.5f, &random);
    pupil want = make_pupil(of, network.model, SLUICE_ISA_SCALAR, 1), got[TRAINERS];
    learn(&want);
    for (size_t j = 0; j < TRAINERS; j++)
        got[j] = make_pupil(of, network.model, SLUICE_ISA_SCALAR, 2);
    for (size_t j = 0; j < TRAINERS; j++)
        ck_assert_int_eq(pthread_create(&got[j].thread, NULL, learn, &got[j]), 0);
    for (size_t j = 0; j < TRAINERS; j++) {
        ck_assert_int_eq(pthread_join(got[j].thread, NULL), 0);
        check_pupil(&got[j], &want);
        pupil_free(&got[j]);
    }
    pupil_free(&want);
}

/* ---- Ranks ---- */

/* Of a minibatch, inputs and lengths alone. */
static void take_inputs(pupil *p)
{
    sluice_batch *batch = &p->minibatch.batch.batch;
    batch->h0 = batch->c0 = NULL;
    batch->y = batch->hn = batch->cn = NULL;
}

/* Ranks that exchange gradients on a thread of their own, while others compute those of the layers before. */
static void learn_on_rank(test_rank *rank)
{
    pupil *p = rank->context;
    const size_t rows = p->minibatch.batch.batch.rows, shards = 2 * rank->hub->ranks;
    sluice_batch *batch = &p->minibatch.batch.batch;
    size_t first, end, bounds[2 * TEST_RANKS_MOST + 1];
    p->failed = sluice_shards_cut(rows, batch->steps, batch->lengths, shards, bounds, NULL) ||
                sluice_trainer_set_exchange(p->trainer, &rank->exchange, NULL);
    sluice_shards_of_rank(shards, rank->rank, rank->hub->ranks, &first, &end);
    batch->x += bounds[first] * batch->steps * 6;
    p->minibatch.labels += bounds[first] * batch->steps;
    if (!p->failed)
        learn(p);
    batch->x -= bounds[first] * batch->steps * 6;
    p->minibatch.labels -= bounds[first] * batch->steps;
}

TEST_IN("ranks", trainers_on_ranks, 2, 4)
{
    course of = courses[0]; /* of six inputs and labels */
    const size_t ranks = (size_t)_i;
    uint64_t random = test_seed();
    of.options.shards = 2 * ranks;
    OWNED(test_network) network = test_network_random(&of.shape, 1.5f, &random);
    pupil want = make_pupil(&of, network.model, SLUICE_ISA_SCALAR, 1), got[TEST_RANKS_MOST];
    take_inputs(&want);
    learn(&want);
    for (size_t k = 0; k < ranks; k++) {
        got[k] = make_pupil(&of, network.model, SLUICE_ISA_SCALAR, 2);
        take_inputs(&got[k]);
    }
    test_hub hub = {.ranks = ranks};
    test_ranks_run(&hub, learn_on_rank, got, sizeof *got, 1);
    for (size_t k = 0; k < ranks; k++) {
        ck_assert_msg(!got[k].failed, "a step failed");
        for (int u = 0; u < UPDATES; u++)
            test_same_report(&got[k].reports[u], &want.reports[u]);
        test_same_weights(sluice_trainer_get_model(got[k].trainer), sluice_trainer_get_model(want.trainer));
        pupil_free(&got[k]);
    }
    pupil_free(&want);
}

int main(void)
{
    test_begin();
    for (int k = 0; k < VARIETIES; k++) /* each a case, so that it can be run by itself */
        tcase_add_loop_test(test_tcase(varieties[k].name), every_setting, k, k + 1);
    return test_run(test_suite());
}
