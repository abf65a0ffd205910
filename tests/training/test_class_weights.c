/* Class weights of cross-entropy: torch's values, an oracle in double precision, what weights of 0 leave out, the same bits on any
 * number of threads; in a trainer, and through a checkpoint. */
#include "golden/golden_training.h"
#include "io/safetensors/safetensors.h"
#include "support/files.h"
#include "support/message.h"
#include "support/cases/trainer_calls.h"
#include "train/loss.h"

#include <math.h>
#include <string.h>

/* ---- The loss --------------------------------------------------------------------------------------------------------------- */

/* The loss has to be had. */
static double get(sluice_loss *loss)
{
    SUCCEEDS(sluice_loss_compute, loss);
    return loss->loss;
}

/* Bounds as those of test_loss.c: the loss is computed in double; a gradient is a float e rounded once, times a factor of double
 * precision, less the smoothed share, rounded once. */
static void check_gradient(const sluice_loss *loss, const double *want)
{
    const double smooth = (double)loss->label_smoothing / (double)loss->width / loss->weight;
    for (size_t k = 0; k < loss->rows * loss->steps * loss->width; k++) {
        const double even = smooth * (double)loss->class_weights[k % loss->width];
        const double bound = 0x1p-24 * (fabs(want[k]) + fabs(want[k] + even)) + 1e-14;
        ck_assert_msg(fabs(loss->gradient[k] - want[k]) <= bound, "gradient [%zu] %.9g, expected %.17g", k,
                      (double)loss->gradient[k], want[k]);
    }
}

TEST_EACH(as_torch, training_weighted_losses)
{
    float gradient[28];
    test_prefill(gradient, 28);
    sluice_loss loss = {.struct_size = sizeof loss,
                        .rows = training_weighted_losses[_i].targets,
                        .steps = 1,
                        .width = training_weighted_losses[_i].width,
                        .outputs = training_weighted_losses[_i].outputs,
                        .labels = training_weighted_losses[_i].labels,
                        .label_smoothing = training_weighted_losses[_i].smoothing,
                        .class_weights = training_weighted_losses[_i].weights,
                        .gradient = gradient};
    const double want = training_weighted_losses[_i].loss, got = get(&loss);
    ck_assert_msg(fabs(got - want) <= 1e-13 * (want + 1), "loss %.17g, torch %.17g", got, want);
    check_gradient(&loss, training_weighted_losses[_i].gradient);
    const size_t used = loss.rows * loss.width;
    ck_assert(test_prefilled(gradient + used, 28 - used));
}

/* A random weighted loss over rows of steps, with arrays of its own: scene_free. */
typedef struct scene {
    sluice_loss loss;
    float *outputs, *weights, *gradient;
    int32_t *labels;
    int64_t *lengths;
    size_t elements;
} scene;

static scene scene_make(size_t rows, size_t steps, size_t width, float smoothing, uint64_t *random)
{
    scene made = {.elements = rows * steps * width};
    made.outputs = test_floats(made.elements);
    made.weights = test_floats(width);
    made.gradient = test_floats(made.elements);
    made.labels = malloc(rows * steps * sizeof *made.labels);
    made.lengths = malloc(rows * sizeof *made.lengths);
    ck_assert(made.labels && made.lengths);
    for (size_t k = 0; k < made.elements; k++)
        made.outputs[k] = 8 * test_uniform(random) - 4;
    for (size_t k = 0; k < width; k++)
        made.weights[k] = k % 3 == 2 ? 0 : 5 * test_uniform(random);
    for (size_t k = 0; k < rows * steps; k++)
        made.labels[k] = test_random(random) % 6 ? (int32_t)(test_random(random) % width) : -100;
    for (size_t k = 0; k < rows; k++)
        made.lengths[k] = (int64_t)(test_random(random) % (steps + 1));
    made.labels[0] = 0; /* so that something weighs */
    made.lengths[0] = (int64_t)steps;
    made.loss = (sluice_loss){.struct_size = sizeof made.loss,
                              .rows = rows,
                              .steps = steps,
                              .width = width,
                              .lengths = made.lengths,
                              .outputs = made.outputs,
                              .labels = made.labels,
                              .label_smoothing = smoothing,
                              .gradient = made.gradient,
                              .class_weights = made.weights,
                              .loss = NAN,
                              .weight = NAN};
    return made;
}

static void scene_free(scene *made)
{
    free(made->outputs);
    free(made->weights);
    free(made->gradient);
    free(made->labels);
    free(made->lengths);
}

