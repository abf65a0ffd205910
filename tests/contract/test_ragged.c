/* Rows of different lengths: what a length means, in every position and for both directions. */
#include "support/network.h"
#include "support/oracle/oracle.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

enum { ROWS = 21, STEPS = 13 };

static const sluice_shape both = {TEST_LDIH(2, 2, 5, 19), .classes = 4, .has_bias = 1};

/* How the lengths of a batch are chosen. */
typedef enum pattern { ALL_ZERO, ALL_FULL, ALL_ONE, RISING, FALLING, ONE_LONG, ONE_SHORT, ALTERNATING, PATTERNS } pattern;

static int64_t length_of(pattern as, size_t n)
{
    switch (as) {
    case ALL_FULL:
        return STEPS;
    case ALL_ONE:
        return 1;
    case RISING:
        return (int64_t)(n * STEPS / (ROWS - 1));
    case FALLING:
        return (int64_t)((ROWS - 1 - n) * STEPS / (ROWS - 1));
    case ONE_LONG:
        return n == 7 ? STEPS : 2;
    case ONE_SHORT:
        return n == 7 ? 0 : STEPS;
    case ALTERNATING:
        return n % 2 ? STEPS : 0;
    default:
        return 0;
    }
}

/* A runner of every instruction set, schedule and a few thread counts. */
static void with_runners(const sluice_model *model, void (*visit)(const test_runner *, void *), void *context)
{
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (sluice_schedule schedule = SLUICE_SCHEDULE_AUTO; schedule <= SLUICE_SCHEDULE_HOIST; schedule++)
            for (unsigned threads = 1; threads <= 5; threads += 2) {
                OWNED(test_runner) runner = test_runner_create(model, isas.isa[i], threads, schedule);
                visit(&runner, context);
            }
}

typedef struct scene {
    test_batch batch;
    test_rows rows; /* the reference of each */
} scene;

static void run_scene(const test_runner *runner, void *context)
{
    scene *made = context;
    test_against(runner, &both, &made->batch, &made->rows, 0);
}

/* Every row equals itself run alone with exactly its own steps, and y is zero behind it. */
TEST_LOOP(each_row_as_if_alone, 0, PATTERNS)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    OWNED(test_network) network = test_network_random(&both, 1.5f, &random);
    for (unsigned states = 0; states <= TEST_STATES; states += TEST_STATES) {
        scene made = {.batch = test_batch_random(&both, ROWS, STEPS, TEST_RAGGED | states, &random)};
        for (size_t n = 0; n < ROWS; n++)
            made.batch.lengths[n] = length_of((pattern)_i, n);
        made.rows = test_reference(&both, network.model, &made.batch);
        with_runners(network.model, run_scene, &made);
        test_rows_free(&made.rows);
        test_batch_free(&made.batch);
    }
}

/* A row of length 0 yields its initial state, zeros in y, and the head of that state. */
TEST(length_zero)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&both, ROWS, STEPS, TEST_RAGGED | TEST_STATES, &random);
    memset(batch.lengths, 0, ROWS * sizeof *batch.lengths);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_forward(&runner, &batch.batch);
    test_same_bits(batch.hn, batch.h0, batch.state_count, "hn");
    test_same_bits(batch.cn, batch.c0, batch.state_count, "cn");
    for (size_t j = 0; j < batch.y_count; j++)
        ck_assert_msg(batch.y[j] == 0.0f, "y[%zu] is %g", j, (double)batch.y[j]);
    OWNED(test_oracle) oracle = test_oracle_run(&network.weights, &batch.batch);
    /* a chain of 38 products below 1/4: 38 * 38/4 * 2^-24 */
    ck_assert_double_le(test_max_error(batch.logits, oracle.logits, batch.logits_count), 38 * 38 / 4.0 * 0x1p-24);

    batch.batch.h0 = batch.batch.c0 = NULL; /* then the state is zero, and the head answers its bias */
    test_batch_prefill(&batch);
    test_forward(&runner, &batch.batch);
    for (size_t j = 0; j < batch.state_count; j++)
        ck_assert(batch.hn[j] == 0.0f && batch.cn[j] == 0.0f);
    for (size_t n = 0; n < ROWS; n++)
        test_same_bits(batch.logits + n * both.classes, network.weights.head_bias, both.classes, "logits of a zero state");
}

