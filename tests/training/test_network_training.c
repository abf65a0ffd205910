/* Networks trained: initial models, the trainer, checkpoints, what is refused; and every allocation failing on the way. */
#include "support/memory/allocator.h"
#include "support/files.h"
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_train.h"

#include <math.h>

#define LAYER .struct_size = sizeof(sluice_layer)

enum { ROWS = 9, STEPS = 7, INPUTS = 4, CLASSES = 3 };

static const sluice_cell biased[2] = {{.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS | SLUICE_PART_PROJECTION_BIAS},
                                      {.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS}};

/* An affine layer, a projection, a merge, dense layers on steps and on rows. */
static const sluice_layer layers[] = {
    {LAYER, .kind = SLUICE_LAYER_AFFINE},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 12, .projection = 6, .cells = biased},
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = 8, .has_bias = 1, .activation = {.function = SLUICE_FUNCTION_RELU}},
    {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 5, .direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_SUM,
     .steps = SLUICE_STEPS_FINAL},
    {LAYER, .kind = SLUICE_LAYER_DENSE, .units = CLASSES, .has_bias = 1},
};
static const sluice_network network = {sizeof network, INPUTS, sizeof layers / sizeof *layers, layers};

static sluice_model *make(const sluice_network *of, sluice_initializer initializer)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial_network, of, initializer, test_seed(), NULL, &model);
    return model;
}

/* A batch with labels, the same for each seed. */
typedef struct minibatch {
    float x[ROWS * STEPS * INPUTS];
    int64_t lengths[ROWS];
    int32_t labels[ROWS];
    sluice_batch batch;
} minibatch;

static void minibatch_fill(minibatch *m)
{
    uint64_t random = test_seed();
    for (size_t k = 0; k < ROWS * STEPS * INPUTS; k++)
        m->x[k] = 2 * test_uniform(&random) - 1;
    for (size_t row = 0; row < ROWS; row++) {
        m->lengths[row] = row == 5 ? 0 : (int64_t)(1 + row % STEPS);
        m->labels[row] = (int32_t)(row % CLASSES);
        for (size_t t = 0; t < STEPS; t++) /* so that there is something to learn */
            m->x[(row * STEPS + t) * INPUTS] += (float)(row % CLASSES);
    }
    m->batch = (sluice_batch){.struct_size = sizeof m->batch, .steps = STEPS, .rows = ROWS, .x = m->x, .lengths = m->lengths};
}

static const sluice_trainer_options options = {.struct_size = sizeof options, .rate = 0.02, .dropout = 0.1f};

static sluice_trainer *make_trainer(const sluice_model *model, unsigned threads)
{
    const sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
    sluice_trainer *trainer = NULL;
    SUCCEEDS(sluice_trainer_create, model, &engine, &options, &trainer);
    return trainer;
}

static double step(sluice_trainer *trainer, minibatch *m)
{
    sluice_report report = {.struct_size = sizeof report};
    SUCCEEDS(sluice_trainer_step, trainer, &m->batch, m->labels, NULL, &report);
    return report.loss;
}

/* All parameters have the same bits; which of them differ from those of `other` is counted. */
static size_t compare(const sluice_model *got, const sluice_model *want, bool same)
{
    size_t different = 0;
    for (size_t k = 0; k < network.layer_count * 2 * (SLUICE_TENSOR_SHIFT + 1); k++) {
        size_t count;
        const sluice_tensor tensor = (sluice_tensor)(k % (SLUICE_TENSOR_SHIFT + 1));
        const size_t layer = k / (SLUICE_TENSOR_SHIFT + 1) / 2, d = k / (SLUICE_TENSOR_SHIFT + 1) % 2;
        const float *a = sluice_model_get_parameter(got, layer, d, tensor, &count);
        const float *b = sluice_model_get_parameter(want, layer, d, tensor, NULL);
        if (same)
            test_same_bits(a, b, count, "a parameter");
        different += a && memcmp(a, b, count * sizeof *a) != 0;
    }
    return different;
}

