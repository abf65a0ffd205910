/*
 * The family of cells in the forward pass: every option alone and every pair of them, with and without a projection, give the bits of
 * plain loops over the equations on every instruction set, at every thread count and by every schedule.
 */
#include "support/cases/cell_scene.h"
#include "support/message.h"
#include "support/network.h"
#include "support/stream_calls.h"

#include <math.h>
#include <string.h>

/* ---- The bits of the equations --------------------------------------------------------------------------------------------- */

static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_HOIST, SLUICE_SCHEDULE_UNITS};
enum { SCHEDULES = sizeof schedules / sizeof schedules[0], MOST_THREADS = 4 };

/* An option alone, or with itself, by everything that may not change a bit. */
TEST_LOOP(each_option, 0, TEST_CELL_OPTIONS)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    for (size_t variant = 0; variant < 3; variant++) {
        test_cell_case given = test_cell_case_random((test_cell_option)_i, (test_cell_option)_i, &random);
        given.direction = (sluice_direction)variant;
        given.layers = 1 + (variant != 1);
        given.hidden = given.hidden < 33 ? given.hidden + 33 : given.hidden;
        given.projection = _i == TEST_CELL_WHOLE_PROJECTION ? given.hidden : given.projection;
        OWNED(test_cell_scene) made = test_cell_scene_create(&given, random);
        for (size_t k = 0; k < isas.count; k++)
            for (size_t s = 0; s < SCHEDULES; s++)
                for (unsigned threads = 1; threads <= MOST_THREADS; threads++)
                    test_cell_scene_run(&made, isas.isa[k], threads, schedules[s]);
    }
}

/* An option with each other, in networks and by schedules that are drawn. */
TEST_LOOP(each_pair, 0, TEST_CELL_OPTIONS)
{
    uint64_t random = test_seed() + 1000 + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    const size_t times = test_by_depth(1, 1, 10);
    for (int second = 0; second < TEST_CELL_OPTIONS; second++)
        for (size_t k = 0; k < times; k++) {
            const test_cell_case given = test_cell_case_random((test_cell_option)_i, (test_cell_option)second, &random);
            OWNED(test_cell_scene) made = test_cell_scene_create(&given, random);
            for (size_t s = 0; s < SCHEDULES; s++)
                test_cell_scene_run(&made, isas.isa[test_random(&random) % isas.count],
                                    1 + (unsigned)(test_random(&random) % MOST_THREADS), schedules[s]);
        }
}

