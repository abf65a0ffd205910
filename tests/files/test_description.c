/* Descriptions of networks at fault: each is refused with the path within it and the byte of the file. Truncated and mutated ones, deep
 * ones, huge numbers; and numbers that go into a file and come back. */
#include "io/json.h"
#include "io/network/description_write.h"
#include "model/layer_chain.h"

#include "support/cases/described_file.h"
#include "support/message.h"
#include "support/network.h"

#include <math.h>

/* The only model that files here have tensors for: an LSTM of one unit and one input. */
static const char tensors[] = "a.weight_ih_l0 F32 4,1;a.weight_hh_l0 F32 4,1;a.bias_ih_l0 F32 4;a.bias_hh_l0 F32 4;";

#define ALL(networks) "{\"version\":1,\"networks\":[" networks "]}"
#define NET(layers) ALL("{\"inputs\":1,\"layers\":[" layers "]}")
#define A_(more) "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":1" more "}"
#define A A_("")
#define DENSE(more) "{\"kind\":\"dense\",\"name\":\"d\"," more "}"
#define CELL(cell) NET(A_(",\"cells\":[" cell "]"))
#define LAYERS "networks[0].layers"
#define ONE LAYERS "[0]"

/* '@' marks the place that is reported; it is taken out first. */
static const struct {
    const char *description, *part;
    sluice_status status;
} cases[] = {
    {"@", "expected a JSON object, found the end of the description; if another program wrote this entry, remove it", 0},
    {"@0.3.1", "expected a JSON object, found '0'; if another program wrote", 0},
    {"  @[1]", "expected a JSON object, found '['", 0},
    {"@\"version\"", "expected a JSON object, found '\"'", 0},
    {"{@}", "\"version\" is missing", 0},
    {"{\"version\":1@}", "\"networks\" is missing", 0},
    {"{@version:1}", "expected a key in double quotes, found 'v'", 0},
    {"{\"version\"@,1}", "version: expected ':', found ','", 0},
    {"@{\"version\":0,\"networks\":[{\"layers\":[" A "]}]}", "version: expected 1, found 0", 0},
    {"{\"version\":@\"1\"}", "version: expected a size, a whole number >= 0, found '\"'", 0},
    {"{\"version\":@1.5}", "version: expected a size as a plain whole number, found '.' in it", 0},
    {"{\"networks\":[{\"layers\":[{\"new\":1}]}],\"version\":2}", "version 2; this library, Sluice ", SLUICE_STATUS_UNSUPPORTED},
    {"{\"version\":2", "reads up to 1: use a newer Sluice", SLUICE_STATUS_UNSUPPORTED},
    {"{\"version\":1,@\"version\":1}", "version: this key is there twice", 0},
    {"{\"version\":1,@\"more\":1}", "a description has no \"more\"; its keys are \"version\", \"networks\"", 0},
    {"@" ALL(""), "networks: expected a network, found none", 0},
    {ALL("@1"), "networks[0]: expected '{', found '1'", 0},
    {ALL("{@}"), "networks[0]: \"layers\" is missing", 0},
    {ALL("{\"layers\":@{}}"), "networks[0].layers: expected '[', found '{'", 0},
    {ALL("@{\"layers\":[]}"), "networks[0]: network: 0 layers; expected 1..128", 0},
    {ALL("{\"layers\":[" A "],@\"layers\":[" A "]}"), LAYERS ": this key is there twice", 0},
    {ALL("{\"name\":@\"\",\"layers\":[" A "]}"), "networks[0].name: expected a name of 1 to 255 bytes", 0},
    {ALL("{\"name\":@\"a\\u0000\",\"layers\":[" A "]}"), "networks[0].name: expected a name of 1 to 255 bytes", 0},
    {ALL("{\"name\":\"x\",\"layers\":[" A "]},@{\"name\":\"x\",\"layers\":[" A "]}"), "networks[1]: networks[0] has the same name",
     0},
    {ALL("{\"layers\":[" A "]},{\"layers\":[" A "]}"), "networks: expected a name for each of several networks", 0},
    {ALL("{\"name\":\"x\",\"layers\":[" A "]},{\"name\":\"y\",\"layers\":[" A "]}"),
     "2 networks: \"x\", \"y\"; choose one by its name", 0},
    {ALL("{\"inputs\":1,\"layers\":[{\"kind\":\"lstm\",\"units\":1,\"cells\":[{\"cell_clip\":@0}]}]}"),
     "expected a limit > 0, found 0", 0},
    {ALL("{\"layers\":[@" A "]}"), "networks[0].layers[0]: layer 0 \"a\": the network has no inputs", 0},
    {ALL("{\"inputs\":1,\"classes\":[\"x\",@\"\"],\"layers\":[" A "]}"), "networks[0].classes[1]: expected a name of 1 to 255", 0},
    {ALL("{\"inputs\":1,\"classes\":[@\"x,y\"],\"layers\":[" A "]}"), "networks[0].classes[0]: expected a name without commas", 0},
    {ALL("@{\"inputs\":1,\"classes\":[\"x\"],\"layers\":[" A "]}"), "networks[0].classes: expected 0 names, as many as", 0},
    {ALL("{\"inputs\":1,\"masking\":@\"zero\",\"layers\":[" A "]}"),
     "networks[0].masking: expected one of \"none\", \"token\", \"value\", found \"zero\"", 0},
    {ALL("@{\"inputs\":1,\"masking\":\"token\",\"layers\":[" A "]}"),
     "networks[0]: network: it masks steps by their tokens, but reads x", 0},
    {ALL("@{\"inputs\":1,\"mask_value\":0.5,\"layers\":[" A "]}"), "networks[0]: network: mask_value 0.5; expected 0, as no step",
     0},
    {NET(A ",@null"), LAYERS "[1]: expected '{', found 'n'", 0},
    {NET(A "@" A), LAYERS ": expected ']', found '{'", 0},
    {NET("{\"name\":\"a\",\"units\":1@}"), ONE ": \"kind\" is missing", 0},
    {NET("{\"kind\":@\"gru\"}"),
     ONE ".kind: expected one of \"embedding\", \"lstm\", \"dense\", \"affine\", \"activation\", \"reduce\", "
         "found \"gru\"",
     0},
    {NET("{\"kind\":@\"\"}"), ONE ".kind: expected one of \"embedding\"", 0},
    {NET("{\"kind\":@2}"), ONE ".kind: expected a word in double quotes, found '2'", 0},
    {NET("{\"kind\":\"lstm\",\"units\":1@}"), ONE ": \"name\" is missing", 0},
    {NET("{\"kind\":\"lstm\",\"name\":\"a\"@}"), ONE ": \"units\" is missing", 0},
    {NET("{\"kind\":\"reduce\",\"name\":\"a\"@}"), ONE ": \"steps\" is missing", 0},
    {NET("{\"kind\":\"embedding\",\"name\":\"a\",\"units\":1@}"), ONE ": \"vocabulary\" is missing", 0},
    {NET("{@\"units\":1,\"kind\":\"affine\",\"name\":\"a\"}"), ONE ": a layer of this kind has no \"units\"", 0},
    {NET(A_(",@\"bias\":true")), ONE ": a layer of this kind has no \"bias\"", 0},
    {NET(A_(",@\"unit\":1")), ONE ": a layer has no \"unit\"; its keys are \"kind\", \"name\", \"units\"", 0},
    {NET(A_(",@\"units\":1")), ONE ".units: this key is there twice", 0},
    {NET(A_(",\"projection\":@-1")), ONE ".projection: expected a size, a whole number >= 0, found '-'", 0},
    {NET(A_(",\"projection\":@1e3")), ONE ".projection: expected a size as a plain whole number", 0},
    {NET(A_(",\"projection\":@01")), ONE ".projection: a size begins with a zero", 0},
    {NET(A_(",\"projection\":@99999999999999999999")), ONE ".projection: a size is too large", 0},
    {NET(A_(",\"direction\":@\"Forward\"")),
     ONE ".direction: expected one of \"forward\", \"reverse\", \"both\", found \"Forward\"", 0},
    {NET(A_(",\"merge\":@\"max\"")), ONE ".merge: expected one of \"concat\", \"sum\", \"product\", \"mean\", found \"max\"", 0},
    {NET(A_(",\"steps\":@\"\\u0061ll!\"")), ONE ".steps: expected one of \"all\", \"final\", \"last\", \"mean\", \"max\"", 0},
    {NET(A_(",\"processing_order\":@1")), ONE ".processing_order: expected a flag, true or false, found '1'", 0},
    {NET(A_(",\"processing_order\":@True")), ONE ".processing_order: expected a flag, true or false, found 'T'", 0},
    {NET(A_(",\"processing_order\":true@e")), ONE ": expected '}', found 'e'", 0},
    {NET(A_(",\"cells\":@{}")), ONE ".cells: expected '[', found '{'", 0},
    {NET(A_(",\"cells\":@[]")), ONE ".cells: expected a cell for each direction, found none", 0},
    {NET("@" A_(",\"cells\":[{},{}]")), ONE ": expected a cell for each direction, 1, found 2", 0},
    {NET("@" A_(",\"cells\":[{}],\"direction\":\"both\"")), ONE ": expected a cell for each direction, 2, found 1", 0},
    {NET(A_(",\"cells\":[{},{},@{}]")), ONE ".cells: expected at most 2 of them, found more", 0},
    {CELL("{@\"clip\":1}"), ONE ".cells[0]: a cell has no \"clip\"; its keys are \"bias\", \"peepholes\"", 0},
    {CELL("{\"bias\":false,@\"bias\":true}"), ONE ".cells[0].bias: this key is there twice", 0},
    {CELL("{\"bias\":@0}"), ONE ".cells[0].bias: expected a flag, true or false, found '0'", 0},
    {CELL("{\"gate\":@\"relu\"}"), ONE ".cells[0].gate: expected '{', found '\"'", 0},
    {CELL("{\"gate\":{\"function\":@\"Relu\"}}"), ONE ".cells[0].gate.function: expected one of \"default\", \"linear\"", 0},
    {CELL("{\"gate\":{@\"a\":1}}"), ONE ".cells[0].gate: an activation has no \"a\"; its keys are \"function\", \"alpha\"", 0},
    {CELL("{\"gate\":{\"alpha\":@NaN}}"), ONE ".cells[0].gate.alpha: expected a number, found 'N'", 0},
    {CELL("{\"gate\":{\"alpha\":@+1}}"), ONE ".cells[0].gate.alpha: expected a number, found '+'", 0},
    {CELL("{\"gate\":{\"alpha\":1.@}}"), ONE ".cells[0].gate.alpha: expected a digit, found '}'", 0},
    {CELL("{\"gate\":{\"alpha\":-@}}"), ONE ".cells[0].gate.alpha: expected a digit, found '}'", 0},
    {CELL("{\"gate\":{\"alpha\":0@1}}"), ONE ".cells[0].gate: expected '}', found '1'", 0},
    {CELL("{\"gate\":{\"alpha\":@-1e39}}"), ONE ".cells[0].gate.alpha: expected a number that fits a float, found -1e39", 0},
    {CELL("{\"gate_clip\":@1e99999999999999999999999}"), ONE ".cells[0].gate_clip: expected a number that fits a float", 0},
    {CELL("{\"gate_clip\":@0.00000000000000000000000000000000000000000000000000000000000000001}"),
     ONE ".cells[0].gate_clip: expected a number of at most 64 characters, found 67", 0},
    {CELL("{\"gate_clip\":@-1}"), ONE ".cells[0].gate_clip: expected a limit > 0, found -1", 0},
    {CELL("{\"projection_clip\":@0.0}"), ONE ".cells[0].projection_clip: expected a limit > 0, found 0", 0},
    {CELL("{\"cell_clip\":@1e-60}"), ONE ".cells[0].cell_clip: expected a number that fits a float, found 1e-60", 0},
    {ALL("{\"inputs\":1,\"layers\":[@" A_(",\"cells\":[{\"norm\":true}]") "]}"),
     "networks[0].layers[0]: layer 0 \"a\": a cell with layer norm", 0},
    {ALL("{\"inputs\":1,\"layers\":[" A ", @" A "]}"), "networks[0].layers[1]: layer 1 \"a\": layer 0 has the same name", 0},
    {ALL("{\"inputs\":1,\"layers\":[@" DENSE("\"units\":1") "]}"),
     "networks[0].layers[0]: layer 0 \"d\": it is the last layer, and none is", 0},
    {ALL("{\"inputs\":1,\"layers\":[" A ",@" DENSE("\"units\":4611686018427387904") "]}"),
     "networks[0].layers[1]: the size of the model does not fit", SLUICE_STATUS_TOO_LARGE},
    {NET(A_(",\"projection\":1")), "tensor \"a.weight_hr_l0\" is missing: expected [1][1], by the description of layer 0", 0},
    {NET(A "," DENSE("\"units\":100000000")), "tensor \"d.weight\" is missing: expected [100000000][1]", 0},
    {NET(A) "@x", "expected the end of the description, found 'x'", 0},
};

