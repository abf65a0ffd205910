/*
 * The family of cells in the forward pass: every option alone and every pair of them, with and without a projection, give the bits of
 * plain loops over the equations on every instruction set, at every thread count and by every schedule.
 */
#include "support/message.h"
#include "support/network.h"
#include "support/oracle/plain_cells.h"
#include "support/stream_calls.h"
#include "support/suite.h"
#include "kernel/kernel.h"
#include "model/parameters.h"
#include "sluice_train.h"

#include <math.h>
#include <string.h>

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

typedef enum option {
    PLAIN,
    NO_BIAS,
    PEEPHOLES,
    PROJECTION,
    WHOLE_PROJECTION, /* P = H */
    PROJECTION_BIAS,
    PROJECTION_CLIP,
    NORM,
    INITIAL_STATE,
    COUPLED,
    FORGET_BIAS,
    GATE_CLIP,
    UNCLIPPED,
    CELL_CLIP,
    HARD_GATES,
    SOFTSIGN_CANDIDATE,
    RELU_OUTPUT,
    OPTIONS
} option;

/* What a refusal to train names. */
static const char *const option_names[OPTIONS] = {[PEEPHOLES] = "peepholes",          [PROJECTION] = "projection",
                                                  [WHOLE_PROJECTION] = "projection",  [PROJECTION_BIAS] = "projection",
                                                  [PROJECTION_CLIP] = "projection",   [NORM] = "layer normalisation",
                                                  [INITIAL_STATE] = "initial states", [COUPLED] = "coupled",
                                                  [FORGET_BIAS] = "forget_bias",      [GATE_CLIP] = "gate_clip",
                                                  [UNCLIPPED] = "gate_clip",          [CELL_CLIP] = "cell_clip",
                                                  [HARD_GATES] = "gate activation",   [SOFTSIGN_CANDIDATE] = "candidate activation",
                                                  [RELU_OUTPUT] = "output activation"};

static void set_part(sluice_cell *cell, unsigned part)
{
    cell->parts |= part;
    if (part == SLUICE_PART_NORM)
        cell->norm_epsilon = 0.01f;
}

/* The numbers are such that limits are reached and others not. */
static void set_option(sluice_cell *cell, option which)
{
    static const unsigned parts[OPTIONS] = {[PEEPHOLES] = SLUICE_PART_PEEPHOLES,
                                            [PROJECTION_BIAS] = SLUICE_PART_PROJECTION_BIAS,
                                            [NORM] = SLUICE_PART_NORM,
                                            [INITIAL_STATE] = SLUICE_PART_INITIAL_STATE};
    set_part(cell, parts[which]);
    if (which == NO_BIAS || which == NORM)
        cell->parts &= ~(unsigned)SLUICE_PART_BIAS;
    if (which == GATE_CLIP || which == UNCLIPPED)
        cell->gate_clip = 0.3f;
    cell->coupled |= which == COUPLED;
    cell->output_unclipped |= which == UNCLIPPED;
    cell->forget_bias += which == FORGET_BIAS ? 0.75f : 0;
    cell->cell_clip += which == CELL_CLIP ? 0.2f : 0;
    cell->projection_clip += which == PROJECTION_CLIP ? 0.15f : 0;
    if (which == HARD_GATES)
        cell->gate = (sluice_activation){SLUICE_FUNCTION_HARD_SIGMOID, 0.2f, 0.5f};
    if (which == SOFTSIGN_CANDIDATE)
        cell->candidate.function = SLUICE_FUNCTION_SOFTSIGN;
    if (which == RELU_OUTPUT)
        cell->output.function = SLUICE_FUNCTION_RELU;
}

