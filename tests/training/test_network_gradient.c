/*
 * Gradients of networks: random chains of layers (support/cases/random_networks.h) against finite differences of the oracle in double
 * precision (support/oracle/family.h), and what every other way of computing them has to give to the bit.
 *
 * Of each tensor, parameter or input, the derivative along a random direction v is compared: the sum of g v against (L(p + e v) -
 * L(p - e v)) / 2e, with L the sum of all results, each times a random gradient. The oracle's own error is below 1e-10 and the
 * difference's of order e^2; a function's kink between p - e v and p + e v spoils it, which shows in another result with a smaller e:
 * such a tensor is not compared, and there must be few.
 */
#include "golden/golden_networks.h"
#include "support/cases/random_networks.h"
#include "support/gradients.h"
#include "support/message.h"
#include "support/suite.h"
#include "sluice_train.h"

#include <math.h>

enum { MOST_TENSORS = TEST_CASE_PARAMETERS + 3 };

/* What is differentiated: parameters, then x, h0 and c0. */
typedef struct tensors {
    size_t count; /* of parameters */
    size_t floats[MOST_TENSORS];
    float *gradient[MOST_TENSORS]; /* NULL: there is none */
} tensors;

enum { OF_X, OF_H0, OF_C0, INPUTS };

/* A case with a model, and the results of the forward pass with their gradients. */
typedef struct scene {
    test_network_case given;
    test_made_network made;
    sluice_model *model;
    size_t last;      /* LSTM layer */
    bool has_vectors; /* the network gives one vector for each row */
    size_t y_count, end_count;
    float *dy, *dhn, *dcn, *dend;
    float *y, *hn, *cn, *end; /* results */
} scene;

/* Leave out of a case what training does not have, and give it states: the final h of a row of no steps is h0, and zero is a kink. */
static void make_trainable(test_network_case *given)
{
    given->is_masked = false;
    given->has_h0 = given->has_c0 = true;
    for (size_t k = 0; k < given->layer_count; k++)
        for (int d = 0; d < 2; d++) {
            const sluice_cell cell = given->cells[k][d];
            given->cells[k][d] = (sluice_cell){.struct_size = sizeof cell,
                                               .parts = cell.parts & (SLUICE_PART_BIAS | SLUICE_PART_PROJECTION_BIAS),
                                               .projection_clip = cell.projection_clip};
        }
}

static float *random_floats(size_t count, uint64_t *random)
{
    float *floats = test_floats(count);
    for (size_t k = 0; k < count; k++)
        floats[k] = 2.0f * test_uniform(random) - 1.0f;
    return floats;
}

static void scene_create(const test_network_case *given, scene *s)
{
    uint64_t random = given->seed;
    sluice_error error;
    *s = (scene){.given = *given};
    make_trainable(&s->given);
    ck_assert(test_network_case_is_valid(&s->given));
    test_made_network_create(&s->given, &s->made);
    const sluice_network *network = &s->made.network;
    ck_assert_msg(sluice_model_create_network(network, s->made.parameters, s->made.parameter_count, NULL, &s->model, &error) ==
                      SLUICE_STATUS_OK,
                  "%s", error.message);
    for (size_t k = 0; k < network->layer_count; k++) {
        s->last = network->layers[k].kind == SLUICE_LAYER_LSTM ? k : s->last;
        s->has_vectors = s->has_vectors || network->layers[k].steps != SLUICE_STEPS_ALL;
    }
    const size_t rows = s->made.batch.rows, steps = rows * s->made.batch.steps;
    const bool has_end = s->has_vectors || s->last + 1 < network->layer_count;
    s->y_count = steps * sluice_model_get_width(s->model, s->last);
    s->end_count = has_end ? (s->has_vectors ? rows : steps) * sluice_model_get_width(s->model, network->layer_count - 1) : 0;
    s->dy = random_floats(s->y_count, &random);
    s->dhn = random_floats(s->made.h_count, &random);
    s->dcn = random_floats(s->made.c_count, &random);
    s->dend = random_floats(s->end_count, &random);
    s->y = test_floats(s->y_count);
    s->hn = test_floats(s->made.h_count);
    s->cn = test_floats(s->made.c_count);
    s->end = test_floats(s->end_count);
}

static void scene_random(uint64_t seed, scene *s)
{
    const test_network_case given = test_network_case_random(seed);
    scene_create(&given, s);
}

