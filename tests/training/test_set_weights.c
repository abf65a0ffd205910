/* sluice_engine_set_weights: the bits of a model made of the same arrays, in every engine; what it refuses, the engine being as it was
 * then. */
#include "support/gradients.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

enum { ROWS = 6, STEPS = 5 };

static sluice_status set(const test_runner *runner, const sluice_weights *weights, const sluice_weights_options *options,
                         sluice_error *error)
{
    return sluice_engine_set_weights(runner->engine, weights, options, error);
}

/* Two runners give the same, there and back if they are made for training. */
static void expect_same(const sluice_shape *shape, const test_runner *got, const test_runner *want, int training, uint64_t *random)
{
    OWNED(test_batch) batch = test_batch_random(shape, ROWS, STEPS, TEST_RAGGED | TEST_STATES, random);
    OWNED(test_batch) other = test_batch_pick(shape, &batch, 0, ROWS);
    uint64_t twice = *random;
    OWNED(test_gradient) gradient = test_gradient_random(shape, &batch.batch, random);
    OWNED(test_gradient) want_gradient = test_gradient_random(shape, &batch.batch, &twice);
    test_forward(got, &batch.batch);
    test_forward(want, &other.batch);
    test_same_outputs(&batch, &other, got->name);
    if (!training)
        return;
    test_there_and_back(got, 0, &batch.batch, &gradient.gradient);
    test_there_and_back(want, 0, &other.batch, &want_gradient.gradient);
    test_same_gradients(&gradient, &want_gradient, got->name);
}

/* An engine of a network is given another one's weights, and compared with a new engine of that. */
static void run_engine(const sluice_shape *shape, const sluice_engine_options *options, bool unchecked, uint64_t *random)
{
    OWNED(test_network) network = test_network_random(shape, 1.0f, random);
    OWNED(test_network) other = test_network_random(shape, 1.0f, random);
    if (shape->classes && test_random(random) % 2) { /* no head bias: zeros, whatever was there before */
        other.weights.head_bias = NULL;
        test_network_build(&other);
    }
    OWNED(test_runner) got = test_runner_of(network.model, options);
    OWNED(test_runner) want = test_runner_of(other.model, options);
    const sluice_weights_options how = {.struct_size = sizeof how, .unchecked = unchecked};
    sluice_error error = {0};
    test_forward(&got, &(sluice_batch){.struct_size = sizeof(sluice_batch)});
    const sluice_status status = set(&got, &other.weights, unchecked ? &how : NULL, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", got.name, error.message);
    expect_same(shape, &got, &want, options->training, random);
}

TEST_LOOP(as_a_model, 0, 9)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 2, 1 + (size_t)_i / 2 % 2, 6, _i % 3 ? 21 : 70),
                                .vocabulary = _i / 4 == 1   ? 17
                                              : _i / 4 == 2 ? 2000
                                                            : 0,
                                .classes = _i % 5, .has_bias = _i % 3 > 0};
    uint64_t random = test_seed() + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < 2 * isas.count; j++)
        for (unsigned threads = 1; threads < 4; threads++) {
            sluice_engine_options options = test_options(isas.isa[j / 2], threads, SLUICE_SCHEDULE_AUTO);
            options.training = j % 2;
            run_engine(&shape, &options, threads == 2, &random);
        }
}

/* Weights enough that all threads pack. */
TEST_LOOP(large, 0, 3)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 130, 150), .vocabulary = _i == 2 ? 300 : 0, .classes = 90, .has_bias = 1};
    uint64_t random = test_seed() + (uint64_t)_i;
    for (unsigned threads = 1; threads < 6; threads++)
        for (int training = 0; training < 2; training++) {
            sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
            options.training = training;
            options.gemm = _i == 1 ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
            run_engine(&shape, &options, false, &random);
        }
}

TEST_LOOP(low_precision, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 13, 37), .vocabulary = 9, .classes = 3, .has_bias = 1};
    uint64_t random = test_seed() + (uint64_t)_i;
    for (unsigned threads = 1; threads < 4; threads++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
        options.precision = _i ? SLUICE_PRECISION_INT8 : SLUICE_PRECISION_BF16;
        run_engine(&shape, &options, false, &random);
    }
}

/* Biases whose sum is subnormal are added as in a model, whatever the engine flushes. */
TEST(flushed)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 3, 10), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_network) other = test_network_random(&shape, 1.0f, &random);
    for (size_t k = 0; k < 40; k++) {
        ((float *)other.weights.bias_ih[0])[k] = 0x1.8p-126f;
        ((float *)other.weights.bias_hh[0])[k] = -0x1p-126f;
    }
    test_network_build(&other);
    for (int flushes = 0; flushes < 2; flushes++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
        options.flush_to_zero = flushes;
        OWNED(test_runner) got = test_runner_of(network.model, &options);
        OWNED(test_runner) want = test_runner_of(other.model, &options);
        SUCCEEDS(set, &got, &other.weights, NULL);
        expect_same(&shape, &got, &want, 0, &random);
    }
}

/* ---- What it refuses --------------------------------------------------------------------------------------------------------- */

static const sluice_shape small = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 2, .has_bias = 1};

/* A network, an engine of it, a new one to compare with, and other weights to be given to it. */
typedef struct scene {
    uint64_t random;
    test_network network, other;
    test_runner runner, untouched;
} scene;

