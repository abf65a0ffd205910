/* sluice_loss_compute: torch's values, finite differences, what counts and what does not, extremes, threads, and what is refused. */
#include "base/struct_size.h"
#include "golden/golden_training.h"
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "train/loss.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A loss and its arrays, random, contiguous and owned: loss_scene_free. */
typedef struct loss_scene {
    sluice_loss loss;
    float *outputs, *values, *gradient;
    int32_t *labels;
    int64_t *lengths;
    size_t targets, elements;
} loss_scene;

static loss_scene make_scene(sluice_loss_kind kind, size_t rows, size_t steps, size_t width, uint64_t *random)
{
    loss_scene made = {.targets = rows * steps, .elements = rows * steps * width};
    made.outputs = test_floats(made.elements);
    made.values = test_floats(made.elements);
    made.gradient = test_floats(made.elements);
    made.labels = malloc(made.targets * sizeof *made.labels);
    made.lengths = malloc(rows * sizeof *made.lengths);
    ck_assert(made.labels && made.lengths);
    for (size_t k = 0; k < made.elements; k++) {
        made.outputs[k] = 8 * test_uniform(random) - 4;
        made.values[k] = 8 * test_uniform(random) - 4;
    }
    for (size_t k = 0; k < made.targets; k++)
        made.labels[k] = (int32_t)(test_random(random) % width);
    for (size_t k = 0; k < rows; k++)
        made.lengths[k] = (int64_t)(test_random(random) % (steps + 1));
    made.loss = (sluice_loss){.struct_size = sizeof made.loss,
                              .kind = kind,
                              .rows = rows,
                              .steps = steps,
                              .width = width,
                              .outputs = made.outputs,
                              .labels = kind == SLUICE_LOSS_CROSS_ENTROPY ? made.labels : NULL,
                              .values = kind == SLUICE_LOSS_CROSS_ENTROPY ? NULL : made.values,
                              .gradient = made.gradient,
                              .loss = NAN,
                              .counted = 12345,
                              .right = 12345};
    return made;
}

static void loss_scene_free(loss_scene *scene)
{
    free(scene->outputs);
    free(scene->values);
    free(scene->gradient);
    free(scene->labels);
    free(scene->lengths);
}

/* The loss has to be had. */
static double get(sluice_loss *loss)
{
    SUCCEEDS(sluice_loss_compute, loss);
    return loss->loss;
}

/*
 * Golden. The loss is computed in double: 1e-13 of it is hundreds of roundings. A gradient is a float e rounded once, times a factor
 * of double precision, less the even share, rounded once: 2^-24 of p / counted and 2^-24 of the result. The label's is rounded once.
 */
TEST_EACH(as_torch, training_losses)
{
    float gradient[28], outputs[28];
    test_prefill(gradient, 28);
    memcpy(outputs, training_losses[_i].outputs, sizeof outputs);
    const size_t width = training_losses[_i].width, targets = training_losses[_i].targets;
    const float smoothing = training_losses[_i].smoothing;
    sluice_loss loss = {.struct_size = sizeof loss,
                        .rows = targets,
                        .steps = 1,
                        .width = width,
                        .outputs = outputs,
                        .labels = training_losses[_i].labels,
                        .label_smoothing = smoothing,
                        .gradient = gradient};
    const double want = training_losses[_i].loss, got = get(&loss);
    ck_assert_msg(fabs(got - want) <= 1e-13 * (want + 1), "loss %.17g, torch %.17g", got, want);
    for (size_t k = 0; k < targets * width; k++) {
        const double torch = training_losses[_i].gradient[k], even = smoothing / (double)(width * loss.counted);
        const double bound = 0x1p-24 * (fabs(torch) + fabs(torch + even)) + 1e-14;
        ck_assert_msg(fabs(gradient[k] - torch) <= bound, "gradient [%zu] %.9g, torch %.17g", k, (double)gradient[k], torch);
    }
    ck_assert(test_prefilled(gradient + targets * width, 28 - targets * width));
}

/* The loss with one output moved. */
static double get_moved(const loss_scene *scene, size_t element, float by)
{
    sluice_loss loss = scene->loss;
    const float kept = scene->outputs[element];
    loss.gradient = NULL;
    scene->outputs[element] = kept + by;
    const double moved = get(&loss);
    scene->outputs[element] = kept;
    return moved;
}

