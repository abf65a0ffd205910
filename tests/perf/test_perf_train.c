/* sluice-bench's training: what --train spans, its work and bytes, the loops that a gradient is held against, the peers that train,
 * and that a wrong gradient stops a run whatever it is wrong in. */
#include "support/oracle/adjoint.h"
#include "support/suite.h"
#include "support/cases/bench_words.h"

#include "perf/bench/fixture.h"
#include "perf/bench/result_row.h"
#include "perf/cases/reference_f64.h"
#include "perf/options/bench_options.h"
#include "perf/peers/peer.h"
#include "perf/report/record.h"
#include "perf/bench/sweep.h"
#include "program/model_shape.h"

#include <float.h>
#include <getopt.h>
#include <math.h>
#include <string.h>

TEST_HANDLE(sl_fixture, sl_fixture_destroy)

#define CHECKED_FLOP 1e7

static const sl_timing_plan quick = {1e-9, 1, 0, NULL};

/* ---- The command line -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *line;
    size_t count; /* of shapes without the set's, and so often */
    sl_train_pass train[3];
    bool set; /* whether the set's are so too; else they train */
} lines[] = {
    {"1,2,3 --set train", 1, {SL_TRAIN_NONE}, false},
    {"--train 1,2,3 --set train", 1, {SL_TRAIN_BOTH}, true},
    {"1,2,3 --set train --train=none", 1, {SL_TRAIN_NONE}, true},
    {"--train=none,forward,both --set train 1,2,3", 3, {SL_TRAIN_NONE, SL_TRAIN_FORWARD, SL_TRAIN_BOTH}, true},
    {"--train=forward --set train --case 1,2,3 --train", 2, {SL_TRAIN_FORWARD, SL_TRAIN_BOTH}, true},
};

TEST_EACH(training_is_asked_for, lines)
{
    static sl_bench_options options;
    size_t shapes, settings;
    const size_t of_set = 5, count = lines[_i].count;
    ck_assert_int_eq(test_bench_parse(lines[_i].line, &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    ck_assert_uint_eq(shapes, count * (1 + of_set));
    for (size_t k = 0; k < shapes; k++) {
        const sl_case shape = sl_bench_options_get_case(&options, k);
        const bool is_named = k >= count;
        ck_assert_uint_eq(shape.steps == 1, !is_named);
        ck_assert_int_eq(shape.train, is_named && !lines[_i].set ? SL_TRAIN_BOTH : lines[_i].train[k % count]);
    }
}

TEST(the_set_has_the_goals_shapes)
{
    static const sl_set_case goals[] = {{50, 64, 256, SL_RAGGED_NONE, SL_TRAIN_BOTH},
                                        {50, 64, 512, SL_RAGGED_NONE, SL_TRAIN_BOTH},
                                        {100, 32, 128, SL_RAGGED_NONE, SL_TRAIN_BOTH},
                                        {100, 31, 64, SL_RAGGED_NONE, SL_TRAIN_BOTH},
                                        {100, 256, 256, SL_RAGGED_UNIFORM, SL_TRAIN_BOTH}};
    size_t value = 0;
    while (sl_set_get_name(value) && strcmp(sl_set_get_name(value), "train") != 0)
        value++;
    const sl_set set = sl_set_get(value);
    ck_assert_uint_eq(set.count, sizeof goals / sizeof goals[0]);
    for (size_t k = 0; k < set.count; k++)
        ck_assert(set.cases[k].steps == goals[k].steps && set.cases[k].batch == goals[k].batch &&
                  set.cases[k].hidden == goals[k].hidden && set.cases[k].ragged == goals[k].ragged &&
                  set.cases[k].train == goals[k].train);
}

TEST(wrong_words_are_refused)
{
    static const char *const wrong[] = {"--train=", "--train=back", "--train=both,", "--train=none,,both", "--train both"};
    static sl_bench_options options;
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        ck_assert_msg(test_bench_parse(wrong[k], &options, NULL) == SLUICE_STATUS_BAD_ARGUMENT, "'%s'", wrong[k]);
}

/* ---- Arithmetic -------------------------------------------------------------------------------------------------------------- */

TEST(work_and_bytes_are_those_of_training)
{
    sl_result result = {.shape = {10, 8, 3, 5, 2, 1, SL_RAGGED_NONE, 1, SL_TRAIN_NONE},
                        .plan = {.thread_groups = 1, .threads_per_group = 1},
                        .total_steps = 80};
    const double weights_x = 4 * 5 * (3 + 5), weights_h = 4 * 5 * (5 + 5), flop = 2 * (weights_x + weights_h) * 80;
    const double inference = 10 * (weights_x + weights_h) + 80 * (3 + 5), tape = 80 * 2 * 6 * 5;
    ck_assert_double_eq(sl_result_flop(&result), flop);
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * inference);
    result.shape.train = SL_TRAIN_FORWARD;
    ck_assert_double_eq(sl_result_flop(&result), flop);
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * (inference + tape));
    result.shape.train = SL_TRAIN_BOTH; /* then the tape, x and dy read, dx written, and the weights again, those of x once */
    ck_assert_double_eq(sl_result_flop(&result), 3 * flop);
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * (inference + 2 * tape + weights_x + 10 * weights_h + 80 * (3 + 5 + 3)));
    result.shape.ragged = SL_RAGGED_TAIL; /* neither y nor dy */
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * (inference - 80 * 5 + 2 * tape + weights_x + 10 * weights_h + 80 * (3 + 3)));
}

