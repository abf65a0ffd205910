/* The contract of sluice.h, row by row: what is refused, in which words, and that nothing is written then. */
#include "support/network.h"
#include "support/suite.h"
#include "program/model_shape.h"
#include "sluice_train.h"
#include "sluice_tools.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <string.h>

static const sluice_shape small = {TEST_LDIH(2, 2, 3, 5), .classes = 4, .has_bias = 1};
static const sluice_shape worded = {TEST_LDIH(1, 1, 3, 5), .vocabulary = 7};

/* The message has the number, not as a part of a longer one. */
static void numbers(const sluice_error *error, long long number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    const size_t length = strlen(text);
    for (const char *at = strstr(error->message, text); at; at = strstr(at + 1, text)) {
        const char before = at > error->message ? at[-1] : ' ', after = at[length];
        if (!(before >= '0' && before <= '9') && !(after >= '0' && after <= '9'))
            return;
    }
    ck_abort_msg("\"%s\" does not have the number %s", error->message, text);
}

static const sluice_status bad_argument = SLUICE_STATUS_BAD_ARGUMENT;

/* ---- Models ---- */

static void model_refused(const sluice_weights *weights, sluice_status want, const char *what, sluice_error *error)
{
    sluice_model *model = (sluice_model *)&model;
    *error = (sluice_error){0};
    test_refused(sluice_model_create(weights, &model, error), want, error, what);
    ck_assert_msg(model == NULL, "%s: the model is not set to NULL", what);
    ck_assert_int_eq(sluice_model_create(weights, &model, NULL), want);
}

TEST(model_arguments)
{
    sluice_error error = {0};
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED(test_network) network = test_network_create(&small);
    model_refused(NULL, bad_argument, "NULL weights", &error);
    REFUSED(bad_argument, "model", sluice_model_create, &network.weights, NULL);

    sluice_weights wrong = network.weights;
    wrong.struct_size = 3;
    model_refused(&wrong, bad_argument, "struct_size", &error);
    test_names(&error, "struct_size");

    static const struct {
        const char *what;
        size_t offset;
    } arrays[] = {
        {"weight_ih", offsetof(sluice_weights, weight_ih)}, {"weight_hh", offsetof(sluice_weights, weight_hh)},
        {"bias_ih", offsetof(sluice_weights, bias_ih)},     {"bias_hh", offsetof(sluice_weights, bias_hh)},
        {"head", offsetof(sluice_weights, head_weight)},
    };
    for (size_t j = 0; j < sizeof arrays / sizeof arrays[0]; j++) {
        wrong = network.weights;
        memset((char *)&wrong + arrays[j].offset, 0, sizeof(void *));
        model_refused(&wrong, bad_argument, arrays[j].what, &error);
        test_names(&error, arrays[j].what);
    }
    for (size_t j = 0; j < 16; j++) { /* each of the L*D arrays of each of the four */
        const float *kept = network.tables[j];
        network.tables[j] = NULL;
        model_refused(&network.weights, bad_argument, "one array NULL", &error);
        test_names(&error, arrays[j / 4].what);
        network.tables[j] = kept;
    }
    sluice_shape reads_tokens = small;
    reads_tokens.vocabulary = 9;
    wrong = network.weights;
    wrong.shape = &reads_tokens;
    model_refused(&wrong, bad_argument, "embedding", &error);
    test_names(&error, "embedding");

    wrong = network.weights;
    wrong.head_bias = NULL; /* zeros */
    SUCCEEDS(sluice_model_create, &wrong, &model);
}

