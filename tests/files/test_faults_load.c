/* What loading a model allocates: no more than the model, besides a little for the file's header; and when an allocation fails. */
#include "support/memory/failing.h"
#include "support/cases/safetensors_file.h"
#include "support/files.h"
#include "support/message.h"
#include "support/suite.h"

#include "io/npy/npz.h"
#include "io/npy/npz_read.h"
#include "sluice_network.h"
#include "sluice_train.h"

#include <math.h>
#include <string.h>

/* A model of half a megabyte, as the bytes of a file too. */
static const sluice_shape shape = {.struct_size = sizeof(sluice_shape),
                                   .layers = 2,
                                   .directions = 2,
                                   .inputs = 60,
                                   .hidden = 64,
                                   .vocabulary = 50,
                                   .classes = 40,
                                   .has_bias = 1};
static const char *const classes[] = {"no", "yes"};
static test_bytes content;

/* A network of the same size, with a description in its file. */
static sluice_model *make_network(void)
{
    enum { INPUTS = 200, UNITS = 100 };
    const sluice_cell cells[2] = {{.struct_size = sizeof *cells, .parts = SLUICE_PART_BIAS, .forget_bias = 1}};
    const sluice_layer layers[] = {{.struct_size = sizeof *layers, .kind = SLUICE_LAYER_LSTM, .units = UNITS, .cells = cells},
                                   {.struct_size = sizeof *layers, .kind = SLUICE_LAYER_DENSE, .units = 2}};
    const sluice_network network = {sizeof network, INPUTS, 2, layers};
    float *values = calloc(4 * UNITS * INPUTS, sizeof *values);
    const sluice_parameter parameters[] = {{0, 0, SLUICE_TENSOR_WEIGHT_IH, 4 * UNITS * INPUTS, values},
                                           {0, 0, SLUICE_TENSOR_WEIGHT_HH, 4 * UNITS * UNITS, values},
                                           {0, 0, SLUICE_TENSOR_BIAS, 4 * UNITS, values},
                                           {1, 0, SLUICE_TENSOR_WEIGHT, 2 * UNITS, values}};
    sluice_model *model;
    SUCCEEDS(sluice_model_create_network, &network, parameters, 4, classes, &model);
    free(values);
    return model;
}

static sluice_model *make_model(bool is_network)
{
    sluice_model *model;
    if (is_network)
        return make_network();
    SUCCEEDS(sluice_model_create_initial, &shape, SLUICE_INITIALIZER_UNIFORM, test_seed(), NULL, &model);
    return model;
}

/* Save the model, for the test to load it. */
static void prepare(bool is_network)
{
    sluice_model *model = make_model(is_network);
    SUCCEEDS(sluice_model_save, model, test_path("model"), NULL);
    sluice_model_destroy(model);
    content = test_file_read(test_path("model"));
}

static void teardown(void)
{
    test_bytes_free(&content);
    test_folder_teardown();
}

static sluice_status load(bool from_memory, sluice_model **model, sluice_error *error)
{
    test_watching = true;
    const sluice_status status = from_memory ? sluice_model_load_memory(content.data, content.size, NULL, model, error)
                                             : sluice_model_load(test_path("model"), NULL, model, error);
    test_watching = false;
    return status;
}

TEST_LOOP(peak, 0, 4)
{
    sluice_model *model;
    prepare(_i / 2);
    test_peak_bytes = test_alive_bytes;
    const size_t before = test_alive_bytes;
    ck_assert_int_eq(load(_i % 2, &model, NULL), SLUICE_STATUS_OK);
    const size_t model_bytes = test_alive_bytes - before, peak_bytes = test_peak_bytes - before;
    printf("peak %zu bytes for a model of %zu\n", peak_bytes, model_bytes);
    ck_assert_uint_gt(model_bytes, content.size * 9 / 10);
    ck_assert_uint_le(peak_bytes, model_bytes + model_bytes / 10);
    sluice_model_destroy(model);
    ck_assert_uint_eq(test_alive_bytes, before);
}