TEST(the_bound_grows_with_the_terms)
{
    const sl_case one = {.steps = 10, .batch = 8, .input = 30, .hidden = 5, .layers = 1, .directions = 2};
    const sl_case two = {.steps = 10, .batch = 8, .input = 3, .hidden = 40, .layers = 2, .directions = 2};
    const double epsilon = (double)FLT_EPSILON;
    ck_assert_double_eq_tol(sl_gradient_bound(&one, 0, 0.5), ((30 + 20 + 10) / 16.0 + 8) * epsilon, 1e-15);
    ck_assert_double_eq_tol(sl_gradient_bound(&one, 80, 3), ((30 + 20 + 10 + 80) / 16.0 + 8) * epsilon * 3, 1e-15);
    ck_assert_double_eq_tol(sl_gradient_bound(&two, 0, 1), ((80 + 160 + 10) / 16.0 + 16) * epsilon, 1e-15);
}

TEST(rows_distinguish_the_passes)
{
    json_t *a = json_pack("{si si si sb sn}", "steps", 50, "batch", 8, "hidden", 64, "train", 0, "pass");
    json_t *b = json_pack("{si si si sb ss}", "steps", 50, "batch", 8, "hidden", 64, "train", 1, "pass", "forward");
    json_t *c = json_deep_copy(b), *old = json_deep_copy(a);
    char label[SL_LABEL_BYTES];
    json_object_set_new(c, "pass", json_string("both"));
    json_object_del(old, "pass"); /* as an older record */
    ck_assert(sl_record_is_alike(a, old, true) && sl_record_is_alike(c, c, true));
    ck_assert(!sl_record_is_alike(a, b, true) && !sl_record_is_alike(b, c, true) && !sl_record_is_alike(a, c, true));
    for (const json_t *const *row = (const json_t *const[]){a, b, c, NULL}; *row; row++)
        ck_assert_int_eq(strstr(sl_record_label(*row, label), "train") != NULL, *row == c);
    ck_assert_ptr_nonnull(strstr(sl_record_label(b, label), "forward"));
    json_t *all[] = {a, b, c, old};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        json_decref(all[k]);
}

/* ---- Cases ------------------------------------------------------------------------------------------------------------------- */

static const sl_case cases[] = {
    {.steps = 1, .batch = 1, .input = 1, .hidden = 1, .layers = 1, .directions = 1, .seed = 1},
    {.steps = 9, .batch = 5, .input = 7, .hidden = 12, .layers = 1, .directions = 1, .seed = 2},
    {.steps = 8, .batch = 2, .input = 16, .hidden = 16, .layers = 3, .directions = 1, .seed = 3}, /* oneDNN: one primitive */
    {.steps = 8, .batch = 3, .input = 5, .hidden = 16, .layers = 3, .directions = 1, .seed = 4},  /* two */
    {.steps = 6, .batch = 4, .input = 9, .hidden = 10, .layers = 3, .directions = 2, .seed = 5},
    {.steps = 11, .batch = 6, .input = 8, .hidden = 9, .layers = 2, .directions = 1, .ragged = SL_RAGGED_UNIFORM, .seed = 6},
    {.steps = 7, .batch = 5, .input = 13, .hidden = 5, .layers = 2, .directions = 2, .ragged = SL_RAGGED_UNIFORM, .seed = 7},
    {.steps = 600, .batch = 5, .input = 3, .hidden = 5, .layers = 2, .directions = 1, .ragged = SL_RAGGED_TAIL, .seed = 8},
    {.steps = 4, .batch = 3, .input = 300, .hidden = 70, .layers = 1, .directions = 1, .seed = 9},
};

