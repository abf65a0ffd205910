#include "perf/bench/fixture.h"

#include "perf/cases/deviation.h"
#include "perf/cases/library_run.h"

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
#define IN_F32 "the library in f32"
#define BEFORE "the same beside other neighbours"

enum { PRECISIONS = SLUICE_PRECISION_INT8 + 1 };

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
    size_t steps; /* of each of them these first ones, at most */
    /* y [rows][steps][D*H] of what is checked, by the scalar kernels, or with a tail h after these steps, [L*D][rows][H]; those of a
     * low precision are NULL until it is run. */
    float *expected[PRECISIONS];
    float *in_f32;           /* all of y, or with a tail of hn, by the library in f32; NULL until it is needed */
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
        fixture->lengths[n] = fixture->checked_lengths[n] = (int64_t)sl_case_choose_length(shape, n, state);
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
    sl_case_put_y(&fixture->shape, fixture->y, &fixture->output, &batch);
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
    for (size_t k = 0; k < fixture->rows; k++) {
        int64_t *length = &fixture->checked_lengths[fixture->row[k]];
        *length = (int64_t)sl_size_min((size_t)*length, fixture->steps);
    }
}

/* Allocate y or, with a tail, the final h, of so many rows and steps. */
static sluice_status allocate_outputs(const sl_fixture *fixture, size_t rows, size_t steps, float **outputs, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    if (has_tail(fixture))
        return allocate_floats(shape->layers * shape->directions, rows, shape->hidden, "the reference", outputs, error);
    return allocate_floats(rows, y_steps(fixture, steps), fixture->width, "the reference", outputs, error);
}

/* Compute y or, with a tail, the final h of a batch into memory of its own, which is *to then. */
static sluice_status compute(const sl_fixture *fixture, sluice_isa isa, unsigned threads, sluice_precision precision,
                             sluice_batch *batch, float **to, sluice_error *error)
{
    float *made;
    sluice_status status = allocate_outputs(fixture, batch->rows, batch->steps, &made, error);
    if (status)
        return status;
    sluice_output output;
    batch->hn = has_tail(fixture) ? made : NULL;
    sl_case_put_y(&fixture->shape, has_tail(fixture) ? NULL : made, &output, batch);
    status = sl_library_run(fixture->model, isa, threads, precision, batch, error);
    if (!status)
        *to = made;
    else
        sl_free(made);
    return status;
}

/* Compute what is checked with the scalar kernels on one thread, unless it is there. */
static sluice_status expect(sl_fixture *fixture, sluice_precision precision, sluice_error *error)
{
    size_t offsets[CHECKED_ROWS];
    int64_t lengths[CHECKED_ROWS];
    if (fixture->expected[precision])
        return SLUICE_STATUS_OK;
    for (size_t k = 0; k < fixture->rows; k++) {
        lengths[k] = fixture->checked_lengths[fixture->row[k]];
        offsets[k] = fixture->x_offset[fixture->row[k]];
    }
    sluice_batch batch = {.struct_size = sizeof batch,
                          .steps = fixture->steps,
                          .rows = fixture->rows,
                          .lengths = lengths,
                          .x = fixture->x,
                          .x_row_stride = fixture->shape.steps * fixture->shape.input,
                          .x_step_stride = fixture->shape.input,
                          .x_offsets = offsets};
    return compute(fixture, SLUICE_ISA_SCALAR, 1, precision, &batch, &fixture->expected[precision], error);
}

/* Compute all outputs in f32, unless they are there. */
static sluice_status expect_in_f32(sl_fixture *fixture, sluice_error *error)
{
    if (fixture->in_f32)
        return SLUICE_STATUS_OK;
    sluice_batch batch = fixture->batch;
    batch.cn = NULL;
    return compute(fixture, SLUICE_ISA_AUTO, 0, SLUICE_PRECISION_F32, &batch, &fixture->in_f32, error);
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
                   "wrong result of %s: %s T=%zu N=%zu I=%zu H=%zu L=%zu D=%zu, ragged %s, seed %llu, train %s, %s %s %s %s, "
                   "threads %u: %s is %.9g (%a), expected %.9g (%a) of %s; please report this line",
                   setting->peer->name, shape->network ? sl_named_network_get_name(shape->network) : "shape", shape->steps,
                   shape->batch, shape->input, shape->hidden, shape->layers, shape->directions, sl_ragged_get_name(shape->ragged),
                   (unsigned long long)shape->seed, sl_train_pass_get_name(shape->train), sluice_isa_get_name(setting->isa),
                   sluice_gemm_get_name(setting->gemm), sluice_precision_get_name(setting->precision),
                   sluice_schedule_get_name(setting->schedule), setting->threads, place, (double)found, (double)found,
                   (double)expected, (double)expected, of);
}

