/* No byte outside the shapes is read or written: every array of a call lies flush against a page nobody may touch, once at its
 * end and once at its beginning. */
#include "support/cases/network_runs.h"
#include "support/cases/sample_networks.h"
#include "support/memory/guard.h"
#include "support/network.h"
#include "support/suite.h"

#include <string.h>

static void *outputs(size_t count, test_side side)
{
    float *values = test_guard_alloc(count * sizeof *values, side);
    test_prefill(values, count);
    return values;
}

/* A batch whose arrays are guarded copies. */
static sluice_batch guard(const test_batch *from, test_side side)
{
    sluice_batch made = from->batch;
    made.lengths = test_guard_copy(made.lengths, made.rows * sizeof *made.lengths, side);
    made.x = test_guard_copy(made.x, from->x_count * sizeof *made.x, side);
    made.tokens = test_guard_copy(made.tokens, from->x_count * sizeof *made.tokens, side);
    made.h0 = test_guard_copy(made.h0, from->state_count * sizeof *made.h0, side);
    made.c0 = test_guard_copy(made.c0, from->state_count * sizeof *made.c0, side);
    made.y = outputs(from->y_count, side);
    made.hn = outputs(from->state_count, side);
    made.cn = outputs(from->state_count, side);
    made.logits = made.logits ? outputs(from->logits_count, side) : NULL;
    return made;
}

/* Run one batch guarded at one side, and see that the answer is the one it had in the open. */
static void run_guarded(const test_runner *runner, const test_batch *open, test_side side)
{
    const sluice_batch made = guard(open, side);
    test_forward(runner, &made);
    const test_batch got = {.y = made.y, .hn = made.hn, .cn = made.cn, .logits = made.logits};
    test_same_outputs(&got, open, runner->name);
    test_guard_free_all();
}

/* Odd and even sizes round every vector and tile width. */
static const size_t widths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

static void run_shape(const sluice_shape *shape, size_t rows, size_t steps, unsigned what, uint64_t *random)
{
    OWNED(test_network) network = test_network_random(shape, 1.0f, random);
    OWNED(test_batch) open = test_batch_random(shape, rows, steps, what, random);
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
            OWNED(test_runner) runner = test_runner_create(network.model, isas.isa[i], 2, schedule);
            test_forward(&runner, &open.batch);
            run_guarded(&runner, &open, TEST_SIDE_END);
            run_guarded(&runner, &open, TEST_SIDE_BEGIN);
        }
}

TEST(guarded_arrays)
{
    uint64_t random = test_seed();
    for (size_t j = 0; j < WIDTHS; j++)
        for (size_t k = 0; k < WIDTHS; k += test_by_depth(5, 3, 1)) {
            const sluice_shape shape = {TEST_LDIH(1, 1 + j % 2, widths[k], widths[j]), .classes = widths[(j + k) % WIDTHS],
                                        .has_bias = 1};
            run_shape(&shape, 1 + (j + k) % 8, 3, (unsigned)k % 4, &random);
        }
}

TEST(guarded_tokens_and_layers)
{
    uint64_t random = test_seed();
    for (size_t j = 0; j < WIDTHS; j++) {
        const sluice_shape shape = {TEST_LDIH(1 + j % 3, 2 - j % 2, 3, widths[j]), .vocabulary = 13};
        run_shape(&shape, 5, 4, TEST_RAGGED | TEST_STATES, &random);
    }
}

/* No rows, no steps, no rows with steps: nothing may be touched at all. */
TEST_LOOP(empty_batches, 0, 3)
{
    static const size_t sizes[][2] = {{0, 0}, {0, 5}, {3, 0}}; /* N, T */
    uint64_t random = test_seed();
    for (unsigned what = 0; what < 4; what++) {
        const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .classes = 2, .has_bias = 1};
        run_shape(&shape, sizes[_i][0], sizes[_i][1], what, &random);
    }
}

/* What lies past a row's end in x, and before its start, is not read: each row's steps end at a forbidden page. */
TEST(rows_end_at_pages)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 7, 9), .has_bias = 1};
    enum { ROWS = 8, STEPS = 6 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) open = test_batch_random(&shape, ROWS, STEPS, TEST_RAGGED, &random);
    float *rows[ROWS];
    size_t offsets[ROWS];
    uintptr_t base = UINTPTR_MAX;
    for (size_t n = 0; n < ROWS; n++) {
        const size_t bytes = (size_t)open.lengths[n] * shape.inputs * sizeof(float);
        rows[n] = test_guard_copy(open.x + n * STEPS * shape.inputs, bytes, n % 2 ? TEST_SIDE_BEGIN : TEST_SIDE_END);
        base = (uintptr_t)rows[n] < base ? (uintptr_t)rows[n] : base;
    }
    for (size_t n = 0; n < ROWS; n++)
        offsets[n] = ((uintptr_t)rows[n] - base) / sizeof(float);
    sluice_batch guarded_rows = open.batch;
    guarded_rows.x = (const float *)base;
    guarded_rows.x_offsets = test_guard_copy(offsets, sizeof offsets, TEST_SIDE_END);
    OWNED(test_batch) got = test_batch_pick(&shape, &open, 0, ROWS);
    guarded_rows.y = got.y;
    guarded_rows.hn = got.hn;
    guarded_rows.cn = got.cn;
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
            OWNED(test_runner) runner = test_runner_create(network.model, isas.isa[i], 2, schedule);
            test_batch_prefill(&got);
            test_forward(&runner, &open.batch);
            test_forward(&runner, &guarded_rows);
            test_same_outputs(&got, &open, runner.name);
        }
    test_guard_free_all();
}