static bool needs_projection(option which)
{
    return which == PROJECTION || which == PROJECTION_BIAS || which == PROJECTION_CLIP;
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

enum { LAYERS = 2, PARAMETERS = LAYERS * 2 * SL_TENSORS };

typedef struct network_case {
    option first, second;                      /* both in the forward direction; the second alone in the reverse one */
    size_t layers, inputs, hidden, projection; /* the second layer has 3 units more */
    sluice_direction direction;
    size_t rows, steps;
    bool ragged, states, nan;
    bool gentle; /* rows of matrices whose magnitudes add up to 1/2 at most, and a large epsilon */
} network_case;

/* A case with a batch and what it has to give. */
typedef struct scene {
    sluice_model *model;
    sluice_batch batch, want; /* the same inputs */
    size_t y_count, h_count, c_count;
    char name[160];
} scene;

/* How many floats a parameter has: by the model's own table, which the model's tests are about. */
static size_t add_parameter(const sl_network *network, sluice_parameter *to, size_t layer, size_t d, sluice_tensor tensor,
                            bool gentle, uint64_t *random)
{
    const sl_parameter_shape shape = sl_parameter_shape_get(network, layer, d, tensor);
    const size_t count = shape.rows * shape.columns;
    if (!count || shape.optional)
        return 0;
    const bool is_matrix = shape.columns > 1 && tensor != SLUICE_TENSOR_PEEPHOLES;
    const float columns = (float)shape.columns, scale = is_matrix ? (gentle ? 0.5f / columns : 2.0f / sqrtf(columns)) : 1.0f;
    float *values = test_floats(count);
    for (size_t k = 0; k < count; k++)
        values[k] = scale * (2.0f * test_uniform(random) - 1.0f);
    *to = (sluice_parameter){layer, d, tensor, count, values};
    return 1;
}

static sluice_model *make_model(const sluice_network *description, bool gentle, uint64_t *random)
{
    sluice_parameter parameters[PARAMETERS];
    size_t count = 0;
    sl_network *network;
    sluice_model *model;
    sluice_error error;
    ck_assert_msg(sl_network_create(description, false, &network, &error) == SLUICE_STATUS_OK, "%s", error.message);
    for (size_t layer = 0; layer < description->layer_count; layer++)
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++)
                count += add_parameter(network, &parameters[count], layer, d, (sluice_tensor)tensor, gentle, random);
    ck_assert_msg(sluice_model_create_network(description, parameters, count, NULL, &model, &error) == SLUICE_STATUS_OK, "%s",
                  error.message);
    for (size_t k = 0; k < count; k++)
        free((void *)parameters[k].values);
    sl_network_destroy(network);
    return model;
}

/* Both directions have a projection, or none. */
static sluice_model *make_network(const network_case *given, uint64_t *random)
{
    sluice_cell cells[2] = {{.struct_size = sizeof cells[0], .parts = SLUICE_PART_BIAS},
                            {.struct_size = sizeof cells[0], .parts = SLUICE_PART_BIAS}};
    set_option(&cells[0], given->first);
    set_option(&cells[0], given->second);
    set_option(&cells[1], given->second);
    if (cells[0].parts & SLUICE_PART_NORM)
        cells[0].parts &= ~(unsigned)SLUICE_PART_BIAS;
    if (given->gentle)
        cells[0].norm_epsilon = cells[1].norm_epsilon = 1;
    sluice_layer layers[LAYERS];
    for (size_t l = 0; l < given->layers; l++)
        layers[l] = (sluice_layer){.struct_size = sizeof layers[l],
                                   .kind = SLUICE_LAYER_LSTM,
                                   .units = given->hidden + 3 * l,
                                   .direction = given->direction,
                                   .projection = given->projection ? given->projection + 3 * l : 0,
                                   .cells = cells};
    const sluice_network network = {sizeof network, given->inputs, given->layers, layers};
    return make_model(&network, given->gentle, random);
}

static float *random_floats(size_t count, uint64_t *random)
{
    float *values = test_floats(count);
    for (size_t k = 0; k < count; k++)
        values[k] = 2.0f * test_uniform(random) - 1.0f;
    return values;
}

static void prefill(scene *made)
{
    test_prefill(made->batch.y, made->y_count);
    test_prefill(made->batch.hn, made->h_count);
    test_prefill(made->batch.cn, made->c_count);
}

