/*
 * Random networks (support/cases/random_networks.h) in the forward pass.
 *
 * Each layer's outputs are compared with the oracle of networks, which is given what the library itself gave of the layer before, within
 * a bound that support/oracle/layer_bounds.h derives for each value: sums err by at most K S u, functions by a unit in the last place.
 * All else is exact: instruction sets, threads, schedules, plans, layouts, workspaces, which outputs are wanted, rows alone, and streams
 * in pieces give the same bits as the scalar kernels on one thread.
 *
 * A case that fails is made smaller as long as it does, and printed.
 */
#include "support/cases/network_runs.h"
#include "support/cases/sample_networks.h"
#include "support/network.h"
#include "support/oracle/layer_bounds.h"
#include "support/suite.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_reverse(const sluice_network *network)
{
    for (size_t k = 0; k < network->layer_count; k++)
        if (network->layers[k].direction != SLUICE_DIRECTION_FORWARD)
            return true;
    return false;
}

/* The layer behind which a row is one vector. */
static size_t reducing_layer(const sluice_network *network)
{
    size_t k = 0;
    while (k < network->layer_count && network->layers[k].steps == SLUICE_STEPS_ALL)
        k++;
    return k;
}

static const test_setup plain_setup = {.isa = SLUICE_ISA_SCALAR, .threads = 1, .schedule = SLUICE_SCHEDULE_ROWS};

/* A case in work. */
typedef struct work {
    const test_made_network *made;
    const sluice_model *model;
    size_t inputs;    /* of a step of the batch */
    test_answer want; /* by plain_setup */
    uint64_t random;
    double worst;   /* the largest error as a share of its bound */
    test_words why; /* what is wrong */
} work;

static float *copy_floats(const float *from, size_t count)
{
    float *made = test_floats(count);
    memcpy(made, from, count * sizeof *made);
    return made;
}

/* ---- Against the oracle ---------------------------------------------------------------------------------------------------- */

/* What a layer reads, [N][T][I] or [N][I]; owned. */
static float *inputs_of(const work *w, size_t layer)
{
    const test_family_batch *batch = &w->made->batch;
    const sluice_layer *layers = w->made->network.layers;
    if (layer == 0)
        return copy_floats(batch->x, batch->rows * batch->steps * w->inputs);
    if (layers[layer - 1].kind != SLUICE_LAYER_EMBEDDING)
        return copy_floats(w->want.arrays[TEST_OF_LAYERS + layer - 1].at, w->want.arrays[TEST_OF_LAYERS + layer - 1].count);
    const size_t width = layers[0].units, count = batch->rows * batch->steps;
    float *made = test_floats(count * width);
    for (size_t j = 0; j < count; j++)
        if (batch->tokens[j] >= 0)
            memcpy(made + j * width, w->made->parameters[0].values + (size_t)batch->tokens[j] * width, width * sizeof *made);
    return made;
}

static void check_values(work *w, size_t layer, const char *what, const float *got, const double *want, const test_number *bounds,
                         size_t count)
{
    for (size_t j = 0; j < count && !w->why.text[0]; j++) {
        const double error = fabs((double)got[j] - want[j]), bound = test_bound(bounds[j]);
        if (!(error <= bound))
            snprintf(w->why.text, sizeof w->why.text, "layer %zu, %s %zu of %zu: %.9g, expected %.12g within %.3g", layer, what, j,
                     count, (double)got[j], want[j], bound);
        else if (!(fabs(bounds[j].value - want[j]) <= 1e-9 * (1.0 + fabs(want[j]))))
            snprintf(w->why.text, sizeof w->why.text, "layer %zu, %s %zu of %zu: the oracles differ, %.12g and %.12g", layer, what,
                     j, count, bounds[j].value, want[j]);
        w->worst = fmax(w->worst, error / bound);
    }
}

