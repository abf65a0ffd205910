/* The named networks of sluice-bench: their plain equals and work, where they come among the shapes, that each is checked and a wrong
 * result stops a run, what of them is exported, and records from before there were any. */
#include "support/message.h"
#include "support/suite.h"
#include "support/cases/bench_words.h"

#include "perf/bench/case_export.h"
#include "perf/bench/expect.h"
#include "perf/bench/fixture.h"
#include "perf/bench/result_row.h"
#include "perf/report/record.h"
#include "io/npy/npy.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

TEST_HANDLE(sl_fixture, sl_fixture_destroy)

static const sl_timing_plan quick = {1e-9, 1, 0, NULL};

/* ---- Which there are ------------------------------------------------------------------------------------------------------- */

static sl_set get_set(void)
{
    size_t k = 0;
    while (strcmp(sl_set_get_name(k), "networks") != 0)
        k++;
    return sl_set_get(k);
}

/* Each network stands behind its plain equal, which has the same batch, about the same work, and plain layers of one size. */
TEST(networks_have_plain_equals)
{
    const sl_set set = get_set();
    ck_assert_uint_eq(set.network_count % 2, 0);
    for (size_t k = 0; k < set.network_count; k += 2) {
        const sl_set_network *plain = &set.networks[k], *network = &set.networks[k + 1];
        const char *name = sl_named_network_get_name(network->network), *of_plain = sl_named_network_get_name(plain->network);
        ck_assert_msg(strncmp(of_plain, name, strlen(name)) == 0 && strcmp(of_plain + strlen(name), "-plain") == 0, "%s, %s",
                      of_plain, name);
        ck_assert(plain->steps == network->steps && plain->batch == network->batch);
        const sluice_network *layers = sl_named_network_get(plain->network);
        for (size_t l = 0; l < layers->layer_count; l++)
            ck_assert(layers->layers[l].kind != SLUICE_LAYER_LSTM || (layers->layers[l].units == layers->layers[0].units &&
                                                                      !layers->layers[l].cells && !layers->layers[l].projection));
        const sl_network_work a = sl_network_work_get(layers), b = sl_network_work_get(sl_named_network_get(network->network));
        ck_assert_msg(fabs(a.flop_per_step / b.flop_per_step - 1) < 0.004, "%s: %g and %g", name, a.flop_per_step, b.flop_per_step);
    }
    ck_assert(!sl_named_network_get_name(SL_NETWORK_NONE) && !sl_named_network_get_name(SL_NETWORK_HARD_SIGMOID + 1));
}

/* By hand: two operations, four gates, each layer's inputs and its h; the dense layer once for each of the batch's rows. */
TEST(work_of_networks_is_counted)
{
    static const struct {
        sl_named_network network;
        double per_step, per_row;
        size_t terms, outputs;
        bool gives_steps;
    } wanted[] = {
        {SL_NETWORK_128_64_DENSE, 2 * 4 * (128 * (64 + 128) + 64 * (128 + 64)), 2 * 10 * 64, 192, 10, false},
        {SL_NETWORK_BILSTM, 2 * 2 * 4 * (100 * (64 + 100) + 50 * (200 + 50)), 0, 250, 100, false},
        {SL_NETWORK_PROJECTION, 2 * (4 * 512 * (128 + 128) + 128 * 512), 0, 256, 128, true},
        {SL_NETWORK_HARD_SIGMOID, 2 * 4 * 256 * (256 + 256), 0, 512, 256, true},
    };
    for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
        const sl_result result = {.shape = sl_case_of_network(wanted[k].network, 7, 3, 1), .total_steps = 21};
        const sl_network_work work = sl_network_work_get(sl_named_network_get(wanted[k].network));
        ck_assert_double_eq(sl_case_flop_per_step(&result.shape), wanted[k].per_step);
        ck_assert_double_eq(sl_result_flop(&result), 21 * wanted[k].per_step + 3 * wanted[k].per_row);
        ck_assert(work.terms == wanted[k].terms && work.outputs == wanted[k].outputs && work.gives_steps == wanted[k].gives_steps);
    }
    const sl_case shape = sl_case_of_network(SL_NETWORK_BILSTM, 7, 3, 5);
    ck_assert(shape.steps == 7 && shape.batch == 3 && shape.input == 64 && shape.hidden == 100 && shape.layers == 2 &&
              shape.directions == 2 && shape.seed == 5 && !shape.ragged && !shape.train);
}