/* More rows than a row block has and more units than a chunk of the update has, which the other cases do not. */
TEST(large)
{
    static const test_cell_case cases[] = {
        {.first = TEST_CELL_NORM, .second = TEST_CELL_PEEPHOLES, .layers = 1, .inputs = 2, .hidden = 401, .rows = 3, .steps = 2},
        {.first = TEST_CELL_PROJECTION,
         .second = TEST_CELL_COUPLED,
         .layers = 1,
         .inputs = 3,
         .hidden = 800,
         .projection = 7,
         .rows = 2,
         .steps = 2},
        {.first = TEST_CELL_NORM,
         .second = TEST_CELL_PROJECTION,
         .layers = 2,
         .inputs = 3,
         .hidden = 37,
         .projection = 9,
         .rows = 131,
         .steps = 3},
        {.first = TEST_CELL_GATE_CLIP,
         .second = TEST_CELL_CELL_CLIP,
         .layers = 1,
         .inputs = 3,
         .hidden = 18,
         .rows = 203,
         .steps = 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        OWNED(test_cell_scene) made = test_cell_scene_create(&cases[k], test_seed() + k);
        for (size_t s = 0; s < SCHEDULES; s++)
            test_cell_scene_run(&made, SLUICE_ISA_AUTO, 2, schedules[s]);
    }
}

/* ---- BLIS ------------------------------------------------------------------------------------------------------------------ */

/*
 * BLIS sums in another order: sums of K terms of at most S in all differ by 2 K u S, u = 2^-24. The matrices' rows add up to 1/2 at most,
 * and |x| <= 1, |h| <= 3, so S <= 2. Gates are at most 1 and pass a difference on with a factor of 1/4 at most; candidate and output, 1
 * (both are the same function on both sides); |g| <= 1, and |c| <= 3 for two steps. With e the difference of h and d that of c:
 *     a = 2 (I + P) u S + e / 2 + d    (the last for peepholes)      d' = d + (|c| + |g|) a / 4 + a      e' = d' + |c| a / 4
 * each with some roundings more, 8 u |c|, and with a projection e'' = e' / 2 + 2 H u |m| / 2. Layer normalisation by a deviation of 1 or
 * more passes a difference on with a factor of 2 + sqrt(H) at most: of z = (v - mean) / deviation, dz_i/dv_j = (delta_ij - 1/H -
 * z_i z_j / H) / deviation, and |z_i| <= sqrt(H).
 */
static double bound_of(const test_cell_case *given)
{
    const double u = 0x1p-24, inputs = (double)given->inputs, hidden = (double)given->hidden, c = 3;
    const double width = given->projection ? (double)given->projection : hidden;
    const double norm = given->first == TEST_CELL_NORM ? 2 + sqrt(hidden) : 1;
    double e = 0, d = 0;
    for (size_t step = 0; step < given->steps; step++) {
        const double a = norm * (4 * (inputs + width) * u + e / 2 + (given->first == TEST_CELL_PEEPHOLES ? d : 0));
        d = norm * (d + (c + 1) * a / 4 + a) + 8 * u * c;
        e = d + c * a / 4 + 8 * u * c;
        if (given->projection)
            e = e / 2 + hidden * u * c;
    }
    return fmax(e, d);
}

/* The largest difference. */
static double largest(const float *got, const float *want, size_t count)
{
    double most = 0;
    for (size_t k = 0; k < count; k++) {
        ck_assert(isfinite(got[k]));
        most = fmax(most, fabs((double)got[k] - (double)want[k]));
    }
    return most;
}

/* More inputs than BLIS sums at once, without which it would give the fused kernels' bits. */
TEST_LOOP(blis_within_bounds, 0, TEST_CELL_OPTIONS)
{
    if (test_precision() != SLUICE_PRECISION_F32)
        return;
    const test_cell_case given = {.first = (test_cell_option)_i,
                                  .second = TEST_CELL_PLAIN,
                                  .layers = 1,
                                  .inputs = 300,
                                  .hidden = 21,
                                  .projection = test_cell_needs_projection((test_cell_option)_i) ? 6
                                                : _i == TEST_CELL_WHOLE_PROJECTION               ? 21
                                                                                                 : 0,
                                  .direction = SLUICE_DIRECTION_BOTH,
                                  .rows = 9,
                                  .steps = _i == TEST_CELL_NORM ? 1 : 2,
                                  .states = true,
                                  .gentle = true};
    const double bound = bound_of(&given);
    OWNED(test_cell_scene) made = test_cell_scene_create(&given, test_seed() + 2000 + (uint64_t)_i);
    for (unsigned threads = 1; threads <= 2; threads++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
        options.gemm = SLUICE_GEMM_BLIS;
        test_cell_scene_prefill(&made);
        test_run_once(made.model, &options, &made.batch);
        const double most =
            fmax(largest(made.batch.y, made.want.y, made.y_count),
                 fmax(largest(made.batch.hn, made.want.hn, made.h_count), largest(made.batch.cn, made.want.cn, made.c_count)));
        ck_assert_msg(most <= bound, "%s: y, hn or cn differs by %g, allowed %g", made.name, most, bound);
        ck_assert_msg(most > 0, "%s: BLIS gives the fused kernels' bits: is it BLIS?", made.name);
    }
}

/* ---- Streams and learned states -------------------------------------------------------------------------------------------- */

/* Rows in pieces of one to three steps, all rows in each call. */
static void feed(test_cell_scene *made, const test_runner *runner, sluice_streams *streams, size_t inputs, size_t outputs)
{
    sluice_batch piece = made->batch;
    const size_t steps = made->batch.steps;
    FREED int64_t *lengths = calloc(piece.rows, sizeof *lengths);
    piece.streams = streams;
    piece.x_row_stride = steps * inputs;
    piece.x_step_stride = inputs;
    piece.y_row_stride = steps * outputs;
    piece.y_step_stride = outputs;
    piece.lengths = lengths;
    for (size_t from = 0; from < steps; from += piece.steps) {
        piece.steps = from + 1 + from % 3 > steps ? steps - from : 1 + from % 3;
        for (size_t n = 0; n < piece.rows; n++) {
            const int64_t left = made->batch.lengths[n] - (int64_t)from;
            lengths[n] = left < 0 ? 0 : left < (int64_t)piece.steps ? left : (int64_t)piece.steps;
        }
        piece.x = made->batch.x + from * inputs;
        piece.y = made->batch.y + from * outputs;
        test_forward(runner, &piece);
    }
}

TEST_LOOP(streams_in_pieces, 0, TEST_CELL_OPTIONS)
{
    uint64_t random = test_seed() + 3000 + (uint64_t)_i;
    test_cell_case given = test_cell_case_random((test_cell_option)_i, TEST_CELL_INITIAL_STATE, &random);
    given.direction = SLUICE_DIRECTION_FORWARD;
    given.states = false;
    given.steps = 6;
    OWNED(test_cell_scene) made = test_cell_scene_create(&given, random);
    const size_t outputs = sluice_model_get_width(made.model, given.layers - 1);
    for (size_t s = 0; s < SCHEDULES; s++) {
        OWNED(test_runner) runner = test_runner_create(made.model, SLUICE_ISA_AUTO, 2, schedules[s]);
        OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, given.rows);
        for (size_t round = 0; round < 2; round++) { /* of a new set, and of slots that begin again */
            test_cell_scene_prefill(&made);
            feed(&made, &runner, streams, given.inputs, outputs);
            test_cell_scene_compare(&made, runner.name);
            for (size_t n = 0; n < given.rows; n++)
                test_streams_set(streams, n, NULL, NULL);
        }
    }
}