/* Where a layer's states begin in hn and cn. */
static void find_states(const sluice_network *network, size_t layer, size_t rows, size_t *h, size_t *c)
{
    *h = *c = 0;
    for (size_t k = 0; k < layer; k++) {
        const sluice_layer *at = &network->layers[k];
        const size_t directions = test_family_directions(at);
        if (at->kind != SLUICE_LAYER_LSTM)
            continue;
        *h += directions * rows * (at->projection ? at->projection : at->units);
        *c += directions * rows * at->units;
    }
}

static void check_layer(work *w, size_t layer)
{
    const sluice_network *network = &w->made->network;
    const test_family_batch *batch = &w->made->batch;
    const test_array *outputs = &w->want.arrays[TEST_OF_LAYERS + layer];
    const sluice_layer *at = &network->layers[layer];
    const sluice_network one = {sizeof one, test_family_inputs(network, layer), 1, at};
    sluice_parameter parameters[TEST_CASE_PARAMETERS];
    size_t count = 0, h, c;
    for (size_t p = 0; p < w->made->parameter_count; p++)
        if (w->made->parameters[p].layer == layer) {
            parameters[count] = w->made->parameters[p];
            parameters[count++].layer = 0;
        }
    find_states(network, layer, batch->rows, &h, &c);
    float *inputs = inputs_of(w, layer);
    test_family_batch local = {
        .steps = batch->steps, .rows = batch->rows, .lengths = batch->lengths, .x = inputs, .mask = batch->mask};
    local.h0 = batch->h0 ? batch->h0 + h : NULL;
    local.c0 = batch->c0 ? batch->c0 + c : NULL;
    if (layer > reducing_layer(network))
        local = (test_family_batch){.steps = 1, .rows = batch->rows, .x = inputs};
    test_family family = test_family_run(&one, parameters, count, &local);
    test_layer_bounds bounds = test_layer_bounds_run(&one, parameters, count, &local);
    if (bounds.row)
        check_values(w, layer, "vectors", outputs->at, family.row[0], bounds.row, batch->rows * bounds.width);
    if (bounds.steps)
        check_values(w, layer, "steps", bounds.row ? w->want.arrays[TEST_Y].at : outputs->at, family.steps[0], bounds.steps,
                     local.rows * local.steps * bounds.width);
    if (bounds.hn) {
        check_values(w, layer, "hn", w->want.arrays[TEST_HN].at + h, family.hn, bounds.hn, bounds.hn_count);
        check_values(w, layer, "cn", w->want.arrays[TEST_CN].at + c, family.cn, bounds.cn, bounds.cn_count);
    }
    test_layer_bounds_free(&bounds);
    test_family_free(&family);
    free(inputs);
}

/* Two outputs that are the same. */
static void check_same(work *w, size_t place, size_t other)
{
    const test_array *a = &w->want.arrays[place], *b = &w->want.arrays[other];
    if (a->at && b->at && a->steps == b->steps && memcmp(a->at, b->at, a->count * sizeof *a->at) != 0 && !w->why.text[0])
        snprintf(w->why.text, sizeof w->why.text, "%s differ from %s", a->name, b->name);
}

/* Rows of the table, zeros behind a row's end. */
static void check_embedding(work *w)
{
    const test_family_batch *batch = &w->made->batch;
    const size_t width = w->made->network.layers[0].units;
    float *want = inputs_of(w, 1);
    for (size_t row = 0; row < batch->rows; row++)
        for (size_t t = batch->lengths ? (size_t)batch->lengths[row] : batch->steps; t < batch->steps; t++)
            memset(want + (row * batch->steps + t) * width, 0, width * sizeof *want);
    if (memcmp(w->want.arrays[TEST_OF_LAYERS].at, want, batch->rows * batch->steps * width * sizeof *want) != 0)
        snprintf(w->why.text, sizeof w->why.text, "outputs of the embedding are not its rows");
    free(want);
}

