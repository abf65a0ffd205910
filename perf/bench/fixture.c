#include "perf/bench/fixture.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rows of the batch that the reference computes: the first, the middle and the last. */
enum { CHECKED_ROWS = 3 };

enum { PLACE_BYTES = 128 };

/* Who computed the expected numbers, for messages. */
#define SCALAR "the scalar kernels"
#define ALONE "the library on one thread"

struct sl_fixture {
    sl_case shape;
    sluice_model *model;
    int64_t *lengths;         /* [N] */
    int64_t *checked_lengths; /* [N] likewise, but the checked rows end where the expected outputs do */
    uint64_t total_steps;
    size_t width;     /* D*H, of y; of a network its last layer's outputs, which are y here */
    bool gives_steps; /* y is of each step; else, of some networks, of each row, as if it had one step */
    float *x;         /* [N][T][I]; with a tail the rows without their padding */
    size_t *x_offset; /* [N] where each row starts in x */
    float *y;         /* [N][T][D*H]; NULL with a tail */
    float *hn, *cn;   /* [L*D][N][H]; NULL: a network gives y alone */
    size_t rows;      /* rows checked: */
    size_t row[CHECKED_ROWS];
    size_t steps;            /* of each of them these first ones, at most */
    float *expected;         /* y: [rows][steps][D*H]; NULL with a tail */
    float *expected_hn;      /* with a tail: h after these steps, [L*D][rows][H]; else NULL */
    sluice_output output;    /* of a network, whose y the batch gets by it */
    sluice_batch batch;      /* as it is timed */
    sl_gradients *gradients; /* NULL: none are computed */
};

/* ---- The case -------------------------------------------------------------------------------------------------------------- */

static bool has_tail(const sl_fixture *fixture)
{
    return fixture->shape.ragged == SL_RAGGED_TAIL;
}

/* Steps of y where the rows have so many. */
static size_t y_steps(const sl_fixture *fixture, size_t steps)
{
    return fixture->gives_steps ? steps : 1;
}

static sluice_status allocate_floats(size_t a, size_t b, size_t c, const char *what, float **floats, sluice_error *error)
{
    size_t count;
    if (!sl_size_mul(a, b, &count) || !sl_size_mul(count, c, &count) || count > SIZE_MAX / sizeof(float))
        return sl_fail_size(error, what);
    *floats = sl_alloc_array(count, sizeof(float));
    return *floats ? SLUICE_STATUS_OK : sl_fail_memory(error, what, count * sizeof(float));
}

static size_t choose_length(const sl_case *shape, size_t row, uint64_t *state)
{
    switch (shape->ragged) {
    case SL_RAGGED_UNIFORM:
        return 1 + sl_random_next(state) % shape->steps;
    case SL_RAGGED_TAIL:
        return row == shape->batch / 2 ? shape->steps : sl_size_max(shape->steps / SL_TAIL, 1);
    default:
        return shape->steps;
    }
}

static sluice_status make_lengths(sl_fixture *fixture, uint64_t *state, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    fixture->lengths = sl_alloc_array(shape->batch, sizeof *fixture->lengths);
    fixture->checked_lengths = sl_alloc_array(shape->batch, sizeof *fixture->checked_lengths);
    fixture->x_offset = sl_alloc_array(shape->batch, sizeof *fixture->x_offset);
    if (!fixture->lengths || !fixture->checked_lengths || !fixture->x_offset)
        return sl_fail_memory(error, "the lengths", shape->batch);
    for (size_t n = 0; n < shape->batch; n++) {
        fixture->x_offset[n] = (has_tail(fixture) ? fixture->total_steps : n * shape->steps) * shape->input;
        fixture->lengths[n] = fixture->checked_lengths[n] = (int64_t)choose_length(shape, n, state);
        fixture->total_steps += (uint64_t)fixture->lengths[n];
    }
    return SLUICE_STATUS_OK;
}