static sl_fixture *make_fixture(const sl_case *shape, sl_train_pass train)
{
    sl_fixture *fixture;
    sl_case trained = *shape;
    sluice_error error = {0};
    trained.train = train;
    ck_assert_msg(sl_fixture_create(&trained, CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    return fixture;
}

/* ---- The loops --------------------------------------------------------------------------------------------------------------- */

static void check_near(const char *what, size_t count, const double *found, const test_number *expected)
{
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(fabs(found[k] - expected[k].value) <= 1e-12 * fmax(1, fabs(expected[k].value)), "%s %zu is %.17g, not %.17g",
                      what, k, found[k], expected[k].value);
}

/* The model's weights as test_adjoint_run takes them; to be freed: the lists. */
static sluice_weights weights_of(const sluice_model *model, sluice_shape *shape, const float ***lists, float *zeros)
{
    *shape = sl_model_shape(model);
    const size_t cells = shape->layers * shape->directions;
    *lists = calloc(4 * cells, sizeof **lists);
    ck_assert_ptr_nonnull(*lists);
    for (size_t k = 0; k < cells; k++) {
        (*lists)[k] = sluice_model_get_tensor(model, SLUICE_TENSOR_WEIGHT_IH, k, NULL);
        (*lists)[cells + k] = sluice_model_get_tensor(model, SLUICE_TENSOR_WEIGHT_HH, k, NULL);
        (*lists)[2 * cells + k] = sluice_model_get_tensor(model, SLUICE_TENSOR_BIAS, k, NULL);
        (*lists)[3 * cells + k] = zeros;
    }
    return (sluice_weights){.struct_size = sizeof(sluice_weights),
                            .shape = shape,
                            .weight_ih = *lists,
                            .weight_hh = *lists + cells,
                            .bias_ih = *lists + 2 * cells,
                            .bias_hh = *lists + 3 * cells};
}

/* Compare the loops' sums over all rows. */
static void check_sums(const sl_reference_f64 *loops, const test_adjoint *expected)
{
    const sluice_shape *shape = &expected->shape;
    const sl_reference_f64_result of = sl_reference_f64_get(loops);
    const size_t gates = 4 * shape->hidden;
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        const size_t inputs = k < shape->directions ? shape->inputs : shape->directions * shape->hidden;
        check_near("dW", gates * inputs, of.weight_ih[k], expected->gradient[TEST_WEIGHT_IH] + test_weight_ih_start(shape, k));
        check_near("dU", gates * shape->hidden, of.weight_hh[k], expected->gradient[TEST_WEIGHT_HH] + k * gates * shape->hidden);
        check_near("db", gates, of.bias[k], expected->gradient[TEST_BIAS] + k * gates);
    }
}

TEST_EACH(the_loops_are_the_equations, cases)
{
    static float zeros[4 * 70];
    const sl_case *shape = &cases[_i];
    const float **lists;
    const sluice_model *model;
    sluice_batch batch;
    sl_reference_f64 *loops;
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape, SL_TRAIN_BOTH);
    sl_fixture_look(fixture, &model, &batch);
    const sluice_gradient *gradient = sl_gradients_get(sl_fixture_get_gradients(fixture));
    sluice_shape network;
    const sluice_weights weights = weights_of(model, &network, &lists, zeros);
    OWNED(test_adjoint) expected = test_adjoint_run(&weights, &batch, gradient, NULL);
    ck_assert_int_eq(sl_reference_f64_create(model, shape->steps, &loops, NULL), 0);
    for (size_t row = 0; row < shape->batch; row++) {
        const size_t length = batch.lengths ? (size_t)batch.lengths[row] : shape->steps;
        sl_reference_f64_add(loops, &batch, gradient, row);
        const sl_reference_f64_result of = sl_reference_f64_get(loops);
        check_near("dx", length * shape->input, of.dx, expected.gradient[TEST_X] + row * shape->steps * shape->input);
        for (size_t k = 0; k < shape->layers * shape->directions; k++) {
            const size_t at = (k * shape->batch + row) * shape->hidden;
            check_near("dh0", shape->hidden, of.dh0 + k * shape->hidden, expected.gradient[TEST_H0] + at);
            check_near("dc0", shape->hidden, of.dc0 + k * shape->hidden, expected.gradient[TEST_C0] + at);
        }
    }
    check_sums(loops, &expected);
    sl_reference_f64_destroy(loops);
    free(lists);
}

/* ---- Peers ------------------------------------------------------------------------------------------------------------------- */

