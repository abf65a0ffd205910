/* Losses of values and sample weights: an oracle in double precision, finite differences, kinks, weights of 0, threads, and what is
 * refused; in a trainer, whose layers may be kept as they are. */
#include "support/cases/trainer_calls.h"
#include "support/message.h"
#include "train/loss.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 23, STEPS = 7, MOST_WIDTH = 140, MOST = ROWS * STEPS * MOST_WIDTH };
static const float quantiles[] = {0.1f, 0.5f, 0.95f, 0.25f};

/* A random loss with arrays of its own. */
typedef struct scene {
    sluice_loss loss;
    float outputs[MOST], values[MOST], gradient[MOST + 1], weights[ROWS * STEPS];
    int64_t lengths[ROWS];
} scene;

typedef scene *scene_handle;

static void scene_handle_free(scene_handle *made)
{
    free(*made);
}

static scene *scene_make(sluice_loss_kind kind, size_t width, bool weighs, uint64_t *random)
{
    scene *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    const bool is_quantile = kind == SLUICE_LOSS_QUANTILE;
    made->loss = (sluice_loss){.struct_size = sizeof made->loss,
                               .kind = kind,
                               .rows = ROWS,
                               .steps = STEPS,
                               .width = width,
                               .lengths = made->lengths,
                               .outputs = made->outputs,
                               .values = made->values,
                               .gradient = made->gradient,
                               .loss = NAN,
                               .weight = NAN,
                               .sample_weights = weighs ? made->weights : NULL,
                               .delta = 1.25,
                               .quantiles = is_quantile ? quantiles : NULL,
                               .quantile_count = is_quantile ? 4 : 0};
    test_prefill(made->gradient, MOST + 1);
    /* Outputs are multiples of 2^-10, values lie between two: no difference is nearer to a kink than 2^-11. */
    for (size_t k = 0; k < MOST; k++) {
        made->outputs[k] = floorf(test_uniform(random) * 4096) * 0x1p-10f - 2;
        made->values[k] = floorf(test_uniform(random) * 4096) * 0x1p-10f - 2 + 0x1p-11f;
    }
    for (size_t k = 0; k < ROWS * STEPS; k++)
        made->weights[k] = k % 5 == 4 ? 0 : 3 * test_uniform(random);
    for (size_t row = 0; row < ROWS; row++)
        made->lengths[row] = (int64_t)(row ? test_random(random) % (STEPS + 1) : STEPS);
    return made;
}

/* As the header states them, of output and value. */
static double get_term(const sluice_loss *loss, double output, double value, size_t k, double *slope)
{
    const double delta = loss->delta, off = output - value,
                 q = loss->quantiles ? (double)loss->quantiles[k % loss->quantile_count] : 0;
    switch (loss->kind) {
    case SLUICE_LOSS_SQUARED_ERROR:
        *slope = 2 * off;
        return off * off;
    case SLUICE_LOSS_ABSOLUTE_ERROR:
        *slope = off == 0 ? 0 : copysign(1, off);
        return fabs(off);
    case SLUICE_LOSS_HUBER:
        *slope = fabs(off) <= delta ? off : copysign(delta, off);
        return fabs(off) <= delta ? off * off / 2 : delta * (fabs(off) - delta / 2);
    default:
        *slope = off == 0 ? 0.5 - q : off > 0 ? 1 - q : -q;
        return fmax(q * -off, (q - 1) * -off);
    }
}

static bool counts(const scene *of, size_t target)
{
    return (int64_t)(target % STEPS) < of->lengths[target / STEPS] &&
           (!of->loss.sample_weights || of->loss.sample_weights[target] > 0);
}

/*
 * All is computed in double but the gradient's rounding to float, 2^-24 of it: the sums of at most ROWS * STEPS * width positive terms
 * are off by less than so many eps of them, in any order.
 */