static sluice_status make_arrays(sl_fixture *fixture, uint64_t *state, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    const size_t states = shape->layers * shape->directions; /* the model exists, so they fit */
    const size_t rows = has_tail(fixture) ? 1 : shape->batch, steps = has_tail(fixture) ? fixture->total_steps : shape->steps;
    sluice_status status = allocate_floats(rows, steps, shape->input, "the inputs", &fixture->x, error);
    if (!status && !has_tail(fixture))
        status = allocate_floats(shape->batch, y_steps(fixture, shape->steps), fixture->width, "the outputs", &fixture->y, error);
    if (!status && !shape->network)
        status = allocate_floats(states, shape->batch, shape->hidden, "the final h", &fixture->hn, error);
    if (!status && !shape->network)
        status = allocate_floats(states, shape->batch, shape->hidden, "the final c", &fixture->cn, error);
    for (size_t k = 0; !status && k < rows * steps * shape->input; k++)
        fixture->x[k] = sl_random_uniform(state);
    return status;
}

/* Have the batch's y go to an array; of a network that ends otherwise than with all steps of an LSTM layer, its end, by `output`. */
static void put_y(const sl_fixture *fixture, float *y, sluice_output *output, sluice_batch *batch)
{
    const sluice_network *network = fixture->shape.network ? sl_named_network_get(fixture->shape.network) : NULL;
    const sluice_layer *last = network ? &network->layers[network->layer_count - 1] : NULL;
    if (!network || (last->kind == SLUICE_LAYER_LSTM && last->steps == SLUICE_STEPS_ALL)) {
        batch->y = y;
        return;
    }
    *output = (sluice_output){.layer = network->layer_count - 1, .at = y};
    batch->outputs = output;
    batch->output_count = 1;
}

/* The batch as it is timed; with equal lengths it has none. */
static sluice_batch whole_batch(sl_fixture *fixture)
{
    sluice_batch batch = {.struct_size = sizeof(sluice_batch),
                          .steps = fixture->shape.steps,
                          .rows = fixture->shape.batch,
                          .lengths = fixture->shape.ragged ? fixture->lengths : NULL,
                          .x = fixture->x,
                          .x_offsets = has_tail(fixture) ? fixture->x_offset : NULL,
                          .hn = fixture->hn,
                          .cn = fixture->cn};
    put_y(fixture, fixture->y, &fixture->output, &batch);
    return batch;
}

/* ---- Expected outputs ------------------------------------------------------------------------------------------------------ */

/* Choose what is checked. The first steps of a forward direction do not depend on the later ones, so they can be computed alone;
 * with a reverse direction, and of a network, whole rows are checked. With a tail the checked rows end there. */
static void choose_slice(sl_fixture *fixture, double checked_flop)
{
    const sl_case *shape = &fixture->shape;
    const bool cuts = (shape->directions == 1 && !shape->network) || has_tail(fixture);
    const double affordable = checked_flop / sl_case_flop_per_step(shape);
    const size_t wanted[CHECKED_ROWS] = {0, shape->batch / 2, shape->batch - 1};
    for (size_t k = 0; k < CHECKED_ROWS; k++) {
        const bool fits = cuts || (double)((fixture->rows + 1) * shape->steps) <= affordable;
        if (fixture->rows == 0 || (fits && wanted[k] != fixture->row[fixture->rows - 1]))
            fixture->row[fixture->rows++] = wanted[k];
    }
    const double steps = fmin(affordable / (double)fixture->rows, (double)shape->steps);
    fixture->steps = cuts ? sl_size_max((size_t)steps, 1) : shape->steps;
}

static sluice_status run_once(const sluice_model *model, const sluice_engine_options *options, const sluice_batch *batch,
                              sluice_error *error)
{
    sluice_engine *engine;
    sluice_workspace *workspace = NULL;
    sluice_status status = sluice_engine_create(model, options, &engine, error);
    status = status ? status : sluice_workspace_create(engine, batch->rows, batch->steps, &workspace, error);
    status = status ? status : sluice_forward(engine, workspace, batch, error);
    sluice_workspace_destroy(workspace);
    sluice_engine_destroy(engine);
    return status;
}

/* Allocate the expected outputs: y, or with a tail the final h. */
static sluice_status allocate_expected(sl_fixture *fixture, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    if (has_tail(fixture))
        return allocate_floats(shape->layers * shape->directions, fixture->rows, shape->hidden, "the reference",
                               &fixture->expected_hn, error);
    return allocate_floats(fixture->rows, y_steps(fixture, fixture->steps), fixture->width, "the reference", &fixture->expected,
                           error);
}