TEST(learns)
{
    minibatch m;
    minibatch_fill(&m);
    OWNED_HANDLE(sluice_model) model = make(&network, SLUICE_INITIALIZER_TORCH);
    OWNED_HANDLE(sluice_trainer) one = make_trainer(model, 1);
    OWNED_HANDLE(sluice_trainer) more = make_trainer(model, 3);
    double first = 0, last = 0;
    for (int k = 0; k < 150; k++) {
        last = step(one, &m);
        ck_assert(step(more, &m) == last);
        first = k ? first : last;
    }
    ck_assert_msg(last < 0.5 * first, "loss %g to %g", first, last);
    compare(sluice_trainer_get_model(one), sluice_trainer_get_model(more), true);
    /* affine 2, projected LSTM 5, dense 2, both directions 6, dense 2 */
    ck_assert_uint_eq(compare(sluice_trainer_get_model(one), model, false), 17);
    sluice_report report = {.struct_size = sizeof report};
    SUCCEEDS(sluice_trainer_evaluate, one, &m.batch, m.labels, NULL, &report);
    ck_assert(report.loss < 0.5 * first);
}

/* The gradient of a trainer lists what has no array of its own, and goes to sluice_backward as it is. */
TEST(gradient)
{
    minibatch m;
    minibatch_fill(&m);
    OWNED_HANDLE(sluice_model) model = make(&network, SLUICE_INITIALIZER_KERAS);
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(model, 1);
    sluice_gradient gradient = {.struct_size = sizeof gradient};
    ck_assert_int_eq(sluice_trainer_get_gradient(trainer, &gradient), SLUICE_STATUS_OK);
    ck_assert_uint_eq(gradient.parameter_count, 2 + 2 + 2); /* affine, projection, the dense layer between */
    OWNED_HANDLE(sluice_tape) tape = NULL;
    SUCCEEDS(sluice_tape_create, sluice_trainer_get_engine(trainer), NULL, &tape);
    sluice_batch batch = m.batch;
    batch.tape = tape;
    float dlogits[ROWS * CLASSES], values[1];
    for (size_t k = 0; k < ROWS * CLASSES; k++)
        dlogits[k] = (float)(k % 5) - 2;
    SUCCEEDS(sluice_forward, sluice_trainer_get_engine(trainer), NULL, &batch);
    gradient.dlogits = dlogits;
    const sluice_parameter_gradient spoiled[] = {{9, 0, SLUICE_TENSOR_BIAS, 1, values},
                                                 {2, 1, SLUICE_TENSOR_BIAS, 8, values},
                                                 {2, 0, SLUICE_TENSOR_BIAS, 7, values},
                                                 {1, 0, SLUICE_TENSOR_PEEPHOLES, 36, values},
                                                 {4, 0, SLUICE_TENSOR_BIAS, CLASSES, values}};
    static const char *const words[] = {"layer 9", "has none", "found 7", "has none", "twice"};
    for (size_t k = 0; k < sizeof spoiled / sizeof *spoiled; k++) {
        sluice_gradient other = gradient;
        other.parameters = &spoiled[k];
        other.parameter_count = 1;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, words[k], sluice_backward, tape, &other);
    }
    gradient.dstep_logits = dlogits;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "dstep_logits", sluice_backward, tape, &gradient);
    gradient.dstep_logits = NULL;
    SUCCEEDS(sluice_backward, tape, &gradient);
    SUCCEEDS(sluice_trainer_update, trainer, NULL);
    ck_assert_uint_gt(compare(sluice_trainer_get_model(trainer), model, false), 14);
}

TEST(checkpoints)
{
    minibatch m;
    minibatch_fill(&m);
    OWNED_HANDLE(sluice_model) model = make(&network, SLUICE_INITIALIZER_TORCH);
    OWNED_HANDLE(sluice_trainer) whole = make_trainer(model, 1);
    OWNED_HANDLE(sluice_trainer) loaded = NULL;
    for (int k = 0; k < 4; k++)
        step(whole, &m);
    SUCCEEDS(sluice_trainer_save, whole, NULL, test_path("network"), "a note");
    SUCCEEDS(sluice_trainer_load, test_path("network"), NULL, &loaded, NULL, NULL);
    for (int k = 0; k < 4; k++)
        ck_assert(step(whole, &m) == step(loaded, &m));
    compare(sluice_trainer_get_model(whole), sluice_trainer_get_model(loaded), true);
}

