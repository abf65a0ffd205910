/* What belongs to whom in a gradient: what nothing contributes to is +0, a row's gradients are its own, NaN stays in its row but
 * for the weights, which are everybody's, and no byte outside the shapes is read or written. */
#include "support/gradients.h"
#include "support/memory/guard.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

/* A network, a batch and its gradients. */
typedef struct scene {
    sluice_shape shape;
    uint64_t random;
    test_network network;
    test_batch batch;
    test_gradient gradient;
} scene;

static scene make_scene(sluice_shape shape, size_t rows, size_t steps, unsigned what)
{
    scene made = {.shape = shape, .random = test_seed()};
    made.network = test_network_random(&shape, 1.0f, &made.random);
    made.batch = test_batch_random(&shape, rows, steps, what, &made.random);
    made.gradient = test_gradient_random(&shape, &made.batch.batch, &made.random);
    return made;
}

static void scene_free(scene *made)
{
    test_gradient_free(&made->gradient);
    test_batch_free(&made->batch);
    test_network_free(&made->network);
}

/* Call visit for a runner of every instruction set. */
static void with_runners(scene *made, void (*visit)(scene *, const test_runner *))
{
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++) {
        OWNED(test_runner) runner = test_trainable(made->network.model, isas.isa[j], 2, SLUICE_SCHEDULE_AUTO);
        visit(made, &runner);
    }
}

/* Every one of `count` values is +0. */
static void check_zero(const float *values, size_t count, const char *what)
{
    static const float zero = 0.0f;
    for (size_t j = 0; j < count; j++)
        test_same_bits(values + j, &zero, 1, what);
}

static void check_all_zero(const test_gradient *gradient, const char *what)
{
    for (size_t j = 0; j < TEST_INPUTS; j++)
        if (gradient->out[j])
            check_zero(gradient->out[j], gradient->out_count[j], what);
}

/* ---- Nothing comes in ---- */

static void run_nothing(scene *made, const test_runner *runner)
{
    for (unsigned time = 0; time < 4; time++) {
        sluice_gradient nothing = made->gradient.gradient;
        nothing.dy = nothing.dhn = nothing.dcn = nothing.dlogits = nothing.dstep_logits = NULL;
        if (time >= 2) { /* zeros of either sign, but for what must not be read */
            nothing = made->gradient.gradient;
            for (size_t j = 0; j < TEST_RESULTS; j++)
                for (size_t m = 0; made->gradient.in[j] && m < made->gradient.in_count[j]; m++)
                    made->gradient.in[j][m] = 0.0f;
            test_gradient_poison(&made->gradient, &made->shape, &made->batch.batch);
        }
        test_gradient_prefill(&made->gradient);
        test_there_and_back(runner, time % 2 * 2, &made->batch.batch, &nothing);
        check_all_zero(&made->gradient, runner->name);
    }
}

TEST_LOOP(nothing_comes_in, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i % 2, 5, 18), .vocabulary = _i / 2 ? 7 : 0, .classes = 3, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 9, 6, TEST_RAGGED | TEST_STATES);
    with_runners(&made, run_nothing);
}

/* ---- What nothing contributes to ---- */