/* Compute the slice with the scalar kernels on one thread. */
static sluice_status expect(sl_fixture *fixture, double checked_flop, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    const sluice_engine_options options = {
        .struct_size = sizeof options, .isa = SLUICE_ISA_SCALAR, .gemm = SLUICE_GEMM_FUSED, .threads = 1};
    size_t offsets[CHECKED_ROWS];
    int64_t lengths[CHECKED_ROWS];
    choose_slice(fixture, checked_flop);
    for (size_t k = 0; k < fixture->rows; k++) {
        int64_t *length = &fixture->checked_lengths[fixture->row[k]];
        if ((size_t)*length > fixture->steps)
            *length = (int64_t)fixture->steps;
        lengths[k] = *length;
        offsets[k] = fixture->x_offset[fixture->row[k]];
    }
    const sluice_status status = allocate_expected(fixture, error);
    if (status)
        return status;
    sluice_output output;
    sluice_batch batch = {.struct_size = sizeof batch,
                          .steps = fixture->steps,
                          .rows = fixture->rows,
                          .lengths = lengths,
                          .x = fixture->x,
                          .x_row_stride = shape->steps * shape->input,
                          .x_step_stride = shape->input,
                          .x_offsets = offsets,
                          .hn = fixture->expected_hn};
    put_y(fixture, fixture->expected, &output, &batch);
    return run_once(fixture->model, &options, &batch, error);
}

static bool agrees(float found, float expected, float bound)
{
    return bound > 0 ? fabsf(found - expected) <= bound : memcmp(&found, &expected, sizeof found) == 0;
}

/* `place` says which number is wrong: "y of row 1, step 2, unit 3"; `of` who computed the expected one. */
static sluice_status fail_check(const sl_fixture *fixture, const sl_setting *setting, const char *place, float found,
                                float expected, const char *of, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "wrong result of %s: %s T=%zu N=%zu I=%zu H=%zu L=%zu D=%zu, ragged %s, seed %llu, train %s, %s %s %s, threads "
                   "%u: %s is %.9g (%a), expected %.9g (%a) of %s; please report this line",
                   setting->peer->name, shape->network ? sl_named_network_get_name(shape->network) : "shape", shape->steps,
                   shape->batch, shape->input, shape->hidden, shape->layers, shape->directions, sl_ragged_get_name(shape->ragged),
                   (unsigned long long)shape->seed, sl_train_pass_get_name(shape->train), sluice_isa_get_name(setting->isa),
                   sluice_gemm_get_name(setting->gemm), sluice_schedule_get_name(setting->schedule), setting->threads, place,
                   (double)found, (double)found, (double)expected, (double)expected, of);
}

static sluice_status fail_y(const sl_fixture *fixture, const sl_setting *setting, size_t row, size_t k, float expected,
                            sluice_error *error)
{
    char place[PLACE_BYTES];
    snprintf(place, sizeof place, "y of row %zu, step %zu, unit %zu", row, k / fixture->width, k % fixture->width);
    const float found = fixture->y[row * y_steps(fixture, fixture->shape.steps) * fixture->width + k];
    return fail_check(fixture, setting, place, found, expected, SCALAR, error);
}

/* Compare y with the expected one, and behind a row's end with zeros. */
static sluice_status check_y(const sl_fixture *fixture, const sl_setting *setting, float bound, sluice_error *error)
{
    const size_t width = fixture->width, row_floats = y_steps(fixture, fixture->shape.steps) * width;
    const size_t expected_floats = y_steps(fixture, fixture->steps) * width;
    for (size_t r = 0; r < fixture->rows; r++) {
        const size_t row = fixture->row[r], end = y_steps(fixture, (size_t)fixture->lengths[row]) * width;
        const float *y = fixture->y + row * row_floats, *expected = fixture->expected + r * expected_floats;
        for (size_t k = 0; k < sl_size_min(end, expected_floats); k++)
            if (!agrees(y[k], expected[k], bound))
                return fail_y(fixture, setting, row, k, expected[k], error);
        for (size_t k = end; k < row_floats; k++)
            if (!agrees(y[k], 0, 0))
                return fail_y(fixture, setting, row, k, 0, error);
    }
    return SLUICE_STATUS_OK;
}

