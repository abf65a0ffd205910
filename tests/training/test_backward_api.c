/* The calls of training: what each refuses, and that nothing is written then; the bytes of tapes; engines that are given another
 * model; the head of every step. */
#include "support/gradients.h"
#include "support/oracle/plain.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

static const sluice_shape small = {TEST_LDIH(2, 1, 3, 5), .classes = 2, .has_bias = 1};
static const sluice_shape worded = {TEST_LDIH(1, 2, 3, 4), .vocabulary = 7};
static const sluice_status bad_argument = SLUICE_STATUS_BAD_ARGUMENT;
enum { ROWS = 6, STEPS = 5 };

/* A network, an engine for training it, a tape, a batch and its gradients. */
typedef struct scene {
    sluice_shape shape;
    uint64_t random;
    test_network network;
    test_runner runner;
    sluice_tape *tape;
    test_batch batch;
    test_gradient gradient;
} scene;

static scene make_scene(const sluice_shape *shape, unsigned what)
{
    scene made = {.shape = *shape, .random = test_seed()};
    made.network = test_network_random(shape, 1.0f, &made.random);
    made.runner = test_trainable(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    made.tape = test_tape_create(&made.runner, 0);
    made.batch = test_batch_random(shape, ROWS, STEPS, what, &made.random);
    made.gradient = test_gradient_random(shape, &made.batch.batch, &made.random);
    return made;
}

static void scene_free(scene *made)
{
    test_gradient_free(&made->gradient);
    test_batch_free(&made->batch);
    sluice_tape_destroy(made->tape);
    test_runner_free(&made->runner);
    test_network_free(&made->network);
}

/* ---- Tapes ---- */

TEST(tape_arguments)
{
    OWNED(scene) made = make_scene(&small, 0);
    OWNED(test_runner) plain = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    sluice_tape *tape = made.tape;
    size_t bytes = 0;
    REFUSED(bad_argument, "engine", sluice_tape_create, NULL, NULL, &tape);
    ck_assert_ptr_null(tape);
    REFUSED(bad_argument, "tape", sluice_tape_create, made.runner.engine, NULL, NULL);
    tape = made.tape;
    REFUSED(bad_argument, "training", sluice_tape_create, plain.engine, NULL, &tape);
    ck_assert_ptr_null(tape);
    const sluice_tape_options unknown = {.struct_size = 3};
    REFUSED(bad_argument, "struct_size", sluice_tape_create, made.runner.engine, &unknown, &tape);
    REFUSED(bad_argument, "struct_size", sluice_tape_required_bytes, made.runner.engine, &unknown, 1, 1, NULL, &bytes);
    REFUSED(bad_argument, "engine", sluice_tape_required_bytes, NULL, NULL, 1, 1, NULL, &bytes);
    REFUSED(bad_argument, "bytes", sluice_tape_required_bytes, made.runner.engine, NULL, 1, 1, NULL, NULL);
    REFUSED(bad_argument, "training", sluice_tape_required_bytes, plain.engine, NULL, 1, 1, NULL, &bytes);
    const int64_t long_length[2] = {3, 6}, negative[2] = {-1, 2};
    REFUSED(SLUICE_STATUS_BAD_DATA, "6", sluice_tape_required_bytes, made.runner.engine, NULL, 2, 5, long_length, &bytes);
    REFUSED(SLUICE_STATUS_BAD_DATA, "length", sluice_tape_required_bytes, made.runner.engine, NULL, 2, 5, negative, &bytes);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "address space", sluice_tape_required_bytes, made.runner.engine, NULL, SIZE_MAX / 2, 5, NULL,
            &bytes);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "address space", sluice_tape_required_bytes, made.runner.engine, NULL, 3, SIZE_MAX / 2, NULL,
            &bytes);
    ck_assert_int_eq(sluice_tape_create(NULL, NULL, &tape, NULL), bad_argument);
    sluice_tape_destroy(NULL);
}