/* Tokens below 10 occur within the rows, 10 and above only past their ends. Class 1 of the logits has no gradient. */
static void run_unmet(scene *made, const test_runner *runner)
{
    const size_t inputs = made->shape.inputs, classes = made->shape.classes, width = made->shape.directions * made->shape.hidden;
    bool occurs[40] = {false};
    for (size_t n = 0; n < made->batch.batch.rows; n++) {
        const size_t steps = made->batch.batch.steps, length = (size_t)made->batch.lengths[n];
        for (size_t t = 0; t < steps; t++) {
            made->batch.tokens[n * steps + t] = t < length ? (int32_t)((n + 3 * t) % 10) : 10 + (int32_t)t;
            occurs[made->batch.tokens[n * steps + t]] |= t < length;
        }
        for (size_t t = 0; t < length; t++)
            made->gradient.in[TEST_STEP_LOGITS][(n * steps + t) * classes + 1] = 0.0f;
        made->gradient.in[TEST_LOGITS][n * classes + 1] = 0.0f;
    }
    test_gradient_prefill(&made->gradient);
    test_there_and_back(runner, 0, &made->batch.batch, &made->gradient.gradient);
    for (size_t v = 0; v < made->shape.vocabulary; v++) {
        const float *row = made->gradient.out[TEST_EMBEDDING] + v * inputs;
        if (!occurs[v])
            check_zero(row, inputs, "embedding of a token that does not occur");
        for (size_t m = 0; occurs[v] && m < inputs; m++)
            ck_assert_msg(row[m] != 0.0f && !isnan(row[m]), "embedding of token %zu has the gradient %g", v, (double)row[m]);
    }
    check_zero(made->gradient.out[TEST_HEAD_WEIGHT] + width, width, "head weight of a class without gradient");
    check_zero(made->gradient.out[TEST_HEAD_BIAS] + 1, 1, "head bias of a class without gradient");
    ck_assert(made->gradient.out[TEST_HEAD_BIAS][0] != 0.0f);
}

TEST_LOOP(tokens_and_classes_that_do_not_occur, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1, 1 + (size_t)_i, 6, 17), .vocabulary = 40, .classes = 3, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 8, 7, TEST_RAGGED);
    with_runners(&made, run_unmet);
}

/* A loss that sees one row alone leaves every other row's dx, dh0 and dc0 at zero; and dx is zero past a row's end. */
static void run_one_row(scene *made, const test_runner *runner)
{
    const size_t rows = made->batch.batch.rows, steps = made->batch.batch.steps,
                 width = made->shape.directions * made->shape.hidden;
    const size_t hidden = made->shape.hidden, inputs = made->shape.inputs, only = 3;
    made->batch.lengths[only] = (int64_t)steps - 2;
    sluice_gradient gradient = made->gradient.gradient;
    gradient.dhn = gradient.dcn = gradient.dlogits = gradient.dstep_logits = NULL;
    for (size_t n = 0; n < rows; n++)
        for (size_t j = 0; n != only && j < (size_t)made->batch.lengths[n] * width; j++)
            made->gradient.in[TEST_Y][n * steps * width + j] = 0.0f;
    test_gradient_prefill(&made->gradient);
    test_there_and_back(runner, 0, &made->batch.batch, &gradient);
    for (size_t n = 0; n < rows; n++) {
        const size_t from = n == only ? steps - 2 : 0;
        check_zero(made->gradient.out[TEST_X] + (n * steps + from) * inputs, (steps - from) * inputs, "dx");
        for (size_t k = 0; k < made->shape.layers * made->shape.directions && n != only; k++) {
            check_zero(made->gradient.out[TEST_H0] + (k * rows + n) * hidden, hidden, "dh0");
            check_zero(made->gradient.out[TEST_C0] + (k * rows + n) * hidden, hidden, "dc0");
        }
    }
    ck_assert(made->gradient.out[TEST_X][only * steps * inputs] != 0.0f);
}

TEST_LOOP(rows_without_loss, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i, 5, 19), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 9, 8, TEST_RAGGED | TEST_STATES);
    with_runners(&made, run_one_row);
}

/* ---- Nothing to go through ---- */

