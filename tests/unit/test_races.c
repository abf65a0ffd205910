/* What threads share, exercised for a race detector: the threads of a call by every schedule, callers on one engine, and streams.
 * The answers are compared bit for bit besides, so that the program is a test without a detector too. `./dev races` runs it under
 * the thread sanitizer, where it must stay silent; tests/races/seeded_races.py breaks the library and has it speak. The sanitizer sees no
 * access of more than 16 bytes, so it is the scalar kernels that it has to be shown. */
#include "support/cases/cell_scene.h"
#include "support/cases/network_runs.h"
#include "support/cases/sample_networks.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static bool same(const float *got, const float *want, size_t count)
{
    return count == 0 || memcmp(got, want, count * sizeof *got) == 0;
}

/* ---- One call's threads ---- */

typedef struct variety {
    const char *name;
    sluice_shape shape;
    unsigned what;      /* for test_batch_random */
    size_t rows, steps; /* besides, the first row alone is run */
    bool has_tail;      /* one row has all steps, the others at most two */
} variety;

/* Units enough that threads have some of their own, which come by cache lines of 16, and that sharing them pays. */
static const variety varieties[] = {
    {"one layer", {TEST_LDIH(1, 1, 9, 67), .has_bias = 1}, 0, 6, 7, false},
    {"three layers", {TEST_LDIH(3, 1, 5, 35), .has_bias = 1}, TEST_STATES, 5, 9, false},
    {"both directions", {TEST_LDIH(2, 2, 6, 19), .has_bias = 1}, 0, 7, 6, false},
    {"ragged", {TEST_LDIH(2, 1, 8, 33), .classes = 3}, TEST_RAGGED | TEST_STATES, 9, 11, false},
    {"ragged both ways", {TEST_LDIH(2, 2, 4, 17), .classes = 5}, TEST_RAGGED, 8, 9, false},
    {"a long tail", {TEST_LDIH(1, 1, 3, 64), .classes = 2}, TEST_RAGGED, 12, 40, true},
    {"tokens", {TEST_LDIH(1, 1, 12, 36), .vocabulary = 23, .classes = 4, .has_bias = 1}, 0, 6, 9, false},
    {"tokens both ways", {TEST_LDIH(2, 2, 7, 18), .vocabulary = 23, .classes = 4}, TEST_RAGGED, 6, 8, false},
};
enum { VARIETIES = sizeof varieties / sizeof varieties[0] };

static test_batch make_batch(const variety *kind, uint64_t *random)
{
    test_batch batch = test_batch_random(&kind->shape, kind->rows, kind->steps, kind->what, random);
    for (size_t n = 0; kind->has_tail && n < kind->rows; n++)
        batch.lengths[n] = n == kind->rows / 2 ? (int64_t)kind->steps : (int64_t)(n % 3);
    return batch;
}

/* Twice by every schedule and 2, 3 and 4 threads: the second call finds the workspace, and the threads, as the first left them. */
static void run_by_threads(const variety *kind, const sluice_model *model, sluice_isa isa, test_batch *batch,
                           const test_batch *want)
{
    for (sluice_schedule schedule = SLUICE_SCHEDULE_AUTO; sluice_schedule_get_name(schedule); schedule++)
        for (unsigned threads = 2; threads <= 4; threads++) {
            char what[128];
            OWNED(test_runner) runner = test_runner_create(model, isa, threads, schedule);
            snprintf(what, sizeof what, "%s, %zu rows, %s", kind->name, batch->batch.rows, runner.name);
            for (int k = 0; k < 2; k++) {
                test_batch_prefill(batch);
                test_forward(&runner, &batch->batch);
                test_same_outputs(batch, want, what);
            }
        }
}

TEST_IN("threads", every_schedule, 0, VARIETIES)
{
    const variety *kind = &varieties[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&kind->shape, 1.5f, &random);
    OWNED(test_batch) all = make_batch(kind, &random);
    const size_t first = kind->has_tail ? kind->rows / 2 : 0, counts[] = {1, kind->rows};
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < 2; j++) {
        OWNED(test_batch) want = test_batch_pick(&kind->shape, &all, first, counts[j]);
        OWNED(test_batch) got = test_batch_pick(&kind->shape, &all, first, counts[j]);
        OWNED(test_runner) alone = test_runner_create(network.model, isas.isa[0], 1, SLUICE_SCHEDULE_ROWS);
        test_forward(&alone, &want.batch);
        for (size_t k = 0; k < isas.count; k++)
            run_by_threads(kind, network.model, isas.isa[k], &got, &want);
    }
}

/* ---- Layers of networks ---- */