static scene make_scene(const network_case *given, uint64_t random)
{
    const size_t directions = given->direction == SLUICE_DIRECTION_BOTH ? 2 : 1, rows = given->rows, steps = given->steps;
    scene made = {.model = make_network(given, &random)};
    for (size_t l = 0; l < given->layers; l++) {
        made.h_count += rows * directions * ((given->projection ? given->projection : given->hidden) + 3 * l);
        made.c_count += rows * directions * (given->hidden + 3 * l);
    }
    made.y_count = rows * steps * sluice_model_get_width(made.model, given->layers - 1);
    float *x = random_floats(rows * steps * given->inputs, &random);
    int64_t *lengths = calloc(rows, sizeof *lengths);
    for (size_t n = 0; n < rows; n++)
        lengths[n] = given->ragged ? (int64_t)(test_random(&random) % (steps + 1)) : (int64_t)steps;
    if (given->nan)
        x[test_random(&random) % (rows * steps * given->inputs)] = NAN;
    made.batch = (sluice_batch){.struct_size = sizeof made.batch,
                                .steps = steps,
                                .rows = rows,
                                .x = x,
                                .lengths = lengths,
                                .h0 = given->states ? random_floats(made.h_count, &random) : NULL,
                                .c0 = given->states ? random_floats(made.c_count, &random) : NULL,
                                .y = test_floats(made.y_count),
                                .hn = test_floats(made.h_count),
                                .cn = test_floats(made.c_count)};
    made.want = made.batch;
    made.want.y = test_floats(made.y_count);
    made.want.hn = test_floats(made.h_count);
    made.want.cn = test_floats(made.c_count);
    test_plain_cells_forward(made.model, &made.want);
    snprintf(made.name, sizeof made.name, "options %d, %d, L %zu, I %zu, H %zu, P %zu, direction %d, N %zu, T %zu%s%s%s",
             given->first, given->second, given->layers, given->inputs, given->hidden, given->projection, given->direction, rows,
             steps, given->ragged ? ", ragged" : "", given->states ? ", states" : "", given->nan ? ", NaN" : "");
    return made;
}

static void free_scene(scene *made)
{
    float *const arrays[] = {(float *)made->batch.x, (float *)made->batch.h0, (float *)made->batch.c0,
                             made->batch.y,          made->batch.hn,          made->batch.cn,
                             made->want.y,           made->want.hn,           made->want.cn};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        free(arrays[k]);
    free((void *)made->batch.lengths);
    sluice_model_destroy(made->model);
}

static void compare(const scene *made, const char *how)
{
    char what[256];
    snprintf(what, sizeof what, "hn of %s by %s", made->name, how);
    test_same_bits(made->batch.hn, made->want.hn, made->h_count, what);
    what[0] = 'c';
    test_same_bits(made->batch.cn, made->want.cn, made->c_count, what);
    what[0] = 'y';
    test_same_bits(made->batch.y, made->want.y, made->y_count, what);
}

static void run_and_compare(scene *made, sluice_isa isa, unsigned threads, sluice_schedule schedule)
{
    test_runner runner = test_runner_create(made->model, isa, threads, schedule);
    prefill(made);
    test_forward(&runner, &made->batch);
    compare(made, runner.name);
    test_runner_free(&runner);
}

/* Sizes at random. H is more than a cache line of units in half of them, so that units can be divided. */
static network_case random_case(option first, option second, uint64_t *random)
{
    static const size_t hidden[] = {1, 5, 16, 33, 40, 67};
    network_case made = {.first = first,
                         .second = second,
                         .layers = 1 + test_random(random) % LAYERS,
                         .inputs = 1 + test_random(random) % 9,
                         .hidden = hidden[test_random(random) % (sizeof hidden / sizeof hidden[0])],
                         .direction = (sluice_direction)(test_random(random) % 3),
                         .rows = 1 + test_random(random) % 11,
                         .steps = 1 + test_random(random) % 5,
                         .ragged = test_random(random) % 2,
                         .states = test_random(random) % 2,
                         .nan = test_random(random) % 4 == 0};
    if (needs_projection(first) || needs_projection(second))
        made.projection = 1 + test_random(random) % made.hidden;
    else if (first == WHOLE_PROJECTION || second == WHOLE_PROJECTION)
        made.projection = made.hidden;
    return made;
}