/* A target's -sum q log p as the header states it, and its gradient, neither divided yet. */
static double get_target(const scene *of, size_t target, double *gradient)
{
    const size_t width = of->loss.width, label = (size_t)of->labels[target];
    const float *outputs = of->outputs + target * width, *weights = of->weights;
    const double s = (double)of->loss.label_smoothing;
    double sum = 0, loss = 0, mass = 0;
    for (size_t k = 0; k < width; k++)
        sum += exp((double)outputs[k]);
    for (size_t k = 0; k < width; k++) {
        const double q = s / (double)width * (double)weights[k] + (k == label ? (1 - s) * (double)weights[k] : 0);
        loss -= q * ((double)outputs[k] - log(sum));
        gradient[k] = -q;
        mass += q;
    }
    for (size_t k = 0; k < width; k++)
        gradient[k] += mass * exp((double)outputs[k]) / sum;
    return loss;
}

/* Loss, weight and gradient of all targets that count. */
static double get_oracle(const scene *of, double *weight, double *gradient)
{
    double loss = 0;
    *weight = 0;
    for (size_t target = 0; target < of->loss.rows * of->loss.steps; target++) {
        const size_t row = target / of->loss.steps, step = target % of->loss.steps;
        if ((int64_t)step >= of->lengths[row] || of->labels[target] == -100)
            continue;
        loss += get_target(of, target, gradient + target * of->loss.width);
        *weight += (double)of->weights[of->labels[target]];
    }
    for (size_t k = 0; k < of->elements; k++)
        gradient[k] /= *weight;
    return loss / *weight;
}

TEST_LOOP(as_oracle, 0, 2)
{
    static const size_t widths[] = {2, 3, 5, 31, 32, 33, 100};
    uint64_t random = test_seed() + (uint64_t)_i;
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        OWNED(scene) made = scene_make(7, 1 + w, widths[w], _i ? 0.3f : 0, &random);
        double *gradient = calloc(made.elements, sizeof *gradient), weight;
        ck_assert_ptr_nonnull(gradient);
        const double want = get_oracle(&made, &weight, gradient), got = get(&made.loss);
        ck_assert_msg(fabs(got - want) <= 1e-13 * (want + 1), "width %zu: loss %.17g, oracle %.17g", widths[w], got, want);
        ck_assert_msg(fabs(made.loss.weight - weight) <= 1e-14 * weight, "weight %.17g, not %.17g", made.loss.weight, weight);
        check_gradient(&made.loss, gradient);
        free(gradient);
    }
}

/* Equal weights that round nothing are none, to the bit, but that `weight` reports their sum. */
TEST(equal_weights)
{
    uint64_t random = test_seed();
    OWNED(scene) made = scene_make(9, 4, 10, 0, &random);
    FREED float *gradient = test_floats(made.elements);
    sluice_loss plain = made.loss;
    plain.class_weights = NULL;
    plain.gradient = gradient;
    get(&plain);
    ck_assert(plain.weight == (double)plain.counted);
    for (float weight = 0.25f; weight <= 4; weight *= 4) {
        for (size_t k = 0; k < 10; k++)
            made.weights[k] = weight;
        get(&made.loss);
        ck_assert(made.loss.loss == plain.loss && made.loss.counted == plain.counted && made.loss.right == plain.right);
        ck_assert(made.loss.weight == (double)weight * plain.weight);
        test_same_bits(made.gradient, gradient, made.elements, "equal weights");
    }
}

/* A target of a class of weight 0 counts and may be right, and has no part in the loss; where there are no others, the loss is 0. */
TEST_LOOP(weights_of_zero, 0, 2)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    OWNED(scene) made = scene_make(6, 3, 4, _i ? 0.25f : 0, &random);
    const float zeros[72] = {0};
    sluice_loss plain = made.loss;
    plain.class_weights = NULL;
    get(&plain);
    get(&made.loss);
    ck_assert_uint_eq(made.loss.counted, plain.counted);
    ck_assert_uint_eq(made.loss.right, plain.right);
    for (size_t k = 0; k < 18; k++)
        made.labels[k] = 2; /* of weight 0 */
    get(&plain);
    test_prefill(made.gradient, made.elements);
    ck_assert(get(&made.loss) == 0 && made.loss.weight == 0);
    ck_assert(made.loss.counted == plain.counted && made.loss.right == plain.right);
    test_same_bits(made.gradient, zeros, 72, "nothing weighs");
}

