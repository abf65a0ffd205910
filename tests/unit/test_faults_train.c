/* Training with every allocation failing in turn: the call says NO_MEMORY in words and leaves everything as it was, so that the
 * next one goes on to the same bits; nothing leaks; and what has room already allocates nothing. */
#include "support/memory/allocator.h"
#include "support/files.h"
#include "support/gradients.h"
#include "support/cases/rank_threads.h"
#include "support/cases/trainer_calls.h"
#include "support/network.h"
#include "support/suite.h"

#include <string.h>

static const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 3, .has_bias = 1};
static const sluice_shape headless = {TEST_LDIH(2, 1, 3, 5)};
static const char *const class_names[] = {"one", "two", "three"};
static const float class_weights[] = {1, 0.5f, 2};

static const struct {
    const char *what;
    const sluice_shape *shape;
    sluice_trainer_options options;
} trainings[] = {
    {"Adam", &shape, {.struct_size = sizeof(sluice_trainer_options), .clip = 1, .dropout = 0.3f}},
    {"every step, recompute, class weights",
     &shape,
     {.struct_size = sizeof(sluice_trainer_options), .every_step = 1, .recompute = 3, .class_weights = class_weights}},
    {"three shards", &shape, {.struct_size = sizeof(sluice_trainer_options), .dropout = 0.3f, .shards = 3}},
    {"SGD on y",
     &headless,
     {.struct_size = sizeof(sluice_trainer_options),
      .optimizer = SLUICE_OPTIMIZER_SGD,
      .momentum = 0.9,
      .loss = SLUICE_LOSS_SQUARED_ERROR,
      .every_step = 1}},
};
enum { TRAININGS = sizeof trainings / sizeof trainings[0] };

/* ---- A call whose n-th allocation fails ------------------------------------------------------------------------------------ */

/* What the calls work on, and what they make. */
typedef struct fixture {
    int training;
    const sluice_model *model;
    const sluice_weights *weights;
    const sluice_engine *engine;
    const sluice_trainer_options *options;
    sluice_trainer *trainer;
    const test_minibatch *minibatch;
    sluice_batch *batch;
    sluice_workspace *workspace;
    sluice_tape *tape;
    sluice_gradient *gradient;
    sluice_report report;
    const char *path;
    void *made;
    char *note;
} fixture;

typedef sluice_status call(fixture *f, sluice_error *error);

/* The call, its n-th allocation failing (0: none does); whether one did. It then says NO_MEMORY, else OK. */
static bool attempt(const char *what, call *act, fixture *f, long n)
{
    sluice_error error = {0};
    test_fired = false;
    test_countdown = n;
    test_watching = true;
    const sluice_status status = act(f, &error);
    test_watching = false;
    test_countdown = 0;
    const sluice_status want = test_fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK;
    ck_assert_msg(status == want, "%s, allocation %ld failing: %s (%s)", what, n, sluice_status_get_name(status), error.message);
    ck_assert_msg(!test_fired || (error.status == want && error.message[0]), "%s, allocation %ld failing: no message", what, n);
    return test_fired;
}

/* The call has to succeed without an allocation. */
static void without_memory(const char *what, call *act, fixture *f)
{
    ck_assert_msg(!attempt(what, act, f, 1), "%s: it allocates", what);
}

static void check_leaks(const char *what, long n, size_t before)
{
    ck_assert_msg(test_alive == before, "%s, allocation %ld failing: %zu blocks leak", what, n, test_alive - before);
}

static sluice_model *make_model(const sluice_shape *of)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial, of, SLUICE_INITIALIZER_TORCH, test_seed(), of->classes ? class_names : NULL, &model);
    return model;
}

static sluice_engine_options engine_options(void)
{
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    options.training = 1;
    return options;
}

/* ---- Making, saving and loading -------------------------------------------------------------------------------------------- */

static sluice_status create_torch(fixture *f, sluice_error *error)
{
    return sluice_model_create_initial(&shape, SLUICE_INITIALIZER_TORCH, 1, class_names, (sluice_model **)&f->made, error);
}