/* Compare the final h of the rows, which had `lengths`, with the expected one where the lengths agree. */
static sluice_status check_hn(const sl_fixture *fixture, const sl_setting *setting, const int64_t *lengths, float bound,
                              sluice_error *error)
{
    const size_t hidden = fixture->shape.hidden, states = fixture->shape.layers * fixture->shape.directions;
    for (size_t k = 0; k < states * fixture->rows * hidden; k++) {
        const size_t state = k / hidden / fixture->rows, row = fixture->row[k / hidden % fixture->rows], unit = k % hidden;
        const float found = fixture->hn[(state * fixture->shape.batch + row) * hidden + unit], wanted = fixture->expected_hn[k];
        char place[PLACE_BYTES];
        if (lengths[row] != fixture->checked_lengths[row] || agrees(found, wanted, bound))
            continue;
        snprintf(place, sizeof place, "h of row %zu after %lld steps, layer %zu, direction %zu, unit %zu", row,
                 (long long)lengths[row], state / fixture->shape.directions, state % fixture->shape.directions, unit);
        return fail_check(fixture, setting, place, found, wanted, SCALAR, error);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status check(const sl_fixture *fixture, const sl_setting *setting, const int64_t *lengths, sluice_error *error)
{
    const float bound = setting->gemm == SLUICE_GEMM_FUSED ? 0 : sl_case_bound(&fixture->shape);
    return has_tail(fixture) ? check_hn(fixture, setting, lengths, bound, error) : check_y(fixture, setting, bound, error);
}

/* The library's gradient is the same for every setting. */
static sluice_status check_gradients(const sl_fixture *fixture, const sl_setting *setting, sluice_error *error)
{
    sl_difference wrong;
    if (!fixture->gradients || sl_gradients_agree(fixture->gradients, setting->gemm == SLUICE_GEMM_FUSED, &wrong))
        return SLUICE_STATUS_OK;
    return fail_check(fixture, setting, wrong.place, wrong.found, wrong.expected, ALONE, error);
}

/* Make the model, and set what y looks like. */
static sluice_status make_model(sl_fixture *fixture, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    const sluice_shape stack = {.struct_size = sizeof stack,
                                .layers = shape->layers,
                                .directions = shape->directions,
                                .inputs = shape->input,
                                .hidden = shape->hidden,
                                .has_bias = 1};
    fixture->width = shape->directions * shape->hidden; /* a product that does not fit is no model's */
    fixture->gives_steps = true;
    if (!shape->network)
        return sluice_model_create_initial(&stack, SLUICE_INITIALIZER_UNIFORM, shape->seed, NULL, &fixture->model, error);
    const sluice_network *network = sl_named_network_get(shape->network);
    const sl_network_work work = sl_network_work_get(network);
    assert(!shape->train && !shape->ragged);
    fixture->width = work.outputs;
    fixture->gives_steps = work.gives_steps;
    return sl_network_model_create(network, shape->seed, &fixture->model, error);
}

sluice_status sl_fixture_create(const sl_case *shape, double checked_flop, sl_fixture **result, sluice_error *error)
{
    *result = NULL;
    sluice_status status = sl_case_check(shape, error);
    if (status)
        return status;
    sl_fixture *fixture = sl_alloc(sizeof *fixture);
    if (!fixture)
        return sl_fail_memory(error, "a case", sizeof *fixture);
    uint64_t state = shape->seed;
    fixture->shape = *shape;
    status = make_model(fixture, error);
    status = status ? status : make_lengths(fixture, &state, error);
    status = status ? status : make_arrays(fixture, &state, error);
    status = status ? status : expect(fixture, checked_flop, error);
    if (!status) {
        fixture->batch = whole_batch(fixture);
        if (shape->train == SL_TRAIN_BOTH)
            status = sl_gradients_create(shape, fixture->model, &fixture->batch, checked_flop, &fixture->gradients, error);
    }
    if (status) {
        sl_fixture_destroy(fixture);
        return status;
    }
    *result = fixture;
    return SLUICE_STATUS_OK;
}

sl_fixture_y sl_fixture_get_y(const sl_fixture *fixture)
{
    return (sl_fixture_y){fixture->y, fixture->width, fixture->gives_steps};
}

void sl_fixture_look(const sl_fixture *fixture, const sluice_model **model, sluice_batch *batch)
{
    *model = fixture->model;
    *batch = fixture->batch;
}

const sl_gradients *sl_fixture_get_gradients(const sl_fixture *fixture)
{
    return fixture->gradients;
}

void sl_fixture_destroy(sl_fixture *fixture)
{
    if (!fixture)
        return;
    sl_gradients_destroy(fixture->gradients);
    sluice_model_destroy(fixture->model);
    void *owned[] = {fixture->lengths, fixture->checked_lengths, fixture->x_offset,    fixture->x, fixture->y, fixture->hn,
                     fixture->cn,      fixture->expected,        fixture->expected_hn, fixture};
    for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++)
        sl_free(owned[k]);
}

/* ---- Timing ---------------------------------------------------------------------------------------------------------------- */

typedef struct timed_run {
    const sl_peer *peer;
    void *made;
    sluice_batch batch;
    sluice_isa isa; /* whose peak it is compared with */
} timed_run;

static sluice_status call_peer(void *context, sluice_error *error)
{
    const timed_run *run = context;
    return run->peer->call(run->made, error);
}

static double get_peak(void *context)
{
    return sluice_peak_measure(((const timed_run *)context)->isa);
}

/* Fill all outputs with NaN, so that a number that is not written is found. */
static void prefill(sl_fixture *fixture)
{
    const sl_case *shape = &fixture->shape;
    const size_t state_bytes = shape->layers * shape->directions * shape->batch * shape->hidden * sizeof(float);
    if (fixture->y)
        memset(fixture->y, 0xff, shape->batch * y_steps(fixture, shape->steps) * fixture->width * sizeof *fixture->y);
    if (fixture->hn)
        memset(fixture->hn, 0xff, state_bytes);
    if (fixture->cn)
        memset(fixture->cn, 0xff, state_bytes);
    if (fixture->gradients)
        sl_gradients_prefill(fixture->gradients);
}

static sluice_status check_run(sl_fixture *fixture, const timed_run *run, const sl_setting *setting, const int64_t *lengths,
                               sluice_error *error)
{
    sluice_status status = run->peer->collect ? run->peer->collect(run->made, error) : SLUICE_STATUS_OK;
    status = status ? status : check(fixture, setting, lengths, error);
    return status || lengths != fixture->lengths ? status : check_gradients(fixture, setting, error);
}

/* Run the batch with these lengths once, and check it. */
static sluice_status run_checked(sl_fixture *fixture, timed_run *run, const sl_setting *setting, const int64_t *lengths,
                                 sluice_error *error)
{
    prefill(fixture);
    if (run->batch.lengths)
        run->batch.lengths = lengths;
    const sluice_status status = call_peer(run, error);
    return status ? status : check_run(fixture, run, setting, lengths, error);
}

sluice_status sl_fixture_run(sl_fixture *fixture, const sl_setting *setting, const sl_timing_plan *plan, sl_result *result,
                             sluice_error *error)
{
    timed_run run = {.peer = setting->peer ? setting->peer : &sl_peer_sluice, .batch = fixture->batch};
    const sl_workload workload = {call_peer, get_peak, &run};
    *result = (sl_result){.shape = fixture->shape, .setting = *setting, .total_steps = fixture->total_steps};
    result->setting.peer = run.peer;
    if (fixture->shape.train && !run.peer->trains)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s does not train; leave --train out for it", run.peer->name);
    if (fixture->shape.network && !run.peer->runs_networks)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s computes shapes alone; leave --set networks out for it",
                       run.peer->name);
    const sluice_gradient *gradient = fixture->gradients ? sl_gradients_get(fixture->gradients) : NULL;
    const double start = sl_clock_get();
    sluice_status status = run.peer->make(fixture->model, &run.batch, gradient, result, &run.made, error);
    result->setup_seconds = sl_clock_get() - start;
    /* A peer that chooses its kernels by itself is compared with the best instruction set. */
    run.isa = result->setting.gemm == SLUICE_GEMM_FUSED ? result->setting.isa : SLUICE_ISA_AUTO;
    if (!status && has_tail(fixture))
        status = run_checked(fixture, &run, &result->setting, fixture->checked_lengths, error);
    status = status ? status : run_checked(fixture, &run, &result->setting, fixture->lengths, error);
    status = status ? status : sl_measure(plan, &workload, &result->timing, error);
    status = status ? status : check_run(fixture, &run, &result->setting, fixture->lengths, error);
    if (!status && run.peer->get_bytes)
        result->workspace_bytes = run.peer->get_bytes(run.made);
    if (!status && fixture->shape.train && run.peer->get_tape_bytes)
        result->tape_bytes = run.peer->get_tape_bytes(run.made);
    run.peer->destroy(run.made);
    return status;
}