/* A new tape takes the bytes that were reported; later batches that are no larger, with recompute of the same lengths, take no more. */
TEST_LOOP(tape_bytes, 0, 6)
{
    static const size_t sizes[][2] = {{0, 0}, {1, 1}, {6, 5}, {40, 31}, {3, 200}, {300, 4}, {0, 7}, {7, 0}};
    const sluice_shape shapes[] = {small, worded};
    const size_t recompute = (size_t)_i / 2;
    OWNED(scene) made = make_scene(&shapes[_i % 2], TEST_STATES);
    const sluice_tape_options options = {.struct_size = sizeof options, .recompute = recompute};
    for (unsigned ragged = 0; ragged < 2; ragged++)
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            const unsigned what = ragged ? TEST_RAGGED | TEST_STATES : TEST_STATES;
            OWNED(test_batch) batch = test_batch_random(&made.shape, sizes[j][0], sizes[j][1], what, &made.random);
            OWNED(test_gradient) gradient = test_gradient_random(&made.shape, &batch.batch, &made.random);
            OWNED_HANDLE(sluice_tape) tape = test_tape_create(&made.runner, recompute);
            size_t need = 0;
            SUCCEEDS(sluice_tape_required_bytes, made.runner.engine, &options, sizes[j][0], sizes[j][1], batch.lengths, &need);
            for (unsigned time = 0; time < 3; time++) {
                test_forward_taped(&made.runner, tape, &batch.batch);
                ck_assert_uint_eq(sluice_tape_get_bytes(tape), need);
                test_backward(&made.runner, tape, &gradient.gradient);
                ck_assert_uint_eq(sluice_tape_get_bytes(tape), need);
            }
            if (sizes[j][0] > 1 && !recompute) { /* fewer rows */
                test_batch fewer = test_batch_pick(&made.shape, &batch, 0, sizes[j][0] - 1);
                test_forward_taped(&made.runner, tape, &fewer.batch);
                ck_assert_uint_eq(sluice_tape_get_bytes(tape), need);
                test_batch_free(&fewer);
            }
        }
}

