/* Dropout, seen from outside: a network whose last layer says which of the outputs below it are dropped. The mask depends on the
 * key, the layer, the row, the step and the unit alone; the share is the one asked for; what is kept is scaled; and the gradient
 * is the adjoint's with that mask. */
#include "support/gradients.h"
#include "support/suite.h"

#include <string.h>

/* Weights of L layers with which y of the last says what it reads: the layers below give the same h, and not 0, whatever they read
 * (their weights are 0, their g's bias is 1); the last one has i = o = 1, f = 0 and g = tanh of one unit of what it reads, its
 * forward direction of the forward half, so that y = tanh(tanh(x)). */
static test_network make_probe(size_t layers, size_t directions, size_t hidden)
{
    const sluice_shape shape = {TEST_LDIH(layers, directions, 1, hidden), .has_bias = 1};
    test_network network = test_network_create(&shape);
    for (size_t k = 0; k < layers * directions; k++) {
        float *bias = network.floats + (network.weights.bias_ih[k] - network.floats);
        const bool last = k / directions + 1 == layers;
        for (size_t u = 0; u < hidden; u++) {
            bias[u] = bias[3 * hidden + u] = last ? 200.0f : 0.0f;
            bias[hidden + u] = last ? -200.0f : 0.0f;
            bias[2 * hidden + u] = last ? 0.0f : 1.0f;
        }
        float *weights = network.floats + (network.weights.weight_ih[k] - network.floats);
        for (size_t u = 0; u < hidden && last; u++)
            weights[(2 * hidden + u) * directions * hidden + k % directions * hidden + u] = 1.0f;
    }
    test_network_build(&network);
    return network;
}

/* What the probe gives for a batch of zeros: y [N][T][D*H] over `layers` layers, the last of which says. Owned. */
typedef struct question {
    size_t layers, directions, hidden, rows, steps;
    const int64_t *lengths;
    float dropout;
    uint64_t key;
    sluice_isa isa;
    unsigned threads;
    sluice_schedule schedule;
    size_t recompute;
} question;

static float *ask(const question *q)
{
    OWNED(test_network) network = make_probe(q->layers, q->directions, q->hidden);
    OWNED(test_runner) runner = test_trainable(network.model, q->isa, q->threads, q->schedule);
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(&runner, q->recompute);
    float *x = calloc(q->rows * q->steps + 1, sizeof *x), *y = test_floats(q->rows * q->steps * q->directions * q->hidden);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = q->steps,
                                .rows = q->rows,
                                .lengths = q->lengths,
                                .x = x,
                                .y = y,
                                .dropout = q->dropout,
                                .dropout_key = q->key};
    test_forward_taped(&runner, tape, &batch);
    free(x);
    return y;
}

/* The mask of the layer below the last: 1 what is kept. Owned. */
static unsigned char *ask_kept(const question *q)
{
    const size_t count = q->rows * q->steps * q->directions * q->hidden;
    unsigned char *kept = calloc(count + 1, 1);
    FREED float *y = ask(q);
    for (size_t j = 0; j < count; j++)
        kept[j] = y[j] != 0.0f;
    return kept;
}

static const question usual = {.layers = 2,
                               .directions = 1,
                               .hidden = 16,
                               .rows = 8,
                               .steps = 6,
                               .dropout = 0.5f,
                               .key = UINT64_C(0x123456789abcdef0),
                               .threads = 1,
                               .schedule = SLUICE_SCHEDULE_ROWS};

/* ---- What the mask depends on ---- */

TEST_LOOP(same_mask_everywhere, 0, 2)
{
    question q = usual;
    q.directions = 1 + (size_t)_i;
    q.hidden = 21;
    const size_t width = q.directions * q.hidden, count = q.rows * q.steps * width;
    unsigned char *want = ask_kept(&q);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++)
        for (unsigned threads = 1; threads <= 4; threads++)
            for (sluice_schedule schedule = SLUICE_SCHEDULE_AUTO; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
                q.isa = isas.isa[j];
                q.threads = threads;
                q.schedule = schedule;
                q.recompute = threads % 3;
                unsigned char *got = ask_kept(&q);
                ck_assert_mem_eq(got, want, count);
                free(got);
            }
    free(want);
}