/* Without steps, dh0 and dc0 are what comes in for hn and cn, the head's share of it included, and the LSTM's weights have none. */
static void run_no_steps(scene *made, const test_runner *runner)
{
    OWNED(test_adjoint) want = test_adjoint_run(&made->network.weights, &made->batch.batch, &made->gradient.gradient, NULL);
    for (size_t recompute = 0; recompute < 3; recompute += 2) {
        test_gradient_prefill(&made->gradient);
        test_there_and_back(runner, recompute, &made->batch.batch, &made->gradient.gradient);
        test_gradient_within(&made->gradient, &want, runner->name);
        for (size_t j = TEST_WEIGHT_IH; j <= TEST_EMBEDDING; j++)
            if (made->gradient.out[j])
                check_zero(made->gradient.out[j], made->gradient.out_count[j], test_input_names[j]);
        test_same_bits(made->gradient.out[TEST_C0], made->gradient.in[TEST_CN], made->gradient.in_count[TEST_CN], "dc0");
    }
}

TEST_LOOP(no_steps, 0, 8)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i % 2, 3, 10), .vocabulary = _i / 2 % 2 ? 5 : 0, .classes = 4,
                                .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 6, _i / 4 ? 5 : 0, TEST_RAGGED | TEST_STATES);
    for (size_t n = 0; n < 6; n++)
        made.batch.lengths[n] = 0;
    test_gradient_poison(&made.gradient, &shape, &made.batch.batch);
    with_runners(&made, run_no_steps);
}

/* No rows: the weights' gradients are zero, overwritten or added to. */
static void run_no_rows(scene *made, const test_runner *runner)
{
    test_gradient_prefill(&made->gradient);
    test_there_and_back(runner, 0, &made->batch.batch, &made->gradient.gradient);
    check_all_zero(&made->gradient, runner->name);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        for (size_t m = 0; made->gradient.out[j] && m < made->gradient.out_count[j]; m++)
            made->gradient.out[j][m] = 3.0f;
    sluice_gradient added = made->gradient.gradient;
    added.accumulate = 1;
    test_there_and_back(runner, 0, &made->batch.batch, &added);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        for (size_t m = 0; made->gradient.out[j] && m < made->gradient.out_count[j]; m++)
            ck_assert(made->gradient.out[j][m] == 3.0f);
}

TEST(no_rows)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 3, 10), .classes = 4, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 0, 5, TEST_RAGGED | TEST_STATES);
    with_runners(&made, run_no_rows);
}

/* ---- Neighbours ---- */

/* The gradients of row n that are its own have the bits they have in the other. */
static void check_row(const scene *made, const test_gradient *got, const test_gradient *want, size_t n, const char *what)
{
    const size_t rows = made->batch.batch.rows, hidden = made->shape.hidden, room = made->batch.batch.steps * made->shape.inputs;
    test_same_bits(got->out[TEST_X] + n * room, want->out[TEST_X] + n * room, room, what);
    for (size_t k = 0; k < made->shape.layers * made->shape.directions; k++) {
        const size_t state = (k * rows + n) * hidden;
        test_same_bits(got->out[TEST_H0] + state, want->out[TEST_H0] + state, hidden, what);
        test_same_bits(got->out[TEST_C0] + state, want->out[TEST_C0] + state, hidden, what);
    }
}