static void check_against_oracle(work *w)
{
    const sluice_network *network = &w->made->network;
    size_t last = 0;
    for (size_t k = 0; k < network->layer_count; k++) {
        last = network->layers[k].kind == SLUICE_LAYER_LSTM ? k : last;
        if (network->layers[k].kind == SLUICE_LAYER_EMBEDDING)
            check_embedding(w);
        else
            check_layer(w, k);
    }
    if (network->layers[last].steps == SLUICE_STEPS_ALL)
        check_same(w, TEST_Y, TEST_OF_LAYERS + last);
    check_same(w, TEST_END, TEST_OF_LAYERS + network->layer_count - 1);
}

/* ---- In other ways --------------------------------------------------------------------------------------------------------- */

/* Run a batch, and compare row `first` + n of the case with its row n. */
static void run_setup(work *w, const test_family_batch *batch, const test_setup *setup, size_t first)
{
    test_answer got = test_answer_create(w->made, batch);
    test_words words = test_network_run(w->made, w->model, batch, setup, &got);
    for (size_t j = 0; j < TEST_ARRAYS; j++)
        if (setup->unwanted >> j & 1) {
            free(got.arrays[j].at);
            got.arrays[j].at = NULL;
        }
    for (size_t n = 0; n < batch->rows && !words.text[0]; n++)
        words = test_answer_compare_row(&got, n, &w->want, first + n);
    if (words.text[0] && !w->why.text[0])
        snprintf(w->why.text, sizeof w->why.text, "%.250s\n  %zu rows from %zu on, %.250s", words.text, batch->rows, first,
                 test_setup_print(setup).text);
    test_answer_free(&got);
}

/* The states of some rows, from [layer-directions][N][width] to [layer-directions][rows][width]; owned. */
static float *pick_states(const float *from, const test_array *sizes, size_t all, size_t first, size_t rows)
{
    if (!from)
        return NULL;
    float *made = test_floats(rows * sizes->width);
    size_t before = 0;
    for (size_t k = 0; k < sizes->blocks; before += sizes->block_width[k++])
        memcpy(made + rows * before, from + all * before + first * sizes->block_width[k],
               rows * sizes->block_width[k] * sizeof *made);
    return made;
}

/* A row of the batch alone. */
static void run_row(work *w, size_t n)
{
    const test_family_batch *all = &w->made->batch;
    test_family_batch one = *all;
    one.rows = 1;
    one.lengths = all->lengths ? all->lengths + n : NULL;
    one.x = all->x ? all->x + n * all->steps * w->inputs : NULL;
    one.tokens = all->tokens ? all->tokens + n * all->steps : NULL;
    one.mask = all->mask ? all->mask + n * all->steps : NULL;
    float *h0 = pick_states(all->h0, &w->want.arrays[TEST_HN], all->rows, n, 1);
    float *c0 = pick_states(all->c0, &w->want.arrays[TEST_CN], all->rows, n, 1);
    one.h0 = h0;
    one.c0 = c0;
    const test_setup setup = test_setup_random(&w->random);
    run_setup(w, &one, &setup, n);
    free(h0);
    free(c0);
}

/* ---- Streams --------------------------------------------------------------------------------------------------------------- */

/* Some steps of all rows, contiguous; owned. */
typedef struct piece {
    test_family_batch batch;
    void *arrays[6];
} piece;

/* Elements of `bytes` bytes of steps [from, from + steps) of all rows. */
static void *cut_array(const void *array, const test_family_batch *whole, size_t from, size_t steps, size_t bytes)
{
    if (!array)
        return NULL;
    char *made = malloc(whole->rows * steps * bytes + 1);
    ck_assert_ptr_nonnull(made);
    for (size_t n = 0; n < whole->rows; n++)
        memcpy(made + n * steps * bytes, (const char *)array + (n * whole->steps + from) * bytes, steps * bytes);
    return made;
}

