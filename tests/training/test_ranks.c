/* Trainers on several ranks: the same bits of weights and reports on any number of them; what fails on one fails on all. */
#include "support/cases/minibatches.h"
#include "support/cases/trainer_calls.h"
#include "support/cases/rank_threads.h"
#include "train/trainer.h"

#include <math.h>

static const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 3, .has_bias = 1};
static const sluice_shape reads_x = {TEST_LDIH(2, 1, 3, 5), .classes = 3, .has_bias = 1};
static const sluice_shape headless = {TEST_LDIH(2, 1, 3, 5)};
static const float class_weights[] = {1, 0, 2}, quantiles[] = {0.1f, 0.5f, 0.9f};

static const struct {
    const char *what;
    const sluice_shape *shape;
    sluice_trainer_options options;
} trainings[] = {
    {"Adam, dropout, clipped", &shape, {.struct_size = sizeof(sluice_trainer_options), .clip = 0.1, .dropout = 0.3f}},
    {"every step, class weights",
     &reads_x,
     {.struct_size = sizeof(sluice_trainer_options),
      .every_step = 1,
      .recompute = 3,
      .class_weights = class_weights,
      .label_smoothing = 0.1f}},
    {"SGD on y",
     &headless,
     {.struct_size = sizeof(sluice_trainer_options),
      .optimizer = SLUICE_OPTIMIZER_SGD,
      .momentum = 0.9,
      .loss = SLUICE_LOSS_SQUARED_ERROR,
      .every_step = 1}},
    {"quantiles, sample weights, the head alone",
     &reads_x,
     {.struct_size = sizeof(sluice_trainer_options),
      .loss = SLUICE_LOSS_QUANTILE,
      .quantiles = quantiles,
      .quantile_count = 3,
      .every_step = 1,
      .first_trained = 2}},
    {"four shards", &reads_x, {.struct_size = sizeof(sluice_trainer_options), .shards = 4}}, /* of the failures below */
};

enum { COURSE = 4 };
static const size_t course_rows[COURSE] = {11, 3, 40, 1}, course_steps[COURSE] = {4, 3, 2, 5};

/* A course of minibatches, and what a rank has of it. */
typedef struct course {
    int training;
    size_t shards;
    unsigned threads;
    test_minibatch *minibatches; /* whole, [COURSE] */
    sluice_model *model;
    sluice_report reports[COURSE], last; /* the last, of an evaluation */
    test_snapshot weights;
} course;

static sluice_trainer *make_trainer(const course *of)
{
    sluice_trainer_options options = trainings[of->training].options;
    options.shards = of->shards;
    const sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, of->threads, SLUICE_SCHEDULE_AUTO);
    return test_trainer_create(of->model, &engine, &options);
}

/* A rank's part of a minibatch. */
typedef struct part {
    sluice_batch batch;
    const int32_t *labels;
    const float *values;
    size_t first, rows;
} part;

static part part_of(const course *of, const test_minibatch *minibatch, size_t rank, size_t ranks)
{
    const sluice_shape *net = trainings[of->training].shape;
    const bool every = trainings[of->training].options.every_step;
    part made = {.batch = minibatch->batch.batch, .labels = minibatch->labels, .values = minibatch->values};
    sluice_batch *batch = &made.batch;
    size_t bounds[64], first, end;
    SUCCEEDS(sluice_shards_cut, batch->rows, batch->steps, batch->lengths, of->shards, bounds);
    sluice_shards_of_rank(of->shards, rank, ranks, &first, &end);
    made.first = bounds[first];
    made.rows = bounds[end] - bounds[first];
    const size_t at = made.first * batch->steps, targets = every ? at : made.first;
    batch->x = batch->x ? batch->x + at * net->inputs : NULL;
    batch->tokens = batch->tokens ? batch->tokens + at : NULL;
    batch->y = batch->hn = batch->cn = NULL;
    made.labels = made.labels ? made.labels + targets : NULL;
    const size_t each = trainings[of->training].options.quantile_count ? trainings[of->training].options.quantile_count : 1;
    const size_t width = net->classes ? net->classes : net->directions * net->hidden;
    made.values = made.values ? made.values + targets * (width / each) : NULL;
    batch->sample_weights = batch->sample_weights ? batch->sample_weights + targets : NULL;
    if (!made.rows) { /* nothing of theirs is read */
        batch->x = NULL;
        batch->tokens = NULL;
        made.labels = NULL;
        made.values = NULL;
    }
    return made;
}