/*
 * Central differences with h = 2^-10, by which the outputs move without rounding (they are multiples of 2^-21). For a share s of
 * the mean they are off by h^2/6 s max |p(1 - p)(1 - 2p)| < h^2/6 s 0.0963, and by roundings of double over h; the gradient is off
 * by two roundings to float, of numbers up to 2 s; squared errors, up to 16 s / width, have no third derivative.
 */
TEST_LOOP(finite_differences, 0, 8)
{
    static const size_t widths[] = {1, 2, 3, 8, 31, 32, 33, 64, 65, 100, 131};
    uint64_t random = test_seed() + (uint64_t)_i;
    const sluice_loss_kind kind = _i % 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        OWNED(loss_scene) scene = make_scene(kind, 4, 3, widths[w], &random);
        scene.loss.lengths = _i / 2 % 2 ? scene.lengths : NULL;
        scene.lengths[1] = 2;
        scene.labels[3] = scene.labels[7] = -7;
        scene.loss.ignore = -7;
        scene.loss.label_smoothing = _i / 4 ? 0.3f : 0;
        for (size_t k = 0; k < scene.elements; k++)
            scene.outputs[k] = roundf(scene.outputs[k] * 0x1p10f) * 0x1p-10f;
        get(&scene.loss);
        const double share = 1.0 / (double)scene.loss.counted, h = 0x1p-10;
        const double curvature = kind == SLUICE_LOSS_SQUARED_ERROR ? 16.0 / (double)widths[w] : 2;
        const double bound = share * (h * h / 6 * 0.0963 + 0x1p-23 * curvature) + 1e-14 * 64 / h;
        for (size_t k = 0; k < scene.elements; k++) {
            const double want = (get_moved(&scene, k, (float)h) - get_moved(&scene, k, (float)-h)) / (2 * h);
            ck_assert_msg(fabs(want - scene.gradient[k]) <= bound, "width %zu, [%zu]: %.9g by differences, %.9g", widths[w], k,
                          want, (double)scene.gradient[k]);
        }
    }
}

/* What does not count is not read, has a gradient of +0, and does not change what counts. */
TEST_LOOP(what_counts, 0, 2)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const bool by_label = _i == 0;
    OWNED(loss_scene) scene = make_scene(by_label ? SLUICE_LOSS_CROSS_ENTROPY : SLUICE_LOSS_SQUARED_ERROR, 5, 4, 6, &random);
    const int64_t lengths[] = {4, 0, 2, 1, 4};
    scene.loss.lengths = lengths;
    double sum = 0;
    size_t counted = 0, right = 0;
    for (size_t row = 0; row < 5; row++)
        for (size_t step = 0; step < 4; step++) {
            const size_t target = row * 4 + step;
            float *outputs = scene.outputs + target * 6, *values = scene.values + target * 6;
            const bool ignored = by_label && target % 3 == 0;
            if (ignored)
                scene.labels[target] = -100;
            if ((int64_t)step >= lengths[row] || ignored) {
                for (size_t k = 0; k < 6; k++)
                    outputs[k] = values[k] = k % 2 ? NAN : INFINITY;
                scene.labels[target] = ignored ? -100 : 99;
                continue;
            }
            sluice_loss one = scene.loss;
            one.lengths = NULL;
            one.rows = one.steps = 1;
            one.outputs = outputs;
            one.labels = by_label ? scene.labels + target : NULL;
            one.values = by_label ? NULL : values;
            one.gradient = NULL;
            sum += get(&one);
            ck_assert_uint_eq(one.counted, 1);
            counted++;
            right += one.right;
        }
    get(&scene.loss);
    ck_assert_uint_eq(scene.loss.counted, counted);
    ck_assert_uint_eq(scene.loss.right, right);
    ck_assert_msg(fabs(scene.loss.loss - sum / (double)counted) <= 1e-14 * sum, "%.17g, not %.17g", scene.loss.loss,
                  sum / (double)counted);
    for (size_t target = 0; target < 20; target++)
        for (size_t k = 0; k < 6; k++) {
            const bool counts = (int64_t)(target % 4) < lengths[target / 4] && !(by_label && target % 3 == 0);
            const float want = scene.gradient[target * 6 + k];
            ck_assert_msg(counts ? isfinite(want) && want != 0 : want == 0 && !signbit(want), "target %zu: %g", target,
                          (double)want);
        }
}

