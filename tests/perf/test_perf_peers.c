/* The peers of sluice-bench: each of this build agrees with the scalar kernels, a wrong one stops a run, whatever it is wrong in,
 * rows are held against the others', and an exported case is the one that was run. */
#include "support/suite.h"

#include "base/system/thread_count.h"
#include "perf/bench/case_export.h"
#include "perf/bench/fixture.h"
#include "perf/bench/result_row.h"
#include "perf/cases/case_gradient.h"
#include "io/npy/npy.h"
#include "perf/peers/peer.h"
#ifdef SL_HAVE_ONEDNN
#include "perf/peers/onednn_arrays.h"
#endif
#include "perf/report/compare.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

TEST_HANDLE(sl_fixture, sl_fixture_destroy)

#define CHECKED_FLOP 1e7

static const sl_timing_plan quick = {1e-9, 1, 0, NULL};

static const sl_case cases[] = {
    {.steps = 1, .batch = 1, .input = 1, .hidden = 1, .layers = 1, .directions = 1, .seed = 1},
    {.steps = 9, .batch = 5, .input = 7, .hidden = 12, .layers = 1, .directions = 1, .seed = 2},
    {.steps = 8, .batch = 3, .input = 16, .hidden = 16, .layers = 3, .directions = 1, .seed = 3}, /* oneDNN: one primitive */
    {.steps = 8, .batch = 3, .input = 5, .hidden = 16, .layers = 3, .directions = 1, .seed = 4},  /* two */
    {.steps = 6, .batch = 4, .input = 9, .hidden = 10, .layers = 1, .directions = 2, .seed = 5},
    {.steps = 6, .batch = 4, .input = 9, .hidden = 10, .layers = 3, .directions = 2, .seed = 6},
    {.steps = 11, .batch = 6, .input = 8, .hidden = 8, .layers = 1, .directions = 1, .ragged = SL_RAGGED_UNIFORM, .seed = 7},
    {.steps = 11, .batch = 6, .input = 8, .hidden = 9, .layers = 3, .directions = 1, .ragged = SL_RAGGED_UNIFORM, .seed = 8},
    {.steps = 7, .batch = 5, .input = 3, .hidden = 5, .layers = 2, .directions = 2, .ragged = SL_RAGGED_UNIFORM, .seed = 9},
    {.steps = 600, .batch = 5, .input = 3, .hidden = 5, .layers = 2, .directions = 1, .ragged = SL_RAGGED_TAIL, .seed = 10},
    {.steps = 300, .batch = 2, .input = 3, .hidden = 5, .layers = 2, .directions = 2, .ragged = SL_RAGGED_TAIL, .seed = 11},
    {.steps = 4, .batch = 3, .input = 300, .hidden = 70, .layers = 1, .directions = 1, .seed = 12},
};

static sl_fixture *make_fixture(const sl_case *shape)
{
    sl_fixture *fixture;
    sluice_error error = {0};
    ck_assert_msg(sl_fixture_create(shape, CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    return fixture;
}

/* Whether a peer that pads computes such a case. */
static bool can_pad(const sl_case *shape)
{
    return shape->ragged == SL_RAGGED_NONE || (shape->ragged == SL_RAGGED_UNIFORM && shape->directions == 1);
}

static void check_row(const sl_case *shape, const sl_peer *peer, const sl_result *result)
{
    char expected[64], version[64];
    sl_case_row values;
    sl_result_row_fill(result, &values);
    json_t *row = sl_fields_to_row(&sl_case_fields, &values);
    ck_assert_ptr_nonnull(row);
    snprintf(expected, sizeof expected, "%s%s", peer->name, peer->pads && shape->ragged ? "-padded" : "");
    peer->describe(version, sizeof version);
    ck_assert_str_eq(json_string_value(json_object_get(row, "peer")), expected);
    ck_assert_str_eq(json_string_value(json_object_get(row, "peer_version")), version);
    ck_assert(*version != '\0' && json_is_null(json_object_get(row, "vs_best")));
    const bool is_ours = peer == &sl_peer_sluice || peer == &sl_peer_blis;
    for (const char *const *key = (const char *const[]){"isa", "gemm", "schedule", "way", NULL}; *key; key++)
        ck_assert_msg(json_is_string(json_object_get(row, *key)) == is_ours, "%s of %s", *key, peer->name);
    json_decref(row);
}

TEST_EACH(each_peer_agrees_with_the_reference, cases)
{
    const sl_case *shape = &cases[_i];
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape);
    unsetenv("SLUICE_NUM_THREADS");
    for (size_t p = 0; sl_peer_get_name(p); p++) {
        const sl_peer *peer = sl_peer_get(p);
        for (unsigned threads = 1; peer && threads <= 3; threads += 2) {
            const sl_setting setting = {.threads = threads, .gemm = SLUICE_GEMM_FUSED, .peer = peer}; /* the library's say */
            sl_result result;
            sluice_error error = {0};
            const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, &error);
            if (peer->pads && !can_pad(shape)) {
                ck_assert_msg(status == SLUICE_STATUS_UNSUPPORTED && strstr(error.message, "lengths"), "%s", error.message);
                continue;
            }
            ck_assert_msg(status == 0, "%s: %s", peer->name, error.message);
            ck_assert_uint_eq(result.setting.threads, threads);
            ck_assert(result.timing.seconds.min > 0 && result.timing.reference.max > 0 && result.setting.peer == peer);
            ck_assert_int_eq(result.setting.gemm, peer == &sl_peer_sluice ? SLUICE_GEMM_FUSED
                                                  : peer == &sl_peer_blis ? SLUICE_GEMM_BLIS
                                                                          : SLUICE_GEMM_AUTO);
            check_row(shape, peer, &result);
        }
    }
}