static sluice_status create_keras(fixture *f, sluice_error *error)
{
    return sluice_model_create_initial(&shape, SLUICE_INITIALIZER_KERAS, 1, class_names, (sluice_model **)&f->made, error);
}

static sluice_status create_tape(fixture *f, sluice_error *error)
{
    return sluice_tape_create(f->engine, NULL, (sluice_tape **)&f->made, error);
}

static sluice_status create_trainer(fixture *f, sluice_error *error)
{
    const sluice_engine_options options = engine_options();
    return sluice_trainer_create(f->model, &options, f->options, (sluice_trainer **)&f->made, error);
}

static sluice_status load_trainer(fixture *f, sluice_error *error)
{
    const sluice_engine_options options = engine_options();
    return sluice_trainer_load(f->path, &options, (sluice_trainer **)&f->made, NULL, &f->note, error);
}

static sluice_status save_trainer(fixture *f, sluice_error *error)
{
    f->made = NULL;
    return sluice_trainer_save(f->trainer, NULL, test_path("target"), "note", error);
}

static sluice_status save_model(fixture *f, sluice_error *error)
{
    f->made = NULL;
    return sluice_model_save(f->model, test_path("target"), NULL, error);
}

static void undo_model(void *made)
{
    sluice_model_destroy(made);
}

static void undo_tape(void *made)
{
    sluice_tape_destroy(made);
}

static void undo_trainer(void *made)
{
    sluice_trainer_destroy(made);
}

static const struct {
    const char *what;
    call *act;
    void (*undo)(void *made); /* NULL: it saves */
} makers[] = {
    {"create_initial, torch", create_torch, undo_model},
    {"create_initial, keras", create_keras, undo_model},
    {"tape_create", create_tape, undo_tape},
    {"trainer_create", create_trainer, undo_trainer},
    {"trainer_load", load_trainer, undo_trainer},
    {"trainer_save", save_trainer, NULL},
    {"model_save", save_model, NULL},
};

/* What is saved is not there, whole or in part. */
static void check_target(const char *what, long n)
{
    OWNED(test_bytes) target = test_file_read(test_path("target"));
    ck_assert_msg(target.size == 3 && memcmp(target.data, "old", 3) == 0 && test_folder_count(0) == 2,
                  "%s, allocation %ld failing: the target is touched", what, n);
}

/* Make, save or load; whether an allocation failed. */
static bool make(int k, fixture *f, long n)
{
    const char *what = makers[k].what;
    const size_t before = test_alive;
    test_file_write(test_path("target"), "old", 3);
    f->made = f;
    f->note = (char *)f;
    const bool failed = attempt(what, makers[k].act, f, n);
    ck_assert_msg(!failed || f->made == NULL, "%s, allocation %ld failing: the out pointer is not NULL", what, n);
    if (failed && !makers[k].undo)
        check_target(what, n);
    if (makers[k].act == load_trainer) {
        ck_assert_msg(!failed == (f->note != NULL), "%s, allocation %ld failing: a note", what, n);
        sluice_free(f->note);
    }
    test_watching = true;
    if (!failed && makers[k].undo)
        makers[k].undo(f->made);
    test_watching = false;
    check_leaks(what, n, before);
    return failed;
}

TEST_EACH(making, makers)
{
    char path[128];
    snprintf(path, sizeof path, "%s", test_path("checkpoint"));
    fixture f = {.model = make_model(&shape), .options = &trainings[0].options, .path = path};
    const sluice_engine_options options = engine_options();
    OWNED_HANDLE(sluice_engine) engine = NULL;
    ck_assert_int_eq(sluice_engine_create(f.model, &options, &engine, NULL), SLUICE_STATUS_OK);
    f.engine = engine;
    f.trainer = test_trainer_create(f.model, &options, f.options);
    ck_assert_int_eq(sluice_trainer_save(f.trainer, NULL, f.path, "note", NULL), SLUICE_STATUS_OK);
    ck_assert(!make(_i, &f, 0)); /* what libraries allocate once and keep is behind us then */
    long n = 1;
    while (make(_i, &f, n))
        n++;
    printf("%s: %ld allocations\n", makers[_i].what, n - 1);
    ck_assert_int_gt(n, 1);
    sluice_trainer_destroy(f.trainer);
    sluice_model_destroy((sluice_model *)f.model);
}