static piece cut(const work *w, size_t from, size_t steps)
{
    const test_family_batch *whole = &w->made->batch;
    int64_t *lengths = calloc(whole->rows + 1, sizeof *lengths);
    for (size_t n = 0; n < whole->rows; n++) {
        const int64_t left = (whole->lengths ? whole->lengths[n] : (int64_t)whole->steps) - (int64_t)from;
        lengths[n] = left < 0 ? 0 : left < (int64_t)steps ? left : (int64_t)steps;
    }
    piece made = {.batch = {.steps = steps, .rows = whole->rows, .lengths = lengths}, .arrays = {lengths}};
    made.batch.x = made.arrays[1] = cut_array(whole->x, whole, from, steps, w->inputs * sizeof(float));
    made.batch.tokens = made.arrays[2] = cut_array(whole->tokens, whole, from, steps, sizeof(int32_t));
    made.batch.mask = made.arrays[3] = cut_array(whole->mask, whole, from, steps, 1);
    return made;
}

static void free_piece(piece *made)
{
    for (size_t j = 0; j < sizeof made->arrays / sizeof made->arrays[0]; j++)
        free(made->arrays[j]);
}

/* The states of all slots, as h0 and c0 have them. */
static void take_states(const work *w, sluice_streams *streams, piece *of)
{
    const test_array *sizes[2] = {&w->want.arrays[TEST_HN], &w->want.arrays[TEST_CN]};
    const size_t rows = of->batch.rows;
    float *states[2] = {test_floats(rows * sizes[0]->width), test_floats(rows * sizes[1]->width)};
    for (size_t n = 0; n < rows; n++) {
        float *slot[2] = {test_floats(sizes[0]->width), test_floats(sizes[1]->width)};
        ck_assert_int_eq(sluice_streams_get(streams, n, slot[0], slot[1], NULL), SLUICE_STATUS_OK);
        for (size_t j = 0; j < 2; j++) {
            size_t before = 0;
            for (size_t k = 0; k < sizes[j]->blocks; before += sizes[j]->block_width[k++])
                memcpy(states[j] + rows * before + n * sizes[j]->block_width[k], slot[j] + before,
                       sizes[j]->block_width[k] * sizeof(float));
            free(slot[j]);
        }
    }
    of->batch.h0 = of->arrays[4] = states[0];
    of->batch.c0 = of->arrays[5] = states[1];
}

/* Whether an array has something of each step; else of each row. */
static bool is_of_steps(const work *w, const test_answer *answer, size_t place)
{
    if (place == TEST_END)
        return strcmp(answer->arrays[place].name, "step_logits") == 0;
    return place == TEST_Y || (place >= TEST_OF_LAYERS && place - TEST_OF_LAYERS < reducing_layer(&w->made->network));
}

/* Outputs of steps are those of the whole. */
static void check_piece_steps(work *w, const test_answer *got, const test_answer *whole, size_t from, size_t steps)
{
    for (size_t j = 0; j < TEST_ARRAYS; j++) {
        const test_array *a = &got->arrays[j], *b = &whole->arrays[j];
        for (size_t n = 0; a->at && is_of_steps(w, got, j) && n < got->rows && !w->why.text[0]; n++)
            if (memcmp(a->at + n * steps * a->width, b->at + (n * b->steps + from) * a->width, steps * a->width * sizeof(float)) !=
                0)
                snprintf(w->why.text, sizeof w->why.text, "%s of row %zu, as a stream, in steps %zu to %zu", a->name, n, from,
                         from + steps);
    }
}

/* What is of a row, not of a step, is what the piece gives by itself, from the states where it begins. */
static void check_piece_rows(work *w, const test_answer *got, piece *of)
{
    test_answer alone = test_answer_create(w->made, &of->batch);
    test_words words = test_network_run(w->made, w->model, &of->batch, &plain_setup, &alone);
    for (size_t j = 0; j < TEST_ARRAYS && !words.text[0]; j++) {
        const test_array *a = &got->arrays[j], *b = &alone.arrays[j];
        if (a->at && !is_of_steps(w, got, j) && memcmp(a->at, b->at, a->count * sizeof(float)) != 0)
            snprintf(words.text, sizeof words.text, "%s of a stream's piece, which is not that of the piece alone", a->name);
    }
    if (words.text[0] && !w->why.text[0])
        w->why = words;
    test_answer_free(&alone);
}