static void take_course(course *of, sluice_trainer *trainer, size_t rank, size_t ranks)
{
    for (size_t k = 0; k < COURSE; k++) {
        const part mine = part_of(of, &of->minibatches[k], rank, ranks);
        of->reports[k] = test_step(trainer, &mine.batch, mine.labels, mine.values);
    }
    const part mine = part_of(of, &of->minibatches[0], rank, ranks);
    of->last = test_evaluate(trainer, &mine.batch, mine.labels, mine.values);
    of->weights = test_snapshot_take(sluice_trainer_get_model(trainer));
}

static void run_alone(course *of)
{
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(of);
    take_course(of, trainer, 0, 1);
}

static void run_on_rank(test_rank *rank)
{
    course *of = rank->context;
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(of);
    SUCCEEDS(sluice_trainer_set_exchange, trainer, &rank->exchange);
    take_course(of, trainer, rank->rank, rank->hub->ranks);
}

static void compare(const course *got, const course *want, const char *what)
{
    for (size_t k = 0; k < COURSE; k++) {
        ck_assert_msg(memcmp(&got->reports[k].loss, &want->reports[k].loss, sizeof(double)) == 0, "%s: loss %zu is %a, not %a",
                      what, k, got->reports[k].loss, want->reports[k].loss);
        test_same_report(&got->reports[k], &want->reports[k]);
        ck_assert(got->reports[k].weight == want->reports[k].weight);
    }
    test_same_report(&got->last, &want->last);
    ck_assert_msg(got->weights.count == want->weights.count &&
                      memcmp(got->weights.floats, want->weights.floats, want->weights.count * sizeof(float)) == 0,
                  "%s: other weights", what);
}

static course make_course(int training, test_minibatch minibatches[COURSE])
{
    uint64_t random = test_seed();
    course made = {.training = training, .threads = 1, .shards = 1, .minibatches = minibatches};
    for (size_t k = 0; k < COURSE; k++)
        minibatches[k] = test_minibatch_random(trainings[training].shape, &trainings[training].options, course_rows[k],
                                               course_steps[k], TEST_RAGGED, &random);
    SUCCEEDS(sluice_model_create_initial, trainings[training].shape, SLUICE_INITIALIZER_TORCH, random, NULL, &made.model);
    return made;
}

static void free_course(course *of)
{
    for (size_t k = 0; k < COURSE; k++)
        test_minibatch_free(&of->minibatches[k]);
    sluice_model_destroy(of->model);
}

TEST_LOOP(any_ranks_have_the_bits_of_one, 0, 4 * 8)
{
    static const size_t shard_counts[] = {1, 2, 3, 4, 5, 8, 13, 16};
    test_minibatch minibatches[COURSE];
    course base = make_course(_i / 8, minibatches);
    base.shards = shard_counts[_i % 8];
    course alone = base;
    run_alone(&alone);
    for (size_t ranks = 1; ranks <= TEST_RANKS_MOST; ranks++)
        for (unsigned threads = 1; threads <= (ranks % 3 == 2 ? 2 : 1); threads++)
            for (int from_thread = 0; from_thread < 2; from_thread++) {
                test_hub hub = {.ranks = ranks};
                course of[TEST_RANKS_MOST];
                for (size_t k = 0; k < ranks; k++) {
                    of[k] = base;
                    of[k].threads = threads;
                }
                test_ranks_run(&hub, run_on_rank, of, sizeof *of, from_thread);
                for (size_t k = 0; k < ranks; k++) {
                    char what[99];
                    snprintf(what, sizeof what, "%s, %zu shards: rank %zu of %zu, %u threads", trainings[_i / 8].what, base.shards,
                             k, ranks, threads);
                    compare(&of[k], &alone, what);
                    free(of[k].weights.floats);
                }
            }
    free(alone.weights.floats);
    free_course(&base);
}