/* ---- Dropout ---- */

/* The gradients of both LSTM layers' W of a network whose last layer has this index, with dropout between them. */
static void get_dropped(const sluice_network *of, size_t last, minibatch *m, float *first_w, float *last_w)
{
    OWNED_HANDLE(sluice_model) model = make(of, SLUICE_INITIALIZER_TORCH);
    sluice_engine_options engine_options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    engine_options.training = 1;
    OWNED(test_runner) runner = test_runner_of(model, &engine_options);
    OWNED_HANDLE(sluice_tape) tape = NULL;
    SUCCEEDS(sluice_tape_create, runner.engine, NULL, &tape);
    sluice_batch batch = m->batch;
    batch.tape = tape;
    batch.dropout = 0.4f;
    batch.dropout_key = 3;
    SUCCEEDS(sluice_forward, runner.engine, NULL, &batch);
    float dhn[ROWS * 10];
    for (size_t k = 0; k < ROWS * 10; k++)
        dhn[k] = (float)(k % 7) - 3;
    const sluice_parameter_gradient wanted[] = {{0, 0, SLUICE_TENSOR_WEIGHT_IH, 20 * INPUTS, first_w},
                                                {last, 0, SLUICE_TENSOR_WEIGHT_IH, 20 * 5, last_w}};
    const sluice_gradient gradient = {.struct_size = sizeof gradient, .dhn = dhn, .parameters = wanted, .parameter_count = 2};
    SUCCEEDS(sluice_backward, tape, &gradient);
}

/* A layer that changes nothing, between two LSTM layers, leaves dropout where it is between them alone. */
TEST(dropout)
{
    const sluice_layer chain[] = {{LAYER, .kind = SLUICE_LAYER_LSTM, .units = 5},
                                  {LAYER, .kind = SLUICE_LAYER_AFFINE},
                                  {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 5}};
    const sluice_layer stack[] = {chain[0], chain[2]};
    const sluice_network with = {sizeof with, INPUTS, 3, chain}, without = {sizeof without, INPUTS, 2, stack};
    minibatch m;
    minibatch_fill(&m);
    float got[2][20 * 5], want[2][20 * 5];
    get_dropped(&with, 2, &m, got[0], got[1]);
    get_dropped(&without, 1, &m, want[0], want[1]);
    test_same_bits(got[0], want[0], 20 * INPUTS, "W of the first layer");
    test_same_bits(got[1], want[1], 20 * 5, "W of the last layer");
}

/* ---- Initial models ---- */

/* A stack with a head begins as the shape that says the same. */
TEST(as_a_shape)
{
    const sluice_layer same[] = {{LAYER, .kind = SLUICE_LAYER_EMBEDDING, .units = 3, .vocabulary = 11},
                                 {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 8},
                                 {LAYER, .kind = SLUICE_LAYER_LSTM, .units = 8},
                                 {LAYER, .kind = SLUICE_LAYER_DENSE, .units = 5, .has_bias = 1}};
    const sluice_network stack = {sizeof stack, 0, 4, same};
    const sluice_shape shape = {TEST_LDIH(2, 1, 3, 8), .vocabulary = 11, .classes = 5, .has_bias = 1};
    for (int initializer = 0; initializer <= SLUICE_INITIALIZER_UNIFORM; initializer++) {
        OWNED_HANDLE(sluice_model) got = make(&stack, (sluice_initializer)initializer);
        OWNED_HANDLE(sluice_model) want = NULL;
        SUCCEEDS(sluice_model_create_initial, &shape, (sluice_initializer)initializer, test_seed(), NULL, &want);
        for (size_t layer = 0; layer < 4; layer++)
            for (int tensor = 0; tensor <= SLUICE_TENSOR_SHIFT; tensor++) {
                size_t count;
                const float *a = sluice_model_get_parameter(got, layer, 0, (sluice_tensor)tensor, &count);
                test_same_bits(a, sluice_model_get_parameter(want, layer, 0, (sluice_tensor)tensor, NULL), count, "a parameter");
            }
    }
}