/* The whole, and then in pieces of any number of steps. */
static void run_streams(work *w)
{
    test_made_network *made = (test_made_network *)w->made;
    const test_family_batch given = made->batch;
    test_setup setup = test_setup_random(&w->random);
    const sluice_engine_options options = test_options(setup.isa, setup.threads, setup.schedule);
    sluice_engine *engine;
    sluice_streams *streams;
    made->batch.h0 = made->batch.c0 = NULL; /* streams begin with zeros */
    test_answer whole = test_answer_create(made, &made->batch);
    w->why = test_network_run(made, w->model, &made->batch, &plain_setup, &whole);
    ck_assert_int_eq(sluice_engine_create(w->model, &options, &engine, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_streams_create(engine, given.rows, &streams, NULL), SLUICE_STATUS_OK);
    for (size_t from = 0; from < given.steps && !w->why.text[0];) {
        const size_t left = given.steps - from, steps = test_random(&w->random) % (left + 1);
        piece of = cut(w, from, steps);
        sluice_output outputs[TEST_CASE_LAYERS];
        sluice_error error = {.message = ""};
        test_answer got = test_answer_create(made, &of.batch);
        sluice_batch batch = test_network_batch(&of.batch, &got, outputs);
        take_states(w, streams, &of);
        batch.streams = streams;
        if (sluice_forward(engine, NULL, &batch, &error))
            snprintf(w->why.text, sizeof w->why.text, "a stream's piece is refused: %.400s", error.message);
        check_piece_steps(w, &got, &whole, from, steps);
        check_piece_rows(w, &got, &of);
        test_answer_free(&got);
        free_piece(&of);
        from += steps;
    }
    sluice_streams_destroy(streams);
    sluice_engine_destroy(engine);
    test_answer_free(&whole);
    made->batch = given;
}

/* ---- Training and BLIS ----------------------------------------------------------------------------------------------------- */

/* Which networks may fill a tape yet: equal to a stack, but for sizes. */
static bool is_stack(const sluice_network *network)
{
    bool is = true;
    for (size_t k = 0; k < network->layer_count; k++)
        is &= network->layers[k].kind == SLUICE_LAYER_LSTM && !network->layers[k].merge && !network->layers[k].processing_order &&
              network->layers[k].steps == SLUICE_STEPS_ALL;
    return is;
}

/* A call that fills a tape gives the same; it has neither masks nor outputs of layers. */
static void run_tape(work *w)
{
    test_setup setup = test_setup_random(&w->random);
    setup.on_tape = true;
    setup.used = false;
    setup.unwanted = ~0U << TEST_OF_LAYERS;
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    options.training = 1;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    const bool trains = !sluice_engine_create(w->model, &options, &engine, NULL); /* not all cells do */
    if (trains && is_stack(&w->made->network) && !w->made->batch.mask)
        run_setup(w, &w->made->batch, &setup, 0);
}

/* BLIS adds in another order, within the same bound. */
static void run_blis(work *w)
{
    test_setup setup = test_setup_random(&w->random);
    setup.gemm = SLUICE_GEMM_BLIS;
    setup.unwanted = 0;
    test_answer_free(&w->want);
    w->want = test_answer_create(w->made, &w->made->batch);
    w->why = test_network_run(w->made, w->model, &w->made->batch, &setup, &w->want);
    if (!w->why.text[0])
        check_against_oracle(w);
}

/* ---- The cases ------------------------------------------------------------------------------------------------------------- */

/* Run a case in all ways; what is wrong, if anything. `worst`, which may be NULL, grows. */
static test_words run_case(const test_network_case *given, double *worst)
{
    enum { SETUPS = 6 };
    test_made_network made;
    test_made_network_create(given, &made);
    sluice_model *model = test_made_network_model(&made);
    work w = {.made = &made, .model = model, .inputs = given->inputs, .random = given->seed};
    w.want = test_answer_create(&made, &made.batch);
    w.why = test_network_run(&made, model, &made.batch, &plain_setup, &w.want);
    if (!w.why.text[0])
        check_against_oracle(&w);
    for (size_t k = 0; k < SETUPS && !w.why.text[0]; k++) {
        const test_setup setup = test_setup_random(&w.random);
        run_setup(&w, &made.batch, &setup, 0);
    }
    for (size_t n = 0; n < given->rows && !w.why.text[0]; n += 1 + n / 3)
        run_row(&w, n);
    if (!w.why.text[0] && !has_reverse(&made.network))
        run_streams(&w);
    if (!w.why.text[0])
        run_tape(&w);
    if (!w.why.text[0] && given->seed % 4 == 0)
        run_blis(&w);
    if (worst)
        *worst = fmax(*worst, w.worst);
    test_answer_free(&w.want);
    sluice_model_destroy(model);
    test_made_network_free(&made);
    return w.why;
}

static bool fails(const test_network_case *given, void *why)
{
    const test_words words = run_case(given, NULL);
    if (words.text[0])
        *(test_words *)why = words;
    return words.text[0];
}

/* Run a case in all ways, as run_case; where that fails, print it and the smallest one that does. */
static void check_case(const test_network_case *drawn, double *worst)
{
    test_words why = run_case(drawn, worst);
    if (!why.text[0])
        return;
    printf("%s\n", why.text);
    test_network_case_print(drawn, stdout);
    const test_network_case smallest = test_network_case_shrink(*drawn, fails, &why);
    printf("smaller:\n");
    test_network_case_print(&smallest, stdout);
    fflush(stdout);
    ck_abort_msg("SLUICE_TEST_SEED=%" PRIu64 ": %s", drawn->seed, why.text);
}

/* Whether all cells have the plain functions, by which nothing grows with the steps. */
static bool is_bounded(const test_network_case *given)
{
    bool is = true;
    for (size_t k = 0; k < given->layer_count; k++)
        for (size_t d = 0; d < 2; d++)
            is &=
                !given->cells[k][d].gate.function && !given->cells[k][d].candidate.function && !given->cells[k][d].output.function;
    return is;
}

enum { BLOCK = 50 };

/* BLOCK cases: where one crashes, the test's number says which they were. */
TEST_LOOP(random_networks, 0, test_by_depth(4, 15, 160))
{
    double worst = 0.0;
    for (uint64_t seed = test_seed() + (uint64_t)_i * BLOCK; seed < test_seed() + ((uint64_t)_i + 1) * BLOCK; seed++) {
        test_network_case drawn = test_network_case_random(seed);
        if (seed % 8 == 0 && is_bounded(&drawn)) /* more steps than go through a step layer at once */
            drawn.steps = 20 + 6 * drawn.steps;
        check_case(&drawn, &worst);
    }
    printf("cases %d to %d: the largest error is %.2f of its bound\n", _i * BLOCK, (_i + 1) * BLOCK - 1, worst);
}

/* Let LSTM layers that stand before another give their outputs in processing order. false: there is none. */
static bool reverse_before_another(test_network_case *given)
{
    size_t last = 0, changed = 0;
    for (size_t k = 0; k < given->layer_count; k++)
        last = given->layers[k].kind == SLUICE_LAYER_LSTM ? k : last;
    for (size_t k = 0; k < last; k++) {
        if (given->layers[k].kind != SLUICE_LAYER_LSTM)
            continue;
        given->layers[k].direction = SLUICE_DIRECTION_REVERSE;
        given->layers[k].merge = SLUICE_MERGE_CONCAT;
        given->layers[k].processing_order = 1;
        changed++;
    }
    return changed > 0;
}

/* Masks and layers in processing order under others, which few of the random networks have. */
TEST(masks_and_processing_order)
{
    const size_t cases = test_by_depth(20, 60, 1000);
    size_t tried = 0;
    for (uint64_t seed = test_seed(); tried < cases; seed++) {
        test_network_case drawn = test_network_case_random(seed);
        drawn.is_masked = true;
        drawn.rows = drawn.rows ? drawn.rows : 1;
        drawn.steps += 2;
        if (!reverse_before_another(&drawn))
            continue;
        check_case(&drawn, NULL);
        tried++;
    }
}

/* An output may be asked for more than once, whether or not y is, which the first of the last LSTM layer then stands for. */
TEST_LOOP(outputs_twice, 0, TEST_SAMPLES)
{
    const test_network_case given = test_network_sample((size_t)_i);
    test_made_network made;
    test_made_network_create(&given, &made);
    OWNED_HANDLE(sluice_model) model = test_made_network_model(&made);
    OWNED(test_runner) runner = test_runner_create(model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_answer want = test_answer_create(&made, &made.batch);
    ck_assert_str_eq(test_network_run(&made, model, &made.batch, &plain_setup, &want).text, "");
    test_answer got[2] = {test_answer_create(&made, &made.batch), test_answer_create(&made, &made.batch)};
    sluice_output outputs[2 * TEST_CASE_LAYERS];
    sluice_batch batch = test_network_batch(&made.batch, &got[0], outputs);
    batch.y = NULL;
    for (size_t k = 0; k < batch.output_count; k++) {
        outputs[batch.output_count + k] = outputs[k];
        outputs[batch.output_count + k].at = got[1].arrays[TEST_OF_LAYERS + outputs[k].layer].at;
    }
    batch.output_count *= 2;
    test_forward(&runner, &batch);
    memcpy(got[0].arrays[TEST_Y].at, want.arrays[TEST_Y].at, want.arrays[TEST_Y].count * sizeof(float));
    ck_assert_str_eq(test_answer_compare(&got[0], &want).text, "");
    for (size_t k = 0; k < TEST_CASE_LAYERS; k++) {
        const test_array *a = &got[1].arrays[TEST_OF_LAYERS + k], *b = &want.arrays[TEST_OF_LAYERS + k];
        if (a->at)
            test_same_bits(a->at, b->at, a->count, a->name);
    }
    test_answer_free(&got[0]);
    test_answer_free(&got[1]);
    test_answer_free(&want);
    test_made_network_free(&made);
}

/* ---- Fork ------------------------------------------------------------------------------------------------------------------ */

/* What a process has begun goes on in a child and in itself. */
TEST_LOOP(fork_after_use, 0, TEST_SAMPLES)
{
    const test_network_case given = test_network_sample((size_t)_i);
    test_made_network made;
    test_made_network_create(&given, &made);
    sluice_model *model = test_made_network_model(&made);
    test_runner runner = test_runner_create(model, SLUICE_ISA_AUTO, 4, SLUICE_SCHEDULE_AUTO);
    test_answer want = test_answer_create(&made, &made.batch), got = test_answer_create(&made, &made.batch);
    sluice_output outputs[TEST_CASE_LAYERS], other_outputs[TEST_CASE_LAYERS];
    const sluice_batch batch = test_network_batch(&made.batch, &want, outputs);
    const sluice_batch again = test_network_batch(&made.batch, &got, other_outputs);
    test_forward(&runner, &batch);
    fflush(stdout);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check has its own use for it */
        alarm(20);
        _exit(sluice_forward(runner.engine, runner.workspace, &again, NULL) || test_answer_compare(&got, &want).text[0]);
    }
    test_forward(&runner, &again);
    ck_assert_str_eq(test_answer_compare(&got, &want).text, "");
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", (unsigned)status);
    test_runner_free(&runner);
    test_answer_free(&want);
    test_answer_free(&got);
    sluice_model_destroy(model);
    test_made_network_free(&made);
}
