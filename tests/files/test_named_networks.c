/* Networks that are found by the names of their tensors and that no sluice_shape describes: projections, LSTMs and LSTMCells in series,
 * dense layers with activations, heads of one vector for each row. Each is compared with the same numbers under a description. */
#include "io/model/names.h"
#include "io/network/function_words.h"
#include "model/model.h"

#include "support/cases/described_file.h"
#include "support/message.h"

#include <math.h>

#define LSTM(prefix, inputs, hidden, rows)                                                                                         \
    prefix "weight_ih_l0 F32 " rows "," inputs ";" prefix "weight_hh_l0 F32 " rows "," hidden ";" prefix "bias_ih_l0 F32 " rows    \
           ";" prefix "bias_hh_l0 F32 " rows ";"
#define BARE(prefix, inputs, hidden, rows)                                                                                         \
    prefix "weight_ih_l0 F32 " rows "," inputs ";" prefix "weight_hh_l0 F32 " rows "," hidden ";"
#define CELL(prefix, inputs, hidden, rows) prefix "weight_ih F32 " rows "," inputs ";" prefix "weight_hh F32 " rows "," hidden ";"
#define PROJECTED(prefix, end, inputs)                                                                                             \
    prefix "weight_ih_" end " F32 16," inputs ";" prefix "weight_hh_" end " F32 16,2;" prefix "weight_hr_" end " F32 2,4;"
#define DENSE(name, rows, columns) name ".weight F32 " rows "," columns ";" name ".bias F32 " rows ";"
#define NET(inputs, layers) "{\"version\":1,\"networks\":[{\"inputs\":" inputs ",\"layers\":[" layers "]}]}"
#define BARE_CELL "\"cells\":[{\"bias\":false}]"
#define BARE_CELLS "\"cells\":[{\"bias\":false},{\"bias\":false}]"

static void load(const char *tensors, const char *metadata, const sluice_names *names, sluice_model **model, const char *what)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(tensors, metadata, &state);
    sluice_error error = {0};
    const sluice_status status = sluice_model_load_memory(file.data, file.size, names, model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", what, error.message);
}

static void check_same(const char *what, const sluice_model *got, const sluice_model *want)
{
    ck_assert_msg(sl_network_equals(got->network, want->network), "%s: another network", what);
    for (size_t layer = 0; layer < want->network->description.layer_count; layer++)
        for (size_t k = 0; k < 2 * SL_TENSORS; k++) {
            size_t count, expected;
            const float *a = sluice_model_get_parameter(got, layer, k / SL_TENSORS, (sluice_tensor)(k % SL_TENSORS), &count);
            const float *b = sluice_model_get_parameter(want, layer, k / SL_TENSORS, (sluice_tensor)(k % SL_TENSORS), &expected);
            ck_assert_uint_eq(count, expected);
            ck_assert_msg(!count || memcmp(a, b, count * sizeof *a) == 0, "%s: layer %zu, tensor %zu", what, layer, k);
        }
}