/* ---- The bits of the equations --------------------------------------------------------------------------------------------- */

static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_HOIST, SLUICE_SCHEDULE_UNITS};
enum { SCHEDULES = sizeof schedules / sizeof schedules[0], MOST_THREADS = 4 };

/* An option alone, or with itself, by everything that may not change a bit. */
START_TEST(each_option)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    sluice_isa isas[TEST_MOST_ISAS];
    const size_t isa_count = test_isas(isas);
    for (size_t variant = 0; variant < 3; variant++) {
        network_case given = random_case((option)_i, (option)_i, &random);
        given.direction = (sluice_direction)variant;
        given.layers = 1 + (variant != 1);
        given.hidden = given.hidden < 33 ? given.hidden + 33 : given.hidden;
        given.projection = _i == WHOLE_PROJECTION ? given.hidden : given.projection;
        scene made = make_scene(&given, random);
        for (size_t k = 0; k < isa_count; k++)
            for (size_t s = 0; s < SCHEDULES; s++)
                for (unsigned threads = 1; threads <= MOST_THREADS; threads++)
                    run_and_compare(&made, isas[k], threads, schedules[s]);
        free_scene(&made);
    }
}
END_TEST

/* An option with each other, in networks and by schedules that are drawn. */
START_TEST(each_pair)
{
    uint64_t random = test_seed() + 1000 + (uint64_t)_i;
    sluice_isa isas[TEST_MOST_ISAS];
    const size_t isa_count = test_isas(isas), times = test_by_depth(1, 1, 10);
    for (int second = 0; second < OPTIONS; second++)
        for (size_t k = 0; k < times; k++) {
            const network_case given = random_case((option)_i, (option)second, &random);
            scene made = make_scene(&given, random);
            for (size_t s = 0; s < SCHEDULES; s++)
                run_and_compare(&made, isas[test_random(&random) % isa_count], 1 + (unsigned)(test_random(&random) % MOST_THREADS),
                                schedules[s]);
            free_scene(&made);
        }
}
END_TEST