TEST(model_shapes)
{
    OWNED(test_network) network = test_network_create(&small);
    sluice_error error = {0};
    static const struct {
        const char *what;
        sluice_shape shape;
        sluice_status status;
    } cases[] = {
        {"layers", {TEST_LDIH(0, 1, 1, 1)}, SLUICE_STATUS_BAD_ARGUMENT},
        {"directions", {TEST_LDIH(1, 0, 1, 1)}, SLUICE_STATUS_BAD_ARGUMENT},
        {"directions", {TEST_LDIH(1, 3, 1, 1)}, SLUICE_STATUS_BAD_ARGUMENT},
        {"inputs", {TEST_LDIH(1, 1, 0, 1)}, SLUICE_STATUS_BAD_ARGUMENT},
        {"hidden", {TEST_LDIH(1, 1, 1, 0)}, SLUICE_STATUS_BAD_ARGUMENT},
        {"", {TEST_LDIH(1, 1, 1, SIZE_MAX / 4 + 2)}, SLUICE_STATUS_TOO_LARGE},
        {"", {TEST_LDIH(1, 1, 1, (size_t)1 << 31)}, SLUICE_STATUS_TOO_LARGE},
        {"", {TEST_LDIH(1, 1, SIZE_MAX / 8, 3)}, SLUICE_STATUS_TOO_LARGE},
        {"", {TEST_LDIH(1, 1, SIZE_MAX - 2, 1)}, SLUICE_STATUS_TOO_LARGE},
        {"", /* 4H I and 4H H are both 0 modulo 2^64 */
         {TEST_LDIH(1, 1, SIZE_MAX - 3 * ((size_t)1 << 31) + 1, (size_t)1 << 31)},
         SLUICE_STATUS_TOO_LARGE},
        {"", {TEST_LDIH(SIZE_MAX / 2, 2, 1, 1)}, SLUICE_STATUS_TOO_LARGE},
        {"vocabulary", {TEST_LDIH(1, 1, 3, 1), .vocabulary = SIZE_MAX / 4}, SLUICE_STATUS_BAD_ARGUMENT},
        {"", {TEST_LDIH(1, 1, (size_t)1 << 40, 1), .vocabulary = 1 << 30}, SLUICE_STATUS_TOO_LARGE},
        {"", {TEST_LDIH(1, 2, 3, 1), .classes = SIZE_MAX / 4}, SLUICE_STATUS_TOO_LARGE},
    };
    for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
        sluice_weights wrong = network.weights;
        wrong.shape = &cases[j].shape;
        model_refused(&wrong, cases[j].status, cases[j].what, &error);
        test_names(&error, cases[j].what);
        sluice_model *model = (sluice_model *)&model;
        REFUSED(cases[j].status, cases[j].what, sluice_model_create_initial, &cases[j].shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL,
                &model);
        ck_assert_ptr_null(model);
    }
}

/* A NaN or infinite weight is refused, by name and index. */
TEST(model_data)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 11, .classes = 4, .has_bias = 1};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    OWNED(test_network) network = test_network_create(&shape);
    const struct {
        const char *name;
        const float *array;
        size_t index, columns;
    } cases[] = {
        {"weight_ih_l0", network.weights.weight_ih[0], 17, 3},
        {"weight_ih_l0_reverse", network.weights.weight_ih[1], 59, 3},
        {"weight_hh_l1", network.weights.weight_hh[2], 0, 5},
        {"weight_hh_l1_reverse", network.weights.weight_hh[3], 99, 5},
        {"bias_ih_l1", network.weights.bias_ih[2], 19, 1},
        {"bias_hh_l0_reverse", network.weights.bias_hh[1], 13, 1},
        {"embedding", network.weights.embedding, 32, 3},
        {"head", network.weights.head_weight, 39, 10},
        {"head", network.weights.head_bias, 3, 1},
    };
    for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
        sluice_error error = {0};
        float *at = network.floats + (cases[j].array - network.floats) + cases[j].index;
        *at = bad[j % 3];
        model_refused(&network.weights, SLUICE_STATUS_BAD_DATA, cases[j].name, &error);
        test_names(&error, cases[j].name);
        numbers(&error, (long long)(cases[j].index / cases[j].columns));
        if (cases[j].columns > 1)
            numbers(&error, (long long)(cases[j].index % cases[j].columns));
        *at = 0.0f;
    }
    *(network.floats + (network.weights.bias_ih[0] - network.floats)) = FLT_MAX; /* large is no error */
    test_network_build(&network);
}