/* Floats at every place within a cache line: no array needs more than its type's alignment. */
TEST(any_alignment)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 16, 32), .classes = 16, .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) open = test_batch_random(&shape, 6, 4, TEST_STATES, &random);
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++) {
        OWNED(test_runner) runner = test_runner_create(network.model, isas.isa[i], 2, SLUICE_SCHEDULE_AUTO);
        test_forward(&runner, &open.batch);
        for (size_t shift = 0; shift < 16; shift++) {
            const size_t counts[] = {open.x_count,     open.state_count, open.state_count, open.y_count,
                                     open.state_count, open.state_count, open.logits_count};
            const float *const from[] = {open.x, open.h0, open.c0, NULL, NULL, NULL, NULL};
            float *blocks[7], *at[7];
            for (size_t j = 0; j < 7; j++) {
                blocks[j] = aligned_alloc(64, (counts[j] + 16 + 16) / 16 * 64);
                ck_assert_ptr_nonnull(blocks[j]);
                at[j] = blocks[j] + shift;
                test_prefill(at[j], counts[j]);
                if (from[j])
                    memcpy(at[j], from[j], counts[j] * sizeof(float));
            }
            sluice_batch moved = open.batch;
            moved.x = at[0];
            moved.h0 = at[1];
            moved.c0 = at[2];
            const test_batch got = {
                .y = moved.y = at[3], .hn = moved.hn = at[4], .cn = moved.cn = at[5], .logits = moved.logits = at[6]};
            test_forward(&runner, &moved);
            test_same_outputs(&got, &open, runner.name);
            for (size_t j = 0; j < 7; j++)
                free(blocks[j]);
        }
    }
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

/* A network whose every array is guarded gives what it gives in the open. */
static void run_network_guarded(const test_made_network *made, const test_setup *setup, test_side side, const test_answer *want)
{
    const test_family_batch *batch = &made->batch;
    const size_t steps = batch->rows * batch->steps;
    sluice_network network = made->network;
    network.layers = test_guard_copy(network.layers, network.layer_count * sizeof *network.layers, side);
    const sluice_parameter *parameters = test_guard_copy(made->parameters, made->parameter_count * sizeof *parameters, side);
    sluice_model *model;
    ck_assert_int_eq(sluice_model_create_network(&network, parameters, made->parameter_count, NULL, &model, NULL),
                     SLUICE_STATUS_OK);
    test_family_batch guarded = *batch;
    guarded.lengths = test_guard_copy(batch->lengths, batch->rows * sizeof *batch->lengths, side);
    guarded.x = test_guard_copy(batch->x, steps * network.inputs * sizeof *batch->x, side);
    guarded.tokens = test_guard_copy(batch->tokens, steps * sizeof *batch->tokens, side);
    guarded.mask = test_guard_copy(batch->mask, steps, side);
    guarded.h0 = test_guard_copy(batch->h0, made->h_count * sizeof *batch->h0, side);
    guarded.c0 = test_guard_copy(batch->c0, made->c_count * sizeof *batch->c0, side);
    test_answer open = test_answer_create(made, batch), got = open;
    for (size_t j = 0; j < TEST_ARRAYS; j++)
        got.arrays[j].at = test_guard_copy(open.arrays[j].at, open.arrays[j].count * sizeof(float), side);
    sluice_output outputs[TEST_CASE_LAYERS];
    sluice_batch call = test_network_batch(&guarded, &got, outputs);
    call.outputs = test_guard_copy(outputs, call.output_count * sizeof *outputs, side);
    OWNED(test_runner) runner = test_runner_create(model, setup->isa, setup->threads, setup->schedule);
    test_forward(&runner, &call);
    const test_words words = test_answer_compare(&got, want);
    ck_assert_msg(!words.text[0], "%s: %s", runner.name, words.text);
    test_guard_free_all();
    test_answer_free(&open);
    sluice_model_destroy(model);
}

static void run_case_guarded(const test_network_case *given, uint64_t *random)
{
    const test_setup plain = {.isa = SLUICE_ISA_SCALAR, .threads = 1, .schedule = SLUICE_SCHEDULE_ROWS};
    test_made_network made;
    test_made_network_create(given, &made);
    sluice_model *model = test_made_network_model(&made);
    test_answer want = test_answer_create(&made, &made.batch);
    ck_assert_str_eq(test_network_run(&made, model, &made.batch, &plain, &want).text, "");
    for (unsigned j = 0; j < 4; j++) {
        const test_setup setup = test_setup_random(random);
        run_network_guarded(&made, &setup, j % 2 ? TEST_SIDE_BEGIN : TEST_SIDE_END, &want);
    }
    test_answer_free(&want);
    sluice_model_destroy(model);
    test_made_network_free(&made);
}

TEST(guarded_networks)
{
    const size_t cases = test_by_depth(50, 200, 2000);
    uint64_t random = test_seed();
    for (size_t k = 0; k < TEST_SAMPLES; k++) {
        const test_network_case sample = test_network_sample(k);
        run_case_guarded(&sample, &random);
    }
    for (size_t k = 0; k < cases; k++) {
        const test_network_case drawn = test_network_case_random(test_seed() + k);
        run_case_guarded(&drawn, &random);
    }
}