/* Rows with their places kept, among more of them, or of other lengths; more steps. */
TEST_LOOP(same_mask_in_other_batches, 0, 2)
{
    question q = usual;
    q.directions = 1 + (size_t)_i;
    const size_t width = q.directions * q.hidden;
    unsigned char *want = ask_kept(&q);
    question larger = q;
    int64_t lengths[11];
    larger.rows = 11;
    larger.steps = 9;
    for (size_t n = 0; n < larger.rows; n++)
        lengths[n] = (int64_t)((n * 7 + 2) % 10);
    larger.lengths = lengths;
    unsigned char *got = ask_kept(&larger);
    for (size_t n = 0; n < q.rows; n++)
        for (size_t t = 0; t < q.steps && t < (size_t)lengths[n]; t++)
            ck_assert_msg(memcmp(got + (n * larger.steps + t) * width, want + (n * q.steps + t) * width, width) == 0,
                          "row %zu, step %zu has another mask", n, t);
    free(got);
    free(want);
}

/* How many of the places the two agree in. */
static size_t agreeing(const unsigned char *a, const unsigned char *b, size_t count)
{
    size_t same = 0;
    for (size_t j = 0; j < count; j++)
        same += a[j] == b[j];
    return same;
}

/* Of fair and independent coins: half of them within 6 standard deviations, beyond which one test in 5e8 lies. */
static void check_independent(const unsigned char *a, const unsigned char *b, size_t count, const char *what)
{
    const double share = (double)agreeing(a, b, count) / (double)count;
    ck_assert_msg(fabs(share - 0.5) <= 6 * 0.5 / sqrt((double)count), "%s: they agree in %g of %zu places", what, share, count);
}

/* Another key, layer, row, step or unit is another mask. */
TEST(other_masks)
{
    question q = usual;
    q.rows = 16;
    q.steps = 32;
    const size_t row = q.steps * q.hidden, count = q.rows * row;
    unsigned char *mask = ask_kept(&q);
    check_independent(mask, mask + 1, count - 1, "units");
    check_independent(mask, mask + q.hidden, count - q.hidden, "steps");
    check_independent(mask, mask + row, count - row, "rows");
    for (unsigned bit = 0; bit < 64; bit += 7) {
        question other = q;
        other.key ^= UINT64_C(1) << bit;
        unsigned char *mask_of_key = ask_kept(&other);
        check_independent(mask, mask_of_key, count, "keys");
        free(mask_of_key);
    }
    for (size_t layers = 3; layers < 5; layers++) {
        question other = q;
        other.layers = layers;
        unsigned char *mask_of_layer = ask_kept(&other);
        check_independent(mask, mask_of_layer, count, "layers");
        free(mask_of_layer);
    }
    free(mask);
}

/* ---- How much is dropped, and what becomes of the rest ---- */

static const float probabilities[] = {0.01f, 0.1f, 0.25f, 0.5f, 0.75f, 0.9f, 0.999f};
enum { PROBABILITIES = sizeof probabilities / sizeof probabilities[0] };

TEST_LOOP(share_dropped, 0, PROBABILITIES)
{
    question q = usual;
    q.dropout = probabilities[_i];
    q.rows = 40;
    q.steps = 50;
    q.hidden = 37;
    const size_t count = q.rows * q.steps * q.hidden;
    unsigned char *mask = ask_kept(&q);
    size_t dropped = 0;
    for (size_t j = 0; j < count; j++)
        dropped += !mask[j];
    const double p = (double)q.dropout, share = (double)dropped / (double)count;
    ck_assert_msg(fabs(share - p) <= 6 * sqrt(p * (1 - p) / (double)count), "%g of %zu are dropped, not %g", share, count, p);
    free(mask);
}

/* h of the layer below is known: c halves and takes half of tanh(1) at each step. A product's few roundings, and those of tanh: a
 * millionth is ten times as much. */
TEST_LOOP(scale_of_the_kept, 0, PROBABILITIES)
{
    question q = usual;
    q.dropout = probabilities[_i];
    FREED float *y = ask(&q);
    for (size_t n = 0; n < q.rows; n++) {
        double c = 0.0;
        for (size_t t = 0; t < q.steps; t++) {
            c = 0.5 * c + 0.5 * tanh(1.0);
            const double want = tanh(tanh(0.5 * tanh(c) / (1.0 - (double)q.dropout)));
            for (size_t u = 0; u < q.hidden; u++) {
                const double got = (double)y[(n * q.steps + t) * q.hidden + u];
                ck_assert_msg(got == 0.0 || fabs(got / want - 1.0) <= 1e-6, "%.9g is neither 0 nor %.9g", got, want);
            }
        }
    }
}