static void scene_free(scene *s)
{
    float *const floats[] = {s->dy, s->dhn, s->dcn, s->dend, s->y, s->hn, s->cn, s->end};
    for (size_t k = 0; k < sizeof floats / sizeof *floats; k++)
        free(floats[k]);
    sluice_model_destroy(s->model);
    test_made_network_free(&s->made);
}

static sluice_batch batch_of(scene *s)
{
    const test_family_batch *from = &s->made.batch;
    return (sluice_batch){.struct_size = sizeof(sluice_batch),
                          .steps = from->steps,
                          .rows = from->rows,
                          .lengths = from->lengths,
                          .x = from->x,
                          .tokens = from->tokens,
                          .h0 = from->h0,
                          .c0 = from->c0,
                          .y = s->y,
                          .hn = s->hn,
                          .cn = s->cn,
                          .logits = s->has_vectors ? s->end : NULL,
                          .step_logits = s->has_vectors || !s->end_count ? NULL : s->end};
}

/* ---- Gradients of the library ---- */

static tensors tensors_create(const scene *s)
{
    const test_made_network *made = &s->made;
    tensors t = {.count = made->parameter_count};
    const size_t inputs[INPUTS] = {made->batch.x ? made->batch.rows * made->batch.steps * made->network.inputs : 0, made->h_count,
                                   made->c_count};
    for (size_t k = 0; k < t.count + INPUTS; k++) {
        t.floats[k] = k < t.count ? made->parameters[k].count : inputs[k - t.count];
        t.gradient[k] = test_floats(t.floats[k]);
    }
    return t;
}

static void tensors_free(tensors *t)
{
    for (size_t k = 0; k < t->count + INPUTS; k++)
        free(t->gradient[k]);
}

/* Forward with a tape, and backward: every other time twice on a tape that is kept. */
static void run(scene *s, const test_runner *runner, size_t recompute, float dropout, int accumulate, tensors *t)
{
    sluice_error error;
    sluice_tape *tape;
    static unsigned runs;
    const sluice_tape_options options = {sizeof options, recompute, .keep = ++runs % 2 && !accumulate};
    sluice_batch batch = batch_of(s);
    sluice_parameter_gradient parameters[TEST_CASE_PARAMETERS];
    for (size_t k = 0; k < t->count; k++) {
        const sluice_parameter *of = &s->made.parameters[k];
        parameters[k] = (sluice_parameter_gradient){of->layer, of->direction, of->tensor, of->count, t->gradient[k]};
    }
    ck_assert_msg(sluice_tape_create(runner->engine, &options, &tape, &error) == SLUICE_STATUS_OK, "%s", error.message);
    batch.tape = tape;
    batch.dropout = dropout;
    batch.dropout_key = 7;
    ck_assert_msg(sluice_forward(runner->engine, runner->workspace, &batch, &error) == SLUICE_STATUS_OK, "%s", error.message);
    const sluice_gradient gradient = {.struct_size = sizeof gradient,
                                      .dy = s->dy,
                                      .dhn = s->dhn,
                                      .dcn = s->dcn,
                                      .dlogits = s->has_vectors ? s->dend : NULL,
                                      .dstep_logits = s->has_vectors || !s->end_count ? NULL : s->dend,
                                      .dx = batch.x ? t->gradient[t->count + OF_X] : NULL,
                                      .dh0 = t->gradient[t->count + OF_H0],
                                      .dc0 = t->gradient[t->count + OF_C0],
                                      .accumulate = accumulate,
                                      .parameters = parameters,
                                      .parameter_count = t->count};
    for (int times = 1 + options.keep; times > 0; times--)
        ck_assert_msg(sluice_backward(tape, &gradient, &error) == SLUICE_STATUS_OK, "%s", error.message);
    sluice_tape_destroy(tape);
}

/* ---- Finite differences of the oracle ---- */

static double weigh(const float *gradient, const double *result, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++)
        sum += (double)gradient[k] * result[k];
    return sum;
}

/* L of the network with some parameters given twice, whose sums count, or another batch. */
static double loss_of(const scene *s, const sluice_parameter *parameters, size_t count, const test_family_batch *batch)
{
    test_family family = test_family_run(&s->made.network, parameters, count, batch);
    const size_t end = s->made.network.layer_count - 1;
    const double loss = weigh(s->dy, family.steps[s->last], s->y_count) + weigh(s->dhn, family.hn, family.hn_count) +
                        weigh(s->dcn, family.cn, family.cn_count) +
                        weigh(s->dend, s->has_vectors ? family.row[end] : family.steps[end], s->end_count);
    test_family_free(&family);
    return loss;
}

