/* What trainers of several ranks, and of many shards, are given besides plain batches: networks of all kinds of layers, truncated
 * sequences, masks, empty batches, more shards than rows; and that they take and leave other ranks. */
#include "support/cases/rank_threads.h"
#include "support/cases/trainer_calls.h"
#include "support/files.h"
#include "support/message.h"
#include "train/trainer.h"

#define LAYER .struct_size = sizeof(sluice_layer)

enum { ROWS = 9, STEPS = 5, INPUTS = 4, CLASSES = 3, UPDATES = 3, MOST_UNITS = 40 };

static const sluice_cell biased[2] = {{.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS | SLUICE_PART_PROJECTION_BIAS},
                                      {.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS}};

/* Layers before, between and behind LSTM layers, one with a projection. */
static const sluice_layer to_a_vector[] = {
    {LAYER, .kind = SLUICE_LAYER_AFFINE},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 12, .projection = 6, .cells = biased},
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = 8, .has_bias = 1, .activation = {.function = SLUICE_FUNCTION_RELU}},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 5, .direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_SUM,
     .steps = SLUICE_STEPS_FINAL},
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = CLASSES, .has_bias = 1},
};
/* The same at each step, so that sequences may arrive in pieces. */
static const sluice_layer at_each_step[] = {
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = 7, .has_bias = 1},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 12, .projection = 6, .cells = biased},
    {LAYER, .kind = SLUICE_LAYER_AFFINE},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 5},
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = CLASSES, .has_bias = 1},
};
static const sluice_network networks[] = {
    {sizeof(sluice_network), INPUTS, sizeof to_a_vector / sizeof *to_a_vector, to_a_vector},
    {sizeof(sluice_network), INPUTS, sizeof at_each_step / sizeof *at_each_step, at_each_step},
};
enum { NETWORKS = sizeof networks / sizeof *networks, OF_STREAMS = 1 };

/* A batch for each update; with streams they are pieces of the same sequences. */
typedef struct data {
    float x[UPDATES][ROWS * STEPS * INPUTS];
    int64_t lengths[UPDATES][ROWS];
    int32_t labels[ROWS * STEPS];
} data;

static data make_data(void)
{
    uint64_t random = test_seed();
    data made;
    for (size_t k = 0; k < UPDATES; k++) {
        for (size_t j = 0; j < ROWS * STEPS * INPUTS; j++)
            made.x[k][j] = 2 * test_uniform(&random) - 1;
        for (size_t row = 0; row < ROWS; row++)
            made.lengths[k][row] = (int64_t)(test_random(&random) % (STEPS + 1));
    }
    for (size_t j = 0; j < ROWS * STEPS; j++)
        made.labels[j] = (int32_t)(test_random(&random) % CLASSES);
    return made;
}

/* A training, and what a rank has of it. */
typedef struct training {
    const data *data;
    size_t network, shards;
    unsigned threads;
    const sluice_model *model;
    sluice_trainer *trainer;
    size_t first_row, rows;
    sluice_report reports[UPDATES];
    float states[ROWS][2][MOST_UNITS]; /* of streams, of this rank's rows, in the end */
} training;

static sluice_trainer *make_trainer(const training *of)
{
    sluice_trainer_options options = test_trainer_defaults();
    options.shards = of->shards;
    options.dropout = 0.2f;
    options.every_step = of->network == OF_STREAMS;
    const sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, of->threads, SLUICE_SCHEDULE_AUTO);
    return test_trainer_create(of->model, &engine, &options);
}

static sluice_model *make_model(size_t network)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial_network, &networks[network], SLUICE_INITIALIZER_TORCH, test_seed(), NULL, &model);
    return model;
}