/* ---- The same as a description's ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *tensors;
    sluice_names names;
    const char *described, *description; /* the same tensors in the same order, under a description's names */
    const char *layers, *notes;
} cases[] = {
    {"a projection",
     LSTM("", "3", "2", "16") "weight_hr_l0 F32 2,4;",
     {0},
     LSTM("a.", "3", "2", "16") "a.weight_hr_l0 F32 2,4;",
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4,\"projection\":2}"),
     "lstm_1",
     "names: torch, prefix \"\", no head, no embedding"},
    {"projections, two layers, both directions, and a head",
     PROJECTED("r.", "l0", "3") PROJECTED("r.", "l0_reverse", "3") PROJECTED("r.", "l1", "4") PROJECTED("r.", "l1_reverse", "4")
         DENSE("fc", "5", "4") "embed.weight F32 7,3;",
     {0},
     PROJECTED("a.", "l0", "3") PROJECTED("a.", "l0_reverse", "3") PROJECTED("b.", "l0", "4") PROJECTED("b.", "l0_reverse", "4")
         DENSE("fc", "5", "4") "e.weight F32 7,3;",
     NET("0", "{\"kind\":\"embedding\",\"name\":\"e\",\"units\":3,\"vocabulary\":7},"
              "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4,\"projection\":2,\"direction\":\"both\"," BARE_CELLS "},"
              "{\"kind\":\"lstm\",\"name\":\"b\",\"units\":4,\"projection\":2,\"direction\":\"both\"," BARE_CELLS "},"
              "{\"kind\":\"dense\",\"name\":\"fc\",\"units\":5}"),
     "embed r r_2 fc",
     "names: torch, prefix \"r.\", head \"fc\", embedding \"embed\""},
    {"LSTMs in series",
     LSTM("lstm2.", "4", "2", "8") BARE("lstm1.", "3", "4", "16") BARE("other.", "3", "4", "16"),
     {.lstm = "lstm1,lstm2"},
     LSTM("b.", "4", "2", "8") BARE("a.", "3", "4", "16") BARE("other.", "3", "4", "16"),
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4," BARE_CELL "},{\"kind\":\"lstm\",\"name\":\"b\",\"units\":2}"),
     "lstm1 lstm2",
     "names: torch, prefixes \"lstm1.\", \"lstm2.\", no head, no embedding"},
    {"one of them twice",
     BARE("lstm.", "4", "4", "16"),
     {.lstm = "lstm.,lstm"},
     BARE("a.", "4", "4", "16") BARE("a_2.", "4", "4", "16"),
     NULL,
     "lstm lstm_2",
     "prefixes \"lstm.\", \"lstm.\""},
    {"cells in series, a head of the last step",
     CELL("c1.", "3", "4", "16") CELL("c2.", "4", "2", "8") "out.weight F32 3,2;",
     {.lstm = "c1,c2", .head_input = "last"},
     BARE("a.", "3", "4", "16") BARE("b.", "4", "2", "8") "out.weight F32 3,2;",
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4," BARE_CELL "},"
              "{\"kind\":\"lstm\",\"name\":\"b\",\"units\":2,\"steps\":\"last\"," BARE_CELL "},"
              "{\"kind\":\"dense\",\"name\":\"out\",\"units\":3,\"bias\":false}"),
     "c1 c2 out",
     "names: torch LSTMCell, prefixes \"c1.\", \"c2.\", head \"out\", no embedding"},
    {"a list of dense layers",
     BARE("lstm.", "3", "4", "16") DENSE("fc1", "6", "4") "fc2.weight F32 2,6;",
     {.head = "fc1,fc2", .head_activation = "leaky_relu,softmax", .head_input = "final"},
     BARE("a.", "3", "4", "16") DENSE("b", "6", "4") "c.weight F32 2,6;",
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4,\"steps\":\"final\"," BARE_CELL "},"
              "{\"kind\":\"dense\",\"name\":\"b\",\"units\":6,\"activation\":{\"function\":\"leaky_relu\",\"alpha\":0.01}},"
              "{\"kind\":\"dense\",\"name\":\"c\",\"units\":2,\"bias\":false,\"activation\":{\"function\":\"softmax\"}}"),
     "lstm fc1 fc2",
     "names: torch, prefix \"lstm.\", head \"fc1\", \"fc2\", no embedding"},
    {"the second of two functions",
     BARE("lstm.", "3", "4", "16") DENSE("fc1", "6", "4") "fc2.weight F32 2,6;",
     {.head = "fc1,fc2", .head_activation = ",relu"},
     BARE("a.", "3", "4", "16") DENSE("b", "6", "4") "c.weight F32 2,6;",
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4," BARE_CELL "},{\"kind\":\"dense\",\"name\":\"b\",\"units\":6},"
              "{\"kind\":\"dense\",\"name\":\"c\",\"units\":2,\"bias\":false,\"activation\":{\"function\":\"relu\"}}"),
     "lstm fc1 fc2",
     "names: torch, prefix \"lstm.\", head \"fc1\", \"fc2\", no embedding"},
    {"an activation of the one head",
     BARE("lstm.", "3", "4", "16") DENSE("fc", "6", "4"),
     {.head_activation = "sigmoid"},
     BARE("a.", "3", "4", "16") DENSE("b", "6", "4"),
     NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4," BARE_CELL "},"
              "{\"kind\":\"dense\",\"name\":\"b\",\"units\":6,\"activation\":{\"function\":\"sigmoid\"}}"),
     "lstm fc",
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding"},
};

static void get_layer_names(const sluice_model *model, char *names, size_t bytes)
{
    const sluice_network *network = &model->network->description;
    *names = '\0';
    for (size_t k = 0, used = 0; k < network->layer_count; k++)
        used += (size_t)snprintf(names + used, bytes - used, "%s%s", k ? " " : "", network->layers[k].name);
}