/* ---- Forward and backward -------------------------------------------------------------------------------------------------- */

static sluice_status forward(fixture *f, sluice_error *error)
{
    return sluice_forward(f->engine, f->workspace, f->batch, error);
}

static sluice_status backward(fixture *f, sluice_error *error)
{
    return sluice_backward(f->tape, f->gradient, error);
}

static sluice_status get_need(fixture *f, sluice_error *error)
{
    size_t bytes;
    return sluice_tape_required_bytes(f->engine, NULL, f->batch->rows, f->batch->steps, f->batch->lengths, &bytes, error);
}

static sluice_status set_model(fixture *f, sluice_error *error)
{
    return sluice_engine_set_model((sluice_engine *)f->engine, f->model, error);
}

static sluice_status set_weights(fixture *f, sluice_error *error)
{
    return sluice_engine_set_weights((sluice_engine *)f->engine, f->weights, NULL, error);
}

/* A batch, what goes into and comes out of its gradient, and how both ought to be. */
typedef struct exercise {
    test_batch batch, want;
    test_gradient gradient, want_gradient;
} exercise;

static exercise make_exercise(const test_runner *runner, size_t rows, size_t steps, size_t recompute, uint64_t *random)
{
    exercise made = {.batch = test_batch_random(&shape, rows, steps, TEST_RAGGED | TEST_STATES, random)};
    uint64_t twice = *random;
    made.want = test_batch_pick(&shape, &made.batch, 0, rows);
    made.gradient = test_gradient_random(&shape, &made.batch.batch, random);
    made.want_gradient = test_gradient_random(&shape, &made.batch.batch, &twice);
    test_there_and_back(runner, recompute, &made.want.batch, &made.want_gradient.gradient);
    return made;
}

static void exercise_free(exercise *done)
{
    test_batch_free(&done->batch);
    test_batch_free(&done->want);
    test_gradient_free(&done->gradient);
    test_gradient_free(&done->want_gradient);
}

static void take(fixture *f, exercise *now)
{
    test_batch_prefill(&now->batch);
    test_gradient_prefill(&now->gradient);
    f->batch = &now->batch.batch;
    f->batch->tape = f->tape;
    f->gradient = &now->gradient.gradient;
}

static void check_backward(fixture *f, const exercise *now, const char *what)
{
    without_memory("sluice_backward", backward, f);
    test_same_gradients(&now->gradient, &now->want_gradient, what);
}

/* A tape grows in a call whose n-th allocation fails; it then holds no batch, and serves the next call. Else it takes no memory
 * beside what it had, as a workspace does. Whether the call had an allocation to fail. */
static bool tape_grows(const test_runner *runner, size_t recompute, exercise *small, exercise *large, long n)
{
    const sluice_tape_options options = {.struct_size = sizeof options, .recompute = recompute};
    fixture f = {.engine = runner->engine};
    const size_t before = test_alive;
    test_watching = true;
    const bool created =
        !sluice_tape_create(f.engine, &options, &f.tape, NULL) && !sluice_workspace_create(f.engine, 0, 0, &f.workspace, NULL);
    test_watching = false;
    ck_assert(created);
    take(&f, small);
    ck_assert(!attempt("a small batch", forward, &f, 0));
    take(&f, large);
    test_peak_bytes = test_alive_bytes;
    const bool failed = attempt("a large batch", forward, &f, n);
    ck_assert(failed || test_peak_bytes < test_alive_bytes + sluice_workspace_get_bytes(f.workspace));
    if (failed) {
        ck_assert_msg(test_batch_untouched(&large->batch), "allocation %ld failing: an output is written", n);
        ck_assert_int_eq(backward(&f, NULL), SLUICE_STATUS_BAD_ARGUMENT);
        ck_assert_msg(test_gradient_untouched(&large->gradient), "allocation %ld failing: a gradient is written", n);
        take(&f, large);
        ck_assert(!attempt("a large batch again", forward, &f, 0));
    }
    test_same_outputs(&large->batch, &large->want, "of the large batch");
    check_backward(&f, large, "of the large batch");
    take(&f, small);
    without_memory("a small batch in a large tape", forward, &f);
    check_backward(&f, small, "of the small batch");
    test_watching = true;
    sluice_tape_destroy(f.tape);
    sluice_workspace_destroy(f.workspace);
    test_watching = false;
    check_leaks("a tape", n, before);
    return failed;
}