/* Update k, of this rank's rows. With streams all batches are cut as the first, so that a row stays on its rank. */
static void take_batch(training *of, size_t k, sluice_streams *streams, size_t rank, size_t ranks)
{
    size_t *bounds = calloc(of->shards + 1, sizeof *bounds), first, end;
    ck_assert_ptr_nonnull(bounds);
    SUCCEEDS(sluice_shards_cut, ROWS, STEPS, of->data->lengths[streams ? 0 : k], of->shards, bounds);
    sluice_shards_of_rank(of->shards, rank, ranks, &first, &end);
    of->first_row = bounds[first];
    of->rows = bounds[end] - bounds[first];
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = STEPS,
                                .rows = ROWS,
                                .x = of->data->x[k] + of->first_row * STEPS * INPUTS,
                                .lengths = of->data->lengths[k],
                                .shards = streams ? bounds : NULL,
                                .streams = streams};
    of->reports[k] = test_step(of->trainer, &batch, of->data->labels + of->first_row * (streams ? STEPS : 1), NULL);
    free(bounds);
}

static void train(training *of, size_t rank, size_t ranks)
{
    OWNED_HANDLE(sluice_streams) streams = NULL;
    if (of->network == OF_STREAMS)
        SUCCEEDS(sluice_streams_create, sluice_trainer_get_engine(of->trainer), ROWS, &streams);
    for (size_t k = 0; k < UPDATES; k++)
        take_batch(of, k, streams, rank, ranks);
    for (size_t row = 0; streams && row < of->rows; row++)
        SUCCEEDS(sluice_streams_get, streams, row, of->states[row][0], of->states[row][1]);
}

static training train_alone(training of)
{
    of.trainer = make_trainer(&of);
    train(&of, 0, 1);
    return of;
}

static void join_and_train(test_rank *rank)
{
    training *of = rank->context;
    SUCCEEDS(sluice_trainer_set_exchange, of->trainer, &rank->exchange);
    train(of, rank->rank, rank->hub->ranks);
}

static void train_on_rank(test_rank *rank)
{
    training *of = rank->context;
    of->trainer = make_trainer(of);
    join_and_train(rank);
}

static void compare_weights(const sluice_trainer *got, const sluice_trainer *want, const char *what)
{
    for (size_t k = 0; k < want->count; k++)
        test_same_bits(got->trained[k].weights, want->trained[k].weights, want->trained[k].count, what);
}

static void compare(const training *got, const training *want, const char *what)
{
    for (size_t k = 0; k < UPDATES; k++)
        test_same_report(&got->reports[k], &want->reports[k]);
    compare_weights(got->trainer, want->trainer, what);
    for (size_t row = 0; want->network == OF_STREAMS && row < got->rows; row++)
        ck_assert_msg(memcmp(got->states[row], want->states[got->first_row + row], sizeof got->states[row]) == 0,
                      "%s: another state of row %zu", what, got->first_row + row);
}

static const size_t shard_counts[] = {1, 4, 2 * ROWS};
enum { SHARD_COUNTS = sizeof shard_counts / sizeof *shard_counts };

TEST_LOOP(all_layers_and_pieces_of_sequences, 0, NETWORKS *SHARD_COUNTS)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model((size_t)_i / SHARD_COUNTS);
    const training base = {.data = &all,
                           .network = (size_t)_i / SHARD_COUNTS,
                           .shards = shard_counts[_i % SHARD_COUNTS],
                           .threads = 1,
                           .model = model};
    const training alone = train_alone(base);
    for (size_t ranks = 1; ranks <= 5; ranks++)
        for (int from_thread = 0; from_thread < 2; from_thread++) {
            training of[TEST_RANKS_MOST];
            test_hub hub = {.ranks = ranks};
            for (size_t k = 0; k < ranks; k++) {
                of[k] = base;
                of[k].threads = ranks == 2 ? 3 : 1;
            }
            test_ranks_run(&hub, train_on_rank, of, sizeof *of, from_thread);
            for (size_t k = 0; k < ranks; k++) {
                char what[64];
                snprintf(what, sizeof what, "%zu shards, rank %zu of %zu", base.shards, k, ranks);
                compare(&of[k], &alone, what);
                sluice_trainer_destroy(of[k].trainer);
            }
        }
    sluice_trainer_destroy(alone.trainer);
}