/* ---- Against a batch that is not cut ---------------------------------------------------------------------------------------- */

enum { SUMMED = 16 };

/* The gradient of rows [first, first + rows) of a batch of one step. */
static void get_gradient(const sluice_model *model, const test_minibatch *whole, size_t shards, size_t first, size_t rows,
                         float *to)
{
    sluice_trainer_options options = test_trainer_defaults();
    options.shards = shards;
    options.dropout = 0.3f; /* masks are those of the rows of the whole, where they stand in it */
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &options);
    sluice_batch batch = whole->batch.batch;
    batch.dropout_row = first;
    batch.tokens += first;
    batch.rows = rows;
    batch.y = batch.hn = batch.cn = NULL;
    test_step(trainer, &batch, whole->labels + first, NULL);
    memcpy(to, trainer->gradients, trainer->floats * sizeof(float));
}

/* Of SUMMED rows of one step each weight's gradient is the sum of SUMMED terms, those of the rows alone over SUMMED, which is exact for
 * a power of two. In whatever order they are added, the sum is off by (SUMMED - 1) eps times the sum of their sizes; so is the double's,
 * by far less. */
TEST(shards_add_up_to_the_batch)
{
    enum { MOST = 4096 };
    static float got[MOST], row[MOST];
    static double sum[MOST], size[MOST];
    uint64_t random = test_seed();
    const sluice_trainer_options options = test_trainer_defaults();
    OWNED(test_minibatch) whole = test_minibatch_random(&shape, &options, SUMMED, 1, 0, &random);
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_initial, &shape, SLUICE_INITIALIZER_TORCH, random, NULL, &model);
    for (size_t n = 0; n < SUMMED; n++) {
        get_gradient(model, &whole, 1, n, 1, row);
        for (size_t k = 0; k < MOST; k++) {
            sum[k] += (double)row[k] / SUMMED;
            size[k] += fabs((double)row[k]) / SUMMED;
        }
    }
    for (size_t shards = 1; shards <= 2 * SUMMED; shards++) {
        get_gradient(model, &whole, shards, 0, SUMMED, got);
        for (size_t k = 0; k < MOST; k++)
            ck_assert_msg(fabs(got[k] - sum[k]) <= SUMMED * 0x1p-24 * size[k], "%zu shards: gradient %zu is %g, not %g", shards, k,
                          (double)got[k], sum[k]);
    }
}

/* Shards get the rows of states, outputs and streams that are theirs. */
TEST_LOOP(outputs_are_those_of_the_whole, 0, 4)
{
    enum { ROWS = 9 };
    uint64_t random = test_seed();
    const bool by_stream = _i % 2;
    sluice_trainer_options options = test_trainer_defaults();
    const sluice_shape *net = _i / 2 || by_stream ? &reads_x : &shape;
    OWNED(test_minibatch)
    whole = test_minibatch_random(net, &options, ROWS, 4, by_stream ? TEST_RAGGED : TEST_RAGGED | TEST_STATES, &random);
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_initial, net, SLUICE_INITIALIZER_TORCH, random, NULL, &model);
    float *want = test_floats(whole.batch.y_count + 2 * whole.batch.state_count + ROWS * 3);
    float *logits = test_floats(ROWS * 3);
    for (size_t shards = 1; shards < 6; shards++) {
        options.shards = shards;
        OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &options);
        OWNED_HANDLE(sluice_streams) streams = NULL;
        if (by_stream)
            SUCCEEDS(sluice_streams_create, sluice_trainer_get_engine(trainer), ROWS, &streams);
        for (int twice = 0; twice < 2; twice++) { /* streams go on */
            test_batch_prefill(&whole.batch);
            test_prefill(logits, ROWS * 3);
            sluice_batch batch = whole.batch.batch;
            batch.logits = logits;
            batch.streams = by_stream ? streams : NULL;
            test_evaluate(trainer, &batch, whole.labels, NULL);
        }
        float *const got[] = {whole.batch.y, whole.batch.hn, whole.batch.cn, logits};
        const size_t counts[] = {whole.batch.y_count, whole.batch.state_count, whole.batch.state_count, ROWS * 3};
        float *at = want;
        for (size_t k = 0; k < 4; at += counts[k++]) {
            if (shards == 1)
                memcpy(at, got[k], counts[k] * sizeof(float));
            test_same_bits(got[k], at, counts[k], "an output");
        }
    }
    free(want);
    free(logits);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------------------- */