TEST_LOOP(threads, 0, 2)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    OWNED(scene) made = scene_make(97, _i ? 37 : 1, _i ? 21 : 333, 0.1f, &random);
    get(&made.loss);
    const sluice_loss one = made.loss;
    for (unsigned count = 2; count <= 8; count++) {
        sl_fault_place place;
        made.loss.gradient = test_floats(made.elements);
        made.loss.loss = made.loss.weight = NAN;
        ck_assert_int_eq(sl_loss_compute(&made.loss, count, &place, NULL), SLUICE_STATUS_OK);
        ck_assert(memcmp(&made.loss.loss, &one.loss, sizeof one.loss) == 0 && made.loss.weight == one.weight);
        test_same_bits(made.loss.gradient, made.gradient, made.elements, "threads");
        free(made.loss.gradient);
    }
}

TEST(refused)
{
    static const struct {
        float weights[3];
        const char *part;
    } cases[] = {{{1, -0.5f, 1}, "class_weights [1] is -0.5"},
                 {{1, 1, NAN}, "class_weights [2] is"},
                 {{INFINITY, 1, 1}, "class_weights [0] is inf"},
                 {{0, 0, 0}, "all 3 class_weights are 0"}};
    const float outputs[3] = {0}, good[3] = {1, 1, 1};
    const int32_t label = 1;
    sluice_loss loss = {.struct_size = sizeof loss, .rows = 1, .steps = 1, .width = 3, .outputs = outputs, .labels = &label};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        loss.class_weights = cases[k].weights;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, cases[k].part, sluice_loss_compute, &loss);
    }
    loss.class_weights = good;
    loss.kind = SLUICE_LOSS_SQUARED_ERROR;
    loss.values = outputs;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "cross-entropy", sluice_loss_compute, &loss);
}

/* ---- The trainer ------------------------------------------------------------------------------------------------------------ */

enum { CLASSES = 4, MINIBATCHES = 4 };
static const float class_weights[CLASSES] = {0.5f, 3, 0, 1.25f};

static sluice_trainer_options get_options(void)
{
    sluice_trainer_options options = test_trainer_defaults();
    options.every_step = 1;
    options.label_smoothing = 0.1f;
    options.class_weights = class_weights;
    return options;
}

/* The trainer keeps a copy; its loss is the weighted one, which a mean over several batches divides by their weights. */
TEST(trains)
{
    uint64_t random = test_seed();
    float weights[CLASSES];
    memcpy(weights, class_weights, sizeof weights);
    sluice_trainer_options options = get_options(), found = {.struct_size = sizeof found};
    options.class_weights = weights;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 3, &options);
    memset(weights, 0xff, sizeof weights);
    ck_assert_int_eq(sluice_trainer_get_options(trainer, &found), SLUICE_STATUS_OK);
    test_same_bits(found.class_weights, class_weights, CLASSES, "the copy");
    ck_assert(found.rate == 1e-3 && found.ignore == -100 && found.label_smoothing == 0.1f);
    found.struct_size = offsetof(sluice_trainer_options, class_weights);
    ck_assert_int_eq(sluice_trainer_get_options(trainer, &found), SLUICE_STATUS_BAD_ARGUMENT);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&test_small, &options, 6, 5, TEST_RAGGED, &random);
    float logits[6 * 5 * CLASSES];
    test_prefill(logits, 6 * 5 * CLASSES);
    sluice_batch batch = minibatch.batch.batch;
    batch.step_logits = logits;
    const sluice_report report = test_evaluate(trainer, &batch, minibatch.labels, NULL);
    sluice_loss loss = {.struct_size = sizeof loss,
                        .rows = 6,
                        .steps = 5,
                        .width = CLASSES,
                        .lengths = batch.lengths,
                        .outputs = logits,
                        .labels = minibatch.labels,
                        .label_smoothing = 0.1f,
                        .class_weights = class_weights};
    ck_assert(report.loss == get(&loss) && report.weight == loss.weight && report.counted == loss.counted);
    ck_assert(report.weight != (double)report.counted);
}

/* A batch of nothing that weighs has no gradient. */
TEST(nothing_weighs)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = get_options();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 0.5;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 3, &options);
    OWNED_HANDLE(sluice_trainer) other = test_trainer_initial(&test_small, 3, &options);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&test_small, &options, 3, 4, 0, &random);
    for (size_t k = 0; k < 12; k++)
        minibatch.labels[k] = 2;
    const sluice_report report = test_learn(trainer, &minibatch);
    ck_assert(report.loss == 0 && report.norm == 0 && report.weight == 0 && report.counted == 12);
    test_same_weights(sluice_trainer_get_model(trainer), sluice_trainer_get_model(other));
}