/* Peers that have low precisions are near f32 in them; the others, and what a peer lacks on this CPU, are passed over. */
TEST_EACH(each_peer_is_near_in_low_precision, cases)
{
    const sl_case *shape = &cases[_i];
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape);
    for (size_t p = 0; sl_peer_get_name(p); p++)
        for (sluice_precision precision = SLUICE_PRECISION_BF16; sl_peer_get(p) && precision <= SLUICE_PRECISION_INT8;
             precision++) {
            const sl_setting setting = {.threads = 2, .gemm = SLUICE_GEMM_FUSED, .precision = precision, .peer = sl_peer_get(p)};
            sl_result result;
            sluice_error error = {0};
            const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, &error);
            if (status == SLUICE_STATUS_UNSUPPORTED && setting.peer != &sl_peer_sluice) {
                ck_assert_msg(setting.peer->runs_low || strstr(error.message, "computes in f32 alone"), "%s", error.message);
                continue;
            }
            ck_assert_msg(status == 0 && setting.peer->runs_low, "%s: %s", sl_peer_get_name(p), error.message);
            ck_assert_int_eq(result.setting.precision, precision);
            ck_assert(result.accuracy.error <= sl_precision_bound(shape, precision));
            ck_assert(shape->batch > 1 ? result.accuracy.dependence == 0 : isnan(result.accuracy.dependence));
        }
}

/* ---- Wrong peers ------------------------------------------------------------------------------------------------------------ */

/* What the plain peer computes, made wrong. */
static const sluice_batch *spoilt_batch;
static unsigned calls, right_calls;

static sluice_status make_spoilt(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                 sl_result *result, void **made, sluice_error *error)
{
    spoilt_batch = batch;
    calls = 0;
    return sl_peer_plain.make(model, batch, gradient, result, made, error);
}

/* Off by more than the bound in one place of the last row, from some call on. */
static sluice_status call_spoilt(void *made, sluice_error *error)
{
    const sluice_status status = sl_peer_plain.call(made, error);
    if (calls++ >= right_calls)
        spoilt_batch->y[(spoilt_batch->rows - 1) * spoilt_batch->steps * cases[1].hidden + 3] +=
            (float)sl_case_bound(&cases[1]) * 1.5f + 8 * FLT_EPSILON;
    return status;
}

static sluice_status call_nothing(void *made, sluice_error *error)
{
    (void)made;
    (void)error;
    return SLUICE_STATUS_OK;
}

static sluice_status call_failing(void *made, sluice_error *error)
{
    (void)made;
    (void)error;
    return SLUICE_STATUS_IO;
}

/* What a run with this peer comes to. */
static sluice_status run_spoilt(sluice_status (*call)(void *made, sluice_error *error), unsigned right, sluice_error *error)
{
    const sl_peer peer = {
        .name = "spoilt", .describe = sl_peer_plain.describe, .make = make_spoilt, .call = call, .destroy = sl_peer_plain.destroy};
    const sl_setting setting = {.threads = 1, .peer = &peer};
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&cases[1]);
    sl_result result;
    right_calls = right;
    *error = (sluice_error){0};
    const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, error);
    return status;
}