/* Layers, directions and training are the shapes'; networks come once each, behind all of them. */
TEST(networks_come_last)
{
    static sl_bench_options options;
    size_t shapes, settings;
    const sl_set small = sl_set_get(0), networks = get_set();
    const char *line = "--set networks,small 1,2,3 --layers 1,2 --directions 1,2 --train=none,both --seed 9";
    ck_assert_int_eq(test_bench_parse(line, &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    const size_t first = 2 * 2 * 2 * (1 + small.count);
    ck_assert_uint_eq(shapes, first + networks.network_count);
    for (size_t k = 0; k < shapes; k++) {
        const sl_case shape = sl_bench_options_get_case(&options, k);
        const sl_set_network *wanted = k < first ? NULL : &networks.networks[k - first];
        ck_assert_int_eq(shape.network, wanted ? wanted->network : SL_NETWORK_NONE);
        ck_assert(shape.seed == 9 && (!wanted || (shape.steps == wanted->steps && shape.batch == wanted->batch && !shape.train)));
    }
    ck_assert_int_eq(test_bench_parse("--set networks", &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    ck_assert_uint_eq(shapes, networks.network_count);
}

/* ---- Running ---------------------------------------------------------------------------------------------------------------- */

/* Of every name, few steps of few rows. */
static sl_case make_case(size_t k)
{
    return sl_case_of_network((sl_named_network)k, 5, 3, k);
}

static sl_fixture *make_fixture(const sl_case *shape)
{
    sl_fixture *fixture = NULL;
    SUCCEEDS(sl_fixture_create, shape, 1e9, &fixture);
    return fixture;
}

static json_t *make_row(const sl_result *result)
{
    sl_case_row values;
    sl_result_row_fill(result, &values);
    json_t *row = sl_fields_to_row(&sl_case_fields, &values);
    ck_assert_ptr_nonnull(row);
    return row;
}

TEST(each_network_is_checked_and_timed)
{
    for (size_t k = SL_NETWORK_NONE + 1; sl_named_network_get_name(k); k++) {
        const sl_case shape = make_case(k);
        OWNED_HANDLE(sl_fixture) fixture = make_fixture(&shape);
        for (unsigned gemm = SLUICE_GEMM_FUSED; gemm <= SLUICE_GEMM_BLIS; gemm++) {
            const sl_setting setting = {.threads = 2, .gemm = (sluice_gemm)gemm};
            sl_result result;
            sluice_error error = {0};
            ck_assert_msg(sl_fixture_run(fixture, &setting, &quick, &result, &error) == 0, "%s", error.message);
            json_t *row = make_row(&result);
            ck_assert_str_eq(sl_record_text(row, "network"), sl_named_network_get_name(k));
            ck_assert(sl_record_number(row, "gflops") > 0 && result.total_steps == 15);
            json_decref(row);
        }
    }
}

/* One call, in which every float of y is checked: a peer that is right but for the last one, and one that leaves it as it was. */
static const sluice_batch *spoilt_batch;
static size_t spoilt_at;
static bool leaves_nan;

static sluice_status make_spoilt(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                 sl_result *result, void **made, sluice_error *error)
{
    spoilt_batch = batch;
    return sl_peer_sluice.make(model, batch, gradient, result, made, error);
}

static sluice_status call_spoilt(void *made, sluice_error *error)
{
    float *y = spoilt_batch->output_count ? spoilt_batch->outputs->at : spoilt_batch->y;
    const float before = y[spoilt_at];
    const sluice_status status = sl_peer_sluice.call(made, error);
    y[spoilt_at] = leaves_nan ? before : nextafterf(y[spoilt_at], 2);
    return status;
}

TEST(a_wrong_result_of_a_network_stops_a_run)
{
    sl_peer peer = sl_peer_sluice;
    peer.name = "spoilt";
    peer.make = make_spoilt;
    peer.call = call_spoilt;
    for (size_t k = SL_NETWORK_NONE + 1; sl_named_network_get_name(k); k++) {
        const sl_case shape = make_case(k);
        const sl_setting setting = {.gemm = SLUICE_GEMM_FUSED, .peer = &peer};
        OWNED_HANDLE(sl_fixture) fixture = make_fixture(&shape);
        const sl_fixture_y y = sl_fixture_get_y(fixture);
        spoilt_at = shape.batch * (y.gives_steps ? shape.steps : 1) * y.width - 1;
        for (int nan = 0; nan <= 1; nan++) {
            sl_result result;
            sluice_error error = {0};
            leaves_nan = nan;
            ck_assert_int_eq(sl_fixture_run(fixture, &setting, &quick, &result, &error), SLUICE_STATUS_BAD_DATA);
            ck_assert_msg(strstr(error.message, "wrong result of spoilt") && strstr(error.message, sl_named_network_get_name(k)) &&
                              strstr(error.message, "row 2, "),
                          "%s", error.message);
            ck_assert_msg(!nan || strstr(error.message, "is nan") || strstr(error.message, "is -nan"), "%s", error.message);
        }
    }
}

TEST(shapes_alone_are_refused_where_a_network_is)
{
    const sl_case shape = make_case(SL_NETWORK_BILSTM);
    const sl_list threads = {.count = 1, .values = {1}};
    OWNED_HANDLE(sl_fixture) fixture = make_fixture(&shape);
    sluice_error error = {0};
    for (size_t p = 0; sl_peer_get_name(p); p++) {
        const sl_setting setting = {.threads = 1, .gemm = SLUICE_GEMM_FUSED, .peer = sl_peer_get(p)};
        sl_result result;
        if (!setting.peer || setting.peer->runs_networks)
            continue;
        ck_assert_int_eq(sl_fixture_run(fixture, &setting, &quick, &result, &error), SLUICE_STATUS_UNSUPPORTED);
        ck_assert_msg(strstr(error.message, setting.peer->name) && strstr(error.message, "networks"), "%s", error.message);
    }
    ck_assert_int_eq(sl_expect_run(&shape, &threads, NULL, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_msg(strstr(error.message, "bilstm-100-50"), "%s", error.message);
}

/* ---- Export ----------------------------------------------------------------------------------------------------------------- */

/* Read the floats of an array, which has so many. */
static float *read_floats(const char *directory, const char *name, size_t elements)
{
    char path[512];
    sl_npy_reader *reader;
    sl_npy_header header;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ck_assert_int_eq(sl_npy_open(path, &reader, &header, NULL), 0);
    ck_assert_uint_eq(header.elements, elements);
    float *data = calloc(elements, sizeof *data);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(sl_npy_read(reader, 0, elements, data, NULL), 0);
    sl_npy_close(reader);
    return data;
}

/* Run the network that the file describes on the x that was exported, and compare with the y. */
static void check_files(const sl_case *shape, const char *directory)
{
    const sl_network_work work = sl_network_work_get(sl_named_network_get(shape->network));
    const size_t y_floats = shape->batch * (work.gives_steps ? shape->steps : 1) * work.outputs;
    char path[512];
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    snprintf(path, sizeof path, "%s/weights.safetensors", directory);
    SUCCEEDS(sluice_model_load, path, NULL, &model);
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    sluice_network network = {.struct_size = sizeof network};
    ck_assert_int_eq(sluice_model_get_network(model, &network), 0);
    FREED float *x = read_floats(directory, "x.npy", shape->batch * shape->steps * shape->input);
    FREED float *expected = read_floats(directory, "y.npy", y_floats), *y = malloc(y_floats * sizeof *y);
    ck_assert_ptr_nonnull(y);
    memset(y, 0xff, y_floats * sizeof *y);
    const sluice_output output = {.layer = network.layer_count - 1, .at = y};
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = shape->steps,
                                .rows = shape->batch,
                                .x = x,
                                .y = work.gives_steps ? y : NULL,
                                .outputs = &output,
                                .output_count = work.gives_steps ? 0 : 1};
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    ck_assert_mem_eq(y, expected, y_floats * sizeof *y);
}

TEST(an_exported_network_is_the_one_that_was_run)
{
    static const char *const names[] = {"case.json", "weights.safetensors", "x.npy", "lengths.npy", "y.npy"};
    for (size_t k = SL_NETWORK_NONE + 1; sl_named_network_get_name(k); k++) {
        const sl_case shape = make_case(k);
        char outer[] = "/tmp/sluice-test-networks-XXXXXX", directory[256], path[512];
        ck_assert_ptr_nonnull(mkdtemp(outer));
        SUCCEEDS(sl_export_write, &shape, outer);
        snprintf(directory, sizeof directory, "%s/5,3,%s", outer, sl_named_network_get_name(k));
        check_files(&shape, directory);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            snprintf(path, sizeof path, "%s/%s", directory, names[i]);
            ck_assert_int_eq(unlink(path), 0);
        }
        ck_assert_int_eq(rmdir(directory), 0); /* nothing else was in it */
        ck_assert_int_eq(rmdir(outer), 0);
    }
}

/* ---- Records ---------------------------------------------------------------------------------------------------------------- */

/* A row of a shape is alike to one of a record that has no field `network`; rows of two networks are not. */
TEST(rows_of_before_are_alike)
{
    const sl_case stack = {.steps = 50, .batch = 64, .input = 256, .hidden = 256, .layers = 1, .directions = 1, .seed = 1};
    const sl_case networks[] = {sl_case_of_network(SL_NETWORK_HARD_SIGMOID_PLAIN, 50, 64, 1),
                                sl_case_of_network(SL_NETWORK_HARD_SIGMOID, 50, 64, 1)};
    const sl_setting setting = {.precision = SLUICE_PRECISION_F32};
    const sl_result results[] = {{.shape = stack, .setting = setting, .timing.seconds.min = 1},
                                 {.shape = networks[0], .setting = setting, .timing.seconds.min = 1},
                                 {.shape = networks[1], .setting = setting, .timing.seconds.min = 1}};
    json_t *rows[] = {make_row(&results[0]), make_row(&results[1]), make_row(&results[2]), make_row(&results[0])};
    char label[SL_LABEL_BYTES];
    ck_assert(json_is_null(json_object_get(rows[0], "network")));
    ck_assert_int_eq(json_object_del(rows[3], "network"), 0);
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++)
            ck_assert_int_eq(sl_record_is_alike(rows[a], rows[b], true), a % 3 == b % 3);
    ck_assert_str_eq(sl_record_label(rows[2], label), "50,64,hard-sigmoid-256");
    ck_assert_str_eq(sl_record_label(rows[3], label), "50,64,256");
    for (size_t k = 0; k < 4; k++)
        json_decref(rows[k]);
}