enum { TROUBLED = 3, FAILING_SHARDS = 4, FAILING_ROWS = 9, FAILING_STEPS = 3 };

typedef enum trouble { LABEL, INPUT, ARGUMENT, OTHER_ROWS, OTHER_LENGTHS, OTHER_CALL, OTHER_SHARDS, TROUBLES } trouble;

static const struct {
    sluice_status status;
    const char *part;
    bool has_row;
} wanted[TROUBLES] = {
    {SLUICE_STATUS_BAD_DATA, "label 77", true},
    {SLUICE_STATUS_BAD_DATA, "x [1] is NaN", true},
    {SLUICE_STATUS_BAD_ARGUMENT, "labels is NULL", false},
    {SLUICE_STATUS_BAD_DATA, "rows of rank", false},
    {SLUICE_STATUS_BAD_DATA, "lengths of rank", false},
    {SLUICE_STATUS_BAD_DATA, "the calls of rank", false},
    {SLUICE_STATUS_BAD_DATA, "shards of rank", false},
};

typedef struct failing {
    course of; /* for part_of */
    test_minibatch *whole;
    trouble what;
    size_t culprit;
    size_t row; /* of the whole batch, that is bad */
    sluice_status status;
    sluice_error error;
    sluice_report after;
    test_snapshot weights;
} failing;

static void fail_on_rank(test_rank *rank)
{
    failing *f = rank->context;
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&f->of);
    SUCCEEDS(sluice_trainer_set_exchange, trainer, &rank->exchange);
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    part mine = part_of(&f->of, f->whole, rank->rank, rank->hub->ranks);
    sluice_batch batch = mine.batch;
    enum { INPUTS = 3, SIZE = FAILING_ROWS * FAILING_STEPS };
    int32_t labels[SIZE];
    int64_t lengths[FAILING_ROWS];
    float x[SIZE * INPUTS];
    size_t bounds[FAILING_SHARDS + 1] = {0, 1, 2, 3, FAILING_ROWS};
    memcpy(lengths, batch.lengths, sizeof lengths);
    memcpy(labels, mine.labels, mine.rows * sizeof *labels);
    memcpy(x, batch.x, mine.rows * FAILING_STEPS * INPUTS * sizeof *x);
    batch.x = x;
    batch.lengths = lengths;
    if (rank->rank == f->culprit) {
        labels[f->row - mine.first] = f->what == LABEL ? 77 : labels[f->row - mine.first];
        x[(f->row - mine.first) * FAILING_STEPS * INPUTS + 1] =
            f->what == INPUT ? NAN : x[(f->row - mine.first) * FAILING_STEPS * INPUTS + 1];
        batch.rows -= f->what == OTHER_ROWS;
        lengths[0] = f->what == OTHER_LENGTHS ? lengths[0] - 1 : lengths[0];
        batch.shards = f->what == OTHER_SHARDS ? bounds : NULL;
    }
    const bool evaluates = f->what == OTHER_CALL && rank->rank == f->culprit;
    f->status = (evaluates ? sluice_trainer_evaluate : sluice_trainer_step)(
        trainer, &batch, f->what == ARGUMENT && rank->rank == f->culprit ? NULL : labels, NULL, NULL, &f->error);
    ck_assert(test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    f->after = test_step(trainer, &mine.batch, mine.labels, NULL); /* all go on */
    f->weights = test_snapshot_take(sluice_trainer_get_model(trainer));
    free(before.floats);
}