/* Step layers, masks and merges under units that are divided: the threads of a group share rows in the ones and units in the others. Small
 * buffers make several time chunks, which take the same buffers one after the other; a plan asks for a wavefront where there may be one. */
TEST_IN("layers", layers_of_networks, 0, TEST_SAMPLES)
{
    const test_network_case given = test_network_sample((size_t)_i);
    const test_setup alone = {.isa = SLUICE_ISA_SCALAR, .threads = 1, .schedule = SLUICE_SCHEDULE_ROWS};
    const test_isa_list isas = test_isas();
    test_made_network made;
    test_made_network_create(&given, &made);
    sluice_model *model = test_made_network_model(&made);
    test_answer want = test_answer_create(&made, &made.batch);
    ck_assert_str_eq(test_network_run(&made, model, &made.batch, &alone, &want).text, "");
    test_words wrong = {""}; /* reported at the end: a detector may need more than one call to see a race */
    for (unsigned j = 0; j < 6 * 3 * isas.count; j++) {
        test_setup setup = {.isa = isas.isa[j / 18], .threads = 2 + j % 3, .used = true, .all_cpus = true, .buffer_floats = 1};
        setup.schedule = j / 3 % 6 < 3 ? SLUICE_SCHEDULE_UNITS : SLUICE_SCHEDULE_AUTO;
        setup.groups = 1;
        setup.per_group = setup.threads;
        setup.wavefront = j / 3 % 2;
        setup.unwanted = j / 3 % 3 == 2 ? ~0U << TEST_OF_LAYERS : 0; /* wavefronts give no outputs of layers */
        test_answer got = test_answer_create(&made, &made.batch);
        test_words words = test_network_run(&made, model, &made.batch, &setup, &got);
        for (size_t place = TEST_OF_LAYERS; place < TEST_ARRAYS && setup.unwanted; place++) {
            free(got.arrays[place].at);
            got.arrays[place].at = NULL;
        }
        if (!words.text[0])
            words = test_answer_compare(&got, &want);
        if (words.text[0] && !wrong.text[0])
            snprintf(wrong.text, sizeof wrong.text, "%.250s: %.250s", test_setup_print(&setup).text, words.text);
        test_answer_free(&got);
    }
    ck_assert_msg(!wrong.text[0], "%s", wrong.text);
    test_answer_free(&want);
    sluice_model_destroy(model);
    test_made_network_free(&made);
}

/* Layer normalisation and projections, whose iterations have several phases, after each of which threads wait. */
TEST_IN("cells", phases, 0, 3)
{
    const test_cell_case given = {.first = _i == 1 ? TEST_CELL_PEEPHOLES : TEST_CELL_NORM,
                                  .second = TEST_CELL_PROJECTION_BIAS,
                                  .layers = 2,
                                  .inputs = 6,
                                  .hidden = 67,
                                  .projection = _i == 2 ? 67 : 21,
                                  .direction = _i == 1 ? SLUICE_DIRECTION_BOTH : SLUICE_DIRECTION_FORWARD,
                                  .rows = 7,
                                  .steps = 9,
                                  .ragged = _i > 0};
    OWNED(test_cell_scene) made = test_cell_scene_create(&given, test_seed());
    const test_isa_list isas = test_isas();
    for (size_t k = 0; k < isas.count; k++)
        for (unsigned threads = 2; threads <= 4; threads++)
            test_cell_scene_run(&made, isas.isa[k], threads, SLUICE_SCHEDULE_UNITS);
}

/* ---- Callers on one engine ---- */

enum { CALLERS = 4, CALLS = 6, SCHEDULES = SLUICE_SCHEDULE_UNITS + 1 /* and AUTO */ };

static const sluice_shape shape = {TEST_LDIH(2, 1, 7, 36), .classes = 3, .has_bias = 1};

typedef struct caller {
    const sluice_model *model;
    const sluice_engine *engine;
    sluice_workspace *workspace; /* NULL: the engine's */
    const test_batch *want;
    test_batch batch;
    int wrong; /* calls that failed or gave another answer */
    pthread_t thread;
} caller;

/* A network, an engine of it, and its callers, each with a batch of its own. */
typedef struct scene {
    test_network network;
    test_batch want[CALLERS]; /* each caller's batch and answer */
    test_runner runner;
    caller callers[CALLERS];
} scene;