static void check_within(const sluice_model *model, size_t layer, sluice_tensor tensor, double least, double most)
{
    size_t count;
    const float *values = sluice_model_get_parameter(model, layer, 0, tensor, &count);
    double found = 0;
    for (size_t k = 0; k < count; k++) {
        ck_assert_msg(values[k] >= least && values[k] <= most, "layer %zu, tensor %d: %g", layer, (int)tensor, (double)values[k]);
        found = fmax(found, fabs((double)values[k]));
    }
    ck_assert_double_ge(found, 0.5 * most);
}

TEST(no_rows)
{
    static const sluice_layer alone[] = {{LAYER, .kind = SLUICE_LAYER_LSTM, .units = 300, .projection = 2}};
    static const sluice_network narrow = {sizeof narrow, 1, 1, alone};
    enum { COUNT = 2 * 300 };
    sluice_model *model = make(&narrow, SLUICE_INITIALIZER_TORCH);
    const sluice_engine_options one = {.struct_size = sizeof one, .threads = 1, .training = 1};
    sluice_engine *engine;
    sluice_tape *tape;
    float projection[COUNT];
    for (size_t k = 0; k < COUNT; k++)
        projection[k] = NAN;
    const sluice_parameter_gradient wanted = {.tensor = SLUICE_TENSOR_PROJECTION, .count = COUNT, .values = projection};
    const sluice_gradient gradient = {.struct_size = sizeof gradient, .parameters = &wanted, .parameter_count = 1};
    SUCCEEDS(sluice_engine_create, model, &one, &engine);
    SUCCEEDS(sluice_tape_create, engine, NULL, &tape);
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = 3, .tape = tape};
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    SUCCEEDS(sluice_backward, tape, &gradient);
    for (size_t k = 0; k < COUNT; k++)
        ck_assert(projection[k] == 0 && !signbit(projection[k]));
    sluice_tape_destroy(tape);
    sluice_engine_destroy(engine);
    sluice_model_destroy(model);
}

TEST(initial)
{
    OWNED_HANDLE(sluice_model) torch = make(&network, SLUICE_INITIALIZER_TORCH);
    OWNED_HANDLE(sluice_model) keras = make(&network, SLUICE_INITIALIZER_KERAS);
    for (int k = 0; k < 2; k++) {
        check_within(k ? keras : torch, 0, SLUICE_TENSOR_SCALE, 1, 1);
        check_within(k ? keras : torch, 0, SLUICE_TENSOR_SHIFT, 0, 0);
    }
    check_within(torch, 1, SLUICE_TENSOR_PROJECTION, -1 / sqrt(12) - 1e-7, 1 / sqrt(12) + 1e-7);
    check_within(torch, 1, SLUICE_TENSOR_PROJECTION_BIAS, -1 / sqrt(12) - 1e-7, 1 / sqrt(12) + 1e-7);
    check_within(torch, 2, SLUICE_TENSOR_WEIGHT, -1 / sqrt(6) - 1e-7, 1 / sqrt(6) + 1e-7);
    check_within(torch, 2, SLUICE_TENSOR_BIAS, -1 / sqrt(6) - 1e-7, 1 / sqrt(6) + 1e-7);
    check_within(keras, 2, SLUICE_TENSOR_WEIGHT, -sqrt(6.0 / 14) - 1e-7, sqrt(6.0 / 14) + 1e-7);
    check_within(keras, 2, SLUICE_TENSOR_BIAS, 0, 0);
    check_within(keras, 1, SLUICE_TENSOR_PROJECTION, -sqrt(6.0 / 18) - 1e-7, sqrt(6.0 / 18) + 1e-7);
    check_within(keras, 1, SLUICE_TENSOR_PROJECTION_BIAS, 0, 0);
    const float *u = sluice_model_get_parameter(keras, 1, 0, SLUICE_TENSOR_WEIGHT_HH, NULL); /* columns orthonormal */
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++) {
            double dot = 0;
            for (size_t row = 0; row < 48; row++)
                dot += (double)u[row * 6 + a] * (double)u[row * 6 + b];
            ck_assert_double_eq_tol(dot, a == b, 1e-6);
        }
    SUCCEEDS(sluice_model_set_forget_bias, torch, 2.5f);
    const float *b = sluice_model_get_parameter(torch, 3, 1, SLUICE_TENSOR_BIAS, NULL);
    for (size_t k = 0; k < 20; k++)
        ck_assert((b[k] == 2.5f) == (k / 5 == 1));
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NaN", sluice_model_set_forget_bias, torch, NAN);
}