static void check(scene *of)
{
    sluice_loss *loss = &of->loss;
    const size_t width = loss->width, each = loss->quantile_count ? loss->quantile_count : 1;
    double sum = 0, weight = 0;
    size_t counted = 0;
    SUCCEEDS(sluice_loss_compute, loss);
    for (int pass = 0; pass < 2; pass++)
        for (size_t target = 0; target < ROWS * STEPS; target++) {
            const double sample = loss->sample_weights ? (double)loss->sample_weights[target] : 1;
            counted += !pass && counts(of, target);
            weight += !pass && counts(of, target) ? sample : 0;
            for (size_t k = 0; k < width; k++) {
                const float got = of->gradient[target * width + k];
                if (!counts(of, target)) {
                    ck_assert_msg(got == 0 && !signbit(got), "target %zu does not count: %g", target, (double)got);
                    continue;
                }
                double slope;
                const double term =
                    get_term(loss, of->outputs[target * width + k], of->values[target * (width / each) + k / each], k, &slope);
                sum += pass ? 0 : sample * term / (double)width;
                const double want = sample * slope / (double)width / weight;
                ck_assert_msg(!pass || fabs(got - want) <= (0x1p-24 + 16 * DBL_EPSILON) * fabs(want) + 0x1p-150,
                              "kind %d, width %zu, target %zu, output %zu: %.9g, not %.17g", (int)loss->kind, width, target, k,
                              (double)got, want);
            }
        }
    const double bound = (double)(ROWS * STEPS * width) * DBL_EPSILON;
    ck_assert_uint_eq(loss->counted, counted);
    ck_assert_double_eq_tol(loss->weight, weight, bound * weight);
    ck_assert_double_eq_tol(loss->loss, sum / weight, 2 * bound * sum / weight);
    ck_assert(test_prefilled(of->gradient + ROWS * STEPS * width, 1));
}

static const sluice_loss_kind kinds[] = {SLUICE_LOSS_SQUARED_ERROR, SLUICE_LOSS_ABSOLUTE_ERROR, SLUICE_LOSS_HUBER,
                                         SLUICE_LOSS_QUANTILE};

TEST_LOOP(as_the_oracle, 0, 8)
{
    static const size_t widths[] = {1, 3, 4, 63, 64, 68, 132}, quantile_widths[] = {4, 8, 60, 64, 68, 132, 140};
    uint64_t random = test_seed() + (uint64_t)_i;
    for (size_t k = 0; k < 7; k++) {
        OWNED(scene_handle) of = scene_make(kinds[_i / 2], (_i / 2 == 3 ? quantile_widths : widths)[k], _i % 2, &random);
        check(of);
        for (size_t target = 0; target < ROWS * STEPS; target++)
            for (size_t j = 0; j < of->loss.width && !counts(of, target); j++)
                of->outputs[target * of->loss.width + j] = NAN; /* is not read */
        for (size_t target = 0; target < ROWS * STEPS; target++)
            of->weights[target] = (int64_t)(target % STEPS) < of->lengths[target / STEPS] ? of->weights[target] : NAN;
        check(of);
    }
}

/* Central differences of functions that are linear or quadratic within h of each point are exact but for roundings of the loss, 64 eps
 * of less than 16, over h; and the gradient's own, 2^-24 of at most 8. */
TEST_LOOP(finite_differences, 0, 4)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    OWNED(scene_handle) of = scene_make(kinds[_i], 8, true, &random);
    SUCCEEDS(sluice_loss_compute, &of->loss);
    sluice_loss moved = of->loss;
    moved.gradient = NULL;
    const float h = 0x1p-12f;
    for (size_t k = 0; k < ROWS * STEPS * 8; k += 3) {
        const float kept = of->outputs[k];
        double at[2];
        for (int side = 0; side < 2; side++) {
            of->outputs[k] = side ? kept + h : kept - h;
            SUCCEEDS(sluice_loss_compute, &moved);
            at[side] = moved.loss;
        }
        of->outputs[k] = kept;
        const double want = (at[1] - at[0]) / (2 * (double)h);
        ck_assert_msg(fabs(want - of->gradient[k]) <= 1024 * DBL_EPSILON / (double)h + 0x1p-21, "[%zu]: %g by differences, %g", k,
                      want, (double)of->gradient[k]);
    }
}

/* Where the output is the value, and where Huber's two parts begin. */
TEST(kinks)
{
    const float outputs[] = {1, 1, 3, -1}, values[] = {1, 1, 1, 1};
    static const float want[][4] = {{0, 0, 4, -4}, {0, 0, 1, -1}, {0, 0, 2, -2}, {0.4f, 0, 0.05f, -0.25f}};
    for (size_t kind = 0; kind < 4; kind++) {
        float gradient[4];
        test_prefill(gradient, 4);
        const bool is_quantile = kinds[kind] == SLUICE_LOSS_QUANTILE;
        sluice_loss loss = {.struct_size = sizeof loss,
                            .kind = kinds[kind],
                            .rows = 1,
                            .steps = 1,
                            .width = 4,
                            .outputs = outputs,
                            .values = values,
                            .gradient = gradient,
                            .delta = 2,
                            .quantiles = is_quantile ? quantiles : NULL,
                            .quantile_count = is_quantile ? 4 : 0};
        SUCCEEDS(sluice_loss_compute, &loss);
        for (size_t k = 0; k < 4; k++)
            ck_assert_msg(fabsf(gradient[k] - want[kind][k] / 4) <= 0x1p-24f, "kind %zu [%zu]: %g", kind, k, (double)gradient[k]);
    }
}