/* values + e v. */
static float *moved(const float *values, const float *direction, size_t count, float e)
{
    float *to = test_floats(count);
    for (size_t k = 0; k < count; k++)
        to[k] = values ? values[k] + e * direction[k] : e * direction[k];
    return to;
}

/* The difference of L between two values of tensor k. */
static double difference(const scene *s, size_t k, const float *up, const float *down)
{
    const size_t count = s->made.parameter_count;
    sluice_parameter parameters[TEST_CASE_PARAMETERS + 1];
    test_family_batch batches[2] = {s->made.batch, s->made.batch};
    double losses[2];
    for (int j = 0; j < 2; j++) {
        const float *at = j ? down : up;
        memcpy(parameters, s->made.parameters, count * sizeof *parameters);
        if (k < count) {
            parameters[count] = parameters[k];
            parameters[count].values = at;
        } else {
            const float **const places[INPUTS] = {&batches[j].x, &batches[j].h0, &batches[j].c0};
            *places[k - count] = at;
        }
        losses[j] = loss_of(s, parameters, count + (k < count), &batches[j]);
    }
    return losses[0] - losses[1];
}

typedef struct tally {
    size_t compared, skipped;
    double worst; /* error as a share of its bound */
} tally;

/* What the gradient does not explain of the difference of L between p + e v and p - e v, as they were rounded, divided by 2e. Or, one
 * side alone, between p + e v and p, divided by e. */
static double get_rest(const scene *s, const tensors *t, size_t k, const float *values, const float *direction, float e,
                       bool one_side)
{
    FREED float *up = moved(values, direction, t->floats[k], e);
    FREED float *down = moved(values, direction, t->floats[k], one_side ? 0 : -e);
    double explained = 0;
    for (size_t j = 0; j < t->floats[k]; j++) /* what lies past a row's end is NaN */
        explained += isnan(up[j]) ? 0 : ((double)up[j] - (double)down[j]) * (double)t->gradient[k][j];
    return t->floats[k] ? (difference(s, k, up, down) - explained) / (one_side ? 1 : 2) / (double)e : 0;
}

/* Compare tensor k's gradient along a random direction. */
static void compare(const scene *s, const tensors *t, size_t k, uint64_t *random, tally *found)
{
    const size_t n = t->floats[k], count = s->made.parameter_count;
    const float *const inputs[INPUTS] = {s->made.batch.x, s->made.batch.h0, s->made.batch.c0};
    /* A parameter is moved by what is given the second time; it stays exact. */
    const float *values = k < count ? NULL : inputs[k - count];
    FREED float *direction = random_floats(n, random);
    double magnitude = 0;
    for (size_t j = 0; j < n; j++)
        magnitude += values && isnan(values[j]) ? 0 : fabs((double)direction[j] * (double)t->gradient[k][j]);
    /* Errors of single precision: 200 roundings of terms that are as large together as the gradients of all. */
    const double bound = 200 * 0x1p-24 * (magnitude + 0.02 * sqrt((double)n));
    const double rest = get_rest(s, t, k, values, direction, 0x1p-11f, false);
    const double error = fabs(get_rest(s, t, k, values, direction, 0x1p-13f, false));
    bool has_kink = fabs(fabs(rest) - error) > 0.5 * bound;
    if (!has_kink && !(error <= bound)) /* or it is at p itself: then one side differs by as much again, or not at all */
        has_kink = fabs(fabs(get_rest(s, t, k, values, direction, 0x1p-13f, true)) - error) > 0.5 * error;
    if (has_kink) {
        found->skipped++;
        return;
    }
    found->compared++;
    found->worst = fmax(found->worst, error / bound);
    if (!(error <= bound)) {
        test_network_case_print(&s->given, stdout);
        fflush(stdout);
    }
    ck_assert_msg(error <= bound, "seed %" PRIu64 ": tensor %zu of %zu (layer %zu, tensor %d): error %g, bound %g", s->given.seed,
                  k, count, k < count ? s->made.parameters[k].layer : 0, k < count ? (int)s->made.parameters[k].tensor : -1, error,
                  bound);
}