static sluice_status load(const test_bytes *file, sluice_model **model, sluice_error *error)
{
    return sluice_model_load_memory(file->data, file->size, NULL, model, error);
}

/* Fails with this status and words; at this byte of the description's text, SIZE_MAX: at none. */
static void check_bad(const char *text, size_t at, sluice_status status, const char *part)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(text, "", tensors, &state);
    OWNED(test_bytes) before = {0};
    sluice_error error = {0};
    sluice_model *model = (sluice_model *)&file;
    const sluice_status found = load(&file, &model, &error);
    ck_assert_msg(found == status, "%s: expected status %d, found %d: %s", part, status, found, error.message);
    ck_assert_ptr_null(model);
    test_check_message(part, &error, status, part);
    if (at != SIZE_MAX) {
        test_bytes_add_escaped(&before, text, at);
        ck_assert_msg(error.byte == TEST_DESCRIPTION_AT + before.size, "%s: expected byte %zu, found %zu: %s", text,
                      TEST_DESCRIPTION_AT + before.size, error.byte, error.message);
    }
    ck_assert_int_eq(load(&file, &model, NULL), status);
    if (at != SIZE_MAX && status == SLUICE_STATUS_BAD_DATA)
        test_file_keep(&file, ".safetensors");
}

TEST(malformed)
{
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char text[1024];
        const size_t at = strcspn(cases[k].description, "@"), size = strlen(cases[k].description);
        snprintf(text, sizeof text, "%.*s%s", (int)at, cases[k].description, at < size ? cases[k].description + at + 1 : "");
        check_bad(text, at < size ? at : SIZE_MAX, cases[k].status ? cases[k].status : SLUICE_STATUS_BAD_DATA, cases[k].part);
    }
}