/* More rows than a row block has and more units than a chunk of the update has, which the other cases do not. */
START_TEST(large)
{
    static const network_case cases[] = {
        {.first = NORM, .second = PEEPHOLES, .layers = 1, .inputs = 2, .hidden = 401, .rows = 3, .steps = 2},
        {.first = PROJECTION, .second = COUPLED, .layers = 1, .inputs = 3, .hidden = 800, .projection = 7, .rows = 2, .steps = 2},
        {.first = NORM, .second = PROJECTION, .layers = 2, .inputs = 3, .hidden = 37, .projection = 9, .rows = 131, .steps = 3},
        {.first = GATE_CLIP, .second = CELL_CLIP, .layers = 1, .inputs = 3, .hidden = 18, .rows = 203, .steps = 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        scene made = make_scene(&cases[k], test_seed() + k);
        for (size_t s = 0; s < SCHEDULES; s++)
            run_and_compare(&made, SLUICE_ISA_AUTO, 2, schedules[s]);
        free_scene(&made);
    }
}
END_TEST

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
static double bound_of(const network_case *given)
{
    const double u = 0x1p-24, inputs = (double)given->inputs, hidden = (double)given->hidden, c = 3;
    const double width = given->projection ? (double)given->projection : hidden;
    const double norm = given->first == NORM ? 2 + sqrt(hidden) : 1;
    double e = 0, d = 0;
    for (size_t step = 0; step < given->steps; step++) {
        const double a = norm * (4 * (inputs + width) * u + e / 2 + (given->first == PEEPHOLES ? d : 0));
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
START_TEST(blis_within_bounds)
{
    const network_case given = {.first = (option)_i,
                                .second = PLAIN,
                                .layers = 1,
                                .inputs = 300,
                                .hidden = 21,
                                .projection = needs_projection((option)_i) ? 6
                                              : _i == WHOLE_PROJECTION     ? 21
                                                                           : 0,
                                .direction = SLUICE_DIRECTION_BOTH,
                                .rows = 9,
                                .steps = _i == NORM ? 1 : 2,
                                .states = true,
                                .gentle = true};
    const double bound = bound_of(&given);
    scene made = make_scene(&given, test_seed() + 2000 + (uint64_t)_i);
    for (unsigned threads = 1; threads <= 2; threads++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
        options.gemm = SLUICE_GEMM_BLIS;
        prefill(&made);
        test_run_once(made.model, &options, &made.batch);
        const double most =
            fmax(largest(made.batch.y, made.want.y, made.y_count),
                 fmax(largest(made.batch.hn, made.want.hn, made.h_count), largest(made.batch.cn, made.want.cn, made.c_count)));
        ck_assert_msg(most <= bound, "%s: y, hn or cn differs by %g, allowed %g", made.name, most, bound);
        ck_assert_msg(most > 0, "%s: BLIS gives the fused kernels' bits: is it BLIS?", made.name);
    }
    free_scene(&made);
}
END_TEST

/* ---- Streams and learned states -------------------------------------------------------------------------------------------- */

/* Rows in pieces of one to three steps, all rows in each call. */
static void feed(scene *made, const test_runner *runner, sluice_streams *streams, size_t inputs, size_t outputs)
{
    sluice_batch piece = made->batch;
    const size_t steps = made->batch.steps;
    int64_t *lengths = calloc(piece.rows, sizeof *lengths);
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
    free(lengths);
}

START_TEST(streams_in_pieces)
{
    uint64_t random = test_seed() + 3000 + (uint64_t)_i;
    network_case given = random_case((option)_i, INITIAL_STATE, &random);
    given.direction = SLUICE_DIRECTION_FORWARD;
    given.states = false;
    given.steps = 6;
    scene made = make_scene(&given, random);
    const size_t outputs = sluice_model_get_width(made.model, given.layers - 1);
    for (size_t s = 0; s < SCHEDULES; s++) {
        test_runner runner = test_runner_create(made.model, SLUICE_ISA_AUTO, 2, schedules[s]);
        sluice_streams *streams = test_streams_create(runner.engine, given.rows);
        for (size_t round = 0; round < 2; round++) { /* of a new set, and of slots that begin again */
            prefill(&made);
            feed(&made, &runner, streams, given.inputs, outputs);
            compare(&made, runner.name);
            for (size_t n = 0; n < given.rows; n++)
                test_streams_set(streams, n, NULL, NULL);
        }
        sluice_streams_destroy(streams);
        test_runner_free(&runner);
    }
    free_scene(&made);
}
END_TEST

/* ---- Training -------------------------------------------------------------------------------------------------------------- */

START_TEST(training_is_refused_by_name)
{
    for (int which = 0; which < OPTIONS; which++) {
        uint64_t random = test_seed();
        network_case given = random_case((option)which, PLAIN, &random);
        sluice_model *model = make_network(&given, &random);
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
        options.training = 1;
        sluice_engine *engine = NULL;
        sluice_error error = {0};
        const sluice_status status = sluice_engine_create(model, &options, &engine, &error);
        if (option_names[which]) {
            ck_assert_int_eq(status, SLUICE_STATUS_UNSUPPORTED);
            ck_assert_ptr_null(engine);
            test_check_message(option_names[which], &error, status, option_names[which]);
            test_check_message(option_names[which], &error, status, "layer 0 \"lstm_1\"");
        } else {
            ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
        }
        sluice_engine_destroy(engine);
        sluice_model_destroy(model);
    }
}
END_TEST

int main(void)
{
    test_begin();
    Suite *suite = suite_create("cells");
    TCase *tcase = tcase_create("cells");
    tcase_add_loop_test(tcase, each_option, 0, OPTIONS);
    tcase_add_loop_test(tcase, each_pair, 0, OPTIONS);
    tcase_add_test(tcase, large);
    tcase_add_loop_test(tcase, blis_within_bounds, 0, OPTIONS);
    tcase_add_loop_test(tcase, streams_in_pieces, 0, OPTIONS);
    tcase_add_test(tcase, training_is_refused_by_name);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