TEST(none)
{
    const sluice_shape shape = {TEST_LDIH(3, 2, 4, 17), .classes = 2, .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) with = test_batch_random(&shape, 7, 5, TEST_RAGGED | TEST_STATES | TEST_EACH_STEP, &random);
    OWNED(test_batch) without = test_batch_pick(&shape, &with, 0, 7);
    OWNED(test_runner) runner = test_trainable(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(&runner, 0);
    with.batch.dropout_key = 77; /* of a probability that is zero */
    test_forward_taped(&runner, tape, &with.batch);
    test_forward(&runner, &without.batch);
    test_same_outputs(&with, &without, "dropout 0");
    /* The least probability there is drops nothing of these few either, and a network of one layer has nothing to drop. */
    with.batch.dropout = 0x1p-149f;
    test_forward_taped(&runner, tape, &with.batch);
    test_same_outputs(&with, &without, "dropout 2^-149");
}

/* ---- Gradients ---- */

/* The masks of all layers of a batch, as test_adjoint_create has them. Owned. */
static unsigned char *all_masks(const sluice_shape *shape, const sluice_batch *batch)
{
    const size_t width = shape->directions * shape->hidden, count = batch->rows * batch->steps * width;
    unsigned char *kept = calloc((shape->layers - 1) * count + 1, 1);
    for (size_t layer = 0; layer + 1 < shape->layers; layer++) {
        const question q = {.layers = layer + 2,
                            .directions = shape->directions,
                            .hidden = shape->hidden,
                            .rows = batch->rows,
                            .steps = batch->steps,
                            .dropout = batch->dropout,
                            .key = batch->dropout_key,
                            .threads = 1,
                            .schedule = SLUICE_SCHEDULE_ROWS};
        unsigned char *mask = ask_kept(&q);
        memcpy(kept + layer * count, mask, count);
        free(mask);
    }
    return kept;
}

TEST_LOOP(as_the_adjoint, 0, 4)
{
    const size_t hidden = _i % 2 ? 35 : 13; /* of both directions more inputs than a task of the backward pass computes */
    const sluice_shape shape = {TEST_LDIH(2 + (size_t)_i / 2, 1 + (size_t)_i % 2, 4, hidden), .vocabulary = _i / 2 ? 9 : 0,
                                .classes = 3, .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 8, 6, TEST_RAGGED | TEST_STATES | TEST_EACH_STEP, &random);
    OWNED(test_gradient) gradient = test_gradient_random(&shape, &batch.batch, &random);
    batch.batch.dropout_key = test_random(&random);
    for (size_t j = 0; j < PROBABILITIES - 1; j++) {
        batch.batch.dropout = probabilities[j];
        unsigned char *kept = all_masks(&shape, &batch.batch);
        OWNED(test_adjoint) want = test_adjoint_run(&network.weights, &batch.batch, &gradient.gradient, kept);
        const test_isa_list isas = test_isas();
        for (size_t k = 0; k < isas.count; k++) {
            OWNED(test_runner) runner = test_trainable(network.model, isas.isa[k], 2, SLUICE_SCHEDULE_AUTO);
            test_gradient_prefill(&gradient);
            test_there_and_back(&runner, j % 3, &batch.batch, &gradient.gradient);
            test_within(batch.y, want.result[TEST_Y], batch.y_count, "y");
            test_within(batch.step_logits, want.result[TEST_STEP_LOGITS], batch.step_logits_count, "step_logits");
            test_within(batch.hn, want.result[TEST_HN], batch.state_count, "hn");
            test_gradient_within(&gradient, &want, runner.name);
        }
        free(kept);
    }
}

/* A loss that sees of the probe only what was dropped below has a gradient of 0 below. */
TEST(nothing_through_the_dropped)
{
    const question *q = &usual;
    OWNED(test_network) network = make_probe(q->layers, 1, q->hidden);
    const sluice_shape shape = *network.weights.shape;
    unsigned char *kept = ask_kept(q);
    uint64_t random = test_seed();
    OWNED(test_batch) batch = test_batch_random(&shape, q->rows, q->steps, 0, &random);
    OWNED(test_gradient) gradient = test_gradient_random(&shape, &batch.batch, &random);
    batch.batch.dropout = q->dropout;
    batch.batch.dropout_key = q->key;
    gradient.gradient.dhn = gradient.gradient.dcn = NULL;
    for (size_t j = 0; j < batch.y_count; j++)
        gradient.in[TEST_Y][j] = kept[j] ? 0.0f : 1.0f;
    OWNED(test_runner) runner = test_trainable(network.model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    test_there_and_back(&runner, 0, &batch.batch, &gradient.gradient);
    const size_t bias = 4 * q->hidden;
    size_t above = 0;
    for (size_t j = 0; j < 2 * bias; j++) {
        ck_assert_msg(j >= bias || gradient.out[TEST_BIAS][j] == 0.0f, "the bias below has a gradient");
        above += j >= bias && gradient.out[TEST_BIAS][j] != 0.0f;
    }
    ck_assert_uint_eq(above, q->hidden); /* of g alone, the other gates being 0 or 1 to the bit */
    free(kept);
}