/* ---- One fault in a good description --------------------------------------------------------------------------------------- */

static const char good[] = ALL(
    "{\"name\":\"n\",\"inputs\":1,\"classes\":[\"x\"],\"layers\":["
    "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":1,\"steps\":\"last\",\"direction\":\"both\",\"merge\":\"mean\",\"projection\":1,"
    "\"processing_order\":false,\"masked_outputs_zero\":true,\"cells\":[{\"gate\":{\"function\":\"relu\",\"alpha\":0.5}},"
    "{\"bias\":false,\"peepholes\":true,\"projection_bias\":true,\"initial_state\":true,\"norm\":false,\"coupled\":false,"
    "\"output_unclipped\":true,\"forget_bias\":-1.25e-1,\"gate_clip\":1,\"cell_clip\":1,\"projection_clip\":1,\"norm_epsilon\":0}]}"
    ","
    "{\"kind\":\"dense\",\"name\":\"d\",\"units\":1,\"bias\":true,\"activation\":{\"function\":\"elu\",\"beta\":2}}]}");

/* A value that is none, for every key: refused with the key's path and byte. */
TEST(every_value_wrong)
{
    size_t values = 0;
    for (const char *colon = strchr(good, ':'); colon; colon = strchr(colon + 1, ':'), values++) {
        char text[2048], part[64];
        const char *quote = colon - 1, *key = quote;
        while (key[-1] != '"')
            key--;
        const size_t at = (size_t)(colon + 1 - good);
        snprintf(text, sizeof text, "%.*s?%s", (int)at, good, good + at);
        snprintf(part, sizeof part, "%.*s: expected ", (int)(quote - key), key);
        check_bad(text, at, SLUICE_STATUS_BAD_DATA, part);
    }
    ck_assert_uint_eq(values, 38);
}