TEST(all_weights_zero)
{
    uint64_t random = test_seed();
    OWNED(scene_handle) of = scene_make(SLUICE_LOSS_HUBER, 3, true, &random);
    memset(of->weights, 0, sizeof of->weights);
    SUCCEEDS(sluice_loss_compute, &of->loss);
    ck_assert(of->loss.loss == 0 && of->loss.weight == 0 && of->loss.counted == 0);
    for (size_t k = 0; k < ROWS * STEPS * 3; k++)
        ck_assert(of->gradient[k] == 0);
}

TEST_LOOP(threads, 0, 4)
{
    uint64_t random = test_seed();
    OWNED(scene_handle) of = scene_make(kinds[_i], 128, true, &random);
    SUCCEEDS(sluice_loss_compute, &of->loss);
    for (unsigned count = 2; count <= 5; count++) {
        FREED float *gradient = test_floats(MOST);
        sluice_loss loss = of->loss;
        sl_fault_place place;
        loss.gradient = gradient;
        loss.loss = NAN;
        SUCCEEDS(sl_loss_compute, &loss, count, &place);
        ck_assert(memcmp(&loss.loss, &of->loss.loss, sizeof loss.loss) == 0);
        test_same_bits(gradient, of->gradient, ROWS * STEPS * 128, "threads");
    }
}

/* Weights of cross-entropy multiply those of classes: as if a target's class had another weight. */
TEST(with_class_weights)
{
    const float outputs[] = {1, -1, 0.5f, 0.25f, 2, 1}, class_weights[] = {2, 3, 0.5f}, product[] = {8, 1.5f, 1},
                samples[] = {4, 0.5f};
    const int32_t labels[] = {0, 1};
    float got[6], want[6];
    sluice_loss loss = {.struct_size = sizeof loss, .rows = 2, .steps = 1, .width = 3, .outputs = outputs, .labels = labels};
    sluice_loss other = loss;
    loss.class_weights = class_weights;
    loss.sample_weights = samples;
    loss.gradient = got;
    other.class_weights = product;
    other.gradient = want;
    SUCCEEDS(sluice_loss_compute, &loss);
    SUCCEEDS(sluice_loss_compute, &other);
    ck_assert(loss.weight == 9.5 && other.weight == 9.5);
    ck_assert_double_eq_tol(loss.loss, other.loss, 8 * DBL_EPSILON);
    for (size_t k = 0; k < 6; k++)
        ck_assert_msg(fabsf(got[k] - want[k]) <= 0x1p-23f * fabsf(want[k]), "%zu: %g, not %g", k, (double)got[k], (double)want[k]);
}

TEST(refused)
{
    uint64_t random = test_seed();
    OWNED(scene_handle) of = scene_make(SLUICE_LOSS_QUANTILE, 8, true, &random);
    const float edge[] = {0.5f, 1}, nan[] = {NAN, 0.5f};
    sluice_loss loss = of->loss;
    loss.quantiles = edge;
    loss.quantile_count = 2;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "quantiles [1] is 1", sluice_loss_compute, &loss);
    loss.quantiles = nan;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "quantiles [0] is", sluice_loss_compute, &loss);
    loss.quantiles = NULL;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "quantiles is NULL", sluice_loss_compute, &loss);
    loss = of->loss;
    loss.quantile_count = 3;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "width is 8; expected a multiple of the 3", sluice_loss_compute, &loss);
    loss.kind = SLUICE_LOSS_HUBER;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "quantiles go with the quantile loss", sluice_loss_compute, &loss);
    loss.quantiles = NULL;
    loss.quantile_count = 0;
    loss.delta = NAN;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "delta is", sluice_loss_compute, &loss);
    for (size_t k = 0; k < 3; k++) {
        static const float bad[] = {NAN, -1, INFINITY};
        of->weights[4] = bad[k];
        REFUSED(SLUICE_STATUS_BAD_DATA, "row 0, step 4: the sample weight is", sluice_loss_compute, &of->loss);
    }
    of->weights[4] = 1;
    of->values[2 * 4 + 1] = INFINITY; /* 8 outputs are 2 values of 4 quantiles */
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 0, step 4: value [1] is infinite", sluice_loss_compute, &of->loss);
    of->outputs[3 * 8 + 7] = NAN;
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 0, step 3: output [7] is NaN", sluice_loss_compute, &of->loss);
}