TEST_LOOP(finite_differences, 0, 4)
{
    const size_t cases = test_by_depth(5, 30, 300);
    tally found = {0};
    const test_isa_list isas = test_isas();
    uint64_t random = test_seed() + (uint64_t)_i;
    for (size_t j = 0; j < cases; j++) {
        scene s;
        scene_random(test_random(&random), &s);
        tensors t = tensors_create(&s);
        const sluice_gemm gemm = j % 2 ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
        test_runner runner = test_trainable_by(s.model, isas.isa[isas.count - 1], 2, gemm);
        run(&s, &runner, j % 3, 0, 0, &t);
        for (size_t k = 0; k < t.count + INPUTS; k++)
            compare(&s, &t, k, &random, &found);
        test_runner_free(&runner);
        tensors_free(&t);
        scene_free(&s);
    }
    printf("%zu tensors of %zu networks within %.2g of their bounds, %zu with a kink\n", found.compared, cases, found.worst,
           found.skipped);
    fflush(stdout);
    ck_assert_uint_lt(found.skipped, found.compared / 8);
}

/* ---- The same bits ---- */

static void check_same(const tensors *got, const tensors *want, const char *what)
{
    for (size_t k = 0; k < want->count + INPUTS; k++)
        test_same_bits(got->gradient[k], want->gradient[k], want->floats[k], what);
}

/* Results with a tape are those without. */
static void check_results(scene *s, const test_runner *taped, tensors *t)
{
    scene other = *s;
    other.y = test_floats(s->y_count);
    other.hn = test_floats(s->made.h_count);
    other.cn = test_floats(s->made.c_count);
    other.end = test_floats(s->end_count);
    test_runner plain = test_runner_create(s->model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    const sluice_batch batch = batch_of(&other);
    test_forward(&plain, &batch);
    run(s, taped, 0, 0, 0, t);
    test_same_bits(s->y, other.y, s->y_count, "y");
    test_same_bits(s->hn, other.hn, s->made.h_count, "hn");
    test_same_bits(s->cn, other.cn, s->made.c_count, "cn");
    test_same_bits(s->end, other.end, s->end_count, "the network's end");
    test_runner_free(&plain);
    free(other.y);
    free(other.hn);
    free(other.cn);
    free(other.end);
}

static void check_bits(const test_network_case *given, float dropout)
{
    const uint64_t seed = given->seed;
    static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_AUTO, SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_HOIST,
                                                SLUICE_SCHEDULE_UNITS};
    scene s;
    scene_create(given, &s);
    tensors want = tensors_create(&s), got = tensors_create(&s);
    test_runner reference = test_trainable(s.model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    run(&s, &reference, 0, dropout, 0, &want);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < 4; j++) {
        test_runner runner =
            test_trainable(s.model, isas.isa[(seed + j) % isas.count], (unsigned)j + 1, schedules[(seed / 4 + j) % 4]);
        run(&s, &runner, j, dropout, 0, &got);
        check_same(&got, &want, runner.name);
        if (j == 3 && dropout == 0) {
            check_results(&s, &runner, &got);
            run(&s, &runner, 0, 0, 1, &got); /* twice the gradient, without a rounding */
            for (size_t k = 0; k < want.count + INPUTS; k++)
                for (size_t i = 0; i < want.floats[k] && (k < want.count || s.made.batch.x || k > want.count); i++)
                    ck_assert(got.gradient[k][i] == 2 * want.gradient[k][i]);
        }
        test_runner_free(&runner);
    }
    test_runner_free(&reference);
    tensors_free(&want);
    tensors_free(&got);
    scene_free(&s);
}

TEST_LOOP(bits, 0, 4)
{
    const size_t cases = test_by_depth(5, 40, 400);
    uint64_t random = test_seed() + 1000 + (uint64_t)_i;
    for (size_t j = 0; j < cases; j++) {
        const test_network_case given = test_network_case_random(test_random(&random));
        check_bits(&given, j % 4 ? 0.0f : 0.3f);
    }
}