TEST(model_random)
{
    uint64_t random = test_seed();
    test_batch outputs[3];
    for (size_t j = 0; j < 3; j++) { /* seeds 7, 7, 8; the second by a caller that rounds upwards */
        sluice_model *model = NULL;
        fesetround(j == 1 ? FE_UPWARD : FE_TONEAREST);
        SUCCEEDS(sluice_model_create_initial, &small, SLUICE_INITIALIZER_UNIFORM, j < 2 ? 7 : 8, NULL, &model);
        ck_assert_int_eq(fegetround(), j == 1 ? FE_UPWARD : FE_TONEAREST);
        fesetround(FE_TONEAREST);
        uint64_t same = random;
        outputs[j] = test_batch_random(&small, 3, 4, 0, &same);
        const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_AUTO);
        test_run_once(model, &options, &outputs[j].batch);
        sluice_model_destroy(model);
    }
    test_same_outputs(outputs, outputs + 1, "the same seed");
    ck_assert_mem_ne(outputs[0].y, outputs[2].y, outputs[0].y_count * sizeof(float));
    for (size_t j = 0; j < 3; j++)
        test_batch_free(outputs + j);
    sluice_model *model = (sluice_model *)&model;
    REFUSED(bad_argument, "shape", sluice_model_create_initial, NULL, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model);
    ck_assert_ptr_null(model);
    REFUSED(bad_argument, "model", sluice_model_create_initial, &small, SLUICE_INITIALIZER_UNIFORM, 1, NULL, NULL);
}

TEST(model_getters)
{
    char first[] = "dutch";
    const char *const classes[] = {first, "english", "", "swedish"};
    uint64_t random = test_seed();
    test_network network = test_network_create(&small);
    network.weights.class_names = classes;
    test_network_build(&network);
    first[0] = 'X'; /* it was copied */
    const sluice_shape shape = sl_model_shape(network.model);
    ck_assert_uint_eq(shape.layers, small.layers);
    ck_assert_uint_eq(shape.directions, small.directions);
    ck_assert_uint_eq(shape.inputs, small.inputs);
    ck_assert_uint_eq(shape.hidden, small.hidden);
    ck_assert_uint_eq(shape.vocabulary, small.vocabulary);
    ck_assert_uint_eq(shape.classes, small.classes);
    ck_assert_int_eq(shape.has_bias != 0, 1);
    ck_assert_str_eq(sluice_model_get_class(network.model, 0), "dutch");
    ck_assert_str_eq(sluice_model_get_class(network.model, 3), "swedish");
    ck_assert_ptr_null(sluice_model_get_class(network.model, 4));
    ck_assert_str_eq(sluice_model_get_notes(network.model), "");
    test_network_free(&network);
    network = test_network_random(&small, 1.0f, &random);
    ck_assert_ptr_null(sluice_model_get_class(network.model, 0));
    test_network_free(&network);
}

/* ---- Names, versions, NULL ---- */

TEST(names_and_versions)
{
    for (int j = SLUICE_STATUS_OK; j <= SLUICE_STATUS_UNSUPPORTED; j++)
        for (int k = SLUICE_STATUS_OK; k < j; k++)
            ck_assert_str_ne(sluice_status_get_name((sluice_status)j), sluice_status_get_name((sluice_status)k));
    ck_assert_str_eq(sluice_status_get_name(SLUICE_STATUS_BAD_DATA), "bad data");
    ck_assert_ptr_nonnull(sluice_status_get_name((sluice_status)99));
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH);
    ck_assert_str_eq(sluice_version_get(), version);

    static const char *const isas[] = {"auto", "scalar", "avx2", "avx512"};
    static const char *const gemms[] = {"auto", "fused", "blis"};
    static const char *const schedules[] = {"auto", "rows", "hoist", "units"};
    for (int j = 0; j < 4; j++) {
        ck_assert_str_eq(sluice_isa_get_name((sluice_isa)j), isas[j]);
        ck_assert_str_eq(sluice_schedule_get_name((sluice_schedule)j), schedules[j]);
    }
    for (int j = 0; j < 3; j++)
        ck_assert_str_eq(sluice_gemm_get_name((sluice_gemm)j), gemms[j]);
    ck_assert_ptr_null(sluice_isa_get_name((sluice_isa)4));
    ck_assert_ptr_null(sluice_gemm_get_name((sluice_gemm)3));
    ck_assert_ptr_null(sluice_schedule_get_name((sluice_schedule)4));
    const char *arch = "";
    ck_assert(sluice_blis_arch_recommend(&arch, NULL) == SLUICE_STATUS_OK && (arch == NULL || *arch));
}

TEST(destroy_nothing)
{
    sluice_model_destroy(NULL);
    sluice_engine_destroy(NULL);
    sluice_workspace_destroy(NULL);
}