/* Steps computed again are steps not kept: of a long batch a third of the bytes or less. */
TEST(recomputing_saves_bytes)
{
    const sluice_shape shape = {TEST_LDIH(2, 1, 32, 64), .has_bias = 1};
    OWNED(scene) made = make_scene(&shape, 0);
    const sluice_tape_options options = {.struct_size = sizeof options, .recompute = 32};
    size_t all = 0, some = 0;
    ck_assert_int_eq(sluice_tape_required_bytes(made.runner.engine, NULL, 64, 1000, NULL, &all, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_tape_required_bytes(made.runner.engine, &options, 64, 1000, NULL, &some, NULL), SLUICE_STATUS_OK);
    printf("64 rows of 1000 steps, 2 layers of 64: %zu bytes, %zu with recompute 32\n", all, some);
    ck_assert_uint_le(some, all / 3);
}

/* ---- Backward ---- */

typedef struct spoiled {
    sluice_gradient gradient;
    sluice_tape *tape;
    const sluice_gradient *given; /* &gradient, or NULL */
    float *other;                 /* an array that no gradient of the model has */
    float *others[8];             /* of which these are all */
} spoiled;

enum { INPUTS = 3, WIDTH = 5 };
static const size_t some_offsets[ROWS];

/* clang-format off */
static void no_tape(spoiled *s) { s->tape = NULL; }
static void no_gradient(spoiled *s) { s->given = NULL; }
static void bad_size(spoiled *s) { s->gradient.struct_size = 9; }
static void embedding_too(spoiled *s) { s->gradient.embedding = s->other; }
static void x_too(spoiled *s) { s->gradient.dx = s->other; }
static void head_too(spoiled *s) { s->gradient.head_weight = s->other; }
static void head_bias_too(spoiled *s) { s->gradient.head_bias = s->other; }
static void logits_too(spoiled *s) { s->gradient.dlogits = s->other; }
static void step_logits_too(spoiled *s) { s->gradient.dstep_logits = s->other; }
static void bias_too(spoiled *s) { s->gradient.bias = s->others; }
static void narrow_steps(spoiled *s) { s->gradient.dx_row_stride = STEPS * INPUTS; s->gradient.dx_step_stride = INPUTS - 1; }
static void narrow_rows(spoiled *s) { s->gradient.dx_row_stride = STEPS * INPUTS - 1; s->gradient.dx_step_stride = INPUTS; }
static void same_rows(spoiled *s) { s->gradient.dx_row_stride = 0; s->gradient.dx_step_stride = INPUTS; }
static void same_steps(spoiled *s) { s->gradient.dx_row_stride = INPUTS; s->gradient.dx_step_stride = 0; }
static void dx_steps_twice(spoiled *s) { s->gradient.dx_step_offsets = some_offsets; s->gradient.dx_step_stride = INPUTS; }
static void dy_steps_twice(spoiled *s) { s->gradient.dy_step_offsets = some_offsets; s->gradient.dy_step_stride = WIDTH; }
static void dx_rows_at_steps(spoiled *s) { s->gradient.dx_step_offsets = some_offsets; s->gradient.dx_row_stride = INPUTS - 1; }
static void dx_steps_in_rows(spoiled *s) { s->gradient.dx_offsets = some_offsets; s->gradient.dx_step_stride = INPUTS - 1; }
/* clang-format on */

static const struct {
    const char *what;
    const sluice_shape *shape;
    void (*spoil)(spoiled *);
    const char *word;
} spoilings[] = {
    {"NULL tape", &small, no_tape, "tape"},
    {"NULL gradient", &small, no_gradient, "gradient"},
    {"struct_size", &small, bad_size, "struct_size"},
    {"an embedding's without one", &small, embedding_too, "embedding"},
    {"dx of a model with embedding", &worded, x_too, "dx"},
    {"a head's without one", &worded, head_too, "head"},
    {"a head's bias's without one", &worded, head_bias_too, "head"},
    {"dlogits without a head", &worded, logits_too, "dlogits"},
    {"dstep_logits without a head", &worded, step_logits_too, "dstep_logits"},
    {"biases' without any", &worded, bias_too, "bias"},
    {"dx: steps overlap", &small, narrow_steps, "dx"},
    {"dx: rows overlap", &small, narrow_rows, "dx"},
    {"dx: all rows in one place", &small, same_rows, "dx"},
    {"dx: all steps in one place", &small, same_steps, "dx"},
    {"dx: step offsets and a stride", &small, dx_steps_twice, "dx_step_offsets are given, but dx_step_stride is 3"},
    {"dy: step offsets and a stride", &small, dy_steps_twice, "dy_step_offsets are given, but dy_step_stride is 5"},
    {"dx: rows of a step overlap", &small, dx_rows_at_steps, "dx strides (row 2, step 0)"},
    {"dx: steps of a row overlap", &small, dx_steps_in_rows, "dx strides (row 0, step 2)"},
};

TEST_EACH(backward_refuses, spoilings)
{
    OWNED(scene) made = make_scene(spoilings[_i].shape, TEST_STATES);
    test_forward_taped(&made.runner, made.tape, &made.batch.batch);
    spoiled call = {.gradient = made.gradient.gradient, .tape = made.tape, .other = test_floats(1000)};
    for (size_t j = 0; j < sizeof call.others / sizeof call.others[0]; j++)
        call.others[j] = call.other;
    call.given = &call.gradient;
    spoilings[_i].spoil(&call);
    sluice_error error = {0};
    test_check_refused(spoilings[_i].what, sluice_backward(call.tape, call.given, &error), bad_argument, &error,
                       spoilings[_i].word);
    ck_assert_int_eq(sluice_backward(call.tape, call.given, NULL), bad_argument);
    ck_assert_msg(test_gradient_untouched(&made.gradient), "%s: a gradient is written", spoilings[_i].what);
    ck_assert(test_prefilled(call.other, 1000));
    /* and the tape holds what it held */
    test_backward(&made.runner, made.tape, &made.gradient.gradient);
    OWNED(test_adjoint) want = test_adjoint_run(&made.network.weights, &made.batch.batch, &made.gradient.gradient, NULL);
    test_gradient_within(&made.gradient, &want, spoilings[_i].what);
    free(call.other);
}

static void refuse_empty(scene *made, const char *what)
{
    sluice_error error = {0};
    test_gradient_prefill(&made->gradient);
    test_check_refused(what, sluice_backward(made->tape, &made->gradient.gradient, &error), bad_argument, &error, "tape");
    ck_assert_msg(test_gradient_untouched(&made->gradient), "%s: a gradient is written", what);
}

/* A tape is used up by one call, and holds nothing before the first batch or once the engine has another model. */
TEST(tape_holds_no_batch)
{
    OWNED(scene) made = make_scene(&small, TEST_STATES);
    refuse_empty(&made, "a new tape");
    test_forward_taped(&made.runner, made.tape, &made.batch.batch);
    test_backward(&made.runner, made.tape, &made.gradient.gradient);
    refuse_empty(&made, "a tape used up");
    test_forward_taped(&made.runner, made.tape, &made.batch.batch);
    SUCCEEDS(sluice_engine_set_model, made.runner.engine, made.network.model);
    refuse_empty(&made, "a tape from before another model");
    test_forward_taped(&made.runner, made.tape, &made.batch.batch);
    test_backward(&made.runner, made.tape, &made.gradient.gradient);
}

/* A tape that is kept holds its batch until the engine has another model; so does one of the BLIS path. */
TEST_LOOP(kept_tape, 0, 2)
{
    OWNED(scene) made = make_scene(&small, TEST_STATES);
    OWNED(test_runner)
    runner = test_trainable_by(made.network.model, SLUICE_ISA_AUTO, 2, _i ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED);
    const sluice_tape_options options = {.struct_size = sizeof options, .keep = 1};
    OWNED_HANDLE(sluice_tape) tape = NULL;
    uint64_t unused = 0;
    OWNED(test_gradient) first = test_gradient_random(&small, &made.batch.batch, &unused);
    SUCCEEDS(sluice_tape_create, runner.engine, &options, &tape);
    test_forward_taped(&runner, tape, &made.batch.batch);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        memcpy(first.in[j], made.gradient.in[j], first.in_count[j] * sizeof(float));
    test_backward(&runner, tape, &first.gradient);
    test_backward(&runner, tape, &made.gradient.gradient);
    test_same_gradients(&made.gradient, &first, "again");
    SUCCEEDS(sluice_engine_set_model, runner.engine, made.network.model);
    REFUSED(bad_argument, "another model", sluice_backward, tape, &made.gradient.gradient);
}

/* A forward call that is refused writes nothing, on the tape neither. */
TEST(tape_after_a_refusal)
{
    OWNED(scene) made = make_scene(&small, TEST_RAGGED | TEST_STATES);
    OWNED(test_adjoint) want = test_adjoint_run(&made.network.weights, &made.batch.batch, &made.gradient.gradient, NULL);
    test_forward_taped(&made.runner, made.tape, &made.batch.batch);
    const int64_t lengths[ROWS] = {1, 2, 3, 4, 5, 6};
    sluice_batch bad = made.batch.batch;
    bad.tape = made.tape;
    bad.lengths = lengths;
    REFUSED(SLUICE_STATUS_BAD_DATA, "length", sluice_forward, made.runner.engine, made.runner.workspace, &bad);
    test_backward(&made.runner, made.tape, &made.gradient.gradient);
    test_gradient_within(&made.gradient, &want, "after a refusal");
}

/* ---- Forward ---- */

typedef struct bad_batch {
    sluice_batch batch;
    sluice_tape *tape, *other_tape;
} bad_batch;

static float some_logits[ROWS * STEPS * 4];

/* clang-format off */
static void nothing_for_step_logits(bad_batch *s) { s->batch.step_logits = some_logits; s->batch.y = NULL; }
static void step_logits_without_head(bad_batch *s) { s->batch.step_logits = some_logits; }
static void strange_tape(bad_batch *s) { s->batch.tape = s->other_tape; }
static void dropout_without_tape(bad_batch *s) { s->batch.dropout = 0.5f; }
static void negative_dropout(bad_batch *s) { s->batch.tape = s->tape; s->batch.dropout = -0.1f; }
static void dropout_of_all(bad_batch *s) { s->batch.tape = s->tape; s->batch.dropout = 1.0f; }
static void dropout_of_more(bad_batch *s) { s->batch.tape = s->tape; s->batch.dropout = INFINITY; }
static void nan_dropout(bad_batch *s) { s->batch.tape = s->tape; s->batch.dropout = NAN; }
/* clang-format on */

static const struct {
    const char *what;
    const sluice_shape *shape;
    void (*spoil)(bad_batch *);
    const char *word;
} bad_batches[] = {
    {"step_logits with neither y nor a tape", &small, nothing_for_step_logits, "step_logits"},
    {"step_logits without a head", &worded, step_logits_without_head, "head"},
    {"a tape of another engine", &small, strange_tape, "tape"},
    {"dropout without a tape", &small, dropout_without_tape, "dropout"},
    {"a negative dropout", &small, negative_dropout, "dropout"},
    {"dropout 1", &small, dropout_of_all, "dropout"},
    {"infinite dropout", &small, dropout_of_more, "dropout"},
    {"a NaN for dropout", &small, nan_dropout, "dropout"},
};

TEST_EACH(forward_refuses, bad_batches)
{
    OWNED(scene) made = make_scene(bad_batches[_i].shape, TEST_STATES);
    OWNED(test_runner) other = test_trainable(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    bad_batch call = {.batch = made.batch.batch, .tape = made.tape, .other_tape = test_tape_create(&other, 0)};
    test_prefill(some_logits, sizeof some_logits / sizeof some_logits[0]);
    bad_batches[_i].spoil(&call);
    sluice_error error = {0};
    test_check_refused(bad_batches[_i].what, sluice_forward(made.runner.engine, made.runner.workspace, &call.batch, &error),
                       bad_argument, &error, bad_batches[_i].word);
    ck_assert_msg(test_batch_untouched(&made.batch), "%s: an output is written", bad_batches[_i].what);
    ck_assert(test_prefilled(some_logits, sizeof some_logits / sizeof some_logits[0]));
    refuse_empty(&made, bad_batches[_i].what);
    sluice_tape_destroy(call.other_tape);
}

/* step_logits at a step are the head of y there, by the numeric contract of the logits; with y, without it, with a tape or not. */
TEST_LOOP(head_of_every_step, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i / 2, 1 + (size_t)_i % 2, 3, 19), .classes = 21};
    const size_t width = shape.directions * shape.hidden;
    OWNED(scene) made = make_scene(&shape, TEST_RAGGED | TEST_STATES | TEST_EACH_STEP);
    FREED float *want = calloc(made.batch.step_logits_count, sizeof *want);
    test_forward(&made.runner, &made.batch.batch);
    for (size_t n = 0; n < ROWS; n++)
        for (size_t t = 0; t < (size_t)made.batch.lengths[n]; t++)
            for (size_t class = 0; class < shape.classes; class ++)
                want[(n * STEPS + t) * shape.classes + class] =
                    made.network.weights.head_bias[class] + test_plain_chain(width, made.batch.y + (n * STEPS + t) * width,
                                                                             made.network.weights.head_weight + class * width, 1);
    test_same_bits(made.batch.step_logits, want, made.batch.step_logits_count, "with y");
    for (unsigned with_y = 0; with_y < 2; with_y++) {
        test_batch_prefill(&made.batch);
        sluice_batch some = made.batch.batch;
        some.y = with_y ? some.y : NULL;
        test_forward_taped(&made.runner, made.tape, &some);
        test_same_bits(made.batch.step_logits, want, made.batch.step_logits_count, with_y ? "with y and a tape" : "with a tape");
    }
}