/* Every row but one has other inputs, states and losses, or NaNs in their place: that one's gradients keep their bits. */
static void run_neighbours(scene *made, const test_runner *runner)
{
    const size_t rows = made->batch.batch.rows, keep = 4;
    for (unsigned poisoned = 0; poisoned < 2; poisoned++) {
        OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->batch, 0, rows);
        OWNED(test_batch) other = test_batch_random(&made->shape, rows, made->batch.batch.steps, TEST_STATES, &made->random);
        OWNED(test_gradient) gradient = test_gradient_random(&made->shape, &batch.batch, &made->random);
        test_gradient_prefill(&made->gradient);
        test_there_and_back(runner, 0, &made->batch.batch, &made->gradient.gradient);
        const struct {
            float *to;
            const float *mine, *others;
            size_t count, width; /* of a row; rows may come once for each k */
        } arrays[] = {
            {batch.x, made->batch.x, poisoned ? NULL : other.x, batch.x_count, batch.x_count / rows},
            {batch.h0, made->batch.h0, other.h0, batch.state_count, made->shape.hidden},
            {batch.c0, made->batch.c0, other.c0, batch.state_count, made->shape.hidden},
            {gradient.in[TEST_Y], made->gradient.in[TEST_Y], gradient.in[TEST_Y], batch.y_count, batch.y_count / rows},
            {gradient.in[TEST_HN], made->gradient.in[TEST_HN], gradient.in[TEST_HN], batch.state_count, made->shape.hidden},
            {gradient.in[TEST_CN], made->gradient.in[TEST_CN], gradient.in[TEST_CN], batch.state_count, made->shape.hidden},
            {gradient.in[TEST_LOGITS], made->gradient.in[TEST_LOGITS], gradient.in[TEST_LOGITS], batch.logits_count,
             made->shape.classes},
            {gradient.in[TEST_STEP_LOGITS], made->gradient.in[TEST_STEP_LOGITS], gradient.in[TEST_STEP_LOGITS],
             gradient.in_count[TEST_STEP_LOGITS], gradient.in_count[TEST_STEP_LOGITS] / rows},
        };
        for (size_t j = 0; j < sizeof arrays / sizeof arrays[0]; j++)
            for (size_t m = 0; m < arrays[j].count; m++)
                if (m / arrays[j].width % rows == keep)
                    arrays[j].to[m] = arrays[j].mine[m];
                else
                    arrays[j].to[m] = arrays[j].others ? arrays[j].others[m] : NAN;
        test_there_and_back(runner, 0, &batch.batch, &gradient.gradient);
        check_row(made, &gradient, &made->gradient, keep, runner->name);
    }
}

TEST_LOOP(neighbours, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i / 2, 1 + (size_t)_i % 2, 5, 19), .classes = 3, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 11, 6, TEST_RAGGED | TEST_STATES);
    made.batch.lengths[4] = 5;
    with_runners(&made, run_neighbours);
}

/* A NaN in one row's x makes NaN of that row's gradients and of the LSTM's weights', and leaves the other rows' as they were. */
static void run_poisoned(scene *made, const test_runner *runner)
{
    const size_t n = 3, rows = made->batch.batch.rows, steps = made->batch.batch.steps, inputs = made->shape.inputs;
    OWNED(test_gradient) clean = test_gradient_random(&made->shape, &made->batch.batch, &made->random);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        if (clean.in[j])
            memcpy(clean.in[j], made->gradient.in[j], clean.in_count[j] * sizeof(float));
    test_gradient_prefill(&made->gradient);
    test_there_and_back(runner, 0, &made->batch.batch, &clean.gradient);
    float *at = made->batch.x + (n * steps + 2) * inputs + 1, was = *at;
    *at = NAN;
    test_there_and_back(runner, 0, &made->batch.batch, &made->gradient.gradient);
    *at = was;
    for (size_t other = 0; other < rows; other++)
        if (other != n)
            check_row(made, &made->gradient, &clean, other, runner->name);
    for (size_t j = 0; j < (size_t)made->batch.lengths[n] * inputs; j++)
        ck_assert_msg(isnan(made->gradient.out[TEST_X][n * steps * inputs + j]), "dx of the row is not NaN at %zu", j);
    for (size_t j = TEST_WEIGHT_IH; j <= TEST_BIAS; j++)
        for (size_t m = 0; m < made->gradient.out_count[j]; m++)
            ck_assert_msg(isnan(made->gradient.out[j][m]), "gradient of %s is not NaN at %zu", test_input_names[j], m);
}

TEST_LOOP(poisoned_row, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i, 5, 19), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 8, 6, TEST_RAGGED | TEST_STATES);
    made.batch.lengths[3] = 5;
    with_runners(&made, run_poisoned);
}

/* ---- Bounds of the arrays ---- */

static void *guarded(const void *from, size_t count, test_side side)
{
    return test_guard_copy(from, count * 4, side); /* floats and tokens alike */
}