TEST(peaks)
{
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++)
        ck_assert_double_gt(sluice_peak_measure(isas.isa[j]), 0.0);
    ck_assert_double_gt(sluice_peak_measure(SLUICE_ISA_AUTO), 0.0);
    ck_assert_double_eq(sluice_peak_measure((sluice_isa)99), 0.0);
}

/* ---- Engines and workspaces ---- */

TEST(engine_arguments)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&small, 1.0f, &random);
    sluice_engine *engine = (sluice_engine *)&engine;
    sluice_error error = {0};
    REFUSED(bad_argument, "model", sluice_engine_create, NULL, NULL, &engine);
    ck_assert_ptr_null(engine);
    REFUSED(bad_argument, "engine", sluice_engine_create, network.model, NULL, NULL);

    static const struct {
        const char *what;
        sluice_engine_options options;
    } cases[] = {
        {"struct_size", {.struct_size = 1}},
        {"isa", {.struct_size = sizeof(sluice_engine_options), .isa = (sluice_isa)7}},
        {"gemm", {.struct_size = sizeof(sluice_engine_options), .gemm = (sluice_gemm)7}},
        {"schedule", {.struct_size = sizeof(sluice_engine_options), .schedule = (sluice_schedule)7}},
        {"threads", {.struct_size = sizeof(sluice_engine_options), .threads = 5000}},
    };
    for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
        engine = (sluice_engine *)&engine;
        REFUSED(bad_argument, cases[j].what, sluice_engine_create, network.model, &cases[j].options, &engine);
        ck_assert_ptr_null(engine);
        ck_assert_int_eq(sluice_engine_create(network.model, &cases[j].options, &engine, NULL), bad_argument);
        sluice_environment environment = {.struct_size = sizeof environment};
        error = (sluice_error){0};
        test_refused(sluice_environment_get(&cases[j].options, &environment, &error), bad_argument, &error, cases[j].what);
    }
    const test_isa_list isas = test_isas();
    if (isas.count < 3) {
        const sluice_engine_options lacking = test_options(SLUICE_ISA_AVX512, 1, SLUICE_SCHEDULE_AUTO);
        REFUSED(SLUICE_STATUS_UNSUPPORTED, "avx512", sluice_engine_create, network.model, &lacking, &engine);
    }
}

TEST(engine_info)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&worded, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_SCALAR, 3, SLUICE_SCHEDULE_HOIST);
    sluice_engine_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sluice_engine_get_info(runner.engine, &info), SLUICE_STATUS_OK);
    ck_assert_int_eq(info.isa, SLUICE_ISA_SCALAR);
    ck_assert_int_eq(info.gemm, SLUICE_GEMM_FUSED);
    ck_assert_int_eq(info.schedule, SLUICE_SCHEDULE_HOIST);
    ck_assert_uint_eq(info.threads, 3);
    ck_assert_uint_ge(info.table_bytes, 7 * 4 * 5 * sizeof(float));
    ck_assert_uint_ge(info.packed_bytes, info.table_bytes + 4 * 5 * 5 * sizeof(float));
    info.struct_size = 5;
    ck_assert_int_eq(sluice_engine_get_info(runner.engine, &info), bad_argument);
    ck_assert_int_eq(sluice_engine_get_info(runner.engine, NULL), bad_argument);
    info.struct_size = sizeof info;
    ck_assert_int_eq(sluice_engine_get_info(NULL, &info), bad_argument);

    OWNED(test_batch) batch = test_batch_random(&worded, 3, 4, 0, &random);
    OWNED(test_batch) again = test_batch_pick(&worded, &batch, 0, 3);
    test_forward(&runner, &batch.batch);
    sluice_model_destroy(network.model); /* the engine does not need it */
    network.model = NULL;
    test_forward(&runner, &again.batch);
    test_same_outputs(&again, &batch, "after the model's end");
}