/* Threads divide the units, sums have several partial sums, and layers stand everywhere. */
static const test_network_case large[] = {
    {.seed = 1,
     .inputs = 9,
     .layer_count = 6,
     .layers = {{.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_DENSE,
                 .units = 20,
                 .has_bias = 1,
                 .activation = {.function = SLUICE_FUNCTION_RELU}},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_LSTM,
                 .units = 130,
                 .projection = 70,
                 .direction = SLUICE_DIRECTION_BOTH,
                 .merge = SLUICE_MERGE_MEAN},
                {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_AFFINE},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_LSTM,
                 .units = 90,
                 .projection = 40,
                 .direction = SLUICE_DIRECTION_REVERSE,
                 .processing_order = 1},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_DENSE,
                 .units = 300,
                 .has_bias = 1,
                 .activation = {.function = SLUICE_FUNCTION_GELU}},
                {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_MEAN}},
     .rows = 20,
     .steps = 70,
     .is_ragged = true},
    {.seed = 2,
     .inputs = 3,
     .layer_count = 4,
     .layers = {{.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_LSTM, .units = 17, .direction = SLUICE_DIRECTION_BOTH},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_LSTM,
                 .units = 9,
                 .steps = SLUICE_STEPS_FINAL,
                 .direction = SLUICE_DIRECTION_BOTH,
                 .merge = SLUICE_MERGE_PRODUCT},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_DENSE,
                 .units = 1100,
                 .has_bias = 1,
                 .activation = {.function = SLUICE_FUNCTION_SWISH}},
                {.struct_size = sizeof(sluice_layer),
                 .kind = SLUICE_LAYER_DENSE,
                 .units = 4,
                 .activation = {.function = SLUICE_FUNCTION_SOFTMAX}}},
     .rows = 700,
     .steps = 5,
     .is_ragged = true},
};

TEST_EACH(large_bits, large)
{
    check_bits(&large[_i], 0.0f);
    check_bits(&large[_i], 0.3f);
}

TEST_EACH(large_differences, large)
{
    scene s;
    scene_create(&large[_i], &s);
    tensors t = tensors_create(&s);
    test_runner runner = test_trainable(s.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    uint64_t random = test_seed();
    tally found = {0};
    run(&s, &runner, 16, 0, 0, &t);
    for (size_t k = 0; k < t.count + INPUTS; k++)
        compare(&s, &t, k, &random, &found);
    printf("%zu tensors within %.2g of their bounds, %zu with a kink\n", found.compared, found.worst, found.skipped);
    test_runner_free(&runner);
    tensors_free(&t);
    scene_free(&s);
}

/* ---- torch ---- */

/* The model of a golden case; of biases that are given twice, the sum. */
static sluice_model *golden_model(golden_network *golden)
{
    sluice_parameter parameters[GOLDEN_NETWORK_PARAMETERS];
    size_t count = 0;
    for (size_t k = 0; k < golden->parameter_count; k++) {
        const sluice_parameter *given = &golden->parameters[k], *before = k ? given - 1 : NULL;
        if (before && before->layer == given->layer && before->direction == given->direction && before->tensor == given->tensor)
            for (size_t j = 0; j < given->count; j++)
                ((float *)before->values)[j] += given->values[j];
        else
            parameters[count++] = *given;
    }
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_network, &golden->network, parameters, count, NULL, &model);
    return model;
}

/* Run a case and compare all gradients; the largest error as a share of its bound. */
static double check_golden(golden_network *golden, sluice_isa isa)
{
    OWNED_HANDLE(sluice_model) model = golden_model(golden);
    OWNED(test_runner) runner = test_trainable(model, isa, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_tape) tape = NULL;
    SUCCEEDS(sluice_tape_create, runner.engine, NULL, &tape);
    const test_family_batch *from = &golden->batch;
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = from->rows,
                                .steps = from->steps,
                                .x = from->x,
                                .h0 = from->h0,
                                .c0 = from->c0,
                                .tape = tape};
    SUCCEEDS(sluice_forward, runner.engine, runner.workspace, &batch);
    sluice_parameter_gradient parameters[GOLDEN_NETWORK_GRADIENTS];
    sluice_gradient gradient = {.struct_size = sizeof gradient, .parameters = parameters};
    float *got[GOLDEN_NETWORK_GRADIENTS];
    bool reduces = false;
    for (size_t k = 0; k < golden->network.layer_count; k++)
        reduces = reduces || golden->layers[k].steps != SLUICE_STEPS_ALL;
    for (size_t k = 0; k < golden->incoming_count; k++) {
        const golden_network_incoming *in = &golden->incoming[k];
        gradient.dy = strcmp(in->name, "dy") == 0 ? in->values : gradient.dy;
        gradient.dhn = strcmp(in->name, "dhn") == 0 ? in->values : gradient.dhn;
        gradient.dcn = strcmp(in->name, "dcn") == 0 ? in->values : gradient.dcn;
        if (strcmp(in->name, "dend") == 0)
            *(reduces ? &gradient.dlogits : &gradient.dstep_logits) = in->values;
    }
    for (size_t k = 0; k < golden->gradient_count; k++) {
        const golden_network_gradient *of = &golden->gradients[k];
        got[k] = test_floats(of->count);
        if (!*of->name)
            parameters[gradient.parameter_count++] =
                (sluice_parameter_gradient){of->layer, of->direction, of->tensor, of->count, got[k]};
        else
            *(of->name[0] == 'x' ? &gradient.dx : of->name[0] == 'h' ? &gradient.dh0 : &gradient.dc0) = got[k];
    }
    SUCCEEDS(sluice_backward, tape, &gradient);
    double worst = 0;
    for (size_t k = 0; k < golden->gradient_count; k++) {
        const golden_network_gradient *of = &golden->gradients[k];
        double largest = 0, error = 0;
        for (size_t j = 0; j < of->count; j++) {
            largest = fmax(largest, fabs(of->want[j]));
            error = fmax(error, fabs((double)got[k][j] - of->want[j]));
        }
        const double bound = 200 * 0x1p-24 * largest; /* as above */
        ck_assert_msg(error <= bound, "%s, layer %zu, direction %zu, tensor %d %s: error %g, bound %g", golden->name, of->layer,
                      of->direction, (int)of->tensor, of->name, error, bound);
        worst = fmax(worst, largest > 0 ? error / bound : 0);
        free(got[k]);
    }
    return worst;
}