/* Loads, or is refused in words; of memory, not one byte beyond which is there. */
static bool survives(const char *text)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(text, "", tensors, &state);
    unsigned char *copy = malloc(file.size);
    memcpy(copy, file.data, file.size);
    sluice_model *model = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load_memory(copy, file.size, NULL, &model, &error);
    free(copy);
    ck_assert_msg(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED ||
                      status == SLUICE_STATUS_TOO_LARGE,
                  "%s: %d: %s", text, status, error.message);
    ck_assert((model != NULL) == (status == SLUICE_STATUS_OK));
    if (status)
        test_check_message(text, &error, status, "memory: ");
    sluice_model_destroy(model);
    return status == SLUICE_STATUS_OK;
}

TEST(truncated)
{
    for (size_t size = 0; size < strlen(good); size++) {
        char text[sizeof good];
        snprintf(text, sizeof text, "%.*s", (int)size, good);
        check_bad(text, SIZE_MAX, SLUICE_STATUS_BAD_DATA, "memory: byte ");
    }
}

TEST(mutated)
{
    static const char plain[] = NET(A_(",\"cells\":[{\"forget_bias\":0.5,\"bias\":true}]")), with[] = "{}[]\",:0159.eE+- \ttfnu\\x";
    uint64_t random = test_seed();
    size_t loaded = survives(plain);
    ck_assert_uint_eq(loaded, 1);
    const size_t rounds = test_by_depth(1000, 4000, 100000);
    for (size_t k = 0; k < rounds; k++) {
        char text[sizeof plain];
        strcpy(text, plain);
        for (size_t n = 1 + test_random(&random) % 2; n; n--)
            text[test_random(&random) % (sizeof plain - 1)] = with[test_random(&random) % (sizeof with - 1)];
        loaded += survives(text);
    }
    ck_assert_uint_gt(loaded, rounds / 1000);
    ck_assert_uint_lt(loaded, rounds / 4);
}