TEST(workspaces)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&small, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_workspace) workspace = (sluice_workspace *)&workspace;
    REFUSED(bad_argument, "engine", sluice_workspace_create, NULL, 1, 1, &workspace);
    ck_assert_ptr_null(workspace);
    REFUSED(bad_argument, "workspace", sluice_workspace_create, runner.engine, 1, 1, NULL);
    workspace = (sluice_workspace *)&workspace;
    REFUSED(SLUICE_STATUS_TOO_LARGE, "address space", sluice_workspace_create, runner.engine, SIZE_MAX / 2, SIZE_MAX / 2,
            &workspace);
    ck_assert_ptr_null(workspace);

    SUCCEEDS(sluice_workspace_create, runner.engine, 40, 9, &workspace);
    const size_t bytes = sluice_workspace_get_bytes(workspace);
    const sluice_batch no_rows = {.struct_size = sizeof no_rows, .steps = 1000000};
    SUCCEEDS(sluice_forward, runner.engine, workspace, &no_rows);
    ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), bytes);
    test_batch batch = test_batch_random(&small, 40, 9, 0, &random);
    SUCCEEDS(sluice_forward, runner.engine, workspace, &batch.batch);
    ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), bytes); /* made for it: it does not grow */
    test_batch_free(&batch);
    batch = test_batch_random(&small, 4000, 9, 0, &random);
    SUCCEEDS(sluice_forward, runner.engine, workspace, &batch.batch);
    const size_t grown = sluice_workspace_get_bytes(workspace);
    ck_assert_uint_gt(grown, bytes);
    SUCCEEDS(sluice_forward, runner.engine, workspace, &batch.batch);
    ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), grown);
    test_batch_free(&batch);
}

/* ---- Forward ---- */

/* What a case spoils: a batch of 6 rows and 5 steps of `small` or `worded`, by hand below. */
typedef struct spoiled {
    sluice_batch batch;
    const sluice_engine *engine;
    sluice_workspace *workspace;
    const sluice_batch *given; /* &batch, or NULL */
} spoiled;

enum { ROWS = 6, STEPS = 5, WIDTH = 10 };
static const int64_t negative[ROWS] = {5, 0, -3, 5, 5, 5}, too_long[ROWS] = {5, 0, 3, 5, 77, 5};
static const int64_t least[ROWS] = {INT64_MIN, 0, 0, 0, 0, 0};
static const int32_t below[ROWS * STEPS] = {[3 * STEPS + 2] = -4}, beyond[ROWS * STEPS] = {[5 * STEPS + 4] = 7};
static const uint8_t beyond_bytes[ROWS * STEPS] = {[5 * STEPS + 4] = 7};
static const float some_x[ROWS * STEPS * 3];
static const size_t some_slots[ROWS];

/* clang-format off */
static void no_engine(spoiled *s) { s->engine = NULL; }
static void lone_slots(spoiled *s) { s->batch.slots = some_slots; }
static void no_batch(spoiled *s) { s->given = NULL; }
static void bad_size(spoiled *s) { s->batch.struct_size = 7; }
static void no_x(spoiled *s) { s->batch.x = NULL; }
static void tokens_too(spoiled *s) { s->batch.tokens = beyond; }
static void no_tokens(spoiled *s) { s->batch.tokens = NULL; }
static void x_too(spoiled *s) { s->batch.x = some_x; }
static void no_head(spoiled *s) { s->batch.logits = s->batch.hn; s->batch.hn = NULL; }
static void narrow_steps(spoiled *s) { s->batch.y_row_stride = STEPS * WIDTH; s->batch.y_step_stride = WIDTH - 1; }
static void narrow_rows(spoiled *s) { s->batch.y_row_stride = STEPS * WIDTH - 1; s->batch.y_step_stride = WIDTH; }
static void same_rows(spoiled *s) { s->batch.y_row_stride = 0; s->batch.y_step_stride = WIDTH; }
static void same_steps(spoiled *s) { s->batch.y_row_stride = WIDTH; s->batch.y_step_stride = 0; }
static void narrow_step_first(spoiled *s) { s->batch.y_row_stride = WIDTH; s->batch.y_step_stride = (ROWS - 1) * WIDTH; }
static void negative_length(spoiled *s) { s->batch.lengths = negative; }
static void long_length(spoiled *s) { s->batch.lengths = too_long; }
static void least_length(spoiled *s) { s->batch.lengths = least; }
static void negative_token(spoiled *s) { s->batch.tokens = below; }
static void large_token(spoiled *s) { s->batch.tokens = beyond; }
static void large_byte(spoiled *s) { s->batch.byte_tokens = beyond_bytes; s->batch.tokens = NULL; }
static void both_tokens(spoiled *s) { s->batch.byte_tokens = beyond_bytes; }
static void bytes_too(spoiled *s) { s->batch.byte_tokens = beyond_bytes; }
static void x_steps_twice(spoiled *s) { s->batch.x_step_offsets = some_slots; s->batch.x_step_stride = 3; }
static void y_steps_twice(spoiled *s) { s->batch.y_step_offsets = some_slots; s->batch.y_step_stride = WIDTH; }
static void y_rows_at_steps(spoiled *s) { s->batch.y_step_offsets = some_slots; s->batch.y_row_stride = WIDTH - 1; }
static void y_steps_in_rows(spoiled *s) { s->batch.y_offsets = some_slots; s->batch.y_step_stride = WIDTH - 1; }
static void many_rows(spoiled *s) { s->batch.rows = SIZE_MAX / 2; }
static void many_steps(spoiled *s) { s->batch.steps = SIZE_MAX / 2; }
/* clang-format on */