/* ---- Another model ---- */

TEST(set_model_arguments)
{
    OWNED(scene) made = make_scene(&small, 0);
    sluice_error error = {0};
    REFUSED(bad_argument, "engine", sluice_engine_set_model, NULL, made.network.model);
    REFUSED(bad_argument, "model", sluice_engine_set_model, made.runner.engine, NULL);
    static const char *const names[] = {"layers", "directions", "inputs", "hidden", "vocabulary", "classes", "has_bias"};
    for (size_t j = 0; j < 7; j++) {
        sluice_shape shape = small;
        size_t *const sizes[] = {&shape.layers, &shape.directions, &shape.inputs, &shape.hidden, &shape.vocabulary, &shape.classes};
        if (j < 6)
            ++*sizes[j];
        else
            shape.has_bias = 0;
        OWNED(test_network) other = test_network_random(&shape, 1.0f, &made.random);
        test_refused(sluice_engine_set_model(made.runner.engine, other.model, &error), bad_argument, &error, names[j]);
    }
    test_batch_prefill(&made.batch);
    test_there_and_back(&made.runner, 0, &made.batch.batch, &made.gradient.gradient); /* and the engine is as it was */
    OWNED(test_adjoint) want = test_adjoint_run(&made.network.weights, &made.batch.batch, &made.gradient.gradient, NULL);
    test_gradient_within(&made.gradient, &want, "after refusals");
}