static scene make_scene(void)
{
    scene made = {.random = test_seed()};
    made.network = test_network_random(&small, 1.0f, &made.random);
    made.other = test_network_random(&small, 1.0f, &made.random);
    made.runner = test_trainable(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    made.untouched = test_trainable(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    return made;
}

static void scene_free(scene *made)
{
    test_runner_free(&made->runner);
    test_runner_free(&made->untouched);
    test_network_free(&made->network);
    test_network_free(&made->other);
}

TEST(arguments)
{
    OWNED(scene) made = make_scene();
    sluice_weights weights = made.other.weights;
    const sluice_weights_options unknown = {.struct_size = 3};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine is NULL", sluice_engine_set_weights, NULL, &weights, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sluice_weights is NULL", set, &made.runner, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size of sluice_weights_options", set, &made.runner, &weights, &unknown);
    weights.struct_size = 3;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size of sluice_weights", set, &made.runner, &weights, NULL);
    weights = made.other.weights;
    weights.shape = NULL;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sluice_shape is NULL", set, &made.runner, &weights, NULL);
    for (size_t j = 0; j < 7; j++) {
        sluice_shape shape = small;
        size_t *const sizes[] = {&shape.layers, &shape.directions, &shape.inputs, &shape.hidden, &shape.vocabulary, &shape.classes};
        if (j < 6)
            ++*sizes[j];
        else
            shape.has_bias = 0;
        weights.shape = &shape;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "another shape", set, &made.runner, &weights, NULL);
    }
    expect_same(&small, &made.runner, &made.untouched, 1, &made.random);
}

TEST(missing_arrays)
{
    OWNED(scene) made = make_scene();
    for (size_t j = 0; j < 7; j++) {
        static const char *const words[] = {"weight_ih_l1_reverse is NULL",
                                            "weight_hh_l1_reverse is NULL",
                                            "bias_ih_l1_reverse is NULL",
                                            "bias_hh_l1_reverse is NULL",
                                            "embedding is NULL",
                                            "head weight is NULL",
                                            "weight_ih_l0 is NULL"};
        const float *some[4];
        sluice_weights weights = made.other.weights;
        const float *const **const arrays[] = {&weights.weight_ih, &weights.weight_hh, &weights.bias_ih, &weights.bias_hh};
        if (j < 4) {
            memcpy(some, *arrays[j], sizeof some);
            some[3] = NULL;
            *arrays[j] = some;
        }
        weights.embedding = j == 4 ? NULL : weights.embedding;
        weights.head_weight = j == 5 ? NULL : weights.head_weight;
        weights.weight_ih = j == 6 ? NULL : weights.weight_ih;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, words[j], set, &made.runner, &weights, NULL);
    }
    expect_same(&small, &made.runner, &made.untouched, 1, &made.random);
}

/* Each weight in turn is NaN or infinite. */
TEST(not_finite)
{
    OWNED(scene) made = make_scene();
    for (size_t k = 0; k < made.other.count; k++) {
        const float was = made.other.floats[k];
        made.other.floats[k] = k % 2 ? NAN : k % 4 ? INFINITY : -INFINITY;
        REFUSED(SLUICE_STATUS_BAD_DATA, "a weight must be finite", set, &made.runner, &made.other.weights, NULL);
        made.other.floats[k] = was;
    }
    ((float *)made.other.weights.bias_ih[1])[2] = ((float *)made.other.weights.bias_hh[1])[2] = 3e38f;
    REFUSED(SLUICE_STATUS_BAD_DATA, "bias_hh_l0_reverse: element [2] is NaN or infinite, or is so with bias_ih added", set,
            &made.runner, &made.other.weights, NULL);
    ((float *)made.other.weights.head_weight)[12] = NAN;
    ((float *)made.other.weights.bias_ih[1])[2] = 0;
    REFUSED(SLUICE_STATUS_BAD_DATA, "head weight: element [1][2] is NaN", set, &made.runner, &made.other.weights, NULL);
    expect_same(&small, &made.runner, &made.untouched, 1, &made.random);
}

/* Where nobody looks, a NaN goes where the equations have it go. */
TEST(unchecked)
{
    OWNED(scene) made = make_scene();
    const sluice_weights_options how = {.struct_size = sizeof how, .unchecked = 1};
    OWNED(test_batch) batch = test_batch_random(&small, ROWS, STEPS, 0, &made.random);
    ((float *)made.other.weights.head_weight)[0] = NAN;
    SUCCEEDS(set, &made.runner, &made.other.weights, &how);
    test_forward(&made.runner, &batch.batch);
    for (size_t n = 0; n < ROWS; n++)
        ck_assert(isnan(batch.logits[2 * n]) && isfinite(batch.logits[2 * n + 1]));
}

TEST(tape_is_lost)
{
    OWNED(scene) made = make_scene();
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(&made.runner, 0);
    OWNED(test_batch) batch = test_batch_random(&small, ROWS, STEPS, 0, &made.random);
    OWNED(test_gradient) gradient = test_gradient_random(&small, &batch.batch, &made.random);
    test_forward_taped(&made.runner, tape, &batch.batch);
    SUCCEEDS(set, &made.runner, &made.other.weights, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "another model", sluice_backward, tape, &gradient.gradient);
}

/* The network of an engine that was made of layers is no shape, even where a shape describes the same. */
TEST(another_kind_of_network)
{
    OWNED(scene) made = make_scene();
    const sluice_layer layer = {.struct_size = sizeof layer, .kind = SLUICE_LAYER_LSTM, .units = 5};
    const sluice_network network = {.struct_size = sizeof network, .inputs = 3, .layer_count = 1, .layers = &layer};
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_initial_network, &network, SLUICE_INITIALIZER_TORCH, 1, NULL, &model);
    OWNED(test_runner) runner = test_runner_create(model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_set_model", set, &runner, &made.other.weights, NULL);
}