static const struct {
    const char *what;
    const sluice_shape *shape;
    void (*spoil)(spoiled *);
    sluice_status status;
    const char *word;
    long long numbers[3]; /* that the message has; -1: none */
} spoilings[] = {
    {"NULL engine", &small, no_engine, SLUICE_STATUS_BAD_ARGUMENT, "engine", {-1, -1, -1}},
    {"NULL batch", &small, no_batch, SLUICE_STATUS_BAD_ARGUMENT, "batch", {-1, -1, -1}},
    {"struct_size", &small, bad_size, SLUICE_STATUS_BAD_ARGUMENT, "struct_size", {-1, -1, -1}},
    {"slots without streams", &small, lone_slots, SLUICE_STATUS_BAD_ARGUMENT, "slots", {-1, -1, -1}},
    {"no x", &small, no_x, SLUICE_STATUS_BAD_ARGUMENT, "x", {-1, -1, -1}},
    {"tokens for a model without embedding", &small, tokens_too, SLUICE_STATUS_BAD_ARGUMENT, "tokens", {-1, -1, -1}},
    {"no tokens", &worded, no_tokens, SLUICE_STATUS_BAD_ARGUMENT, "tokens", {-1, -1, -1}},
    {"x for a model with embedding", &worded, x_too, SLUICE_STATUS_BAD_ARGUMENT, "x", {-1, -1, -1}},
    {"logits without a head", &worded, no_head, SLUICE_STATUS_BAD_ARGUMENT, "logits", {-1, -1, -1}},
    {"y: steps overlap", &small, narrow_steps, SLUICE_STATUS_BAD_ARGUMENT, "y", {-1, -1, -1}},
    {"y: rows overlap", &small, narrow_rows, SLUICE_STATUS_BAD_ARGUMENT, "y", {-1, -1, -1}},
    {"y: all rows in one place", &small, same_rows, SLUICE_STATUS_BAD_ARGUMENT, "y", {-1, -1, -1}},
    {"y: all steps in one place", &small, same_steps, SLUICE_STATUS_BAD_ARGUMENT, "y", {-1, -1, -1}},
    {"y: step first, overlap", &small, narrow_step_first, SLUICE_STATUS_BAD_ARGUMENT, "y", {-1, -1, -1}},
    {"a negative length", &small, negative_length, SLUICE_STATUS_BAD_DATA, "row", {2, 3, 5}},
    {"a length beyond T", &small, long_length, SLUICE_STATUS_BAD_DATA, "row", {4, 77, 5}},
    {"the least length", &small, least_length, SLUICE_STATUS_BAD_DATA, "row", {0, INT64_MIN, 5}},
    {"a negative token", &worded, negative_token, SLUICE_STATUS_BAD_DATA, "step", {3, 2, -4}},
    {"a token beyond the vocabulary", &worded, large_token, SLUICE_STATUS_BAD_DATA, "step", {5, 4, 7}},
    {"a byte beyond the vocabulary", &worded, large_byte, SLUICE_STATUS_BAD_DATA, "step", {5, 4, 7}},
    {"tokens and bytes", &worded, both_tokens, SLUICE_STATUS_BAD_ARGUMENT, "both tokens and byte_tokens", {-1, -1, -1}},
    {"bytes for a model without embedding", &small, bytes_too, SLUICE_STATUS_BAD_ARGUMENT, "tokens", {-1, -1, -1}},
    {"x: step offsets and a stride", &small, x_steps_twice, SLUICE_STATUS_BAD_ARGUMENT, "x_step_offsets are given", {3, -1, -1}},
    {"y: step offsets and a stride", &small, y_steps_twice, SLUICE_STATUS_BAD_ARGUMENT, "y_step_offsets are given", {10, -1, -1}},
    {"y: rows of a step overlap", &small, y_rows_at_steps, SLUICE_STATUS_BAD_ARGUMENT, "y strides", {9, 0, -1}},
    {"y: steps of a row overlap", &small, y_steps_in_rows, SLUICE_STATUS_BAD_ARGUMENT, "y strides", {0, 9, -1}},
    {"too many rows", &small, many_rows, SLUICE_STATUS_TOO_LARGE, "", {-1, -1, -1}},
    {"too many steps", &small, many_steps, SLUICE_STATUS_TOO_LARGE, "", {-1, -1, -1}},
};