/* The most shards there can be: nearly all are empty. */
TEST(as_many_shards_as_can_be)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model(0);
    const training base = {.data = &all, .shards = SLUICE_MAX_SHARDS, .threads = 1, .model = model};
    const training alone = train_alone(base);
    training of[3] = {base, base, base};
    test_hub hub = {.ranks = 3};
    test_ranks_run(&hub, train_on_rank, of, sizeof *of, 1);
    for (size_t k = 0; k < 3; k++) {
        compare(&of[k], &alone, "65536 shards");
        sluice_trainer_destroy(of[k].trainer);
    }
    sluice_trainer_destroy(alone.trainer);
}

/* ---- One after the other ---------------------------------------------------------------------------------------------------- */

/* Trainers that share their batches, do so with others, and go on alone; one of them was a checkpoint meanwhile. */
TEST(ranks_come_and_go)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model(0);
    const training base = {.data = &all, .shards = 4, .threads = 1, .model = model};
    training alone = base, of[3] = {base, base, base};
    static const size_t stages[] = {3, 1, 2, 2, 1, 3};
    alone.trainer = make_trainer(&alone);
    for (size_t k = 0; k < 3; k++)
        of[k].trainer = make_trainer(&of[k]);
    for (size_t stage = 0; stage < sizeof stages / sizeof *stages; stage++) {
        train(&alone, 0, 1);
        test_hub hub = {.ranks = stages[stage]};
        for (size_t k = 0; hub.ranks == 1 && k < 3; k++) {
            SUCCEEDS(sluice_trainer_set_exchange, of[k].trainer, NULL);
            train(&of[k], 0, 1);
        }
        if (hub.ranks > 1)
            test_ranks_run(&hub, join_and_train, of, sizeof *of, 1);
        for (size_t k = 0; k < hub.ranks; k++)
            compare(&of[k], &alone, "a stage");
        for (size_t k = 0; k < 3; k++) { /* those that were not there catch up, and all are as new */
            SUCCEEDS(sluice_trainer_save, of[0].trainer, NULL, test_path("stage"), NULL);
            if (k) {
                sluice_trainer_destroy(of[k].trainer);
                SUCCEEDS(sluice_trainer_load, test_path("stage"), NULL, &of[k].trainer, NULL, NULL);
            }
        }
    }
    for (size_t k = 0; k < 3; k++)
        sluice_trainer_destroy(of[k].trainer);
    sluice_trainer_destroy(alone.trainer);
}

/* ---- Batches ---------------------------------------------------------------------------------------------------------------- */

static void take_empty_batch(test_rank *rank)
{
    training *of = rank->context;
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = STEPS};
    if (rank->hub->ranks > 1)
        SUCCEEDS(sluice_trainer_set_exchange, of->trainer, &rank->exchange);
    of->reports[0] = test_step(of->trainer, &batch, NULL, NULL);
    of->reports[1] = test_evaluate(of->trainer, &batch, NULL, NULL);
}

TEST(empty_batches)
{
    OWNED_HANDLE(sluice_model) model = make_model(0);
    training of[5];
    for (size_t k = 0; k < 5; k++) {
        of[k] = (training){.shards = k == 3 ? 1 : 4, .threads = 1, .model = model};
        of[k].trainer = make_trainer(&of[k]);
    }
    test_hub three = {.ranks = 3}, one = {.ranks = 1}, again = {.ranks = 1};
    test_ranks_run(&three, take_empty_batch, of, sizeof *of, 1);
    test_ranks_run(&one, take_empty_batch, of + 3, sizeof *of, 0);
    test_ranks_run(&again, take_empty_batch, of + 4, sizeof *of, 0);
    for (size_t k = 0; k < 5; k++) {
        compare(&of[k], &of[3], "no rows");
        ck_assert(of[k].reports[0].step == 1 && of[k].reports[0].loss == 0 && of[k].reports[0].counted == 0);
    }
    for (size_t k = 0; k < 5; k++)
        sluice_trainer_destroy(of[k].trainer);
}