/* Every array flush against a forbidden page, at one side: the gradients of the open ones, to the bit. Outputs are copied from the
 * prefilled `room`. */
static void run_guarded_side(const scene *made, const test_runner *runner, test_gradient *room, test_side side)
{
    const test_batch *open = &made->batch;
    const size_t cells = made->shape.layers * made->shape.directions, starts[3] = {TEST_WEIGHT_IH, TEST_WEIGHT_HH, TEST_BIAS};
    sluice_batch batch = open->batch;
    batch.lengths = test_guard_copy(open->lengths, batch.rows * sizeof *open->lengths, side);
    batch.x = guarded(open->x, open->x_count, side);
    batch.tokens = guarded(open->tokens, open->x_count, side);
    batch.h0 = guarded(open->h0, open->state_count, side);
    batch.c0 = guarded(open->c0, open->state_count, side);
    batch.y = batch.hn = batch.cn = batch.logits = NULL;
    test_gradient got = *room;
    float **tables = calloc(3 * cells, sizeof *tables);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        got.in[j] = guarded(room->in[j], room->in_count[j], side);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        got.out[j] = guarded(room->out[j], room->out_count[j], side);
    for (size_t j = 0; j < 3 * cells; j++) /* the weights of each k by themselves, at the end or the start of all */
        tables[j] = room->tables[j] ? got.out[starts[j / cells]] + (room->tables[j] - room->out[starts[j / cells]]) : NULL;
    sluice_gradient *g = &got.gradient;
    *g = (sluice_gradient){.struct_size = sizeof *g,
                           .dy = got.in[TEST_Y],
                           .dhn = got.in[TEST_HN],
                           .dcn = got.in[TEST_CN],
                           .dlogits = got.in[TEST_LOGITS],
                           .dstep_logits = got.in[TEST_STEP_LOGITS],
                           .dx = got.out[TEST_X],
                           .dh0 = got.out[TEST_H0],
                           .dc0 = got.out[TEST_C0],
                           .weight_ih = tables,
                           .weight_hh = tables + cells,
                           .bias = made->shape.has_bias ? tables + 2 * cells : NULL,
                           .embedding = got.out[TEST_EMBEDDING],
                           .head_weight = got.out[TEST_HEAD_WEIGHT],
                           .head_bias = got.out[TEST_HEAD_BIAS]};
    test_there_and_back(runner, side == TEST_SIDE_END ? 0 : 2, &batch, g);
    test_same_gradients(&got, &made->gradient, runner->name);
    test_guard_free_all();
    free(tables);
}

static void run_guarded(scene *made, const test_runner *runner)
{
    test_gradient_prefill(&made->gradient);
    uint64_t unused = 0;
    OWNED(test_gradient) room = test_gradient_random(&made->shape, &made->batch.batch, &unused);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        if (room.in[j])
            memcpy(room.in[j], made->gradient.in[j], room.in_count[j] * sizeof(float));
    test_there_and_back(runner, 0, &made->batch.batch, &made->gradient.gradient);
    run_guarded_side(made, runner, &room, TEST_SIDE_END);
    run_guarded_side(made, runner, &room, TEST_SIDE_BEGIN);
}

/* Odd and even sizes round every vector and tile width. */
static const size_t widths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

TEST(guarded_arrays)
{
    for (size_t j = 0; j < WIDTHS; j++)
        for (size_t k = 0; k < WIDTHS; k += test_by_depth(5, 1, 1)) {
            const sluice_shape shape = {TEST_LDIH(1 + (j + k) % 2, 1 + j % 2, widths[k], widths[j]),
                                        .vocabulary = k % 3 == 2 ? widths[j] : 0, .classes = k % 2 ? widths[(j + k) % WIDTHS] : 0,
                                        .has_bias = k % 4 != 3};
            OWNED(scene) made = make_scene(shape, 1 + (j + k) % 8, 3, (unsigned)k % 4);
            with_runners(&made, run_guarded);
        }
}