static sluice_status fail_y(const sl_fixture *fixture, const sl_setting *setting, size_t row, size_t k, float expected,
                            const char *of, sluice_error *error)
{
    char place[PLACE_BYTES];
    snprintf(place, sizeof place, "y of row %zu, step %zu, unit %zu", row, k / fixture->width, k % fixture->width);
    const float found = fixture->y[row * y_steps(fixture, fixture->shape.steps) * fixture->width + k];
    return fail_check(fixture, setting, place, found, expected, of, error);
}

/* Compare y with the expected one, and behind a row's end with zeros. */
static sluice_status check_y(const sl_fixture *fixture, const sl_setting *setting, const float *wanted, float bound,
                             sluice_error *error)
{
    const size_t width = fixture->width, row_floats = y_steps(fixture, fixture->shape.steps) * width;
    const size_t expected_floats = y_steps(fixture, fixture->steps) * width;
    for (size_t r = 0; r < fixture->rows; r++) {
        const size_t row = fixture->row[r], end = y_steps(fixture, (size_t)fixture->lengths[row]) * width;
        const float *y = fixture->y + row * row_floats, *expected = wanted + r * expected_floats;
        for (size_t k = 0; k < sl_size_min(end, expected_floats); k++)
            if (!agrees(y[k], expected[k], bound))
                return fail_y(fixture, setting, row, k, expected[k], SCALAR, error);
        for (size_t k = end; k < row_floats; k++)
            if (!agrees(y[k], 0, 0))
                return fail_y(fixture, setting, row, k, 0, SCALAR, error);
    }
    return SLUICE_STATUS_OK;
}

/* Say where a number of the final h is. */
static void place_h(const sl_fixture *fixture, const int64_t *lengths, size_t row, size_t state, size_t unit,
                    char place[PLACE_BYTES])
{
    const size_t directions = fixture->shape.directions;
    snprintf(place, PLACE_BYTES, "h of row %zu after %lld steps, layer %zu, direction %zu, unit %zu", row, (long long)lengths[row],
             state / directions, state % directions, unit);
}