TEST(trainer_refuses)
{
    const float bad[CLASSES] = {1, 1, 1, -1};
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_trainer *trainer = NULL;
    ck_assert_int_eq(sluice_model_create_initial(&test_small, SLUICE_INITIALIZER_TORCH, 1, NULL, &model, NULL), SLUICE_STATUS_OK);
    sluice_trainer_options options = get_options();
    options.class_weights = bad;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_options: class_weights [3] is -1", sluice_trainer_create, model, NULL,
            &options, &trainer);
    options.class_weights = class_weights;
    options.label_smoothing = 0;
    options.loss = SLUICE_LOSS_SQUARED_ERROR;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "cross-entropy", sluice_trainer_create, model, NULL, &options, &trainer);
    ck_assert_ptr_null(trainer);
}

/* ---- Checkpoints ------------------------------------------------------------------------------------------------------------ */

static sluice_trainer *save_and_load(sluice_trainer *trainer)
{
    SUCCEEDS(sluice_trainer_save, trainer, NULL, test_path("checkpoint"), "");
    sluice_trainer_destroy(trainer);
    trainer = NULL;
    SUCCEEDS(sluice_trainer_load, test_path("checkpoint"), NULL, &trainer, NULL, NULL);
    return trainer;
}

TEST(goes_on)
{
    uint64_t random = test_seed();
    const sluice_trainer_options options = get_options();
    OWNED_HANDLE(sluice_trainer) whole = test_trainer_initial(&test_small, 5, &options);
    OWNED_HANDLE(sluice_trainer) broken = test_trainer_initial(&test_small, 5, &options);
    for (size_t k = 0; k < MINIBATCHES; k++) {
        OWNED(test_minibatch) minibatch = test_minibatch_random(&test_small, &options, 5, 3 + k, TEST_RAGGED, &random);
        broken = save_and_load(broken);
        const sluice_report want = test_learn(whole, &minibatch), got = test_learn(broken, &minibatch);
        test_same_report(&got, &want);
        ck_assert(got.weight == want.weight);
        test_same_weights(sluice_trainer_get_model(broken), sluice_trainer_get_model(whole));
    }
}

/* Where the checkpoint's class weights stand in the file. */
static size_t find_weights(void)
{
    sl_tensor_source file;
    ck_assert_int_eq(sl_safetensors_open(test_path("checkpoint"), &file, NULL), SLUICE_STATUS_OK);
    const sl_tensor *tensor = sl_source_find(&file, "class_weights");
    ck_assert_ptr_nonnull(tensor);
    const size_t at = tensor->begin;
    sl_source_release(&file);
    return at;
}

/* The checkpoint with `bytes` bytes at `at` replaced is refused; they are put back. */
static void check_bad(test_bytes *file, size_t at, const void *with, size_t bytes, const char *part)
{
    unsigned char kept[64];
    sluice_trainer *trainer = NULL;
    memcpy(kept, file->data + at, bytes);
    memcpy(file->data + at, with, bytes);
    test_file_write(test_path("bad"), file->data, file->size);
    REFUSED(SLUICE_STATUS_BAD_DATA, part, sluice_trainer_load, test_path("bad"), NULL, &trainer, NULL, NULL);
    ck_assert_ptr_null(trainer);
    memcpy(file->data + at, kept, bytes);
}

TEST(checkpoint_malformed)
{
    const sluice_trainer_options options = get_options();
    sluice_trainer_destroy(save_and_load(test_trainer_initial(&test_small, 5, &options)));
    OWNED(test_bytes) file = test_file_read(test_path("checkpoint"));
    const size_t values = find_weights();
    const float bad[] = {-1, NAN, INFINITY}, zeros[CLASSES] = {0};
    for (size_t k = 0; k < 3; k++)
        check_bad(&file, values + sizeof(float), &bad[k], sizeof(float), "class_weights [1] is");
    check_bad(&file, values, zeros, sizeof zeros, "all 4 class_weights are 0");
    const char entry[] = "\"class_weights\":{\"dtype\":\"F32\"";
    size_t at = 0;
    while (memcmp(file.data + at, entry, sizeof entry - 1) != 0)
        at++;
    check_bad(&file, at, "\"class_weightz", 14, "class_weightz");
    check_bad(&file, at + sizeof entry - 5, "I32", 3, "expected F32 [4], found I32");
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