/* The first callers' batches are of one row, which the threads of a group have to take together. */
static scene *make_scene(sluice_schedule schedule, bool own_workspaces)
{
    uint64_t random = test_seed();
    scene *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    made->network = test_network_random(&shape, 1.5f, &random);
    OWNED(test_runner) alone = test_runner_create(made->network.model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    made->runner = test_runner_create(made->network.model, SLUICE_ISA_SCALAR, 2, schedule);
    for (size_t j = 0; j < CALLERS; j++) {
        const size_t rows = j < 2 ? 1 : 3 + j;
        made->want[j] = test_batch_random(&shape, rows, 5 + j, TEST_RAGGED | TEST_STATES, &random);
        test_forward(&alone, &made->want[j].batch);
        made->callers[j] = (caller){.model = made->network.model,
                                    .engine = made->runner.engine,
                                    .want = &made->want[j],
                                    .batch = test_batch_pick(&shape, &made->want[j], 0, rows)};
        if (own_workspaces)
            SUCCEEDS(sluice_workspace_create, made->runner.engine, 0, 0, &made->callers[j].workspace);
    }
    return made;
}

/* Check the callers and free all. */
static void end_scene(scene *made)
{
    for (size_t j = 0; j < CALLERS; j++) {
        ck_assert_msg(made->callers[j].wrong == 0, "caller %zu: %d of its calls failed or gave another answer", j,
                      made->callers[j].wrong);
        sluice_workspace_destroy(made->callers[j].workspace);
        test_batch_free(&made->callers[j].batch);
        test_batch_free(&made->want[j]);
    }
    test_runner_free(&made->runner);
    test_network_free(&made->network);
    free(made);
}

/* Without Check's words, which are for its own thread. */
static void *call_often(void *context)
{
    caller *c = context;
    for (int k = 0; k < CALLS; k++) {
        test_batch_prefill(&c->batch);
        c->wrong += sluice_forward(c->engine, c->workspace, &c->batch.batch, NULL) != SLUICE_STATUS_OK ||
                    !same(c->batch.y, c->want->y, c->want->y_count) || !same(c->batch.hn, c->want->hn, c->want->state_count) ||
                    !same(c->batch.cn, c->want->cn, c->want->state_count) ||
                    !same(c->batch.logits, c->want->logits, c->want->logits_count);
    }
    return NULL;
}

static void call_from_threads(scene *made, void *(*body)(void *context))
{
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_create(&made->callers[j].thread, NULL, body, &made->callers[j]), 0);
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_join(made->callers[j].thread, NULL), 0);
}

TEST_IN("callers", callers_with_workspaces, 0, SCHEDULES)
{
    scene *made = make_scene((sluice_schedule)_i, true);
    call_from_threads(made, call_often);
    end_scene(made);
}

/* Twice: the second time the engine has workspaces to spare. */
TEST_IN("callers", callers_without_workspaces, 0, SCHEDULES)
{
    scene *made = make_scene((sluice_schedule)_i, false);
    call_from_threads(made, call_often);
    call_from_threads(made, call_often);
    end_scene(made);
}

TEST_IN("callers", callers_in_a_parallel_region, 0, 2)
{
    scene *made = make_scene(SLUICE_SCHEDULE_AUTO, _i == 0);
#pragma omp parallel for schedule(static, 1) num_threads(CALLERS)
    for (size_t j = 0; j < CALLERS; j++)
        call_often(&made->callers[j]);
    call_from_threads(made, call_often); /* and outside again */
    end_scene(made);
}

/* Each caller makes an engine of the one model, uses it, and frees it. */
static void *call_own_engine(void *context)
{
    caller *c = context;
    const sluice_engine *shared = c->engine;
    const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_engine) own = NULL;
    if (sluice_engine_create(c->model, &options, &own, NULL) == SLUICE_STATUS_OK) {
        c->engine = own;
        call_often(c);
        c->engine = shared;
    } else {
        c->wrong++;
    }
    return NULL;
}

TEST_IN("callers", engines_of_one_model, 0, 1)
{
    scene *made = make_scene(SLUICE_SCHEDULE_AUTO, false);
    call_from_threads(made, call_own_engine);
    end_scene(made);
}

/* ---- Another OpenMP runtime in the process, whose regions ours cannot know as its caller's ---- */

#if defined(__clang__)
static const char other_runtime[] = "libgomp.so.1";
#else
static const char other_runtime[] = "libomp.so.5"; /* which has GNU's entry points too */
#endif

/* gcc's leak sanitizer crashes in a process that has threads of LLVM's runtime. */
#if defined(__SANITIZE_ADDRESS__)
enum { CAN_HAVE_OTHER = 0 };
#else
enum { CAN_HAVE_OTHER = 1 };
#endif

/* The runtime's own fork and join are nothing that a race detector sees, so they are reported by `next` and `ended`. */
typedef struct region {
    caller *callers;
    atomic_uint next, ended;
} region;