/* ---- In a trainer ---------------------------------------------------------------------------------------------------------- */

/* The loss of a trainer's batch is that of its logits, and the weights that are trained are those of the layers that say so. */
TEST_LOOP(trains, 0, 4)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.loss = SLUICE_LOSS_QUANTILE;
    options.quantiles = quantiles;
    options.quantile_count = 4;
    options.every_step = 1;
    options.shards = _i % 2 ? 3 : 1;
    options.first_trained = _i / 2 ? 2 : 0;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&test_small, &options, 9, 5, TEST_RAGGED, &random);
    float logits[9 * 5 * 4];
    test_prefill(logits, sizeof logits / sizeof *logits);
    sluice_batch batch = minibatch.batch.batch;
    batch.step_logits = logits;
    const sluice_report before = test_evaluate(trainer, &batch, NULL, minibatch.values);
    sluice_loss loss = {.struct_size = sizeof loss,
                        .kind = options.loss,
                        .rows = 9,
                        .steps = 5,
                        .width = 4,
                        .lengths = batch.lengths,
                        .outputs = logits,
                        .values = minibatch.values,
                        .sample_weights = minibatch.weights,
                        .quantiles = quantiles,
                        .quantile_count = 4};
    SUCCEEDS(sluice_loss_compute, &loss);
    ck_assert_uint_eq(before.counted, loss.counted);
    ck_assert_double_eq_tol(before.weight, loss.weight, 64 * DBL_EPSILON * loss.weight);
    ck_assert_double_eq_tol(before.loss, loss.loss, 256 * DBL_EPSILON * loss.loss);
    test_snapshot was = test_snapshot_take(sluice_trainer_get_model(trainer));
    for (int k = 0; k < 30; k++)
        (void)test_learn(trainer, &minibatch);
    const test_snapshot is = test_snapshot_take(sluice_trainer_get_model(trainer));
    const size_t of_head = 4 * 9 + 4, others = is.count - of_head; /* the head's are last */
    ck_assert_int_eq(memcmp(was.floats, is.floats, others * sizeof(float)) == 0, _i / 2);
    ck_assert(memcmp(was.floats + others, is.floats + others, of_head * sizeof(float)) != 0);
    ck_assert(test_evaluate(trainer, &minibatch.batch.batch, NULL, minibatch.values).loss < before.loss);
    free(was.floats);
    free(is.floats);
}

/* A batch all of whose weights are 0 changes nothing under plain SGD; a weight that is NaN is refused with its row. */
TEST_LOOP(weights_of_a_batch, 0, 2)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.loss = SLUICE_LOSS_ABSOLUTE_ERROR;
    options.shards = _i ? 3 : 1;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&test_small, &options, 9, 5, TEST_RAGGED, &random);
    test_snapshot was = test_snapshot_take(sluice_trainer_get_model(trainer));
    memset(minibatch.weights, 0, 9 * sizeof(float));
    const sluice_report report = test_learn(trainer, &minibatch);
    ck_assert(report.loss == 0 && report.weight == 0 && report.counted == 0);
    ck_assert(test_snapshot_same(&was, sluice_trainer_get_model(trainer)));
    minibatch.weights[7] = NAN;
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 7, step 0: the sample weight is", sluice_trainer_step, trainer, &minibatch.batch.batch,
            NULL, minibatch.values, NULL);
    free(was.floats);
}

TEST(options_refused)
{
    sluice_trainer_options options = test_trainer_defaults();
    sluice_trainer *none = NULL;
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_initial, &test_small, SLUICE_INITIALIZER_TORCH, 1, NULL, &model);
    options.loss = SLUICE_LOSS_QUANTILE;
    options.quantiles = quantiles;
    options.quantile_count = 3;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "4 outputs; expected a multiple of the 3 quantiles", sluice_trainer_create, model, NULL,
            &options, &none);
    options.quantile_count = 0;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "needs 1 to 64 quantiles", sluice_trainer_create, model, NULL, &options, &none);
    options.loss = SLUICE_LOSS_HUBER;
    options.quantiles = NULL;
    options.delta = -1;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "delta is -1", sluice_trainer_create, model, NULL, &options, &none);
    options.delta = 0;
    options.first_trained = 3;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "first_trained is 3; expected less than 3", sluice_trainer_create, model, NULL, &options,
            &none);
}
