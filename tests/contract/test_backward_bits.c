/* One gradient. Every run is compared by memcmp with one of the scalar kernels on one thread, whatever the threads, the schedule,
 * the instruction set, the steps computed again, and what the tape held before. And a forward pass with a tape has the bits of
 * one without. */
#include "support/suite.h"
#include "support/taped.h"

#include <math.h>
#include <pthread.h>

enum { MOST_THREADS = 8 };

static void run_plain(const test_taped *made, const test_runner *runner)
{
    OWNED(test_copy) own = test_copy_make(made);
    test_there_and_back(runner, 0, &own.batch.batch, &own.gradient.gradient);
    test_copy_check(made, &own, runner->name);
}

/* ---- Threads, schedules, instruction sets ---- */

TEST_LOOP(threads_and_schedules, 0, 2)
{
    static const size_t rows[] = {2, 13, 1, 14}; /* few enough for the threads to divide units, and not */
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i / 2, 1 + (size_t)_i % 2, 11, 35), .classes = 5, .has_bias = 1};
    for (unsigned what = 0; what <= (TEST_RAGGED | TEST_STATES); what++) {
        OWNED(test_taped) made = test_taped_make(shape, rows[what], 9, what, 0);
        test_taped_visit(&made, 1, what == 2 ? MOST_THREADS : 4, run_plain);
    }
}
TEST_MORE("large", threads_and_schedules, 2, 6)

TEST_LOOP(tokens, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i, 1 + (size_t)_i, 6, 19), .vocabulary = 23, .classes = 4, .has_bias = !_i};
    OWNED(test_taped) made = test_taped_make(shape, 12, 8, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 4, run_plain);
}

/* Too many for a table of products. */
TEST_IN("large", many_tokens, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 3, 17), .vocabulary = 200000, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 90, 20, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 3, run_plain);
}

/* More rows and steps than any tile or chunk. */
TEST_IN("large", many_rows, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 6, 21), .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, test_by_depth(100, 401, 401), 17, TEST_RAGGED | TEST_STATES, 0);
    test_taped_visit(&made, 1, 3, run_plain);
}

TEST_IN("large", long_rows, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i, 9, 17), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 5, test_by_depth(200, 900, 900), TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 3, run_plain);
}

TEST_IN("large", wide_rows, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 130, 257), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 35, 7, TEST_RAGGED | TEST_STATES, 0);
    test_taped_visit(&made, 1, 3, run_plain);
}

/* A wide first layer, so that products over units and over inputs are cut in more than one place. */
TEST_IN("large", wide_inputs, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 700, 24), .classes = 300, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 11, 6, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 3, run_plain);
}

TEST_IN("large", random_shapes, 0, test_by_depth(10, 13, 40))
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const sluice_shape shape = test_shape_random(&random);
    const size_t rows = 1 + test_random(&random) % 40, steps = 1 + test_random(&random) % 20;
    const unsigned what = (unsigned)(test_random(&random) % 4);
    const float dropout = test_random(&random) % 2 ? test_uniform(&random) : 0.0f;
    printf("random shape %d: L %zu D %zu I %zu H %zu V %zu C %zu N %zu T %zu, dropout %g\n", _i, shape.layers, shape.directions,
           shape.inputs, shape.hidden, shape.vocabulary, shape.classes, rows, steps, (double)dropout);
    OWNED(test_taped) made = test_taped_make(shape, rows, steps, what, dropout);
    test_taped_visit(&made, 1, 3, run_plain);
}

/* ---- Subnormals ---- */

/* Of h0's and c0's gradients nothing is asked: a row without steps has those of hn and cn as they came. */
static size_t count_subnormal(const test_gradient *gradient)
{
    size_t count = 0;
    for (size_t j = 0; j < TEST_INPUTS; j++)
        for (size_t k = 0; j != TEST_H0 && j != TEST_C0 && gradient->out[j] && k < gradient->out_count[j]; k++)
            count += fpclassify(gradient->out[j][k]) == FP_SUBNORMAL;
    return count;
}

/* Inputs, or incoming gradients, so small that results are subnormal; with flush_to_zero none is, and all still agree. */
TEST_IN("large", flushed, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 5, 18), .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 9, 6, TEST_RAGGED | TEST_STATES, 0);
    for (size_t k = 0; !_i && k < made.batch.x_count; k++)
        made.batch.x[k] *= 1e-37f;
    for (size_t j = 0; _i && j < TEST_RESULTS; j++)
        for (size_t k = 0; made.want.in[j] && k < made.want.in_count[j]; k++)
            made.want.in[j][k] *= 1e-37f;
    for (int flushes = 0; flushes < 2; flushes++) {
        made.flush_to_zero = flushes;
        test_taped_refer(&made);
        const size_t subnormal = count_subnormal(&made.want);
        ck_assert_msg(flushes ? !subnormal : subnormal > 0, "flush_to_zero %d: %zu gradients are subnormal", flushes, subnormal);
        test_taped_visit(&made, 2, 3, run_plain);
    }
}

