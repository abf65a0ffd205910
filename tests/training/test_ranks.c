/* Trainers on several ranks: the same bits of weights and reports on any number of them; what fails on one fails on all. */
#include "support/cases/minibatches.h"
#include "support/cases/trainer_calls.h"
#include "support/rank_threads.h"
#include "train/trainer.h"

#include <math.h>

static const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 3, .has_bias = 1};
static const sluice_shape reads_x = {TEST_LDIH(2, 1, 3, 5), .classes = 3, .has_bias = 1};
static const sluice_shape headless = {TEST_LDIH(2, 1, 3, 5)};
static const float class_weights[] = {1, 0, 2};

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
    made.values = made.values ? made.values + targets * (net->classes ? net->classes : net->directions * net->hidden) : NULL;
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

TEST_LOOP(any_ranks_have_the_bits_of_one, 0, 3 * 8)
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