static test_minibatch make_failing(failing *f, uint64_t seed)
{
    static const int64_t lengths[FAILING_ROWS] = {3, 2, 3, 3, 1, 3, 2, 3, 3};
    const sluice_trainer_options options = test_trainer_defaults();
    f->of = (course){.training = 4, .shards = FAILING_SHARDS, .threads = 1};
    test_minibatch made = test_minibatch_random(&reads_x, &options, FAILING_ROWS, FAILING_STEPS, TEST_RAGGED, &seed);
    memcpy(made.batch.lengths, lengths, sizeof lengths);
    SUCCEEDS(sluice_model_create_initial, &reads_x, SLUICE_INITIALIZER_TORCH, 1, NULL, &f->of.model);
    return made;
}

/* Give all ranks what the first one has, and the minibatch. */
static void share_failing(failing of[TROUBLED], test_minibatch *whole)
{
    of[0].whole = whole;
    for (size_t k = 1; k < TROUBLED; k++)
        of[k] = of[0];
}

TEST_LOOP(one_that_fails_fails_all, 0, TROUBLES *TROUBLED)
{
    failing of[TROUBLED] = {{.what = (trouble)(_i / TROUBLED), .culprit = (size_t)(_i % TROUBLED)}};
    OWNED(test_minibatch) whole = make_failing(&of[0], test_seed());
    size_t bounds[FAILING_SHARDS + 1], first, end;
    SUCCEEDS(sluice_shards_cut, FAILING_ROWS, FAILING_STEPS, whole.batch.lengths, FAILING_SHARDS, bounds);
    sluice_shards_of_rank(FAILING_SHARDS, of[0].culprit, TROUBLED, &first, &end);
    of[0].row = bounds[end] - 1;
    share_failing(of, &whole);
    test_hub hub = {.ranks = TROUBLED};
    test_ranks_run(&hub, fail_on_rank, of, sizeof *of, _i % 2);
    for (size_t k = 0; k < TROUBLED; k++) {
        ck_assert_int_eq(of[k].status, wanted[of[k].what].status);
        ck_assert_msg(strstr(of[k].error.message, wanted[of[k].what].part) != NULL, "rank %zu: %s", k, of[k].error.message);
        ck_assert_str_eq(of[k].error.message, of[0].error.message);
        ck_assert_int_eq(of[k].error.status, of[k].status);
        ck_assert_uint_eq(of[k].error.row, wanted[of[k].what].has_row ? of[k].row : SIZE_MAX);
        ck_assert(memcmp(of[k].weights.floats, of[0].weights.floats, of[0].weights.count * sizeof(float)) == 0);
    }
    for (size_t k = 0; k < TROUBLED; k++)
        free(of[k].weights.floats);
    sluice_model_destroy(of[0].of.model);
}

/* A rate beyond reason: all ranks say the same, at the same step. */
static void diverge_on_rank(test_rank *rank)
{
    failing *f = rank->context;
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 1e30;
    options.weight_decay = 1;
    options.shards = FAILING_SHARDS;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(f->of.model, NULL, &options);
    SUCCEEDS(sluice_trainer_set_exchange, trainer, &rank->exchange);
    const part mine = part_of(&f->of, f->whole, rank->rank, rank->hub->ranks);
    for (f->row = 0; !f->status && f->row < 100; f->row++)
        f->status = sluice_trainer_step(trainer, &mine.batch, mine.labels, NULL, NULL, &f->error);
}

TEST(diverging_is_said_alike)
{
    failing of[TROUBLED] = {{.what = LABEL}};
    OWNED(test_minibatch) whole = make_failing(&of[0], test_seed());
    share_failing(of, &whole);
    test_hub hub = {.ranks = TROUBLED};
    test_ranks_run(&hub, diverge_on_rank, of, sizeof *of, 0);
    for (size_t k = 0; k < TROUBLED; k++) {
        ck_assert_int_eq(of[k].status, SLUICE_STATUS_BAD_DATA);
        ck_assert_msg(strstr(of[k].error.message, "diverged") != NULL, "%s", of[k].error.message);
        ck_assert_str_eq(of[k].error.message, of[0].error.message);
        ck_assert_uint_eq(of[k].row, of[0].row);
    }
    sluice_model_destroy(of[0].of.model);
}