TEST_LOOP(failing, 0, 4)
{
    bool fired = true;
    long n = 1;
    prepare(_i / 2);
    for (; fired; n++) {
        sluice_error error = {0};
        sluice_model *model = (sluice_model *)&error;
        const size_t before = test_alive;
        test_fired = false;
        test_countdown = n;
        const sluice_status status = load(_i % 2, &model, &error);
        test_countdown = 0;
        fired = test_fired;
        ck_assert_int_eq(status, fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK);
        ck_assert((model == NULL) == fired && !fired == !error.message[0]);
        sluice_model_destroy(model);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, 10);
}

/* Saving: the file that is there stays as it was. */
TEST_LOOP(failing_to_save, 0, 2)
{
    prepare(true);
    sluice_model *model = make_model(_i);
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        sluice_error error = {0};
        const size_t before = test_alive;
        test_fired = false;
        test_watching = true;
        test_countdown = n;
        const sluice_status status = sluice_model_save(model, test_path("model"), NULL, &error);
        test_watching = false;
        test_countdown = 0;
        fired = test_fired;
        ck_assert_int_eq(status, fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK);
        ck_assert_uint_eq(test_alive, before);
        ck_assert_uint_eq(test_folder_count(0), 1);
        test_bytes found = test_file_read(test_path("model"));
        ck_assert(!fired || (found.size == content.size && memcmp(found.data, content.data, content.size) == 0));
        test_bytes_free(&found);
    }
    ck_assert_int_gt(n, 3);
    sluice_model_destroy(model);
}

/* A description with class names of its own, as one of several networks has. */
static void prepare_described(void)
{
    static const char header[] =
        "{\"__metadata__\":{\"sluice\":\"{\\\"version\\\":1,\\\"networks\\\":[{\\\"name\\\":\\\"a\\\",\\\"inputs\\\":1,"
        "\\\"classes\\\":[\\\"x\\\"],\\\"layers\\\":[{\\\"kind\\\":\\\"lstm\\\",\\\"name\\\":\\\"l\\\",\\\"units\\\":1,"
        "\\\"steps\\\":\\\"final\\\",\\\"cells\\\":[{\\\"bias\\\":false}]}]}]}\"},"
        "\"a.l.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]},"
        "\"a.l.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[16,32]}}";
    enum { LENGTH = 8, VALUES = 32 };
    const size_t text = sizeof header - 1;
    unsigned char *bytes = calloc(LENGTH + text + VALUES, 1);
    ck_assert_ptr_nonnull(bytes);
    bytes[0] = text & 255;
    bytes[1] = (unsigned char)(text >> 8);
    memcpy(bytes + LENGTH, header, text);
    test_file_write(test_path("model"), bytes, LENGTH + text + VALUES);
    free(bytes);
    content = test_file_read(test_path("model"));
}

/* A model to load, by names if there are any, which names its class `number` so. */
typedef struct loading {
    const char *path; /* NULL: from memory */
    const sluice_names *names;
    size_t number;
    const char *class_name; /* NULL: it names none */
} loading;

static sluice_status attempt_loading(void *context, sluice_error *error)
{
    const loading *of = context;
    sluice_model *model;
    const sluice_status status = of->path ? sluice_model_load(of->path, of->names, &model, error)
                                          : sluice_model_load_memory(content.data, content.size, of->names, &model, error);
    test_watching = false; /* Check takes memory too */
    ck_assert(status || !of->class_name || strcmp(sluice_model_get_class(model, of->number), of->class_name) == 0);
    sluice_model_destroy(model);
    return status;
}

TEST_LOOP(failing_with_classes, 0, 2)
{
    prepare_described();
    loading of = {.path = _i ? NULL : test_path("model"), .class_name = "x"};
    test_fail_each(attempt_loading, &of, SLUICE_STATUS_OK, 9);
}