TEST(a_wrong_result_stops_a_run)
{
    sluice_error error;
    ck_assert_int_eq(run_spoilt(call_spoilt, 0, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_msg(strstr(error.message, "wrong result of spoilt") && strstr(error.message, "row 4, step 0, unit 3") &&
                      strstr(error.message, "L=1 D=1, ragged none, seed"),
                  "%s", error.message);
    ck_assert_uint_eq(calls, 1); /* before anything is timed */
    ck_assert_int_eq(run_spoilt(call_nothing, 0, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_msg(strstr(error.message, "is nan") || strstr(error.message, "is -nan"), "%s", error.message);
    ck_assert_int_eq(run_spoilt(call_failing, 0, &error), SLUICE_STATUS_IO);
}

/* A low precision of f32's numbers and some more: of so much in one place, and of a part of the neighbour's x in another row. */
static float spoilt_by, spoilt_by_neighbour;

static sluice_status call_inexact(void *made, sluice_error *error)
{
    const sl_case *shape = &cases[1];
    const size_t row = shape->steps * shape->hidden;
    const sluice_status status = sl_peer_plain.call(made, error);
    spoilt_batch->y[row + 5] += spoilt_by;
    spoilt_batch->y[2 * row + 7] += spoilt_by_neighbour * spoilt_batch->x[shape->steps * shape->input];
    return status;
}

static sluice_status run_inexact(float by, float by_neighbour, bool runs_low, sl_accuracy *accuracy, sluice_error *error)
{
    const sl_peer peer = {.name = "inexact",
                          .describe = sl_peer_plain.describe,
                          .runs_low = runs_low,
                          .make = make_spoilt,
                          .call = call_inexact,
                          .destroy = sl_peer_plain.destroy};
    const sl_setting setting = {.threads = 1, .precision = SLUICE_PRECISION_INT8, .peer = &peer};
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&cases[1]);
    sl_result result;
    spoilt_by = by;
    spoilt_by_neighbour = by_neighbour;
    *error = (sluice_error){0};
    const sluice_status status = sl_fixture_run(fixture, &setting, &quick, &result, error);
    *accuracy = result.accuracy;
    return status;
}

TEST(a_low_precision_is_refused_beyond_its_bound_alone)
{
    const double bound = sl_precision_bound(&cases[1], SLUICE_PRECISION_INT8);
    sl_accuracy found;
    sluice_error error;
    ck_assert_msg(run_inexact((float)(0.9 * bound), 0, true, &found, &error) == 0, "%s", error.message);
    ck_assert_double_eq_tol(found.error, 0.9 * bound, 1e-5);
    ck_assert_double_eq_tol(found.error_rms, 0.9 * bound / sqrt(9 * 5 * 12), 1e-5);
    ck_assert(found.dependence == 0);
    ck_assert_int_eq(run_inexact((float)(1.1 * bound), 0, true, &found, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_msg(strstr(error.message, "row 1, step 0, unit 5 ") && strstr(error.message, "int8") &&
                      strstr(error.message, "of the library in f32"),
                  "%s", error.message);
    ck_assert_int_eq(run_inexact(NAN, 0, true, &found, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert_int_eq(run_inexact(0, 0, false, &found, &error), SLUICE_STATUS_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "inexact computes in f32 alone"), "%s", error.message);
}

/* The neighbour's x is four times as large in the second run, so that three times the part shows; x is as it was afterwards. */
TEST(dependence_on_neighbours_is_seen)
{
    const sluice_model *model;
    sluice_batch batch;
    sl_accuracy found;
    sluice_error error;
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&cases[1]);
    sl_fixture_look(fixture, &model, &batch);
    const double x = (double)batch.x[cases[1].steps * cases[1].input];
    ck_assert_msg(run_inexact(0, 0.015625f, true, &found, &error) == 0, "%s", error.message);
    ck_assert_double_eq_tol(found.dependence, 3 * fabs(x) / 64, 1e-6);
    ck_assert_double_eq_tol(found.error, fabs(x) / 64, 1e-6);
}

TEST(a_result_that_becomes_wrong_stops_a_run)
{
    sluice_error error;
    ck_assert_int_eq(run_spoilt(call_spoilt, 2, &error), SLUICE_STATUS_BAD_DATA); /* right when checked first, wrong when timed */
    ck_assert_uint_gt(calls, 2);
    ck_assert_int_eq(run_spoilt(call_spoilt, 1000000, &error), SLUICE_STATUS_OK);
}

TEST(the_runtimes_threads_are_left_as_they_were)
{
    char reason[160];
    unsigned before, after;
    setenv("OMP_NUM_THREADS", "2", 1); /* has sl_threads_choose ask the runtime */
    unsetenv("SLUICE_NUM_THREADS");
    ck_assert_int_eq(sl_threads_choose(0, &before, reason, sizeof reason, NULL), 0);
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&cases[1]);
    for (size_t p = 0; sl_peer_get_name(p); p++) {
        const sl_setting setting = {.threads = before + 1, .peer = sl_peer_get(p)};
        sl_result result;
        if (setting.peer)
            ck_assert_int_eq(sl_fixture_run(fixture, &setting, &quick, &result, NULL), 0);
        ck_assert_int_eq(sl_threads_choose(0, &after, reason, sizeof reason, NULL), 0);
        ck_assert_msg(after == before, "%s: %u, then %u", sl_peer_get_name(p), before, after);
    }
}

#ifdef SL_HAVE_ONEDNN
/* Steps first, with zeros behind a row's end: two rows of two steps, of which the second row has one. */
TEST(arrays_of_onednn_have_its_types)
{
    static const int64_t lengths[] = {2, 1};
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = 2, .rows = 2, .lengths = lengths};
    const float from[] = {1 + 0x1p-8f, -1 - 0x3p-8f, 4, -4, 0, 0.25f, NAN, NAN};
    const float bf16[] = {1, -1 - 0x1p-6f, 4, -4, 0, 0.25f, 0, 0};    /* of two as near the even one */
    static const uint8_t u8[] = {255, 0, 128, 160, 255, 0, 128, 128}; /* 127 v + 128, to the nearest even, and cut */
    uint16_t half[8];
    uint8_t bytes[8];
    float to[8], wide;
    memset(half, 0xff, sizeof half);
    memset(bytes, 0xff, sizeof bytes);
    memset(to, 0xff, sizeof to);
    sl_onednn_put_steps(&batch, 2, from, dnnl_bf16, half);
    sl_onednn_take_steps(&batch, 2, dnnl_bf16, half, to);
    ck_assert_mem_eq(to, bf16, sizeof to);
    sl_onednn_put_steps(&batch, 2, from, dnnl_u8, bytes);
    ck_assert_mem_eq(bytes, u8, sizeof bytes);
    sl_onednn_put_steps(&(sluice_batch){.steps = 1, .rows = 1}, 1, &from[6], dnnl_bf16, half);
    sl_onednn_widen(dnnl_bf16, 1, half, &wide);
    ck_assert(isnan(wide));
}
#endif

/* ---- Rows against each other ------------------------------------------------------------------------------------------------ */

static double vs_best_of(const json_t *rows, size_t k)
{
    return json_number_value(json_object_get(json_array_get(rows, k), "vs_best"));
}

TEST(rows_are_held_against_the_best_other)
{
    const int beyond = (int)sl_threads_cpus() + 1;
    json_t *rows = json_pack("[{ss si sf} {ss si sf} {ss si sf} {ss si sf} {ss si sf} {ss si sf} {ss si sf}]", "peer", "a",
                             "threads", 1, "gflops", 6.0, "peer", "a", "threads", 1, "gflops", 12.0, "peer", "b", "threads", 1,
                             "gflops", 8.0, "peer", "c", "threads", 1, "gflops", 4.0, "peer", "c", "threads", 0, "gflops", 99.0,
                             "peer", "a", "threads", beyond, "gflops", 9.0, "peer", "b", "threads", beyond, "gflops", 8.0);
    ck_assert_ptr_nonnull(rows);
    ck_assert_int_eq(sl_versus_fill(rows), 0);
    static const double expected[] = {6.0 / 8, 12.0 / 8, 8.0 / 12, 4.0 / 12};
    for (size_t k = 0; k < 4; k++)
        ck_assert_double_eq_tol(vs_best_of(rows, k), expected[k], 1e-12);
    ck_assert_int_eq(json_object_set_new(json_array_get(rows, 2), "precision", json_string("int8")), 0);
    ck_assert_int_eq(sl_versus_fill(rows), 0);
    ck_assert_double_eq_tol(vs_best_of(rows, 0), 6.0 / 4, 1e-12); /* another precision is no rival */
    ck_assert(json_is_null(json_object_get(json_array_get(rows, 2), "vs_best")));
    for (size_t k = 4; k < 7; k++) /* alone on its threads; on more threads than there are CPUs */
        ck_assert(json_is_null(json_object_get(json_array_get(rows, k), "vs_best")));
    json_decref(rows);
}

TEST(the_peers_have_names)
{
    static const char *const names[] = {"sluice", "blis", "plain", "onednn", NULL};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        ck_assert(names[k] ? strcmp(sl_peer_get_name(k), names[k]) == 0 : !sl_peer_get_name(k));
        if (sl_peer_get(k))
            ck_assert_str_eq(sl_peer_get(k)->name, names[k]);
    }
    ck_assert(sl_peer_get(0) == &sl_peer_sluice && sl_peer_get(1) == &sl_peer_blis && sl_peer_get(2) == &sl_peer_plain);
}

/* ---- Export ----------------------------------------------------------------------------------------------------------------- */

/* The array of a file, to be freed. */
static void *read_array(const char *directory, const char *name, size_t elements)
{
    char path[512];
    sl_npy_reader *reader;
    sl_npy_header header;
    snprintf(path, sizeof path, "%s/%s.npy", directory, name);
    ck_assert_int_eq(sl_npy_open(path, &reader, &header, NULL), 0);
    ck_assert_uint_eq(header.elements, elements);
    void *data = calloc(elements, sl_npy_type_bytes(header.type));
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(sl_npy_read(reader, 0, elements, data, NULL), 0);
    sl_npy_close(reader);
    return data;
}

/* Run what the files say by the library, and compare with what they say it gives. */
static void check_files(const sl_case *shape, const char *directory)
{
    const size_t y_floats = shape->batch * shape->steps * shape->directions * shape->hidden;
    const size_t state_floats = shape->layers * shape->directions * shape->batch * shape->hidden;
    char path[512];
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    sluice_error error = {0};
    snprintf(path, sizeof path, "%s/weights.safetensors", directory);
    ck_assert_msg(sluice_model_load(path, NULL, &model, &error) == 0, "%s", error.message);
    const sluice_engine_options options = {.struct_size = sizeof options, .gemm = SLUICE_GEMM_FUSED};
    ck_assert_int_eq(sluice_engine_create(model, &options, &engine, NULL), 0);
    float *x = read_array(directory, "x", shape->batch * shape->steps * shape->input);
    int64_t *lengths = read_array(directory, "lengths", shape->batch);
    float *expected[] = {read_array(directory, "y", y_floats), read_array(directory, "hn", state_floats),
                         read_array(directory, "cn", state_floats)};
    float *y = malloc(y_floats * sizeof *y), *hn = malloc(state_floats * sizeof *hn), *cn = malloc(state_floats * sizeof *cn);
    ck_assert(y && hn && cn);
    memset(y, 0xff, y_floats * sizeof *y);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = shape->steps,
                                .rows = shape->batch,
                                .lengths = lengths,
                                .x = x,
                                .y = y,
                                .hn = hn,
                                .cn = cn};
    ck_assert_msg(sluice_forward(engine, NULL, &batch, &error) == 0, "%s", error.message);
    ck_assert_mem_eq(y, expected[0], y_floats * sizeof *y);
    ck_assert_mem_eq(hn, expected[1], state_floats * sizeof *hn);
    ck_assert_mem_eq(cn, expected[2], state_floats * sizeof *cn);
    void *all[] = {x, lengths, expected[0], expected[1], expected[2], y, hn, cn};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        free(all[k]);
}

static void check_array(const char *directory, const char *name, size_t elements, const float *expected)
{
    FREED float *found = read_array(directory, name, elements);
    ck_assert_msg(memcmp(found, expected, elements * sizeof *found) == 0, "%s", name);
}

/* The file of gradients looks like one of weights, and is read as such: b is the sum of both biases. */
static void check_gradient_tensors(const sl_case *shape, const char *directory, const sluice_gradient *expected)
{
    char path[512];
    OWNED_HANDLE(sluice_model) found = NULL;
    sluice_error error = {0};
    snprintf(path, sizeof path, "%s/gradients.safetensors", directory);
    ck_assert_msg(sluice_model_load(path, NULL, &found, &error) == 0, "%s", error.message);
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        size_t count;
        const float *tensor = sluice_model_get_tensor(found, SLUICE_TENSOR_WEIGHT_IH, k, &count);
        ck_assert_mem_eq(tensor, expected->weight_ih[k], count * sizeof *tensor);
        tensor = sluice_model_get_tensor(found, SLUICE_TENSOR_WEIGHT_HH, k, &count);
        ck_assert_mem_eq(tensor, expected->weight_hh[k], count * sizeof *tensor);
        tensor = sluice_model_get_tensor(found, SLUICE_TENSOR_BIAS, k, &count);
        for (size_t i = 0; i < count; i++)
            ck_assert(tensor[i] == 2 * expected->bias[k][i]);
    }
}