TEST_EACH(as_described, cases)
{
    const char *what = cases[_i].name;
    sluice_names names = cases[_i].names;
    names.struct_size = sizeof names;
    OWNED_HANDLE(sluice_model) got = NULL;
    OWNED_HANDLE(sluice_model) want = NULL;
    load(cases[_i].tensors, NULL, &names, &got, what);
    if (cases[_i].description) {
        uint64_t state = test_seed();
        OWNED(test_bytes) file = test_described_file(cases[_i].description, "", cases[_i].described, &state);
        SUCCEEDS(sluice_model_load_memory, file.data, file.size, NULL, &want);
        check_same(what, got, want);
    }
    char layers[256];
    get_layer_names(got, layers, sizeof layers);
    ck_assert_str_eq(layers, cases[_i].layers);
    ck_assert_msg(strstr(sluice_model_get_notes(got), cases[_i].notes), "%s: %s", what, sluice_model_get_notes(got));
    ck_assert(!sluice_model_is_shape(got));
}

/* Saved and loaded again it is the same. */
TEST_EACH(saved, cases)
{
    sluice_names names = cases[_i].names;
    names.struct_size = sizeof names;
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_model) again = NULL;
    load(cases[_i].tensors, NULL, &names, &model, cases[_i].name);
    SUCCEEDS(sluice_model_save, model, test_path("model"), NULL);
    SUCCEEDS(sluice_model_load, test_path("model"), NULL, &again);
    check_same(cases[_i].name, again, model);
}

/* How a file was read is nothing for one that is written. */
TEST(saved_names)
{
    static const sluice_names given[] = {
        {.lstm = "a"},          {.head_activation = "relu"}, {.head_input = "last"}, {.to = "a"},
        {.activation = "tanh"}, {.onnx_clip = "ort"},        {.network = "name"},    {.recurrent_activation = "sigmoid"}};
    OWNED_HANDLE(sluice_model) model = NULL;
    load(BARE("a.", "3", "4", "16"), NULL, NULL, &model, "a shape");
    for (size_t k = 0; k < sizeof given / sizeof *given; k++) {
        sluice_names names = given[k];
        names.struct_size = sizeof names;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "is given, but", sluice_model_save, model, test_path("model"), &names);
    }
}

/* ---- What stays a shape ---------------------------------------------------------------------------------------------------- */

TEST(stays_shape)
{
    static const sluice_names names[] = {{.lstm = "a"}, {.lstm = "a."}, {.prefix = "a."}};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        sluice_names given = names[k];
        given.struct_size = sizeof given;
        OWNED_HANDLE(sluice_model) model = NULL;
        load(LSTM("a.", "3", "4", "16") BARE("b.", "3", "4", "16") DENSE("fc", "2", "4"), NULL, &given, &model, "a shape");
        ck_assert(sluice_model_is_shape(model));
        ck_assert(strstr(sluice_model_get_notes(model), "prefix \"a.\", head \"fc\""));
    }
}

/* A stem that has a comma is one stem. */
TEST(comma_in_name)
{
    const sluice_names names = {.struct_size = sizeof names, .head = "fc,1"};
    OWNED_HANDLE(sluice_model) model = NULL;
    load(BARE("a.", "3", "4", "16") "fc,1.weight F32 2,4;", NULL, &names, &model, "a comma");
    ck_assert(sluice_model_is_shape(model));
}

/* Class names are those of the last layer; the notes say what else is there. */
TEST(classes_and_notes)
{
    const sluice_names names = {.struct_size = sizeof names, .lstm = "l1,l2", .head = "fc1,fc2"};
    OWNED_HANDLE(sluice_model) model = NULL;
    load(BARE("l1.", "3", "4", "16") BARE("l2.", "4", "4", "16")
             BARE("l3.", "4", "4", "16") "fc1.weight F64 6,4;fc2.weight F16 2,6;"
                                         "before.weight F32 3,9;",
         "{\"classes\":\"no,yes\"}", &names, &model, "classes");
    ck_assert_str_eq(sluice_model_get_class(model, 1), "yes");
    ck_assert_str_eq(sluice_model_get_notes(model),
                     "names: torch, prefixes \"l1.\", \"l2.\", head \"fc1\", \"fc2\", no embedding\n"
                     "types: weights of type F16 were widened to F32\n"
                     "types: weights of type F64 were rounded to F32\n"
                     "layers: 1 that may belong to the network, by their sizes, are not run: \"before\" [3][9]\n"
                     "layers: recurrent ones beside that of prefix \"l1.\" are not run: \"l3.\" (LSTM)\n"
                     "ignored: \"before.weight\" F32 [3][9]\n"
                     "ignored: \"l3.weight_hh_l0\" F32 [16][4]\n"
                     "ignored: \"l3.weight_ih_l0\" F32 [16][4]");
}