/* ---- Depth and size -------------------------------------------------------------------------------------------------------- */

/* `count` times a text between two others. */
static char *repeat(const char *before, const char *text, size_t count, const char *behind)
{
    const size_t begin = strlen(before), size = strlen(text), end = begin + count * size;
    char *made = malloc(end + strlen(behind) + 1);
    ck_assert_ptr_nonnull(made);
    memcpy(made, before, begin);
    for (size_t k = 0; k < count; k++)
        memcpy(made + begin + k * size, text, size);
    memcpy(made + end, behind, strlen(behind) + 1);
    return made;
}

TEST(deep_and_long)
{
    enum { DEEP = 100000 };
    const struct {
        const char *before, *text;
        size_t count;
        const char *behind, *part;
        sluice_status status;
    } made[] = {
        {"", "[", DEEP, "", "expected a JSON object", SLUICE_STATUS_BAD_DATA},
        {"", "{\"networks\":", DEEP, "", "networks: expected '[', found '{'", SLUICE_STATUS_BAD_DATA},
        {"{\"new\":", "[", DEEP, "", "a description has no \"new\"", SLUICE_STATUS_BAD_DATA},
        {"{\"new\":", "[", 120, "", "a description has no \"new\"", SLUICE_STATUS_BAD_DATA},
        {"{\"new\":[", "[],", 100, "[]],\"version\":3}", "version 3; this library", SLUICE_STATUS_UNSUPPORTED},
        {"{\"version\":1,\"networks\":[{\"inputs\":1,\"layers\":[" A, "," A, 127, "]}]}",
         "layer 1 \"a\": layer 0 has the same name", SLUICE_STATUS_BAD_DATA},
        {"{\"version\":1,\"networks\":[{\"inputs\":1,\"layers\":[" A, "," A, 128, "]}]}", LAYERS ": expected at most 128 of them",
         SLUICE_STATUS_BAD_DATA},
        {"{\"version\":1,\"networks\":[{\"layers\":[]}", ",{\"layers\":[]}", 63, "]}",
         "networks: expected a name for each of several networks", SLUICE_STATUS_BAD_DATA},
        {"{\"version\":1,\"networks\":[{\"layers\":[]}", ",{\"layers\":[]}", 64, "]}", "networks: expected at most 64 of them",
         SLUICE_STATUS_BAD_DATA},
        {"{\"version\":1,\"networks\":[{\"name\":\"", "n", 256, "\"}]}", "networks[0].name: expected a name of 1 to 255 bytes",
         SLUICE_STATUS_BAD_DATA},
        {"{\"version\":1,\"networks\":[{\"classes\":[\"n\"", ",\"n\"", DEEP, "],\"inputs\":1,\"layers\":[" A "]}]}",
         "networks[0].classes: expected 0 names, as many as the network has outputs, found 100001", SLUICE_STATUS_BAD_DATA},
    };
    for (size_t k = 0; k < sizeof made / sizeof made[0]; k++) {
        char *text = repeat(made[k].before, made[k].text, made[k].count, made[k].behind);
        check_bad(text, SIZE_MAX, made[k].status, made[k].part);
        free(text);
    }
}