/* ---- Training -------------------------------------------------------------------------------------------------------------- */

/* What a refusal to train names. */
static const char *const option_names[TEST_CELL_OPTIONS] = {
    [TEST_CELL_PEEPHOLES] = "peepholes",          [TEST_CELL_NORM] = "layer normalisation",
    [TEST_CELL_INITIAL_STATE] = "initial states", [TEST_CELL_COUPLED] = "coupled",
    [TEST_CELL_FORGET_BIAS] = "forget_bias",      [TEST_CELL_GATE_CLIP] = "gate_clip",
    [TEST_CELL_UNCLIPPED] = "gate_clip",          [TEST_CELL_CELL_CLIP] = "cell_clip",
    [TEST_CELL_HARD_GATES] = "gate activation",   [TEST_CELL_SOFTSIGN_CANDIDATE] = "candidate activation",
    [TEST_CELL_RELU_OUTPUT] = "output activation"};

TEST(training_is_refused_by_name)
{
    for (int which = 0; which < TEST_CELL_OPTIONS; which++) {
        uint64_t random = test_seed();
        test_cell_case given = test_cell_case_random((test_cell_option)which, TEST_CELL_PLAIN, &random);
        OWNED_HANDLE(sluice_model) model = test_cell_model(&given, &random);
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
        options.training = 1;
        options.precision = SLUICE_PRECISION_AUTO;
        OWNED_HANDLE(sluice_engine) engine = NULL;
        sluice_error error = {0};
        const sluice_status status = sluice_engine_create(model, &options, &engine, &error);
        if (option_names[which]) {
            ck_assert_int_eq(status, SLUICE_STATUS_UNSUPPORTED);
            ck_assert_ptr_null(engine);
            test_check_message(option_names[which], &error, status, option_names[which]);
            test_check_message(option_names[which], &error, status, "layer 0 \"lstm_1\"");
            if (which == TEST_CELL_FORGET_BIAS)
                test_check_message(option_names[which], &error, status, "without this option: add it to the biases b_f instead");
        } else {
            ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
        }
    }
}