TEST(as_torch)
{
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++) {
        FILE *file = golden_networks_open("gradients");
        golden_network golden;
        size_t cases = 0;
        for (; golden_network_read(file, &golden); cases++, golden_network_free(&golden))
            printf("%s: %.2g of its bound\n", golden.name, check_golden(&golden, isas.isa[j]));
        fclose(file);
        ck_assert_uint_eq(cases, 7);
    }
    fflush(stdout);
}

/* ---- Equal maxima ---- */

/* Of steps with the same maximum the first gets the gradient: its y is the factor in dscale. */
TEST(first_maximum)
{
    enum { UNITS = 3, T = 4 };
    const sluice_layer layers[] = {{.struct_size = sizeof *layers, .kind = SLUICE_LAYER_LSTM, .units = UNITS},
                                   {.struct_size = sizeof *layers, .kind = SLUICE_LAYER_AFFINE},
                                   {.struct_size = sizeof *layers, .kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_MAX}};
    const sluice_network network = {sizeof network, 1, 3, layers};
    uint64_t random = test_seed();
    FREED float *weights = random_floats(8 * 4 * UNITS, &random);
    const float zeros[UNITS] = {0}, ones[UNITS] = {1, 1, 1}, d[UNITS] = {0.5f, -2, 3}, x[T] = {0.1f, 0.7f, -0.4f, 0.2f};
    const sluice_parameter parameters[] = {{0, 0, SLUICE_TENSOR_WEIGHT_IH, 4 * UNITS, weights},
                                           {0, 0, SLUICE_TENSOR_WEIGHT_HH, 4 * UNITS * UNITS, weights + 4 * UNITS},
                                           {0, 0, SLUICE_TENSOR_BIAS, 4 * UNITS, weights + 16 * UNITS},
                                           {1, 0, SLUICE_TENSOR_SCALE, UNITS, zeros},
                                           {1, 0, SLUICE_TENSOR_SHIFT, UNITS, ones}};
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_network, &network, parameters, 5, NULL, &model);
    OWNED(test_runner) runner = test_trainable(model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_tape) tape = NULL;
    SUCCEEDS(sluice_tape_create, runner.engine, NULL, &tape);
    float y[T * UNITS], scale[UNITS], shift[UNITS];
    const sluice_batch batch = {.struct_size = sizeof batch, .rows = 1, .steps = T, .x = x, .y = y, .tape = tape};
    SUCCEEDS(sluice_forward, runner.engine, NULL, &batch);
    const sluice_parameter_gradient wanted[] = {{1, 0, SLUICE_TENSOR_SCALE, UNITS, scale},
                                                {1, 0, SLUICE_TENSOR_SHIFT, UNITS, shift}};
    const sluice_gradient gradient = {.struct_size = sizeof gradient, .dlogits = d, .parameters = wanted, .parameter_count = 2};
    SUCCEEDS(sluice_backward, tape, &gradient);
    for (size_t k = 0; k < UNITS; k++)
        ck_assert(shift[k] == d[k] && scale[k] == d[k] * y[k]);
}