/* Masked steps are masked in whatever shard they are. */
TEST(masks)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model(0);
    uint64_t random = test_seed();
    unsigned char mask[ROWS * STEPS * 2];
    for (size_t k = 0; k < sizeof mask; k++)
        mask[k] = test_random(&random) % 3 == 0;
    float want[2][ROWS * CLASSES], got[ROWS * CLASSES];
    for (size_t shards = 1; shards <= 5; shards++)
        for (size_t strided = 0; strided < 2; strided++) {
            const training of = {.shards = shards, .threads = 1, .model = model};
            OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&of);
            float *to = shards == 1 ? want[strided] : got;
            test_prefill(to, ROWS * CLASSES);
            const sluice_batch batch = {.struct_size = sizeof batch,
                                        .steps = STEPS,
                                        .rows = ROWS,
                                        .x = all.x[0],
                                        .lengths = all.lengths[0],
                                        .mask = mask,
                                        .mask_row_stride = strided ? 2 * STEPS : 0,
                                        .mask_step_stride = strided ? 2 : 0,
                                        .logits = to};
            test_evaluate(trainer, &batch, all.labels, NULL);
            test_same_bits(to, want[strided], ROWS * CLASSES, "masked logits");
            if (shards > 1)
                REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "logits", sluice_trainer_step, trainer, &batch, all.labels, NULL, NULL);
        }
}

/* What one shard cannot know of another is found before any stream goes on. */
TEST(a_slot_belongs_to_one_row)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model(OF_STREAMS);
    const training of = {.network = OF_STREAMS, .shards = 3, .threads = 1, .model = model};
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&of);
    OWNED_HANDLE(sluice_streams) streams = NULL;
    SUCCEEDS(sluice_streams_create, sluice_trainer_get_engine(trainer), ROWS, &streams);
    static const struct {
        size_t row, slot;
        const char *words;
    } cases[] = {{8, 0, "row 8: slot 0, which a row before it has"}, {7, ROWS, "row 7: slot 9"}};
    for (size_t c = 0; c < 2; c++) {
        size_t slots[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        slots[cases[c].row] = cases[c].slot;
        const sluice_batch batch = {
            .struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .x = all.x[0], .streams = streams, .slots = slots};
        float before[2][MOST_UNITS], after[2][MOST_UNITS];
        memset(before, 0, sizeof before);
        memset(after, 255, sizeof after);
        SUCCEEDS(sluice_streams_get, streams, 0, before[0], before[1]);
        REFUSED(SLUICE_STATUS_BAD_DATA, cases[c].words, sluice_trainer_step, trainer, &batch, all.labels, NULL, NULL);
        SUCCEEDS(sluice_streams_get, streams, 0, after[0], after[1]);
        test_same_bits(after[0], before[0], 6 + 5, "h of a stream");
    }
}

/* Sizes beyond memory are refused before anything is read. */
TEST(sizes_beyond_memory)
{
    const data all = make_data();
    OWNED_HANDLE(sluice_model) model = make_model(0);
    static const size_t sizes[][2] = {{SIZE_MAX, 0}, {SIZE_MAX, 1}, {SIZE_MAX / 2, 2}, {SIZE_MAX / 8, 1}, {2, SIZE_MAX}};
    for (size_t shards = 1; shards <= 3; shards++) {
        const training of = {.shards = shards, .threads = 1, .model = model};
        OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&of);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            const sluice_batch batch = {.struct_size = sizeof batch, .rows = sizes[k][0], .steps = sizes[k][1], .x = all.x[0]};
            REFUSED(SLUICE_STATUS_TOO_LARGE, "does not fit", sluice_trainer_step, trainer, &batch, all.labels, NULL, NULL);
        }
    }
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