/* Whether a peer that pads computes such a case. */
static bool can_pad(const sl_case *shape)
{
    return shape->ragged == SL_RAGGED_NONE ||
           (shape->ragged == SL_RAGGED_UNIFORM && shape->directions == 1 && shape->train != SL_TRAIN_BOTH);
}

static void check_row(const sl_peer *peer, const sl_result *result)
{
    sl_case_row values;
    sl_result_row_fill(result, &values);
    json_t *row = sl_fields_to_row(&sl_case_fields, &values);
    ck_assert(json_is_true(json_object_get(row, "train")));
    ck_assert_str_eq(json_string_value(json_object_get(row, "pass")), sl_train_pass_get_name(result->shape.train));
    ck_assert_msg(json_integer_value(json_object_get(row, "tape_bytes")) > 0, "tape of %s", peer->name);
    json_decref(row);
}

static void run_peer(const sl_peer *peer, sl_fixture *fixture, const sl_case *shape, unsigned threads)
{
    const sl_setting setting = {.threads = threads, .gemm = SLUICE_GEMM_FUSED, .peer = peer};
    sl_result result;
    sluice_error error = {0};
    const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, &error);
    if (!peer->trains) {
        ck_assert_msg(status == SLUICE_STATUS_UNSUPPORTED && strstr(error.message, "does not train"), "%s", error.message);
    } else if (peer->pads && !can_pad(shape)) {
        ck_assert_msg(status == SLUICE_STATUS_UNSUPPORTED && strstr(error.message, "lengths"), "%s", error.message);
    } else {
        ck_assert_msg(status == 0, "%s: %s", peer->name, error.message);
        check_row(peer, &result);
    }
}

TEST_EACH(each_peer_trains_or_says_so, cases)
{
    unsetenv("SLUICE_NUM_THREADS");
    for (sl_train_pass train = SL_TRAIN_FORWARD; train <= SL_TRAIN_BOTH; train++) {
        sl_case shape = cases[_i];
        shape.train = train;
        OWNED_HANDLE(sl_fixture) fixture = make_fixture(&shape, train);
        for (size_t p = 0; sl_peer_get_name(p); p++)
            for (unsigned threads = 1; sl_peer_get(p) && threads <= 3; threads += 2)
                run_peer(sl_peer_get(p), fixture, &shape, threads);
    }
}

/* ---- Wrong gradients --------------------------------------------------------------------------------------------------------- */

/* What the library computes, made wrong. */
static const sluice_gradient *spoilt;
static unsigned calls, right_calls;

static sluice_status make_spoilt(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                 sl_result *result, void **made, sluice_error *error)
{
    spoilt = gradient;
    calls = 0;
    return sl_peer_sluice.make(model, batch, gradient, result, made, error);
}

static sluice_status call_spoilt(void *made, sluice_error *error)
{
    const sluice_status status = sl_peer_sluice.call(made, error);
    if (calls++ >= right_calls)
        spoilt->weight_hh[0][5] = nextafterf(spoilt->weight_hh[0][5], 1);
    return status;
}

/* As if the backward pass left a number out. */
static sluice_status call_lacking(void *made, sluice_error *error)
{
    const sluice_status status = sl_peer_sluice.call(made, error);
    spoilt->dx[2] = NAN;
    return status;
}

static sluice_status run_spoilt(sluice_status (*call)(void *made, sluice_error *error), unsigned right, sluice_error *error)
{
    sl_peer peer = sl_peer_sluice;
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&cases[1], SL_TRAIN_BOTH);
    sl_result result;
    peer.name = "spoilt";
    peer.make = make_spoilt;
    peer.call = call;
    right_calls = right;
    *error = (sluice_error){0};
    const sl_setting setting = {.threads = 1, .gemm = SLUICE_GEMM_FUSED, .peer = &peer};
    const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, error);
    return status;
}