/* An engine that is given another model has the bits, there and back, of a new one of that model. */
TEST_LOOP(set_model, 0, 9)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 2, 1 + (size_t)_i / 2 % 2, 6, 21),
                                .vocabulary = _i / 4 == 1   ? 17
                                              : _i / 4 == 2 ? 200000
                                                            : 0,
                                .classes = 5, .has_bias = _i % 3 > 0};
    OWNED(scene) made = make_scene(&shape, TEST_RAGGED | TEST_STATES);
    OWNED(test_network) other = test_network_random(&shape, 1.0f, &made.random);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < 2 * isas.count; j++) {
        sluice_engine_options options = test_options(isas.isa[j / 2], 2, SLUICE_SCHEDULE_AUTO);
        options.training = j % 2;
        OWNED(test_runner) set = test_runner_of(made.network.model, &options);
        OWNED(test_runner) new = test_runner_of(other.model, &options);
        OWNED(test_batch) want = test_batch_pick(&shape, &made.batch, 0, ROWS);
        OWNED(test_gradient) want_back = test_gradient_random(&shape, &want.batch, &made.random);
        for (size_t r = 0; r < TEST_RESULTS; r++)
            memcpy(want_back.in[r], made.gradient.in[r], want_back.in_count[r] * sizeof(float));
        test_forward(&set, &made.batch.batch);
        SUCCEEDS(sluice_engine_set_model, set.engine, other.model);
        test_batch_prefill(&made.batch);
        test_gradient_prefill(&made.gradient);
        test_forward(&set, &made.batch.batch);
        test_forward(&new, &want.batch);
        test_same_outputs(&made.batch, &want, set.name);
        if (options.training) {
            test_there_and_back(&set, 0, &made.batch.batch, &made.gradient.gradient);
            test_there_and_back(&new, 0, &want.batch, &want_back.gradient);
            test_same_gradients(&made.gradient, &want_back, set.name);
        }
    }
}

/* What training asks of an engine changes no bit of inference, and is paid in memory alone. */
TEST_LOOP(training_engine, 0, 2)
{
    const sluice_shape shapes[] = {small, worded};
    OWNED(scene) made = make_scene(&shapes[_i], TEST_RAGGED | TEST_STATES);
    OWNED(test_runner) plain = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) other = test_batch_pick(&made.shape, &made.batch, 0, ROWS);
    test_forward(&plain, &other.batch);
    test_forward(&made.runner, &made.batch.batch);
    test_same_outputs(&made.batch, &other, "training");
    sluice_engine_info with = {.struct_size = sizeof with}, without = {.struct_size = sizeof without};
    ck_assert_int_eq(sluice_engine_get_info(made.runner.engine, &with), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_engine_get_info(plain.engine, &without), SLUICE_STATUS_OK);
    ck_assert_uint_gt(with.packed_bytes, without.packed_bytes);
}