/* Doubles are rounded to the nearest float, in a shape and in a network. */
TEST(doubles)
{
    static const char tensors[] = "weight_ih_l0 F64 4,1;weight_hh_l0 F64 4,1;fc.weight F64 2,1;";
    for (int k = 0; k < 2; k++) {
        const sluice_names names = {.struct_size = sizeof names, .head_input = k ? "final" : NULL};
        uint64_t state = test_seed(), again = state;
        OWNED(test_bytes) file = test_safetensors_network(tensors, NULL, &state);
        OWNED_HANDLE(sluice_model) model = NULL;
        SUCCEEDS(sluice_model_load_memory, file.data, file.size, &names, &model);
        const float *weight = sluice_model_get_parameter(model, 0, 0, SLUICE_TENSOR_WEIGHT_IH, NULL);
        for (size_t j = 0; j < 4; j++) {
            const uint64_t bits = test_dtype_random("F64", &again);
            double wide;
            memcpy(&wide, &bits, sizeof wide);
            ck_assert_msg(weight[j] == (float)wide && (double)weight[j] != wide, "%zu: %.17g of %.17g", j, weight[j], wide);
        }
    }
}

/* ---- What is refused ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *tensors;
    sluice_names names;
    sluice_status status;
    const char *part;
} refused[] = {
    {"sizes that do not fit",
     BARE("a.", "3", "4", "16") BARE("b.", "5", "2", "8"),
     {.lstm = "a,b"},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"b.weight_ih_l0\": expected 4 inputs, which the LSTM \"a.\" before it gives, found 5"},
    {"an LSTM that is not there",
     BARE("a.", "3", "4", "16"),
     {.lstm = "a,bb"},
     SLUICE_STATUS_BAD_DATA,
     "expected a tensor named \"bb.weight_ih_l0\""},
    {"an empty name", BARE("a.", "3", "4", "16"), {.lstm = "a,"}, SLUICE_STATUS_BAD_DATA, "expected a tensor named"},
    {"both ways to name it",
     BARE("a.", "3", "4", "16"),
     {.lstm = "a", .prefix = "a."},
     SLUICE_STATUS_BAD_ARGUMENT,
     "names.lstm is \"a\" and names.prefix \"a.\": give one of them"},
    {"a layer without a projection",
     PROJECTED("", "l0", "3") "weight_ih_l1 F32 16,2;weight_hh_l1 F32 16,2;",
     {0},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"weight_hr_l1\" is missing: expected a projection in every layer and direction"},
    {"a projection beside equal sizes",
     BARE("", "3", "4", "16") "weight_hr_l0 F32 2,4;",
     {0},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"weight_hr_l0\": expected shape [4][4] ([P][H]), found [2][4]"},
    {"a dense layer of another width",
     BARE("a.", "3", "4", "16") "f.weight F32 6,4;g.weight F32 2,5;",
     {.head = "f,g"},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"g.weight\": expected shape [2][6]"},
    {"a dense layer that is not there",
     BARE("a.", "3", "4", "16") "f.weight F32 6,4;",
     {.head = "f,gg"},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"gg.weight\" is missing, asked for as a dense layer; see --head-name (names.head)"},
    {"an empty stem",
     BARE("a.", "3", "4", "16") "f.weight F32 6,4;.weight F32 2,6;",
     {.head = "f,"},
     SLUICE_STATUS_BAD_DATA,
     "tensor \".weight\" is missing"},
    {"a bias of another length",
     BARE("a.", "3", "4", "16") "f.weight F32 6,4;f.bias F32 5;g.weight F32 2,6;",
     {.head = "f,g"},
     SLUICE_STATUS_BAD_DATA,
     "tensor \"f.bias\": expected shape [6]"},
    {"bytes",
     BARE("a.", "3", "4", "16") "f.weight I8 6,4;g.weight F32 2,6;",
     {.head = "f,g"},
     SLUICE_STATUS_BAD_DATA,
     "expected type F32, F16, BF16 or F64, found I8"},
    {"an unknown function",
     BARE("a.", "3", "4", "16") DENSE("f", "2", "4"),
     {.head_activation = "rellu"},
     SLUICE_STATUS_BAD_ARGUMENT,
     "of linear, sigmoid, tanh, hard_sigmoid, relu, leaky_relu, elu, selu, softplus, softsign, swish, gelu, gelu_tanh, softmax, "
     "found \"rellu\""},
    {"a function with parameters",
     BARE("a.", "3", "4", "16") DENSE("f", "2", "4"),
     {.head_activation = "affine"},
     SLUICE_STATUS_BAD_ARGUMENT,
     "found \"affine\""},
    {"too many functions",
     BARE("a.", "3", "4", "16") DENSE("f", "2", "4"),
     {.head_activation = "relu,softmax"},
     SLUICE_STATUS_BAD_ARGUMENT,
     "expected at most one function for each of 1 dense layers, found 2"},
    {"an unknown input",
     BARE("a.", "3", "4", "16") DENSE("f", "2", "4"),
     {.head_input = "first"},
     SLUICE_STATUS_BAD_ARGUMENT,
     "expected every, final or last, found \"first\""},
    {"an activation of no head",
     BARE("a.", "3", "4", "16"),
     {.head_activation = "relu"},
     SLUICE_STATUS_BAD_DATA,
     "--head-activation (names.head_activation) is given, but there is no head; name it with --head-name"},
    {"an input of none that was clear",
     BARE("a.", "3", "4", "16") "f.weight F32 6,4;g.weight F32 2,4;",
     {.head_input = "last"},
     SLUICE_STATUS_BAD_DATA,
     "--head-input (names.head_input) is given, but there is no head: none, as 2 tensors could be it"},
    {"Keras's activation",
     BARE("a.", "3", "4", "16"),
     {.activation = "relu"},
     SLUICE_STATUS_BAD_ARGUMENT,
     "names.activation is \"relu\", but this is no Keras file"},
    {"a last layer", BARE("a.", "3", "4", "16"), {.to = "a"}, SLUICE_STATUS_BAD_ARGUMENT, "this is no Keras or ONNX file"},
    {"ONNX's clip", BARE("a.", "3", "4", "16"), {.onnx_clip = "ort"}, SLUICE_STATUS_BAD_ARGUMENT, "this is no ONNX file"},
};

TEST(refusals)
{
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        uint64_t state = test_seed();
        sluice_names names = refused[k].names;
        names.struct_size = sizeof names;
        OWNED(test_bytes) file = test_safetensors_network(refused[k].tensors, NULL, &state);
        sluice_model *model = NULL;
        sluice_error error = {0};
        const sluice_status status = sluice_model_load_memory(file.data, file.size, &names, &model, &error);
        ck_assert_msg(status == refused[k].status && !model, "%s: %s (%s)", refused[k].name, sluice_status_get_name(status),
                      error.message);
        test_check_message(refused[k].name, &error, refused[k].status, refused[k].part);
    }
}

/* 129 LSTMs, and 129 layers. */
TEST(too_many)
{
    enum { MOST = SLUICE_MAX_LAYERS };
    char list[2 * MOST + 2] = "a";
    for (size_t k = 0; k < MOST; k++)
        strcat(list, ",a");
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(BARE("a.", "4", "4", "16"), NULL, &state);
    sluice_names names = {.struct_size = sizeof names, .lstm = list};
    sluice_model *model = NULL;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "at most 128 LSTMs, found 129", sluice_model_load_memory, file.data, file.size, &names,
            &model);
    list[2 * MOST - 1] = '\0';
    SUCCEEDS(sluice_model_load_memory, file.data, file.size, &names, &model);
    sluice_model_destroy(model);
    OWNED(test_bytes) headed = test_safetensors_network(BARE("a.", "4", "4", "16") "fc.weight F32 4,4;", NULL, &state);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "more than 128 layers", sluice_model_load_memory, headed.data, headed.size, &names, &model);
}

/* A description names everything. */
TEST(described_file)
{
    static const sluice_names given[] = {{.lstm = "a"}, {.head_activation = "relu"}, {.head_input = "last"}, {.prefix = "a."}};
    uint64_t state = test_seed();
    OWNED(test_bytes)
    file = test_described_file(NET("3", "{\"kind\":\"lstm\",\"name\":\"a\",\"units\":4," BARE_CELL "}"), "",
                               BARE("a.", "3", "4", "16"), &state);
    for (size_t k = 0; k < sizeof given / sizeof *given; k++) {
        sluice_names names = given[k];
        names.struct_size = sizeof names;
        sluice_model *model = NULL;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "the file has a description", sluice_model_load_memory, file.data, file.size, &names,
                &model);
    }
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