/* ---- Refused ---- */

static void refuse_trainer(const sluice_network *of, const sluice_trainer_options *with, sluice_status status, const char *word)
{
    OWNED_HANDLE(sluice_model) model = make(of, SLUICE_INITIALIZER_TORCH);
    sluice_trainer *trainer = NULL;
    REFUSED(status, word, sluice_trainer_create, model, NULL, with, &trainer);
}

TEST(refused)
{
    sluice_layer other[sizeof layers / sizeof *layers];
    const sluice_network spoiled = {sizeof spoiled, INPUTS, network.layer_count, other};
    sluice_trainer_options with = options;
    with.every_step = 1;
    refuse_trainer(&network, &with, SLUICE_STATUS_BAD_ARGUMENT, "one vector for each row");
    memcpy(other, layers, sizeof layers);
    other[3].steps = SLUICE_STEPS_ALL;
    refuse_trainer(&spoiled, &options, SLUICE_STATUS_BAD_ARGUMENT, "every step");
    memcpy(other, layers, sizeof layers);
    other[4].activation.function = SLUICE_FUNCTION_SOFTMAX;
    refuse_trainer(&spoiled, &options, SLUICE_STATUS_BAD_ARGUMENT, "softmax");
    memcpy(other, layers, sizeof layers);
    const sluice_cell clipped = {.struct_size = sizeof clipped, .parts = SLUICE_PART_BIAS, .cell_clip = 3};
    other[1].cells = &clipped;
    refuse_trainer(&spoiled, &options, SLUICE_STATUS_UNSUPPORTED, "cell_clip");
    sluice_model *model = NULL;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "initializer", sluice_model_create_initial_network, &network, (sluice_initializer)7, 1,
            NULL, &model);
    other[1].cells = NULL;
    other[1].projection = 13;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "projection 13", sluice_model_create_initial_network, &spoiled, SLUICE_INITIALIZER_TORCH, 1,
            NULL, &model);
}

/* ---- Every allocation failing ---- */

/* From the network to a trained step. */
static sluice_status run_all(minibatch *m, sluice_error *error)
{
    sluice_model *model = NULL;
    sluice_trainer *trainer = NULL;
    const sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    sluice_status status = sluice_model_create_initial_network(&network, SLUICE_INITIALIZER_KERAS, 1, NULL, &model, error);
    if (!status)
        status = sluice_trainer_create(model, &engine, &options, &trainer, error);
    if (!status)
        status = sluice_trainer_step(trainer, &m->batch, m->labels, NULL, NULL, error);
    sluice_trainer_destroy(trainer);
    sluice_model_destroy(model);
    return status;
}

TEST(allocations)
{
    minibatch m;
    minibatch_fill(&m);
    sluice_error error = {0};
    ck_assert_int_eq(run_all(&m, &error), SLUICE_STATUS_OK);
    const size_t before = test_alive;
    long n = 0;
    do {
        test_fired = false;
        test_countdown = ++n;
        test_watching = true;
        const sluice_status status = run_all(&m, &error);
        test_watching = false;
        test_countdown = 0;
        ck_assert_msg(status == (test_fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK), "allocation %ld: %s", n, error.message);
        ck_assert_msg(test_alive == before, "allocation %ld: %zu blocks leak", n, test_alive - before);
    } while (test_fired);
    ck_assert_int_gt(n, 50);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77; /* Meson's word for a test that was skipped */
    test_begin();
    tcase_add_checked_fixture(test_tcase("tests"), test_folder_setup, test_folder_teardown);
    return test_run(test_suite());
}