/* Whatever message is lost: no rank waits for ever, and a step that fails changes nothing. */
static void lose_on_rank(test_rank *rank)
{
    failing *f = rank->context;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(f->of.model, NULL, &trainings[4].options);
    const part mine = part_of(&f->of, f->whole, rank->rank, rank->hub->ranks);
    f->status = sluice_trainer_set_exchange(trainer, &rank->exchange, &f->error);
    for (int k = 0; !f->status && k < 3; k++) {
        test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
        f->status = sluice_trainer_step(trainer, &mine.batch, mine.labels, NULL, NULL, &f->error);
        ck_assert(!f->status || test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
        free(before.floats);
    }
}

TEST_LOOP(lost_messages_end_the_call, 0, 2 * TROUBLED)
{
    bool is_any = true;
    for (long n = 1; is_any; n++) {
        failing of[TROUBLED] = {{.what = LABEL}};
        OWNED(test_minibatch) whole = make_failing(&of[0], test_seed());
        share_failing(of, &whole);
        test_hub hub = {.ranks = TROUBLED, .failing = (size_t)_i / 2, .fails_at = n};
        test_ranks_run(&hub, lose_on_rank, of, sizeof *of, _i % 2);
        is_any = hub.is_broken;
        for (size_t k = 0; k < TROUBLED; k++) {
            ck_assert(of[k].status == SLUICE_STATUS_IO || (!of[k].status && (!is_any || k != hub.failing)));
            ck_assert_msg(!of[k].status || strstr(of[k].error.message, "rank"), "%s", of[k].error.message);
        }
        sluice_model_destroy(of[0].of.model);
        ck_assert(n < 1000 && (is_any || n > 10));
    }
}

/* ---- Ranks that are not alike ------------------------------------------------------------------------------------------------ */

typedef struct unlike {
    sluice_trainer_options options;
    size_t culprit;
    int seed;
    sluice_status status;
    sluice_error error;
} unlike;

static void join_on_rank(test_rank *rank)
{
    unlike *of = rank->context;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&reads_x, (uint64_t)of->seed, &of->options);
    of->status = sluice_trainer_set_exchange(trainer, &rank->exchange, &of->error);
}

TEST(ranks_that_are_not_alike_are_refused)
{
    const sluice_trainer_options good = {.struct_size = sizeof good, .shards = 4};
    struct {
        const char *part;
        sluice_trainer_options options;
        int seed;
    } cases[] = {{"shards:", good, 1}, {"rate:", good, 1},         {"seed:", good, 1},          {"optimizer:", good, 1},
                 {"clip:", good, 1},   {"dropout:", good, 1},      {"class_weights:", good, 1}, {"the weights", good, 2},
                 {"delta:", good, 1},  {"first_trained:", good, 1}};
    cases[0].options.shards = 3;
    cases[1].options.rate = 2e-3;
    cases[2].options.seed = 9;
    cases[3].options.optimizer = SLUICE_OPTIMIZER_ADAMW;
    cases[4].options.clip = 1;
    cases[5].options.dropout = 0.5f;
    cases[6].options.class_weights = class_weights;
    cases[8].options.delta = 2;
    cases[9].options.first_trained = 1;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t culprit = 0; culprit < TROUBLED; culprit++) {
            unlike of[TROUBLED];
            for (size_t k = 0; k < TROUBLED; k++)
                of[k] = (unlike){.options = k == culprit ? cases[c].options : good, .seed = k == culprit ? cases[c].seed : 1};
            test_hub hub = {.ranks = TROUBLED};
            test_ranks_run(&hub, join_on_rank, of, sizeof *of, 0);
            for (size_t k = 0; k < TROUBLED; k++) {
                ck_assert_int_eq(of[k].status, SLUICE_STATUS_BAD_DATA);
                ck_assert_str_eq(of[k].error.message, of[0].error.message);
                test_names(&of[k].error, cases[c].part);
            }
        }
}