/* Files of torch.save, in a zip archive and in pickles, and one of which no tensor is used. */
TEST_LOOP(failing_torch, 0, 3)
{
    static const char *const names[] = {"checkpoint_nested.pt", "state_dict_legacy.pt", "evil/dynamic_quantized_state_dict.pt"};
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/torch/%s", getenv("SLUICE_SOURCE"), names[_i]);
    loading of = {.path = path};
    test_fail_each(attempt_loading, &of, _i == 2 ? SLUICE_STATUS_UNSUPPORTED : SLUICE_STATUS_OK, 9);
}

/* A network that is found by names, of two LSTMs and two dense layers. */
TEST_LOOP(failing_with_names, 0, 2)
{
    static const char tensors[] = "a.weight_ih_l0 F32 16,3;a.weight_hh_l0 F32 16,2;a.weight_hr_l0 F32 2,4;b.weight_ih F32 8,2;"
                                  "b.weight_hh F32 8,2;b.bias_ih F32 8;b.bias_hh F32 8;f.weight F32 3,2;g.weight F32 2,3;";
    const sluice_names names = {.struct_size = sizeof names, .lstm = "a,b", .head = "f,g", .head_input = "last"};
    uint64_t state = test_seed();
    content = test_safetensors_network(tensors, "{\"classes\":\"x,y\"}", &state);
    test_file_write(test_path("model"), content.data, content.size);
    loading of = {.path = _i ? NULL : test_path("model"), .names = &names, .number = 1, .class_name = "y"};
    test_fail_each(attempt_loading, &of, SLUICE_STATUS_OK, 19);
}

TEST(failing_archive)
{
    static const sl_npz_member members[] = {{"a", {.type = SL_NPY_F4, .dims = 1, .shape = {1}}}};
    const float value = 1;
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        const size_t before = test_alive;
        sl_npz_writer *writer;
        sluice_error error = {0};
        test_fired = false;
        test_watching = true;
        test_countdown = n;
        sluice_status status = sl_npz_create(test_path("archive"), members, 1, &writer, &error);
        if (!status)
            status = sl_npz_write(writer, 0, 0, 1, &value, &error);
        if (writer)
            status = status ? (sl_npz_abort(writer), status) : sl_npz_commit(writer, &error);
        test_watching = false;
        test_countdown = 0;
        fired = test_fired;
        ck_assert_msg(status == (fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK), "%s", error.message);
        ck_assert_uint_eq(test_alive, before);
        ck_assert_uint_eq(test_folder_count(0), fired ? 0 : 1);
    }
    ck_assert_int_gt(n, 2);
}

/* Open an archive and its array "a", and read the one element. */
static sluice_status read_archive(float *value, sluice_error *error)
{
    sl_npz_reader *reader;
    sl_npy_reader *array = NULL;
    sl_npy_header header;
    sluice_status status = sl_npz_open(test_path("archive"), &reader, error);
    if (!status)
        status = sl_npz_open_array(reader, "a", &array, &header, error);
    sl_npz_close(reader);
    if (!status)
        status = sl_npy_read(array, 0, 1, value, error);
    sl_npy_close(array);
    return status;
}

TEST(failing_to_read_archive)
{
    static const sl_npz_member members[] = {{"a", {.type = SL_NPY_F4, .dims = 1, .shape = {1}}}};
    const float value = 3;
    sl_npz_writer *writer;
    SUCCEEDS(sl_npz_create, test_path("archive"), members, 1, &writer);
    SUCCEEDS(sl_npz_write, writer, 0, 0, 1, &value);
    SUCCEEDS(sl_npz_commit, writer);
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        float got = NAN;
        const size_t before = test_alive;
        sluice_error error = {0};
        test_fired = false;
        test_watching = true;
        test_countdown = n;
        const sluice_status status = read_archive(&got, &error);
        test_watching = false;
        test_countdown = 0;
        fired = test_fired;
        ck_assert_msg(status == (fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK), "%s", error.message);
        ck_assert(fired || got == value);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, 8);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77;
    tcase_add_checked_fixture(test_tcase("tests"), test_folder_setup, teardown);
    return test_run(test_suite());
}