TEST_LOOP(taping, 0, 2)
{
    uint64_t random = test_seed();
    const size_t recompute = _i ? 3 : 0;
    OWNED_HANDLE(sluice_model) model = make_model(&shape);
    OWNED(test_runner) runner = test_trainable(model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(exercise) small = make_exercise(&runner, 200, 9, recompute, &random);
    OWNED(exercise) large = make_exercise(&runner, 300, 9, recompute, &random);
    long n = 1;
    while (tape_grows(&runner, recompute, &small, &large, n))
        n++;
    printf("a tape grows, recompute %zu: %ld allocations\n", recompute, n - 1);
    ck_assert_int_gt(n, 1);
    fixture f = {.engine = runner.engine, .model = model, .batch = &large.batch.batch};
    const size_t before = test_alive;
    for (n = 1; attempt("sluice_tape_required_bytes", get_need, &f, n);)
        n++;
    check_leaks("sluice_tape_required_bytes", n, before);
    without_memory("sluice_engine_set_model", set_model, &f);
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    f.weights = &network.weights;
    without_memory("sluice_engine_set_weights", set_weights, &f);
}

/* ---- Steps ----------------------------------------------------------------------------------------------------------------- */

static sluice_status step(fixture *f, sluice_error *error)
{
    f->report = (sluice_report){.struct_size = sizeof f->report};
    return sluice_trainer_step(f->trainer, &f->minibatch->batch.batch, f->minibatch->labels, f->minibatch->values, &f->report,
                               error);
}

static sluice_status get_loss(fixture *f, sluice_error *error)
{
    f->report = (sluice_report){.struct_size = sizeof f->report};
    return sluice_trainer_evaluate(f->trainer, &f->minibatch->batch.batch, f->minibatch->labels, f->minibatch->values, &f->report,
                                   error);
}

static sluice_status update(fixture *f, sluice_error *error)
{
    f->report = (sluice_report){.struct_size = sizeof f->report};
    return sluice_trainer_update(f->trainer, &f->report, error);
}

/* The minibatches of a course, and the reports and the file that an undisturbed trainer has of it. */
enum { MINIBATCHES = 3 };
typedef struct course {
    test_minibatch minibatches[MINIBATCHES];
    sluice_report reports[MINIBATCHES];
    test_bytes files[MINIBATCHES + 1]; /* checkpoints before each step, and after the last */
} course;

static test_bytes get_file(const sluice_trainer *trainer)
{
    SUCCEEDS(sluice_trainer_save, trainer, NULL, test_path("now"), NULL);
    return test_file_read(test_path("now"));
}

static void check_state(const sluice_trainer *trainer, const test_bytes *want, const char *what, long n)
{
    OWNED(test_bytes) got = get_file(trainer);
    ck_assert_msg(got.size == want->size && memcmp(got.data, want->data, want->size) == 0,
                  "%s, allocation %ld failing: weights, moments or the number of steps differ", what, n);
}

static course make_course(fixture *f)
{
    static const size_t rows[MINIBATCHES] = {2, 90, 5}, steps[MINIBATCHES] = {3, 11, 2};
    course made;
    uint64_t random = test_seed();
    ck_assert(!attempt("a trainer", create_trainer, f, 0));
    f->trainer = f->made;
    for (size_t k = 0; k < MINIBATCHES; k++) {
        made.minibatches[k] =
            test_minibatch_random(trainings[f->training].shape, f->options, rows[k], steps[k], TEST_RAGGED, &random);
        made.files[k] = get_file(f->trainer);
        made.reports[k] = test_learn(f->trainer, &made.minibatches[k]);
    }
    made.files[MINIBATCHES] = get_file(f->trainer);
    sluice_trainer_destroy(f->trainer);
    return made;
}

/* Take a course, the n-th allocation failing in each of its steps that has so many, or with `evaluates` in an evaluation before it;
 * whether one did. */
static bool take_course(fixture *f, const course *of, bool evaluates, long n)
{
    bool failed = false;
    const size_t before = test_alive;
    ck_assert(!attempt("a trainer", create_trainer, f, 0));
    f->trainer = f->made;
    for (size_t k = 0; k < MINIBATCHES; k++) {
        f->minibatch = &of->minibatches[k];
        if (attempt(evaluates ? "get_loss" : "step", evaluates ? get_loss : step, f, n)) {
            failed = true;
            check_state(f->trainer, &of->files[k], "a step", n);
            ck_assert(!attempt("a step again", evaluates ? get_loss : step, f, 0));
        }
        if (evaluates)
            ck_assert(!attempt("a step", step, f, 0));
        test_same_report(&f->report, &of->reports[k]);
        check_state(f->trainer, &of->files[k + 1], "a course", n);
    }
    f->minibatch = &of->minibatches[1]; /* the largest */
    without_memory("a step for which there is room", step, f);
    without_memory("an evaluation for which there is room", get_loss, f);
    without_memory("an update", update, f);
    test_watching = true;
    sluice_trainer_destroy(f->trainer);
    test_watching = false;
    check_leaks("a course", n, before);
    return failed;
}

TEST_LOOP(stepping, 0, 2 * TRAININGS)
{
    const bool evaluates = _i % 2;
    fixture f = {.training = _i / 2, .model = make_model(trainings[_i / 2].shape), .options = &trainings[_i / 2].options};
    course of = make_course(&f);
    ck_assert(!take_course(&f, &of, evaluates, 0));
    long n = 1;
    while (take_course(&f, &of, evaluates, n))
        n++;
    printf("%s, %s: up to %ld allocations\n", trainings[f.training].what, evaluates ? "evaluations" : "steps", n - 1);
    ck_assert_int_gt(n, 1);
    for (size_t k = 0; k <= MINIBATCHES; k++) {
        test_bytes_free(&of.files[k]);
        if (k < MINIBATCHES)
            test_minibatch_free(&of.minibatches[k]);
    }
    sluice_model_destroy((sluice_model *)f.model);
}

/* ---- Ranks ----------------------------------------------------------------------------------------------------------------- */

/* The n-th allocation of one rank fails: all ranks say so in the same words, none waits for another, and all go on. */
enum { RANKS = 3, SHARDS = 7, RANK_ROWS = 7, RANK_STEPS = 3 };

typedef struct rank_case {
    call *act;
    fixture f;
    const sluice_exchange *exchange;
    test_minibatch minibatch; /* this rank's rows */
    size_t culprit;
    long n;
    bool fired;
    sluice_status status;
    sluice_error error;
} rank_case;

/* The transport is not what is tested. */
static int exchange_unwatched(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                              size_t received_bytes)
{
    const bool watching = test_watching;
    test_watching = false;
    const int result = test_send_receive(context, to, sent, sent_bytes, from, received, received_bytes);
    test_watching = watching;
    return result;
}

static sluice_status join(fixture *f, sluice_error *error)
{
    return sluice_trainer_set_exchange(f->trainer, ((rank_case *)f->made)->exchange, error);
}

/* The sum of ones, a vector of each shard's. */
static sluice_status add_ones(fixture *f, sluice_error *error)
{
    enum { COUNT = 1000 };
    static _Thread_local float ones[SHARDS][COUNT];
    float sum[COUNT], *vectors[SHARDS];
    for (size_t shard = 0; shard < SHARDS; shard++) {
        vectors[shard] = ones[shard];
        for (size_t k = 0; k < COUNT; k++)
            ones[shard][k] = 1;
    }
    sluice_status status = sluice_exchange_sum(((rank_case *)f->made)->exchange, SHARDS, vectors, COUNT, sum, error);
    for (size_t k = 0; !status && k < COUNT; k++)
        status = sum[k] == SHARDS ? SLUICE_STATUS_OK : SLUICE_STATUS_BAD_DATA;
    return status;
}

/* The call, once with the failure and once without. */
static void act_on_rank(test_rank *rank)
{
    rank_case *of = rank->context;
    sluice_exchange exchange = rank->exchange;
    exchange.send_receive = exchange_unwatched;
    of->exchange = &exchange;
    of->f.made = of;
    const sluice_engine_options options = engine_options();
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(of->f.model, &options, of->f.options);
    of->f.trainer = trainer;
    if (of->act == step)
        SUCCEEDS(sluice_trainer_set_exchange, trainer, &exchange);
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    const sluice_batch whole = of->f.minibatch->batch.batch;
    size_t first, end;
    sluice_shards_of_rank(SHARDS, rank->rank, RANKS, &first, &end); /* a row each */
    of->minibatch = *of->f.minibatch;
    of->minibatch.batch.batch.tokens = whole.tokens + first * RANK_STEPS;
    of->minibatch.labels += first;
    of->f.minibatch = &of->minibatch;
    test_fired = false;
    test_countdown = rank->rank == of->culprit ? of->n : 0;
    test_watching = true;
    of->status = of->act(&of->f, &of->error);
    test_watching = false;
    of->fired = test_fired;
    ck_assert(!of->status || test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    free(before.floats);
    test_countdown = 0;
    ck_assert_int_eq(of->act(&of->f, NULL), SLUICE_STATUS_OK);
}

/* Whether an allocation failed. */
static bool act_on_ranks(const rank_case *base, int from_thread)
{
    rank_case of[RANKS];
    for (size_t k = 0; k < RANKS; k++)
        of[k] = *base;
    const size_t before = test_alive;
    test_hub hub = {.ranks = RANKS};
    test_ranks_run(&hub, act_on_rank, of, sizeof *of, from_thread);
    const bool fired = of[base->culprit].fired;
    for (size_t k = 0; k < RANKS; k++) {
        ck_assert_msg(of[k].status == (fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK),
                      "allocation %ld of rank %zu: rank %zu: %s", base->n, base->culprit, k, of[k].error.message);
        ck_assert_str_eq(of[k].error.message, of[0].error.message);
        ck_assert(!fired || (strncmp(of[k].error.message, "rank ", 5) == 0 && of[k].error.message[5] == '0' + (int)base->culprit));
    }
    if (!from_thread) /* the C library keeps what it makes for threads */
        check_leaks("ranks", base->n, before);
    return fired;
}

static const struct {
    const char *what;
    call *act;
    long least; /* allocations that it makes */
} rank_calls[] = {{"set_exchange", join, 8}, {"sluice_exchange_sum", add_ones, 1}, {"a step of ranks", step, 6}};

TEST_LOOP(ranks_fail_together, 0, 3 * RANKS * 2)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = trainings[0].options;
    options.shards = SHARDS;
    OWNED_HANDLE(sluice_model) model = make_model(&shape);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&shape, &options, RANK_ROWS, RANK_STEPS, 0, &random);
    minibatch.batch.batch.y = minibatch.batch.batch.hn = minibatch.batch.batch.cn = NULL;
    rank_case base = {.act = rank_calls[_i / 2 / RANKS].act,
                      .f = {.model = model, .options = &options, .minibatch = &minibatch},
                      .culprit = (size_t)(_i / 2 % RANKS)};
    ck_assert(!act_on_ranks(&base, _i % 2)); /* what libraries keep is behind us then */
    for (base.n = 1; act_on_ranks(&base, _i % 2);)
        base.n++;
    ck_assert_int_gt(base.n, rank_calls[_i / 2 / RANKS].least);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77; /* Meson's word for a test that was skipped */
    test_begin();
    tcase_add_checked_fixture(test_tcase("tests"), test_folder_setup, test_folder_teardown);
    return test_run(test_suite());
}