static void call_in_region(void *context)
{
    region *r = context;
    for (unsigned j = atomic_fetch_add(&r->next, 1); j < CALLERS; j = atomic_fetch_add(&r->next, 1))
        call_often(&r->callers[j]);
    atomic_fetch_add(&r->ended, 1);
}

TEST_IN("callers", callers_in_another_runtime, 0, SCHEDULES)
{
    void *library = CAN_HAVE_OTHER ? dlopen(other_runtime, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *found = library ? dlsym(library, "GOMP_parallel") : NULL;
    if (!found) {
        printf("skipped: callers in a region of another OpenMP runtime, for %s %s\n",
               CAN_HAVE_OTHER ? "there is no" : "the leak sanitizer does not stand", other_runtime);
        return;
    }
    void (*parallel)(void (*body)(void *), void *context, unsigned threads, unsigned flags);
    memcpy(&parallel, &found, sizeof parallel); /* ISO C has no cast between the two kinds of pointer */
    scene *made = make_scene((sluice_schedule)_i, false);
    region all = {.callers = made->callers};
    call_from_threads(made, call_often);
    atomic_store(&all.next, 0);
    parallel(call_in_region, &all, CALLERS, 0);
    ck_assert_uint_ge(atomic_load(&all.ended), 1);
    call_from_threads(made, call_often);
    end_scene(made);
}

/* ---- Streams ---- */

enum { SLOTS = 9, STEPS = 24, PIECE = 3, ROUNDS = 400, HIDDEN = 33, INPUTS = 6 };

/* A set of streams, what its slots are fed, and what they should come to. */
typedef struct river {
    test_network network;
    test_runner runner;
    test_batch whole; /* row n is what slot n is fed; its outputs are the answer */
    sluice_streams *streams;
    atomic_uint begun; /* feeders */
} river;

/* One of two threads that feed the streams at once. Each has its own workspace: only slots are shared. */
typedef struct feeder {
    river *from;
    sluice_workspace *workspace;
    size_t first; /* slots first, first + 2, ... are its own */
    uint64_t random;
    int wrong;
    pthread_t thread;
} feeder;

/* The river owns the network. */
static river make_river(const test_network *network, size_t slots, size_t steps, unsigned threads)
{
    uint64_t random = test_seed();
    river made = {.network = *network, .whole = test_batch_random(network->weights.shape, slots, steps, 0, &random)};
    made.runner = test_runner_create(made.network.model, SLUICE_ISA_SCALAR, threads, SLUICE_SCHEDULE_AUTO);
    ck_assert_int_eq(sluice_streams_create(made.runner.engine, slots, &made.streams, NULL), SLUICE_STATUS_OK);
    return made;
}

/* The answer, and then two threads at once. */
static void feed(river *from, void *(*body)(void *context))
{
    const sluice_engine_options plain = test_options(SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    test_run_once(from->network.model, &plain, &from->whole.batch);
    feeder feeders[2];
    for (size_t j = 0; j < 2; j++) {
        feeders[j] = (feeder){.from = from, .first = j, .random = test_seed() + j};
        ck_assert_int_eq(sluice_workspace_create(from->runner.engine, 0, 0, &feeders[j].workspace, NULL), SLUICE_STATUS_OK);
    }
    for (size_t j = 0; j < 2; j++)
        ck_assert_int_eq(pthread_create(&feeders[j].thread, NULL, body, &feeders[j]), 0);
    for (size_t j = 0; j < 2; j++) {
        ck_assert_int_eq(pthread_join(feeders[j].thread, NULL), 0);
        ck_assert_msg(feeders[j].wrong == 0, "feeder %zu: %d calls failed or gave another answer", j, feeders[j].wrong);
        sluice_workspace_destroy(feeders[j].workspace);
    }
}

/* First of a feeder: so that neither has ended before the other begins. */
static void begin_together(river *from)
{
    atomic_fetch_add(&from->begun, 1);
    while (atomic_load(&from->begun) < 2)
        sched_yield();
}

/* The slots stand where their rows end; and free all. */
static void end_river(river *made)
{
    const size_t layers = made->network.weights.shape->layers, slots = made->whole.batch.rows;
    FREED float *h = test_floats(layers * HIDDEN), *c = test_floats(layers * HIDDEN);
    for (size_t slot = 0; slot < slots; slot++) {
        ck_assert_int_eq(sluice_streams_get(made->streams, slot, h, c, NULL), SLUICE_STATUS_OK);
        for (size_t layer = 0; layer < layers; layer++) {
            const size_t at = (layer * slots + slot) * HIDDEN;
            test_same_bits(h + layer * HIDDEN, made->whole.hn + at, HIDDEN, "h of a slot");
            test_same_bits(c + layer * HIDDEN, made->whole.cn + at, HIDDEN, "c of a slot");
        }
    }
    sluice_streams_destroy(made->streams);
    test_runner_free(&made->runner);
    test_batch_free(&made->whole);
    test_network_free(&made->network);
}

/* One piece of at most PIECE steps for each of the feeder's slots, where they stand; returns how many steps were fed. */
static size_t feed_pieces(feeder *f, size_t at[SLOTS])
{
    const test_batch *whole = &f->from->whole;
    float y[SLOTS][PIECE][HIDDEN];
    size_t slots[SLOTS], offsets[SLOTS], rows = 0, fed = 0;
    int64_t lengths[SLOTS];
    test_prefill(&y[0][0][0], sizeof y / sizeof y[0][0][0]);
    for (size_t slot = f->first; slot < SLOTS; slot += 2) {
        const size_t wanted = test_random(&f->random) % (PIECE + 1), left = STEPS - at[slot];
        slots[rows] = slot;
        offsets[rows] = (slot * STEPS + at[slot]) * INPUTS;
        lengths[rows++] = (int64_t)(wanted < left ? wanted : left);
    }
    const sluice_batch piece = {.struct_size = sizeof piece,
                                .steps = PIECE,
                                .rows = rows,
                                .lengths = lengths,
                                .x = whole->x,
                                .x_step_stride = INPUTS,
                                .x_offsets = offsets,
                                .y = &y[0][0][0],
                                .streams = f->from->streams,
                                .slots = slots};
    f->wrong += sluice_forward(f->from->runner.engine, f->workspace, &piece, NULL) != SLUICE_STATUS_OK;
    for (size_t n = 0; n < rows; n++) {
        const size_t steps = (size_t)lengths[n];
        f->wrong += !same(&y[n][0][0], whole->y + (slots[n] * STEPS + at[slots[n]]) * HIDDEN, steps * HIDDEN);
        at[slots[n]] += steps;
        fed += steps;
    }
    return fed;
}

static void *feed_own_slots(void *context)
{
    feeder *f = context;
    size_t at[SLOTS] = {0}, left = 0;
    for (size_t slot = f->first; slot < SLOTS; slot += 2)
        left += STEPS;
    begin_together(f->from);
    while (left > 0 && !f->wrong)
        left -= feed_pieces(f, at);
    return NULL;
}

TEST_IN("streams", streams_of_two_feeders, 0, 1)
{
    uint64_t random = test_seed();
    const sluice_shape fed = {TEST_LDIH(2, 1, INPUTS, HIDDEN), .has_bias = 1};
    const test_network network = test_network_random(&fed, 1.5f, &random);
    river made = make_river(&network, SLOTS, STEPS, 2);
    feed(&made, feed_own_slots);
    end_river(&made);
}

/* A network whose c counts the steps, whatever they bring: gates i and f are 1, and g is what one step adds. */
static test_network counting_network(void)
{
    const sluice_shape fed = {TEST_LDIH(1, 1, INPUTS, HIDDEN), .has_bias = 1};
    test_network network = test_network_create(&fed);
    float *bias = network.floats + (network.weights.bias_ih[0] - network.floats);
    for (size_t unit = 0; unit < HIDDEN; unit++) {
        bias[unit] = bias[HIDDEN + unit] = 30.0f;
        bias[2 * HIDDEN + unit] = 0.01f;
    }
    test_network_build(&network);
    return network;
}

/* Advance slot 0 step by step, whenever the other feeder is not at it. */
static void *feed_slot_zero(void *context)
{
    feeder *f = context;
    const sluice_batch step = {
        .struct_size = sizeof step, .steps = 1, .rows = 1, .x = f->from->whole.x, .streams = f->from->streams};
    begin_together(f->from);
    for (int fed = 0; fed < ROUNDS && !f->wrong;) {
        const sluice_status status = sluice_forward(f->from->runner.engine, f->workspace, &step, NULL);
        if (status == SLUICE_STATUS_OK)
            fed++;
        else if (status == SLUICE_STATUS_BAD_DATA)
            sched_yield();
        else
            f->wrong++;
    }
    return NULL;
}

/* A slot that two want has one at a time, and where one leaves it the other goes on: no step is lost. Calls have one thread: workers
 * that OpenMP lends to one after the other would order them, too. */
TEST_IN("streams", one_stream_of_two_feeders, 0, 1)
{
    const test_network network = counting_network();
    river made = make_river(&network, 1, (size_t)2 * ROUNDS, 1);
    feed(&made, feed_slot_zero);
    end_river(&made);
}