TEST_EACH(forward_refuses, spoilings)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(spoilings[_i].shape, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) batch = test_batch_random(spoilings[_i].shape, ROWS, STEPS, TEST_STATES, &random);
    spoiled call = {.batch = batch.batch, .engine = runner.engine, .workspace = runner.workspace};
    call.given = &call.batch;
    spoilings[_i].spoil(&call);
    sluice_error error = {0};
    test_check_refused(spoilings[_i].what, sluice_forward(call.engine, call.workspace, call.given, &error), spoilings[_i].status,
                       &error, spoilings[_i].word);
    for (size_t j = 0; j < 3; j++)
        if (spoilings[_i].numbers[j] != -1)
            numbers(&error, spoilings[_i].numbers[j]);
    ck_assert_int_eq(sluice_forward(call.engine, call.workspace, call.given, NULL), spoilings[_i].status);
    ck_assert_msg(test_batch_untouched(&batch), "%s: an output is written", spoilings[_i].what);
    test_forward(&runner, &batch.batch); /* and the workspace is as good as before */
}

TEST(forward_refuses_a_strange_workspace)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&small, 1.0f, &random);
    OWNED(test_runner) one = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(test_runner) other = test_runner_create(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) batch = test_batch_random(&small, ROWS, STEPS, 0, &random);
    REFUSED(bad_argument, "workspace", sluice_forward, one.engine, other.workspace, &batch.batch);
    ck_assert(test_batch_untouched(&batch));
}

/* ---- The library and its header, as others see them ---- */

static int shell(const char *format, const char *directory)
{
    char command[4096];
    if (!directory) {
        printf("skipped: SLUICE_BUILD and SLUICE_SOURCE are not set\n");
        return 0;
    }
    snprintf(command, sizeof command, "D='%s'; %s", directory, format);
    return system(command);
}

/* What libsluice.so exports is what sluice.h marks, no more and no less. */
TEST(exported_symbols)
{
    ck_assert_int_eq(
        shell("so=$D/src/libsluice.so; [ -e $so ] || { echo skipped: no shared library; exit 0; }; "
              "want=$(sed -n '/^SLUICE_API/,/;/p' $SLUICE_SOURCE/include/*.h | grep -o 'sluice_[a-z_]*(' | tr -d '(' | sort); "
              "got=$(nm -D --defined-only $so | awk '{print $3}' | grep -v '^_' | sort); "
              "[ -n \"$want\" ] && [ \"$want\" = \"$got\" ] || { echo \"header: $want\"; echo \"library: $got\"; exit 1; }",
              getenv("SLUICE_BUILD")),
        0);
}

TEST(header_alone)
{
    ck_assert_int_eq(shell("for c in gcc clang g++ clang++; do command -v $c >/dev/null || { echo skipped: no $c; continue; }; "
                           "case $c in *++) l='-x c++ -std=c++11';; *) l='-x c -std=c11';; esac; "
                           "$c $l -Wall -Wextra -pedantic -Werror -fsyntax-only $D/include/sluice.h || exit 1; done",
                           getenv("SLUICE_SOURCE")),
                     0);
}