/* Compare the final h of the rows, which had `lengths`, with the expected one where the lengths agree. */
static sluice_status check_hn(const sl_fixture *fixture, const sl_setting *setting, const int64_t *lengths, const float *expected,
                              float bound, sluice_error *error)
{
    const size_t hidden = fixture->shape.hidden, states = fixture->shape.layers * fixture->shape.directions;
    for (size_t k = 0; k < states * fixture->rows * hidden; k++) {
        const size_t state = k / hidden / fixture->rows, row = fixture->row[k / hidden % fixture->rows], unit = k % hidden;
        const float found = fixture->hn[(state * fixture->shape.batch + row) * hidden + unit], wanted = expected[k];
        char place[PLACE_BYTES];
        if (lengths[row] != fixture->checked_lengths[row] || agrees(found, wanted, bound))
            continue;
        place_h(fixture, lengths, row, state, unit, place);
        return fail_check(fixture, setting, place, found, wanted, SCALAR, error);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status check(const sl_fixture *fixture, const sl_setting *setting, const int64_t *lengths, sluice_error *error)
{
    const bool is_ours = setting->gemm == SLUICE_GEMM_FUSED;
    const float *expected = fixture->expected[is_ours ? setting->precision : SLUICE_PRECISION_F32];
    const float bound = is_ours ? 0 : sl_case_bound(&fixture->shape);
    if (!is_ours && sl_precision_is_low(setting->precision))
        return SLUICE_STATUS_OK; /* each peer defines its own, which are compared with f32 alone */
    return has_tail(fixture) ? check_hn(fixture, setting, lengths, expected, bound, error)
                             : check_y(fixture, setting, expected, bound, error);
}

/* ---- Accuracy -------------------------------------------------------------------------------------------------------------- */

/* What all outputs are compared with. */
typedef struct wanted_outputs {
    const float *values; /* like the run's y or, with a tail, hn */
    double bound;        /* of the difference */
    const char *of;      /* who computed them */
} wanted_outputs;

/* Compare the outputs of a row, up to its end. */
static sluice_status compare_row(const sl_fixture *fixture, const sl_setting *setting, size_t row, const wanted_outputs *wanted,
                                 sl_deviation *deviation, sluice_error *error)
{
    const float *expected = wanted->values;
    const sl_case *shape = &fixture->shape;
    if (!has_tail(fixture)) {
        const size_t at = row * y_steps(fixture, shape->steps) * fixture->width;
        const size_t floats = y_steps(fixture, (size_t)fixture->lengths[row]) * fixture->width;
        const size_t k = sl_deviation_add(deviation, floats, fixture->y + at, expected + at, wanted->bound);
        return k == floats ? SLUICE_STATUS_OK : fail_y(fixture, setting, row, k, expected[at + k], wanted->of, error);
    }
    for (size_t state = 0; state < shape->layers * shape->directions; state++) {
        const size_t at = (state * shape->batch + row) * shape->hidden;
        const size_t k = sl_deviation_add(deviation, shape->hidden, fixture->hn + at, expected + at, wanted->bound);
        char place[PLACE_BYTES];
        if (k == shape->hidden)
            continue;
        place_h(fixture, fixture->lengths, row, state, k, place);
        return fail_check(fixture, setting, place, fixture->hn[at + k], expected[at + k], wanted->of, error);
    }
    return SLUICE_STATUS_OK;
}

/* Compare all rows with f32; only a low precision can be refused for it, as f32 was checked. */
static sluice_status compare_in_f32(sl_fixture *fixture, sl_result *result, sluice_error *error)
{
    const sl_setting *setting = &result->setting;
    const double bound =
        sl_precision_is_low(setting->precision) ? sl_precision_bound(&fixture->shape, setting->precision) : INFINITY;
    sl_deviation deviation = {0};
    sluice_status status = expect_in_f32(fixture, error);
    for (size_t row = 0; !status && row < fixture->shape.batch; row++)
        status = compare_row(fixture, setting, row, &(wanted_outputs){fixture->in_f32, bound, IN_F32}, &deviation, error);
    if (status)
        return status;
    result->accuracy.error = deviation.largest;
    result->accuracy.error_rms = sl_deviation_rms(&deviation);
    return SLUICE_STATUS_OK;
}

/* Multiply x of each odd row. */
static void scale_neighbours(sl_fixture *fixture, float factor)
{
    const sl_case *shape = &fixture->shape;
    for (size_t row = 1; row < shape->batch; row += 2) {
        float *x = fixture->x + fixture->x_offset[row];
        const size_t steps = has_tail(fixture) ? (size_t)fixture->lengths[row] : shape->steps;
        for (size_t k = 0; k < steps * shape->input; k++)
            x[k] *= factor;
    }
}

/* The fused kernels' gradient is the same for every setting. */
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
    if (!status) {
        fixture->batch = whole_batch(fixture);
        choose_slice(fixture, checked_flop);
        status = expect(fixture, SLUICE_PRECISION_F32, error);
    }
    if (!status) {
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
    for (size_t k = 0; k < PRECISIONS; k++)
        sl_free(fixture->expected[k]);
    sl_free(fixture->in_f32);
    void *owned[] = {
        fixture->lengths, fixture->checked_lengths, fixture->x_offset, fixture->x, fixture->y, fixture->hn, fixture->cn, fixture};
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

/* Whether the accuracy of a run is measured. */
static bool has_accuracy(const sl_result *result)
{
    return !result->shape.train && (result->setting.has_accuracy || sl_precision_is_low(result->setting.precision));
}

static sluice_status check_run(sl_fixture *fixture, const timed_run *run, sl_result *result, const int64_t *lengths,
                               sluice_error *error)
{
    sluice_status status = run->peer->collect ? run->peer->collect(run->made, error) : SLUICE_STATUS_OK;
    status = status ? status : check(fixture, &result->setting, lengths, error);
    if (!status && lengths == fixture->lengths && has_accuracy(result))
        status = compare_in_f32(fixture, result, error);
    return status || lengths != fixture->lengths ? status : check_gradients(fixture, &result->setting, error);
}

/* Run the batch with these lengths once, and check it. */
static sluice_status run_checked(sl_fixture *fixture, timed_run *run, sl_result *result, const int64_t *lengths,
                                 sluice_error *error)
{
    prefill(fixture);
    if (run->batch.lengths)
        run->batch.lengths = lengths;
    const sluice_status status = call_peer(run, error);
    return status ? status : check_run(fixture, run, result, lengths, error);
}

/* Run the batch once more, made anew, with other odd rows, and compare the even ones with those of the run before. */
static sluice_status run_with_other_neighbours(sl_fixture *fixture, timed_run *run, sl_result *result, sluice_error *error)
{
    const sl_case *shape = &fixture->shape;
    const float *outputs = has_tail(fixture) ? fixture->hn : fixture->y;
    const size_t floats = has_tail(fixture) ? shape->layers * shape->directions * shape->batch * shape->hidden
                                            : shape->batch * y_steps(fixture, shape->steps) * fixture->width;
    sl_result again = *result;
    sl_deviation deviation = {0};
    float *before = sl_alloc_array(floats, sizeof *before);
    if (!before)
        return sl_fail_memory(error, "the outputs", floats * sizeof *before);
    memcpy(before, outputs, floats * sizeof *before);
    run->peer->destroy(run->made);
    run->made = NULL;
    scale_neighbours(fixture, SL_NEIGHBOUR_SCALE);
    again.setting.measure = false; /* which plan it is changes no bit */
    sluice_status status = run->peer->make(fixture->model, &run->batch, NULL, &again, &run->made, error);
    prefill(fixture);
    status = status ? status : call_peer(run, error);
    status = status ? status : run->peer->collect ? run->peer->collect(run->made, error) : SLUICE_STATUS_OK;
    scale_neighbours(fixture, 1.0f / SL_NEIGHBOUR_SCALE);
    for (size_t row = 0; !status && row < shape->batch; row += 2)
        status = compare_row(fixture, &result->setting, row, &(wanted_outputs){before, INFINITY, BEFORE}, &deviation, error);
    result->accuracy.dependence = deviation.largest;
    sl_free(before);
    return status;
}

sluice_status sl_fixture_run(sl_fixture *fixture, const sl_setting *setting, const sl_timing_plan *plan, sl_result *result,
                             sluice_error *error)
{
    timed_run run = {.peer = setting->peer ? setting->peer : &sl_peer_sluice, .batch = fixture->batch};
    const sl_workload workload = {call_peer, get_peak, &run};
    *result =
        (sl_result){.shape = fixture->shape, .setting = *setting, .total_steps = fixture->total_steps, .accuracy = {NAN, NAN, NAN}};
    result->setting.peer = run.peer;
    const sluice_status can = sl_peer_check(run.peer, &fixture->shape, setting->precision, error);
    if (can)
        return can;
    const sluice_gradient *gradient = fixture->gradients ? sl_gradients_get(fixture->gradients) : NULL;
    const double start = sl_clock_get();
    sluice_status status = run.peer->make(fixture->model, &run.batch, gradient, result, &run.made, error);
    result->setup_seconds = sl_clock_get() - start;
    /* A peer that chooses its kernels by itself is compared with the best instruction set. */
    run.isa = result->setting.gemm == SLUICE_GEMM_FUSED ? result->setting.isa : SLUICE_ISA_AUTO;
    if (!result->setting.precision) /* a peer's, which do not ask the environment */
        result->setting.precision = SLUICE_PRECISION_F32;
    if (!status && result->setting.gemm == SLUICE_GEMM_FUSED)
        status = expect(fixture, result->setting.precision, error);
    if (!status && has_tail(fixture))
        status = run_checked(fixture, &run, result, fixture->checked_lengths, error);
    status = status ? status : run_checked(fixture, &run, result, fixture->lengths, error);
    status = status ? status : sl_measure(plan, &workload, &result->timing, error);
    status = status ? status : check_run(fixture, &run, result, fixture->lengths, error);
    if (!status && run.peer->get_bytes)
        result->workspace_bytes = run.peer->get_bytes(run.made);
    if (!status && fixture->shape.train && run.peer->get_tape_bytes)
        result->tape_bytes = run.peer->get_tape_bytes(run.made);
    if (!status && has_accuracy(result) && fixture->shape.batch > 1)
        status = run_with_other_neighbours(fixture, &run, result, error);
    run.peer->destroy(run.made);
    return status;
}