/* ---- Steps computed again, tapes used again ---- */

static void run_recomputed(const test_taped *made, const test_runner *runner)
{
    const size_t steps = made->batch.batch.steps, stride = steps > 20 ? 3 : 1; /* of long rows a third */
    const size_t segments[] = {1, 0, 2, 7, 3, steps - 1, steps + 1, steps, SIZE_MAX};
    OWNED(test_copy) own = test_copy_make(made);
    for (size_t j = 0; j < sizeof segments / sizeof segments[0]; j += stride) {
        char what[128];
        snprintf(what, sizeof what, "%s, %zu steps again", runner->name, segments[j]);
        test_batch_prefill(&own.batch);
        test_gradient_prefill(&own.gradient);
        test_there_and_back(runner, segments[j], &own.batch.batch, &own.gradient.gradient);
        test_copy_check(made, &own, what);
    }
}

/* Of one block of steps, and of many, ragged and not. */
TEST_LOOP(recomputed, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 3, 1 + (size_t)_i / 3, 5, 18), .vocabulary = _i % 2 ? 13 : 0,
                                .classes = 3, .has_bias = 1};
    for (unsigned time = 0; time < 4; time++) {
        const unsigned what = time % 2 ? 0 : TEST_RAGGED | TEST_STATES;
        const bool large = time >= 2 && (_i == 1 || (_i > 1 && test_by_depth(0, _i % 2, 1)));
        OWNED(test_taped) made = test_taped_make(shape, large ? 60 : 9, large ? 31 : 10, what, time == 2 ? 0.25f : 0.0f);
        test_taped_visit(&made, large ? 2 : 1, 2, run_recomputed);
    }
}
TEST_MORE("large", recomputed, 1, 6)

/* Rows too few for the threads, which divide their units instead: of several blocks even on AVX-512. */
TEST_IN("large", few_wide_rows, 0, 4)
{
    static const size_t rows[] = {1, 2, 3, 9};
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 2, 1 + (size_t)_i / 2, 9, 195), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, rows[_i], 8, _i % 2 ? TEST_RAGGED : 0, 0);
    test_taped_visit(&made, 1, MOST_THREADS, run_plain);
    if (_i < 2)
        test_taped_visit(&made, 5, 5, run_recomputed);
}

/* One tape for batches of other sizes before, larger and smaller, whose values are all NaN. */
static void run_after_others(const test_taped *made, const test_runner *runner)
{
    static const size_t sizes[][2] = {{1, 1}, {20, 3}, {2, 25}, {0, 4}, {3, 0}, {30, 20}};
    for (size_t recompute = 0; recompute < 4; recompute += 3) {
        OWNED_HANDLE(sluice_tape) tape = test_tape_create(runner, recompute);
        uint64_t random = test_seed();
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            const size_t rows = sizes[j][0], steps = sizes[j][1];
            OWNED(test_batch) before = test_batch_random(&made->shape, rows, steps, TEST_RAGGED | TEST_STATES, &random);
            OWNED(test_gradient) dirt = test_gradient_random(&made->shape, &before.batch, &random);
            test_prefill(before.x, before.x_count);
            test_prefill(before.h0, before.state_count);
            test_forward_taped(runner, tape, &before.batch);
            if (j % 3 != 1) /* some are forgotten */
                test_backward(runner, tape, &dirt.gradient);
        }
        OWNED(test_copy) own = test_copy_make(made);
        test_forward_taped(runner, tape, &own.batch.batch);
        test_backward(runner, tape, &own.gradient.gradient);
        test_copy_check(made, &own, runner->name);
    }
}

TEST_IN("large", used_tapes, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 4, 17), .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 7, 9, TEST_RAGGED | TEST_STATES, 0);
    test_taped_visit(&made, 1, 2, run_after_others);
}