/* Such a row hands on whatever its initial state is, NaN payloads and all; the head, which computes, answers the one NaN. */
TEST(length_zero_of_nan)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&both, 3, 2, TEST_RAGGED | TEST_STATES, &random);
    memset(batch.lengths, 0, 3 * sizeof *batch.lengths);
    const uint32_t payloads[] = {UINT32_C(0x7fc12345), UINT32_C(0xffe54321)}, one_nan = UINT32_C(0xffc00000);
    for (size_t k = 0; k < 4; k++) /* row 1, every layer and direction */
        for (size_t j = 0; j < 2; j++)
            memcpy(batch.h0 + (k * 3 + 1) * both.hidden + 3 + j, payloads + j, sizeof(float));
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++) {
        OWNED(test_runner) runner = test_runner_create(network.model, isas.isa[i], 2, SLUICE_SCHEDULE_AUTO);
        test_batch_prefill(&batch);
        test_forward(&runner, &batch.batch);
        test_same_bits(batch.hn, batch.h0, batch.state_count, "hn");
        test_same_bits(batch.cn, batch.c0, batch.state_count, "cn");
        for (size_t j = 0; j < batch.logits_count; j++)
            ck_assert_msg(j / both.classes == 1 ? memcmp(batch.logits + j, &one_nan, sizeof one_nan) == 0
                                                : isfinite(batch.logits[j]),
                          "%s: logits[%zu]", runner.name, j);
    }
}

/* T = 0: as if every length were 0. N = 0: nothing. */
TEST(no_steps_and_no_rows)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_batch none = test_batch_random(&both, ROWS, 0, TEST_STATES, &random);
    test_forward(&runner, &none.batch);
    test_same_bits(none.hn, none.h0, none.state_count, "hn");
    test_same_bits(none.cn, none.c0, none.state_count, "cn");
    ck_assert_msg(!test_prefilled(none.logits, 1), "T = 0: logits are not written");
    test_batch_free(&none);

    none = test_batch_random(&both, 0, STEPS, 0, &random);
    test_forward(&runner, &none.batch);
    const sluice_batch empty = {.struct_size = sizeof empty};
    test_forward(&runner, &empty); /* no arrays either */
    test_batch_free(&none);
}

/* The reverse direction begins at the row's own last step: its first output there is one cell of that step from the initial
 * state. */
TEST(reverse_begins_at_the_end_of_the_row)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 4, 9), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, ROWS, STEPS, TEST_RAGGED, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_forward(&runner, &batch.batch);
    for (size_t n = 0; n < ROWS; n++) {
        if (batch.lengths[n] == 0)
            continue;
        const size_t last = n * STEPS + (size_t)batch.lengths[n] - 1;
        OWNED(test_batch) one = test_batch_random(&shape, 1, 1, 0, &random);
        memcpy(one.x, batch.x + last * shape.inputs, shape.inputs * sizeof(float));
        test_forward(&runner, &one.batch);
        test_same_bits(batch.y + last * 18 + 9, one.y + 9, 9, "the reverse direction's first output");
        test_same_bits(batch.hn + (ROWS + n) * 9, batch.y + n * STEPS * 18 + 9, 9, "the reverse direction's hn: its step 0");
        test_same_bits(batch.hn + n * 9, batch.y + last * 18, 9, "the forward direction's hn: its last step");
    }
}

static void run_padded(const test_runner *runner, void *context)
{
    scene *made = context;
    test_against(runner, &both, &made->batch, &made->rows, 0);
    ck_assert_msg(!isnan(made->batch.y[0]) && !isnan(made->batch.logits[0]), "padding reached the result");
}

/* Past a row's end x may hold anything; NaN shows if it is used. (test_bounds.c has it unreadable.) */
TEST(padding_is_not_used)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both, 1.0f, &random);
    scene made = {.batch = test_batch_random(&both, ROWS, STEPS, TEST_RAGGED, &random)};
    made.rows = test_reference(&both, network.model, &made.batch);
    for (size_t n = 0; n < ROWS; n++)
        for (size_t j = (size_t)made.batch.lengths[n] * both.inputs; j < STEPS * both.inputs; j++)
            made.batch.x[n * STEPS * both.inputs + j] = NAN;
    with_runners(network.model, run_padded, &made);
    test_rows_free(&made.rows);
    test_batch_free(&made.batch);
}

/* Nor are the tokens there looked at, which might lie outside the vocabulary. */
TEST(token_padding_is_not_used)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 5, 9), .vocabulary = 7, .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, ROWS, STEPS, TEST_RAGGED, &random);
    OWNED(test_rows) rows = test_reference(&shape, network.model, &batch);
    for (size_t n = 0; n < ROWS; n++)
        for (size_t t = (size_t)batch.lengths[n]; t < STEPS; t++)
            batch.tokens[n * STEPS + t] = n % 2 ? -1 : INT32_MAX;
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_against(&runner, &shape, &batch, &rows, 0);
}

/* Lengths that are all T are as no lengths. */
TEST(full_lengths_are_no_lengths)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&both, 1.0f, &random);
    OWNED(test_batch) with = test_batch_random(&both, ROWS, STEPS, TEST_RAGGED | TEST_STATES, &random);
    for (size_t n = 0; n < ROWS; n++)
        with.lengths[n] = STEPS;
    OWNED(test_batch) without = test_batch_pick(&both, &with, 0, ROWS);
    without.batch.lengths = NULL;
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_forward(&runner, &with.batch);
    test_forward(&runner, &without.batch);
    test_same_outputs(&with, &without, "lengths of T");
}