/* Nothing that counts: a loss of 0, a gradient of +0; arrays may be absent where there are no targets at all. */
TEST(nothing_counts)
{
    uint64_t random = test_seed();
    OWNED(loss_scene) scene = make_scene(SLUICE_LOSS_CROSS_ENTROPY, 2, 3, 4, &random);
    const int64_t lengths[] = {0, 0};
    const float zeros[24] = {0};
    for (int way = 0; way < 2; way++) {
        scene.loss.lengths = way ? lengths : NULL;
        for (size_t k = 0; k < scene.targets; k++)
            scene.labels[k] = way ? 1 : -100;
        test_prefill(scene.gradient, scene.elements);
        ck_assert(get(&scene.loss) == 0);
        ck_assert_uint_eq(scene.loss.counted + scene.loss.right, 0);
        test_same_bits(scene.gradient, zeros, 24, "nothing counts");
    }
    for (int way = 0; way < 4; way++) {
        sluice_loss none = {.struct_size = sizeof none, .kind = way % 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY};
        none.rows = way / 2 ? 3 : 0;
        none.width = 4;
        ck_assert(get(&none) == 0);
        ck_assert_uint_eq(none.counted, 0);
    }
}

/* Outputs as large as there are: nothing overflows, and what is certain has no loss. */
TEST(extremes)
{
    const float outputs[] = {FLT_MAX, -FLT_MAX, 0, 1000, -1000, 0, -FLT_MAX, -FLT_MAX, -FLT_MAX};
    const int32_t certain[] = {0, 0, 1}, wrong[] = {1, 1, 2};
    float gradient[9];
    sluice_loss loss = {.struct_size = sizeof loss, .rows = 3, .steps = 1, .width = 3, .outputs = outputs, .gradient = gradient};
    loss.labels = certain;
    ck_assert(fabs(get(&loss) - log(3) / 3) <= 1e-15);
    ck_assert_uint_eq(loss.right, 2); /* of three equals the first has it */
    for (size_t k = 0; k < 6; k++)
        ck_assert_msg(gradient[k] == 0, "gradient [%zu] is %g", k, (double)gradient[k]);
    ck_assert(fabs(gradient[6] - 1.0 / 9) <= 0x1p-26 && fabs(gradient[7] + 2.0 / 9) <= 0x1p-26);
    loss.labels = wrong;
    const double want = (2 * (double)FLT_MAX + 2000 + log(3)) / 3;
    ck_assert(fabs(get(&loss) - want) <= 1e-15 * want);
    ck_assert_uint_eq(loss.right, 0);
    ck_assert(gradient[0] == 1.0f / 3 && gradient[1] == -1.0f / 3 && gradient[2] == 0);

    /* Close to certain: of 1 - p = e^-30 what double has beside 1 is not lost. */
    const float close[] = {30, 0};
    sluice_loss near = {
        .struct_size = sizeof near, .rows = 1, .steps = 1, .width = 2, .outputs = close, .labels = certain, .gradient = gradient};
    ck_assert(fabs(get(&near) - log1p(exp(-30))) <= 0x1p-52);
    const double rest = 1 / (1 + exp(30));
    ck_assert_msg(fabs(gradient[0] + rest) <= 0x1p-52 && fabs(gradient[1] - rest) <= 0x1p-23 * rest, "%g, %g; expected %g",
                  (double)gradient[0], (double)gradient[1], rest);

    const float values[] = {-FLT_MAX, FLT_MAX, 0};
    sluice_loss square = {
        .struct_size = sizeof square, .kind = SLUICE_LOSS_SQUARED_ERROR, .rows = 1, .steps = 1, .width = 3, .outputs = outputs};
    square.values = values;
    ck_assert(isfinite(get(&square)));
}

/* The same bits on any number of threads; the sums of chunks are also right. */
/* The losses of a batch's shards, divided by the weight of all, add up to the batch's, but for the order of additions; their gradients
 * are the batch's to the bit. */