/* Compare with the same case made anew. */
static void check_gradient_files(const sl_case *shape, const char *directory)
{
    const size_t cells = shape->batch * shape->steps, states = shape->layers * shape->directions * shape->batch * shape->hidden;
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(shape);
    const sluice_gradient *gradient = sl_gradients_get_expected(sl_fixture_get_gradients(fixture));
    check_array(directory, "dy", cells * shape->directions * shape->hidden, gradient->dy);
    check_array(directory, "dhn", states, gradient->dhn);
    check_array(directory, "dcn", states, gradient->dcn);
    check_array(directory, "dx", cells * shape->input, gradient->dx);
    check_array(directory, "dh0", states, gradient->dh0);
    check_array(directory, "dc0", states, gradient->dc0);
    check_gradient_tensors(shape, directory, gradient);
}

/* Remove the directory of a case and the one it stands in. */
static void remove_case(const sl_case *shape, const char *directory, const char *outer)
{
    static const char *const names[] = {"case.json", "weights.safetensors",
                                        "x.npy",     "lengths.npy",
                                        "y.npy",     "hn.npy",
                                        "cn.npy",    "gradients.safetensors",
                                        "dx.npy",    "dy.npy",
                                        "dhn.npy",   "dcn.npy",
                                        "dh0.npy",   "dc0.npy"};
    enum { OF_INFERENCE = 7, ALL = sizeof names / sizeof names[0] };
    for (size_t k = 0; k < (shape->train == SL_TRAIN_BOTH ? ALL : OF_INFERENCE); k++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, names[k]);
        ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else was in it */
    ck_assert_int_eq(rmdir(outer), 0);
}