/* ---- Numbers --------------------------------------------------------------------------------------------------------------- */

/* As strtof reads it, which is correctly rounded. */
static void check_number(const char *text)
{
    char copy[80];
    snprintf(copy, sizeof copy, " %s,", text);
    sl_scan scan = {.what = "the text", .text = copy, .size = strlen(copy)};
    float value = -7;
    const float expected = strtof(text, NULL);
    /* What rounds to 0 is refused, as what is too large. */
    const size_t digits = strcspn(text, "eE"), nonzero = strcspn(text, "123456789");
    const bool fits = isfinite(expected) && (expected != 0 || nonzero >= digits);
    ck_assert_msg(sl_scan_json_number(&scan, "a number", &value) == fits, "%s", text);
    ck_assert_msg(memcmp(&value, &expected, sizeof value) == 0, "%s: %a instead of %a", text, (double)value, (double)expected);
    ck_assert(!fits || (scan.at == strlen(copy) - 1 && !scan.status));
}

TEST(numbers)
{
    static const char *const texts[] = {"0",      "-0",     "0.0",    "1",         "-1",       "0.1",     "16777217",
                                        "1e0",    "1E+5",   "1e-45",  "0.7e-45",   "1e-99999", "12.5e-1", "3.4028235e38",
                                        "100e-2", "1.5E-3", "0e9999", "-0.000e-1", "0.00001",  "7e+009",  "123456789.123456789e-5"};
    uint64_t random = test_seed();
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
        check_number(texts[k]);
    for (size_t k = 0; k < 100000; k++) {
        const uint32_t bits = (uint32_t)test_random(&random);
        float value;
        char text[64];
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        snprintf(text, sizeof text, k % 2 ? "%.9g" : "%.17g", (double)value);
        check_number(text);
    }
}

/* Numbers of a network, as bits, through its description. */
TEST(numbers_written)
{
    uint64_t random = test_seed();
    for (size_t k = 0; k < 5000; k++) {
        uint32_t bits = (uint32_t)test_random(&random) & (k % 3 ? 0xffffffff : 0x807fffff); /* subnormal ones often */
        sluice_cell cell = {.struct_size = sizeof cell, .parts = SLUICE_PART_BIAS};
        memcpy(&cell.forget_bias, &bits, sizeof bits);
        if (!isfinite(cell.forget_bias))
            continue;
        const sluice_layer layer = {
            .struct_size = sizeof layer, .kind = SLUICE_LAYER_LSTM, .name = "a", .units = 1, .cells = &cell};
        const sluice_network network = {sizeof network, 1, 1, &layer};
        char *text;
        ck_assert_int_eq(sl_description_make(&network, NULL, &text, NULL), SLUICE_STATUS_OK);
        OWNED(test_bytes) file = test_described_file(text, "", tensors, &random);
        sluice_model *model;
        sluice_error error = {0};
        ck_assert_msg(!load(&file, &model, &error), "%s: %s", text, error.message);
        sluice_network loaded = {.struct_size = sizeof loaded};
        ck_assert_int_eq(sluice_model_get_network(model, &loaded), SLUICE_STATUS_OK);
        ck_assert_msg(memcmp(&loaded.layers->cells->forget_bias, &bits, sizeof bits) == 0, "%s: %08" PRIx32, text, bits);
        sluice_model_destroy(model);
        sluice_free(text);
    }
}