TEST_LOOP(shards, 0, 4)
{
    enum { ROWS = 23, STEPS = 5, WIDTH = 7, FIRST = 9 };
    uint64_t random = test_seed() + (uint64_t)_i;
    static const float class_weights[WIDTH] = {1, 0.3f, 0, 2, 5, 0.7f, 1};
    OWNED(loss_scene)
    made = make_scene(_i % 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY, ROWS, STEPS, WIDTH, &random);
    made.loss.lengths = made.lengths;
    made.loss.class_weights = _i == 2 ? class_weights : NULL;
    const double whole = get(&made.loss);
    FREED float *gradient = test_floats(made.elements);
    double sum = 0, weight = 0;
    for (size_t from = 0; from < ROWS; from = from ? ROWS : FIRST) {
        sluice_loss shard = made.loss;
        shard.rows = from ? ROWS - from : FIRST;
        shard.lengths += from;
        shard.outputs += from * STEPS * WIDTH;
        shard.labels = shard.labels ? shard.labels + from * STEPS : NULL;
        shard.values = shard.values ? shard.values + from * STEPS * WIDTH : NULL;
        shard.gradient = gradient + from * STEPS * WIDTH;
        shard.total_weight = made.loss.weight;
        sum += get(&shard);
        weight += shard.weight; /* its own */
    }
    test_same_bits(gradient, made.gradient, made.elements, "gradient");
    ck_assert_double_eq_tol(weight, made.loss.weight, ROWS * STEPS * DBL_EPSILON * weight);
    /* Terms are positive: two sums of them in any order differ by eps of a sum for each addition of both, and the quotients' roundings. */
    ck_assert_double_eq_tol(sum, whole, (2 * ROWS * STEPS + 4) * DBL_EPSILON * whole);
    sluice_loss all = made.loss;
    all.total_weight = 1;
    ck_assert(get(&all) * (1 / made.loss.weight) == whole);
}

TEST_LOOP(threads, 0, 4)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const size_t steps = _i / 2 ? 37 : 1;
    const sluice_loss_kind kind = _i % 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
    OWNED(loss_scene) scene = make_scene(kind, 97, steps, _i / 2 ? 21 : 333, &random);
    scene.loss.lengths = steps > 1 ? scene.lengths : NULL;
    get(&scene.loss);
    const sluice_loss one = scene.loss;
    float *first = scene.gradient;
    for (unsigned count = 2; count <= 8; count++) {
        sl_fault_place place;
        scene.loss.gradient = test_floats(scene.elements);
        scene.loss.loss = NAN;
        ck_assert_int_eq(sl_loss_compute(&scene.loss, count, &place, NULL), SLUICE_STATUS_OK);
        ck_assert_int_eq(place.fault, SL_FAULT_NONE);
        ck_assert(memcmp(&scene.loss.loss, &one.loss, sizeof one.loss) == 0);
        ck_assert(scene.loss.counted == one.counted && scene.loss.right == one.right);
        test_same_bits(scene.loss.gradient, first, scene.elements, "threads");
        free(scene.loss.gradient);
    }
}

/* The first fault in the order of rows, steps and elements is the one that is reported, on any number of threads. */
TEST_LOOP(first_fault, 0, 2)
{
    enum { WIDTH = 75 };
    uint64_t random = test_seed();
    OWNED(loss_scene) scene = make_scene(_i ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY, 20, 20, WIDTH, &random);
    scene.outputs[(7 * 20 + 4) * WIDTH + 1] = INFINITY;
    scene.outputs[(19 * 20 + 19) * WIDTH] = -INFINITY;
    for (size_t element = 0; element < WIDTH; element++) {
        float *outputs = scene.outputs + (7 * 20 + 3) * WIDTH;
        const float kept = outputs[element];
        outputs[element] = element % 2 ? NAN : -INFINITY;
        sl_fault_place place;
        char words[64];
        snprintf(words, sizeof words, "row 7, step 3: output [%zu] is %s", element, element % 2 ? "NaN" : "infinite");
        REFUSED(SLUICE_STATUS_BAD_DATA, words, sl_loss_compute, &scene.loss, 1 + (unsigned)element % 8, &place);
        ck_assert(place.fault == SL_FAULT_OUTPUT && place.row == 7 && place.step == 3 && place.element == element);
        outputs[element] = kept;
    }
}