TEST(a_wrong_gradient_stops_a_run)
{
    sluice_error error;
    ck_assert_int_eq(run_spoilt(call_spoilt, 0, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_msg(strstr(error.message, "wrong result of spoilt") && strstr(error.message, "train both") &&
                      strstr(error.message, "dU of layer 0, direction 0, element 5, is") &&
                      strstr(error.message, "of the library on one thread"),
                  "%s", error.message);
    ck_assert_uint_eq(calls, 1);                                                  /* before anything is timed */
    ck_assert_int_eq(run_spoilt(call_spoilt, 2, &error), SLUICE_STATUS_BAD_DATA); /* right when checked first, wrong when timed */
    ck_assert_uint_gt(calls, 2);
    ck_assert_int_eq(run_spoilt(call_spoilt, 1000000, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(run_spoilt(call_lacking, 0, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_msg(strstr(error.message, "dx, element 2, is"), "%s", error.message);
}

/* Change the number by some bounds and see whether that is found, and in which array. */
static void check_change(const sl_gradients *gradients, float *number, double bound, const char *name)
{
    const float right = *number;
    sl_difference wrong = {0};
    *number = nextafterf(right, 9);
    ck_assert_msg(!sl_gradients_agree(gradients, true, &wrong) && sl_gradients_agree(gradients, false, &wrong), "%s", name);
    *number = right + (float)(0.9 * bound);
    ck_assert_msg(sl_gradients_agree(gradients, false, &wrong), "%s of %g, bound %g", name, (double)right, bound);
    for (size_t k = 0; k < 2; k++) {
        *number = k ? NAN : right + (float)(1.1 * bound) + fabsf(right) * FLT_EPSILON;
        ck_assert_msg(!sl_gradients_agree(gradients, false, &wrong) && strncmp(wrong.place, name, strlen(name)) == 0,
                      "%s of %g, bound %g: '%s'", name, (double)right, bound, wrong.place);
        ck_assert(wrong.expected == right && (k ? isnan(wrong.found) : wrong.found == *number));
    }
    *number = right;
    ck_assert(sl_gradients_agree(gradients, true, &wrong));
}

TEST(each_array_is_compared)
{
    const sl_case *shape = &cases[4];
    const size_t last = shape->layers * shape->directions - 1;
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape, SL_TRAIN_BOTH);
    const sl_setting setting = {.threads = 1, .gemm = SLUICE_GEMM_FUSED};
    const sl_gradients *gradients = sl_fixture_get_gradients(fixture);
    const sluice_gradient *found = sl_gradients_get(gradients), *expected = sl_gradients_get_expected(gradients);
    sl_result result;
    ck_assert_int_eq(sl_fixture_run(fixture, &setting, &quick, &result, NULL), 0);
    const struct {
        const char *name;
        float *found;
        const float *expected;
        size_t count;
        bool sums;
    } arrays[] = {
        {"dx,", found->dx, expected->dx, shape->batch * shape->steps * shape->input, false},
        {"dh0,", found->dh0, expected->dh0, (last + 1) * shape->batch * shape->hidden, false},
        {"dc0,", found->dc0, expected->dc0, (last + 1) * shape->batch * shape->hidden, false},
        {"dW of layer 0, direction 0,", found->weight_ih[0], expected->weight_ih[0], 4 * shape->hidden * shape->input, true},
        {"dW of layer 2, direction 1,", found->weight_ih[last], expected->weight_ih[last], 8 * shape->hidden * shape->hidden, true},
        {"dU of layer 2, direction 1,", found->weight_hh[last], expected->weight_hh[last], 4 * shape->hidden * shape->hidden, true},
        {"db of layer 2, direction 1,", found->bias[last], expected->bias[last], 4 * shape->hidden, true},
    };
    for (size_t a = 0; a < sizeof arrays / sizeof arrays[0]; a++) {
        double largest = 0;
        for (size_t k = 0; k < arrays[a].count; k++)
            largest = fmax(largest, fabs((double)arrays[a].expected[k]));
        const double bound = sl_gradient_bound(&result.shape, arrays[a].sums ? result.total_steps : 0, largest);
        check_change(gradients, &arrays[a].found[arrays[a].count - 1], bound, arrays[a].name);
    }
}

TEST(a_zero_has_its_sign)
{
    const sl_case *shape = &cases[5];
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape, SL_TRAIN_BOTH);
    const sl_setting setting = {.threads = 1, .gemm = SLUICE_GEMM_FUSED};
    const sl_gradients *gradients = sl_fixture_get_gradients(fixture);
    const sluice_model *model;
    sluice_batch batch;
    sl_result result;
    sl_difference wrong;
    size_t row = 0;
    sl_fixture_look(fixture, &model, &batch);
    ck_assert_int_eq(sl_fixture_run(fixture, &setting, &quick, &result, NULL), 0);
    while (batch.lengths[row] == (int64_t)shape->steps)
        ck_assert_uint_lt(++row, shape->batch);
    float *past = sl_gradients_get(gradients)->dx + ((row + 1) * shape->steps * shape->input - 1);
    ck_assert(*past == 0 && !signbit(*past));
    *past = -0.0f;
    ck_assert(!sl_gradients_agree(gradients, true, &wrong) && sl_gradients_agree(gradients, false, &wrong));
}