/* A tape that is kept gives the same again, whatever else was asked of it between. */
static void run_kept(const test_taped *made, const test_runner *runner)
{
    for (size_t recompute = 0; recompute < 4; recompute += 3) {
        const sluice_tape_options options = {.struct_size = sizeof options, .recompute = recompute, .keep = 1};
        OWNED_HANDLE(sluice_tape) tape = NULL;
        OWNED(test_copy) own = test_copy_make(made);
        SUCCEEDS(sluice_tape_create, runner->engine, &options, &tape);
        test_forward_taped(runner, tape, &own.batch.batch);
        const size_t bytes = sluice_tape_get_bytes(tape);
        for (unsigned time = 0; time < 3; time++) {
            test_gradient_prefill(&own.gradient);
            test_backward(runner, tape, &own.gradient.gradient);
            test_copy_check(made, &own, runner->name);
            sluice_gradient other = own.gradient.gradient;
            other.dy = other.dhn = NULL;
            test_backward(runner, tape, &other);
        }
        ck_assert_uint_eq(sluice_tape_get_bytes(tape), bytes);
        size_t need = 0;
        SUCCEEDS(sluice_tape_required_bytes, runner->engine, &options, made->batch.batch.rows, made->batch.batch.steps,
                 made->batch.lengths, &need);
        if (made->batch.batch.dropout == 0)
            ck_assert_uint_eq(need, bytes);
    }
}

TEST_LOOP(kept_tapes, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 2, 1 + (size_t)_i / 2, 5, 18), .vocabulary = _i % 2 ? 13 : 0,
                                .classes = 3, .has_bias = 1};
    OWNED(test_taped) small = test_taped_make(shape, 9, 10, _i % 2 ? 0 : TEST_RAGGED | TEST_STATES, _i == 2 ? 0.25f : 0);
    test_taped_visit(&small, 1, 3, run_kept);
    OWNED(test_taped) large = test_taped_make(shape, 60, 31, TEST_RAGGED, 0);
    test_taped_visit(&large, 2, 2, run_kept);
}

/* Rows too few for the threads, which divide their units instead. */
TEST_IN("large", kept_tapes_of_few_wide_rows, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 9, 195), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 2, 8, 0, 0);
    test_taped_visit(&made, 1, MOST_THREADS, run_kept);
}

/* Two tapes of one engine hold two batches at the same time, and are used up in either order. */
static void run_two_tapes(const test_taped *made, const test_runner *runner)
{
    OWNED(test_copy) one = test_copy_make(made);
    OWNED(test_copy) other = test_copy_make(made);
    OWNED_HANDLE(sluice_tape) first = test_tape_create(runner, 0);
    OWNED_HANDLE(sluice_tape) second = test_tape_create(runner, 2);
    test_forward_taped(runner, first, &one.batch.batch);
    test_forward_taped(runner, second, &other.batch.batch);
    test_backward(runner, first, &one.gradient.gradient);
    test_backward(runner, second, &other.gradient.gradient);
    test_copy_check(made, &one, runner->name);
    test_copy_check(made, &other, runner->name);
}

TEST_IN("large", two_tapes, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 4, 20), .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 7, 5, TEST_RAGGED, 0);
    test_taped_visit(&made, 2, 2, run_two_tapes);
}

/* Calls at the same time on one engine, each with a tape of its own. */
enum { CALLERS = 4, CALLS = 6 };

typedef struct caller {
    const test_runner *runner;
    test_copy own[CALLS];
} caller;

static void *run_caller(void *context)
{
    caller *self = context;
    sluice_tape *tape = NULL;
    sluice_status status = sluice_tape_create(self->runner->engine, NULL, &tape, NULL);
    for (size_t j = 0; j < CALLS && !status; j++) {
        sluice_batch batch = self->own[j].batch.batch;
        batch.tape = tape;
        status = sluice_forward(self->runner->engine, NULL, &batch, NULL);
        if (!status)
            status = sluice_backward(tape, &self->own[j].gradient.gradient, NULL);
    }
    sluice_tape_destroy(tape);
    return NULL; /* what failed has outputs that are still prefilled */
}

static void run_callers(const test_taped *made, const test_runner *runner)
{
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    for (size_t k = 0; k < CALLERS; k++) {
        callers[k] = (caller){.runner = runner};
        for (size_t j = 0; j < CALLS; j++)
            callers[k].own[j] = test_copy_make(made);
    }
    for (size_t k = 0; k < CALLERS; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, run_caller, &callers[k]), 0);
    for (size_t k = 0; k < CALLERS; k++)
        ck_assert_int_eq(pthread_join(threads[k], NULL), 0);
    for (size_t k = 0; k < CALLERS; k++)
        for (size_t j = 0; j < CALLS; j++) {
            test_copy_check(made, &callers[k].own[j], runner->name);
            test_copy_free(&callers[k].own[j]);
        }
}

TEST_IN("large", calls_at_once, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(2, 1, 12, 40), .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 20, 12, TEST_RAGGED, 0.25f);
    test_taped_visit(&made, 2, 3, run_callers);
}