TEST(refused)
{
    uint64_t random = test_seed();
    loss_scene good[] = {make_scene(SLUICE_LOSS_CROSS_ENTROPY, 3, 2, 4, &random),
                         make_scene(SLUICE_LOSS_SQUARED_ERROR, 3, 2, 4, &random)};
    const sluice_loss entropy = good[0].loss, square = good[1].loss;
    int32_t bad_labels[6] = {0, 1, 2, 3, 4, 0}, negative[6] = {0, 1, -100, -1, 0, 0};
    float bad_values[24] = {0};
    bad_values[22] = -INFINITY;
    float *bad_outputs = good[1].outputs;
    const int64_t long_row[3] = {0, 3, 0}, minus[3] = {0, 0, -1};
    struct {
        const char *name;
        sluice_loss loss;
        sluice_status status;
        const char *part;
    } cases[] = {
        {"struct_size", entropy, SLUICE_STATUS_BAD_ARGUMENT, "struct_size"},
        {"kind", entropy, SLUICE_STATUS_BAD_ARGUMENT, "kind 5"},
        {"no outputs", entropy, SLUICE_STATUS_BAD_ARGUMENT, "outputs is NULL"},
        {"no labels", entropy, SLUICE_STATUS_BAD_ARGUMENT, "labels is NULL"},
        {"no values", square, SLUICE_STATUS_BAD_ARGUMENT, "values is NULL"},
        {"no width", entropy, SLUICE_STATUS_BAD_ARGUMENT, "width is 0"},
        {"ignore", entropy, SLUICE_STATUS_BAD_ARGUMENT, "ignore is 1"},
        {"smoothing below", entropy, SLUICE_STATUS_BAD_ARGUMENT, "label_smoothing is -0.5"},
        {"smoothing 1", entropy, SLUICE_STATUS_BAD_ARGUMENT, "label_smoothing is 1"},
        {"smoothing NaN", entropy, SLUICE_STATUS_BAD_ARGUMENT, "label_smoothing is"},
        {"total below 0", entropy, SLUICE_STATUS_BAD_ARGUMENT, "total_weight is -3"},
        {"total NaN", square, SLUICE_STATUS_BAD_ARGUMENT, "total_weight is"},
        {"total infinite", square, SLUICE_STATUS_BAD_ARGUMENT, "total_weight is inf"},
        {"total whose inverse is infinite", entropy, SLUICE_STATUS_BAD_ARGUMENT, "total_weight is"},
        {"size", entropy, SLUICE_STATUS_TOO_LARGE, "outputs"},
        {"a label beyond", entropy, SLUICE_STATUS_BAD_DATA, "row 2, step 0: label 4; expected 0..3"},
        {"a negative label", entropy, SLUICE_STATUS_BAD_DATA, "row 1, step 1: label -1"},
        {"a long row", entropy, SLUICE_STATUS_BAD_DATA, "row 1: length 3"},
        {"a negative length", square, SLUICE_STATUS_BAD_DATA, "row 2: length -1"},
        {"a value", square, SLUICE_STATUS_BAD_DATA, "row 2, step 1: value [2] is infinite"},
        {"an output", square, SLUICE_STATUS_BAD_DATA, "row 0, step 1: output [3] is NaN"},
    };
    size_t k = 0;
    cases[k++].loss.struct_size = SL_LEAST_sluice_loss - 1;
    cases[k++].loss.kind = (sluice_loss_kind)5;
    cases[k++].loss.outputs = NULL;
    cases[k++].loss.labels = NULL;
    cases[k++].loss.values = NULL;
    cases[k++].loss.width = 0;
    cases[k++].loss.ignore = 1;
    cases[k++].loss.label_smoothing = -0.5f;
    cases[k++].loss.label_smoothing = 1;
    cases[k++].loss.label_smoothing = NAN;
    cases[k++].loss.total_weight = -3;
    cases[k++].loss.total_weight = NAN;
    cases[k++].loss.total_weight = INFINITY;
    cases[k++].loss.total_weight = 0x1p-1074;
    cases[k++].loss.rows = SIZE_MAX / 4;
    cases[k++].loss.labels = bad_labels;
    cases[k++].loss.labels = negative;
    cases[k++].loss.lengths = long_row;
    cases[k++].loss.lengths = minus;
    cases[k++].loss.values = bad_values;
    ck_assert_uint_eq(k + 1, sizeof cases / sizeof cases[0]);
    for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        bad_outputs[7] = k + 1 == sizeof cases / sizeof cases[0] ? NAN : 1;
        sluice_error error = {0};
        const sluice_status status = sluice_loss_compute(&cases[k].loss, &error);
        ck_assert_msg(status == cases[k].status, "%s: %s", cases[k].name, sluice_status_get_name(status));
        test_check_message(cases[k].name, &error, cases[k].status, cases[k].part);
        ck_assert_int_eq(sluice_loss_compute(&cases[k].loss, NULL), status);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "loss is NULL", sluice_loss_compute, NULL);
    loss_scene_free(&good[0]);
    loss_scene_free(&good[1]);
}