static void check_export(const sl_case *shape)
{
    char outer[] = "/tmp/sluice-test-peers-XXXXXX", directory[256];
    sluice_error error = {0};
    ck_assert_ptr_nonnull(mkdtemp(outer));
    const sluice_status status = sl_export_write(shape, outer, &error);
    if (shape->ragged == SL_RAGGED_TAIL) {
        ck_assert_int_eq(status, SLUICE_STATUS_UNSUPPORTED);
        ck_assert_int_eq(rmdir(outer), 0);
        return;
    }
    ck_assert_msg(status == 0, "%s", error.message);
    snprintf(directory, sizeof directory, "%s/%zu,%zu,%zu,%zu,%zu,%zu,%s%s", outer, shape->steps, shape->batch, shape->input,
             shape->hidden, shape->layers, shape->directions, sl_ragged_get_name(shape->ragged),
             ((const char *[]){"", ",forward", ",both"})[shape->train]);
    check_files(shape, directory);
    if (shape->train == SL_TRAIN_BOTH)
        check_gradient_files(shape, directory);
    remove_case(shape, directory, outer);
}

TEST_EACH(an_exported_case_is_the_one_that_was_run, cases)
{
    for (sl_train_pass train = SL_TRAIN_NONE; train <= SL_TRAIN_BOTH; train++) {
        sl_case shape = cases[_i];
        shape.train = train;
        check_export(&shape);
    }
}

TEST(an_export_to_nowhere_fails)
{
    sluice_error error = {0};
    ck_assert_int_eq(sl_export_write(&cases[0], "/dev/null/cases", &error), SLUICE_STATUS_IO);
    ck_assert_msg(strstr(error.message, "/dev/null/cases"), "%s", error.message);
}
