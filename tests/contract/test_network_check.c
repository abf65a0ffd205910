/* What sluice_model_create_network, the reading of models of networks, and sluice_forward refuse: status, layer and place of each message,
 * and that nothing is made or written. */
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_network.h"

#include <math.h>
#include <stddef.h>

/* ---- A valid network, and what is changed in it ---------------------------------------------------------------------------- */

enum { LAYERS = 8 };

typedef struct chain {
    sluice_network network;
    sluice_layer layers[LAYERS];
    sluice_cell cells[2];
} chain;

#define LAYER(kind_, ...)                                                                                                          \
    {                                                                                                                              \
        .struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_##kind_, __VA_ARGS__                                             \
    }

/* It points into itself. */
static void make_chain(chain *made)
{
    const chain valid = {
        .network = {.struct_size = sizeof(sluice_network), .layer_count = LAYERS},
        .layers = {LAYER(EMBEDDING, .name = "words", .units = 3, .vocabulary = 5),
                   LAYER(LSTM, .name = "deep", .units = 4, .direction = SLUICE_DIRECTION_BOTH, .projection = 2),
                   LAYER(DENSE, .name = "dense", .units = 3, .has_bias = 1, .activation = {.function = SLUICE_FUNCTION_RELU}),
                   LAYER(AFFINE, .name = "scale"), LAYER(ACTIVATION, .activation = {.function = SLUICE_FUNCTION_TANH}),
                   LAYER(LSTM, .name = "top", .units = 2), LAYER(REDUCE, .name = "mean", .steps = SLUICE_STEPS_MEAN),
                   LAYER(DENSE, .name = "last", .units = 2, .activation = {.function = SLUICE_FUNCTION_SOFTMAX})},
        .cells = {{.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS}, {.struct_size = sizeof(sluice_cell)}}};
    memcpy(made, &valid, sizeof valid);
    made->network.layers = made->layers;
    made->layers[1].cells = made->cells;
}

/* A field that gets another value. */
typedef struct change {
    size_t at, bytes;
    const void *value;
} change;

#define CHANGE(at_, type, field, value_)                                                                                           \
    {                                                                                                                              \
        (at_) + offsetof(type, field), sizeof(((type *)NULL)->field), &(const __typeof__(((type *)NULL)->field))                   \
        {                                                                                                                          \
            value_                                                                                                                 \
        }                                                                                                                          \
    }
#define NETWORK(field, value) CHANGE(offsetof(chain, network), sluice_network, field, value)
#define OF(layer, field, value) CHANGE(offsetof(chain, layers) + (layer) * sizeof(sluice_layer), sluice_layer, field, value)
#define CELL(d, field, value) CHANGE(offsetof(chain, cells) + (d) * sizeof(sluice_cell), sluice_cell, field, value)

typedef struct bad_network {
    const char *message; /* part of it */
    change changes[3];
    sluice_status status; /* 0: BAD_ARGUMENT */
} bad_network;

static const sluice_cell any_cell = {.struct_size = sizeof any_cell};

static const bad_network bad_networks[] = {
    {"struct_size of sluice_network is 0", {NETWORK(struct_size, 0)}},
    {"network: 0 layers; expected 1..128", {NETWORK(layer_count, 0)}},
    {"network: 129 layers; expected 1..128", {NETWORK(layer_count, 129)}},
    {"network: 200 layers; expected 1..128", {NETWORK(layer_count, 200)}},
    {"network: layers is NULL; expected 8", {NETWORK(layers, NULL)}},
    {"struct_size of sluice_layer is 3", {OF(0, struct_size, 3)}},
    {"sluice_network: struct_size of sluice_layer is 0", {OF(4, struct_size, 0)}},
    {"sluice_layer: struct_size of sluice_cell is 7", {CELL(0, struct_size, 7)}},
    {"sluice_layer: struct_size of sluice_cell is 0", {CELL(1, struct_size, 0)}},
    /* Kinds and their order */
    {"layer 2 \"dense\": kind 0 is not known", {OF(2, kind, 0)}},
    {"layer 2 \"dense\": kind 7 is not known", {OF(2, kind, 7)}},
    {"layer 2 \"dense\": kind -1 is not known", {OF(2, kind, (sluice_layer_kind)-1)}},
    {"layer 5 \"top\": an embedding can only be the first layer", {OF(5, kind, SLUICE_LAYER_EMBEDDING)}},
    {"layer 0 \"words\": the network has 4 inputs, but an embedding reads tokens", {NETWORK(inputs, 4)}},
    {"layer 0 \"words\": the network has no inputs", {OF(0, kind, SLUICE_LAYER_LSTM), OF(0, vocabulary, 0)}},
    {"layer 0 \"words\": the network has no inputs",
     {OF(0, kind, SLUICE_LAYER_ACTIVATION), OF(0, vocabulary, 0), OF(0, units, 0)}}, /* softmax over nothing among these */
    {"layer 5 \"top\": it needs steps, but a layer before it gives one vector for a row", {OF(1, steps, SLUICE_STEPS_FINAL)}},
    {"layer 5 \"top\": it needs steps, but a layer before it gives one vector for a row", {OF(1, steps, SLUICE_STEPS_LAST)}},
    {"layer 6 \"mean\": it needs steps, but a layer before it", {OF(5, steps, SLUICE_STEPS_LAST)}},
    {"layer 1 \"deep\": a reduction stands behind the last LSTM layer, and there is none before it",
     {OF(1, kind, SLUICE_LAYER_REDUCE), OF(1, units, 0), OF(1, steps, SLUICE_STEPS_MAX)}},
    {"layer 0 \"words\": it is the last layer, and none is an LSTM", {NETWORK(layer_count, 1)}},
    /* Names */
    {"layer 3 \"\": expected a name, found \"\"", {OF(3, name, "")}},
    {"its name has a control character", {OF(3, name, "a\tb")}},
    {"its name has a control character", {OF(3, name, "\x1b[31m")}},
    {"layer 5 \"deep\": layer 1 has the same name", {OF(5, name, "deep")}},
    {"layer 5 \"activation_1\": layer 4 has the same name, made for one of them", {OF(5, name, "activation_1")}},
    {"layer 4 \"activation_1\": layer 2 has the same name, made for one of them", {OF(2, name, "activation_1")}},
    /* Sizes */
    {"layer 0 \"words\": units 0; expected 1 or more", {OF(0, units, 0)}},
    {"layer 1 \"deep\": units 0; expected 1 or more", {OF(1, units, 0)}},
    {"layer 2 \"dense\": units 0; expected 1 or more", {OF(2, units, 0)}},
    {"layer 3 \"scale\": units 3; such a layer has as many as the one before: 0", {OF(3, units, 3)}},
    {"layer 4: units 1; such a layer has as many", {OF(4, units, 1)}},
    {"layer 6 \"mean\": units 2; such a layer has as many", {OF(6, units, 2)}},
    {"layer 0 \"words\": vocabulary 0; expected 1..2147483647", {OF(0, vocabulary, 0)}},
    {"layer 0 \"words\": vocabulary 2147483648; expected 1..2147483647", {OF(0, vocabulary, (size_t)1 << 31)}},
    {"layer 1 \"deep\": projection 5; expected 1..4, its hidden units, or 0", {OF(1, projection, 5)}},
    {"the size of the model does not fit", {OF(2, units, SIZE_MAX / 8)}, SLUICE_STATUS_TOO_LARGE},
    {"the size of the model does not fit", {OF(5, units, (size_t)1 << 40)}, SLUICE_STATUS_TOO_LARGE},
    {"the size of the model does not fit", {OF(0, units, SIZE_MAX)}, SLUICE_STATUS_TOO_LARGE},
    /* Masking */
    {"network: masking 3 is not known", {NETWORK(masking, 3)}},
    {"network: masking -1 is not known", {NETWORK(masking, (sluice_masking)-1)}},
    {"network: it masks steps by their inputs, but reads tokens", {NETWORK(masking, SLUICE_MASKING_VALUE)}},
    {"network: mask_value 2; expected 0, as no step is masked by its inputs", {NETWORK(mask_value, 2)}},
    {"network: mask_value 2; expected 0, as no step", {NETWORK(mask_value, 2), NETWORK(masking, SLUICE_MASKING_TOKEN)}},
    {"network: mask_value nan; expected 0", {NETWORK(mask_value, NAN)}},
    /* Options of layers */
    {"layer 1 \"deep\": direction 3 or merge 0 is not known", {OF(1, direction, 3)}},
    {"layer 1 \"deep\": direction 2 or merge 4 is not known", {OF(1, merge, 4)}},
    {"layer 5 \"top\": steps 3: an LSTM layer gives all steps", {OF(5, steps, SLUICE_STEPS_MEAN)}},
    {"layer 5 \"top\": a merge is given, but the layer has one direction", {OF(5, merge, SLUICE_MERGE_MEAN)}},
    {"layer 5 \"top\": processing_order is for a layer of the reverse direction alone", {OF(5, processing_order, 1)}},
    {"layer 1 \"deep\": processing_order is for a layer of the reverse direction alone", {OF(1, processing_order, 1)}},
    {"layer 6 \"mean\": steps 0: a reduction takes", {OF(6, steps, SLUICE_STEPS_ALL)}},
    {"layer 6 \"mean\": steps 1: a reduction takes", {OF(6, steps, SLUICE_STEPS_FINAL)}},
    {"layer 6 \"mean\": steps 5: a reduction takes", {OF(6, steps, 5)}},
    {"layer 2 \"dense\": vocabulary is for an embedding", {OF(2, vocabulary, 5)}},
    {"layer 3 \"scale\": has_bias is for a dense layer", {OF(3, has_bias, 1)}},
    {"layer 2 \"dense\": steps is for an LSTM layer or a reduction", {OF(2, steps, SLUICE_STEPS_LAST)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, direction, SLUICE_DIRECTION_BOTH)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, merge, SLUICE_MERGE_SUM)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, projection, 1)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, cells, &any_cell)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, processing_order, 1)}},
    {"layer 2 \"dense\": a field of LSTM layers is set", {OF(2, masked_outputs_zero, 1)}},
    {"layer 0 \"words\": activation is for dense, affine and activation layers",
     {OF(0, activation.function, SLUICE_FUNCTION_TANH)}},
    {"layer 5 \"top\": activation is for dense, affine and activation layers", {OF(5, activation.function, SLUICE_FUNCTION_TANH)}},
    {"layer 6 \"mean\": activation is for dense, affine and activation layers", {OF(6, activation.function, SLUICE_FUNCTION_TANH)}},
    {"layer 2 \"dense\": activation: function 18 is not known", {OF(2, activation.function, SLUICE_FUNCTION_SOFTMAX + 1)}},
    {"layer 2 \"dense\": activation: function -2 is not known", {OF(2, activation.function, (sluice_function)-2)}},
    {"layer 3 \"scale\": activation: expected finite parameters, found alpha nan", {OF(3, activation.alpha, NAN)}},
    {"layer 3 \"scale\": activation: expected finite parameters, found alpha 0, beta -inf", {OF(3, activation.beta, -INFINITY)}},
    /* Cells, of either direction */
    {"layer 1 \"deep\": gate: softmax is a function of layers", {CELL(0, gate.function, SLUICE_FUNCTION_SOFTMAX)}},
    {"layer 1 \"deep\": candidate: softmax is a function of layers", {CELL(1, candidate.function, SLUICE_FUNCTION_SOFTMAX)}},
    {"layer 1 \"deep\": output: softmax is a function of layers", {CELL(1, output.function, SLUICE_FUNCTION_SOFTMAX)}},
    {"layer 1 \"deep\": gate: function 40 is not known", {CELL(1, gate.function, 40)}},
    {"layer 1 \"deep\": candidate: expected finite parameters", {CELL(0, candidate.alpha, INFINITY)}},
    {"layer 1 \"deep\": output: expected finite parameters", {CELL(0, output.beta, NAN)}},
    {"layer 1 \"deep\": gate_clip: expected a finite limit > 0, or 0 for none, found nan", {CELL(0, gate_clip, NAN)}},
    {"layer 1 \"deep\": gate_clip: expected a finite limit > 0, or 0 for none, found -1", {CELL(1, gate_clip, -1)}},
    {"layer 1 \"deep\": cell_clip: expected a finite limit > 0, or 0 for none, found inf", {CELL(0, cell_clip, INFINITY)}},
    {"layer 1 \"deep\": projection_clip: expected a finite limit > 0, or 0 for none, found nan", {CELL(1, projection_clip, NAN)}},
    {"layer 1 \"deep\": parts 0x41 has bits that are not known, 0x40", {CELL(0, parts, 0x41)}},
    {"layer 1 \"deep\": forget_bias: expected a finite number, found nan", {CELL(1, forget_bias, NAN)}},
    {"layer 1 \"deep\": a cell with layer normalisation has no bias",
     {CELL(0, parts, SLUICE_PART_NORM | SLUICE_PART_BIAS), CELL(0, norm_epsilon, 1)}},
    {"layer 1 \"deep\": norm_epsilon: expected a finite number > 0, found 0", {CELL(1, parts, SLUICE_PART_NORM)}},
    {"layer 1 \"deep\": norm_epsilon: expected a finite number > 0, found inf",
     {CELL(1, parts, SLUICE_PART_NORM), CELL(1, norm_epsilon, INFINITY)}},
    {"layer 1 \"deep\": a projection's bias or clip is given, but the layer has no projection",
     {OF(1, projection, 0), CELL(1, parts, SLUICE_PART_PROJECTION_BIAS)}},
    {"layer 1 \"deep\": a projection's bias or clip is given, but the layer has no projection",
     {OF(1, projection, 0), CELL(0, projection_clip, 1)}},
};

/* The network has to be refused, and *model to be NULL. */
static void check_refused(const sluice_network *network, const sluice_parameter *parameters, size_t count, sluice_status status,
                          const char *message)
{
    sluice_error error = {0};
    sluice_model *model = (sluice_model *)&error;
    const sluice_status got = sluice_model_create_network(network, parameters, count, NULL, &model, &error);
    ck_assert_msg(got == status, "expected \"%s\", found status %d, \"%s\"", message, got, error.message);
    test_check_message(message, &error, status, message);
    ck_assert_ptr_null(model);
}

TEST(bad_networks_are_refused)
{
    for (size_t k = 0; k < sizeof bad_networks / sizeof bad_networks[0]; k++) {
        const bad_network *bad = &bad_networks[k];
        chain made;
        make_chain(&made);
        for (size_t j = 0; j < 3 && bad->changes[j].bytes; j++)
            memcpy((char *)&made + bad->changes[j].at, bad->changes[j].value, bad->changes[j].bytes);
        check_refused(&made.network, NULL, 0, bad->status ? bad->status : SLUICE_STATUS_BAD_ARGUMENT, bad->message);
    }
    check_refused(NULL, NULL, 0, SLUICE_STATUS_BAD_ARGUMENT, "sluice_network is NULL");
}

/* ---- Models ---------------------------------------------------------------------------------------------------------------- */

static const float values[64];

#define PARAMETER(layer_, direction_, tensor_, count_)                                                                             \
    {                                                                                                                              \
        layer_, direction_, SLUICE_TENSOR_##tensor_, count_, values                                                                \
    }

/* Of make_chain's network: all that it needs, the bias of the second direction's cell aside, which has none. */
static const sluice_parameter all_parameters[] = {
    PARAMETER(0, 0, EMBEDDING, 15), PARAMETER(1, 0, WEIGHT_IH, 48), PARAMETER(1, 0, WEIGHT_HH, 32), PARAMETER(1, 0, BIAS, 16),
    PARAMETER(1, 0, PROJECTION, 8), PARAMETER(1, 1, WEIGHT_IH, 48), PARAMETER(1, 1, WEIGHT_HH, 32), PARAMETER(1, 1, PROJECTION, 8),
    PARAMETER(2, 0, WEIGHT, 12),    PARAMETER(2, 0, BIAS, 3),       PARAMETER(3, 0, SCALE, 3),      PARAMETER(3, 0, SHIFT, 3),
    PARAMETER(5, 0, WEIGHT_IH, 24), PARAMETER(5, 0, WEIGHT_HH, 16), PARAMETER(5, 0, BIAS, 8),       PARAMETER(7, 0, WEIGHT, 4),
};
enum { ALL = sizeof all_parameters / sizeof all_parameters[0] };

/* With parameter k changed to another, or left out where that has no count. */
static void check_parameter(size_t k, sluice_parameter changed, sluice_status status, const char *message)
{
    chain made;
    sluice_parameter parameters[ALL];
    make_chain(&made);
    memcpy(parameters, all_parameters, sizeof parameters);
    parameters[k] = changed;
    const bool is_left_out = !changed.values && !changed.count;
    if (is_left_out)
        parameters[k] = parameters[ALL - 1];
    check_refused(&made.network, parameters, is_left_out ? ALL - 1 : ALL, status, message);
}

TEST(bad_parameters_are_refused)
{
    const sluice_status bad = SLUICE_STATUS_BAD_ARGUMENT;
    float broken[64] = {0};
    const sluice_parameter left_out = {0};
    check_parameter(2, (sluice_parameter)PARAMETER(8, 0, BIAS, 3), bad, "a parameter is of layer 8; the network has 8");
    check_parameter(2, (sluice_parameter)PARAMETER(SIZE_MAX, 0, BIAS, 3), bad, "a parameter is of layer 18446744073709551615");
    check_parameter(2, (sluice_parameter)PARAMETER(6, 0, WEIGHT, 3), bad, "layer 6 \"mean\": weight (tensor ");
    check_parameter(2, (sluice_parameter)PARAMETER(1, 2, BIAS, 16), bad, "layer 1 \"deep\": bias of the second direction (tensor ");
    check_parameter(2, (sluice_parameter)PARAMETER(5, 1, BIAS, 8), bad, "direction 1): the network has no such parameter");
    check_parameter(2, (sluice_parameter)PARAMETER(7, 0, BIAS, 2), bad, "layer 7 \"last\": bias (tensor ");
    check_parameter(2, (sluice_parameter)PARAMETER(1, 0, PEEPHOLES, 12), bad, "layer 1 \"deep\": peepholes (tensor ");
    check_parameter(2, (sluice_parameter){1, 0, (sluice_tensor)99, 1, values}, bad, "(tensor 99, direction 0): the network has no");
    check_parameter(2, (sluice_parameter){1, 0, (sluice_tensor)-1, 1, values}, bad, "(tensor -1, direction 0): the network has no");
    check_parameter(2, all_parameters[1], bad, "layer 1 \"deep\": weight_ih: is given twice");
    check_parameter(8, (sluice_parameter)PARAMETER(2, 0, WEIGHT, 11), bad,
                    "layer 2 \"dense\": weight: expected 12 floats, found 11");
    check_parameter(8, (sluice_parameter){2, 0, SLUICE_TENSOR_WEIGHT, 12, NULL}, bad, "expected 12 floats, found 0");
    for (size_t k = 0; k + 1 < ALL; k++)
        check_parameter(k, left_out, bad, ": is not given; expected ");
    check_parameter(6, left_out, bad, "layer 1 \"deep\": weight_hh of the second direction: is not given; expected 16 x 2 floats");
    broken[2] = NAN;
    check_parameter(9, (sluice_parameter){2, 0, SLUICE_TENSOR_BIAS, 3, broken}, SLUICE_STATUS_BAD_DATA,
                    "layer 2 \"dense\": bias: element [2] is NaN");
    broken[2] = -INFINITY;
    check_parameter(9, (sluice_parameter){2, 0, SLUICE_TENSOR_BIAS, 3, broken}, SLUICE_STATUS_BAD_DATA, "element [2] is infinite");
    chain made;
    sluice_error error = {0};
    make_chain(&made);
    check_refused(&made.network, NULL, 3, bad, "sluice_model_create_network: parameters is NULL");
    ck_assert_int_eq(sluice_model_create_network(&made.network, all_parameters, ALL, NULL, NULL, &error), bad);
    test_names(&error, "sluice_model_create_network: model is NULL");
}

static sluice_model *make_model(const sluice_network *network)
{
    sluice_model *model = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_model_create_network(network, all_parameters, ALL, NULL, &model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
    return model;
}

TEST(class_names)
{
    static const char *const names[] = {"one", NULL}, *const good[] = {"one", "two"};
    chain made;
    sluice_model *model;
    sluice_error error = {0};
    make_chain(&made);
    ck_assert_int_eq(sluice_model_create_network(&made.network, all_parameters, ALL, names, &model, &error),
                     SLUICE_STATUS_BAD_ARGUMENT);
    test_names(&error, "class_names[1] is NULL");
    ck_assert_ptr_null(model);
    ck_assert_int_eq(sluice_model_create_network(&made.network, all_parameters, ALL, good, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(sluice_model_get_class(model, 1), "two");
    ck_assert_ptr_null(sluice_model_get_class(model, 2));
    sluice_model_destroy(model);
}

/* What a model says of its network, and what it does not. */
TEST(reading)
{
    chain made;
    make_chain(&made);
    sluice_model *model = make_model(&made.network);
    sluice_network network = {.struct_size = 1};
    size_t count = 99;
    ck_assert_int_eq(sluice_model_get_network(model, &network), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sluice_model_get_network(model, NULL), SLUICE_STATUS_BAD_ARGUMENT);
    network.struct_size = sizeof network;
    ck_assert_int_eq(sluice_model_get_network(NULL, &network), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sluice_model_get_network(model, &network), SLUICE_STATUS_OK);
    ck_assert(network.layer_count == LAYERS && network.inputs == 0);
    ck_assert_str_eq(network.layers[4].name, "activation_1");
    ck_assert_str_eq(network.layers[7].name, "last");
    ck_assert(network.layers[1].cells != made.cells && network.layers[1].cells[0].parts == SLUICE_PART_BIAS);
    const size_t widths[LAYERS] = {3, 4, 3, 3, 3, 2, 2, 2};
    for (size_t k = 0; k < LAYERS; k++)
        ck_assert_uint_eq(sluice_model_get_width(model, k), widths[k]);
    ck_assert_uint_eq(sluice_model_get_width(model, LAYERS), 0);
    ck_assert_ptr_nonnull(sluice_model_get_parameter(model, 1, 1, SLUICE_TENSOR_PROJECTION, &count));
    ck_assert_uint_eq(count, 8);
    ck_assert_ptr_null(sluice_model_get_parameter(model, 1, 2, SLUICE_TENSOR_PROJECTION, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(sluice_model_get_parameter(model, LAYERS, 0, SLUICE_TENSOR_WEIGHT, NULL));
    ck_assert_ptr_null(sluice_model_get_parameter(model, 1, 0, (sluice_tensor)99, NULL));
    sluice_model_destroy(model);
}

/* ---- Structs of other versions --------------------------------------------------------------------------------------------- */

/* Elements of a newer version, which are larger. */
typedef struct newer_layer {
    sluice_layer layer;
    size_t more[3];
} newer_layer;

typedef struct newer_cell {
    sluice_cell cell;
    size_t more;
} newer_cell;

TEST(newer_structs)
{
    chain made;
    newer_layer layers[LAYERS] = {0};
    newer_cell cells[2] = {0};
    make_chain(&made);
    for (size_t k = 0; k < LAYERS; k++) {
        layers[k].layer = made.layers[k];
        layers[k].layer.struct_size = sizeof layers[k];
    }
    for (size_t d = 0; d < 2; d++) {
        cells[d].cell = made.cells[d];
        cells[d].cell.struct_size = sizeof cells[d];
    }
    layers[1].layer.cells = &cells[0].cell;
    made.network.layers = &layers[0].layer;
    sluice_model *model = make_model(&made.network);
    sluice_network network = {.struct_size = sizeof network};
    ck_assert_int_eq(sluice_model_get_network(model, &network), SLUICE_STATUS_OK);
    for (size_t k = 0; k < LAYERS; k++)
        ck_assert(network.layers[k].kind == made.layers[k].kind && network.layers[k].struct_size == sizeof(sluice_layer));
    ck_assert(network.layers[1].cells[1].struct_size == sizeof(sluice_cell) && network.layers[1].cells[1].parts == 0);
    sluice_model_destroy(model);

    layers[5].more[1] = 1;
    check_refused(&made.network, NULL, 0, SLUICE_STATUS_BAD_ARGUMENT, "sluice_layer has a field set that this library");
    layers[5].more[1] = 0;
    cells[1].more = 1;
    check_refused(&made.network, NULL, 0, SLUICE_STATUS_BAD_ARGUMENT, "sluice_cell has a field set that this library");
    cells[1].more = 0;
    layers[5].layer.struct_size = sizeof(sluice_layer);
    check_refused(&made.network, NULL, 0, SLUICE_STATUS_BAD_ARGUMENT, "struct_size of sluice_layer 5 is ");
    layers[5].layer.struct_size = sizeof layers[5];
    cells[1].cell.struct_size = sizeof(sluice_cell);
    check_refused(&made.network, NULL, 0, SLUICE_STATUS_BAD_ARGUMENT, "struct_size of sluice_cell 1 is ");
}

/* As many layers as there may be, and one more. */
TEST(most_layers)
{
    enum { MOST = SLUICE_MAX_LAYERS };
    sluice_layer layers[MOST + 1];
    sluice_network network = {.struct_size = sizeof network, .inputs = 2, .layer_count = MOST, .layers = layers};
    for (size_t k = 0; k <= MOST; k++)
        layers[k] = (sluice_layer)LAYER(ACTIVATION, .activation = {.function = SLUICE_FUNCTION_LINEAR});
    layers[0] = (sluice_layer)LAYER(LSTM, .units = 1);
    const sluice_parameter parameters[] = {PARAMETER(0, 0, WEIGHT_IH, 8), PARAMETER(0, 0, WEIGHT_HH, 4), PARAMETER(0, 0, BIAS, 4)};
    const float x[2] = {1, 2};
    float y = 7;
    sluice_model *model;
    sluice_engine *engine;
    ck_assert_int_eq(sluice_model_create_network(&network, parameters, 3, NULL, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_engine_create(model, NULL, &engine, NULL), SLUICE_STATUS_OK);
    const sluice_output last = {.layer = MOST - 1, .at = &y};
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = 1, .rows = 1, .x = x, .outputs = &last, .output_count = 1};
    ck_assert_int_eq(sluice_forward(engine, NULL, &batch, NULL), SLUICE_STATUS_OK);
    ck_assert(y == 0);
    sluice_engine_destroy(engine);
    sluice_model_destroy(model);
    network.layer_count = MOST + 1;
    check_refused(&network, parameters, 3, SLUICE_STATUS_BAD_ARGUMENT, "network: 129 layers; expected 1..128");
}

/* ---- Batches --------------------------------------------------------------------------------------------------------------- */

enum { ROWS = 2, STEPS = 3, FLOATS = 64 };

/* A network, its engine, and a batch with outputs that have room for all. */
typedef struct scene {
    chain chain;
    sluice_model *model;
    sluice_engine *engine;
    float arrays[6][FLOATS]; /* y, hn, cn, logits, and two outputs of layers */
    sluice_output outputs[SLUICE_MAX_OUTPUTS + 1];
    sluice_batch batch;
} scene;

static const int32_t tokens[ROWS * STEPS] = {0, 1, 2, 3, 4, 0};
static const uint8_t mask[ROWS * STEPS] = {1, 0, 1, 0, 0, 0};
static const float inputs[ROWS * STEPS * 3];

static void make_scene(scene *made)
{
    make_chain(&made->chain);
    made->model = make_model(&made->chain.network);
    ck_assert_int_eq(sluice_engine_create(made->model, NULL, &made->engine, NULL), SLUICE_STATUS_OK);
    test_prefill(made->arrays[0], 6 * FLOATS);
    memset(made->outputs, 0, sizeof made->outputs);
    made->outputs[0] = (sluice_output){.layer = 2, .at = made->arrays[4]};
    made->outputs[1] = (sluice_output){.layer = 7, .at = made->arrays[5]};
    made->batch = (sluice_batch){.struct_size = sizeof made->batch,
                                 .steps = STEPS,
                                 .rows = ROWS,
                                 .tokens = tokens,
                                 .mask = mask,
                                 .y = made->arrays[0],
                                 .hn = made->arrays[1],
                                 .cn = made->arrays[2],
                                 .logits = made->arrays[3],
                                 .outputs = made->outputs,
                                 .output_count = 2};
}

static void end_scene(scene *made)
{
    sluice_engine_destroy(made->engine);
    sluice_model_destroy(made->model);
}

/* The batch has to be refused, and nothing written. */
static void check_batch(scene *made, const sluice_batch *batch, sluice_status status, const char *message)
{
    sluice_error error = {0};
    const sluice_status got = sluice_forward(made->engine, NULL, batch, &error);
    ck_assert_msg(got == status, "expected \"%s\", found status %d, \"%s\"", message, got, error.message);
    test_check_message(message, &error, status, message);
    ck_assert_msg(test_prefilled(made->arrays[0], 6 * FLOATS), "%s: an output was written", message);
}

TEST(bad_outputs_are_refused)
{
    static const struct {
        const char *message;
        sluice_output output;
        sluice_status status;
        bool has_none; /* `at` stays NULL */
    } bad[] = {
        {"outputs of layer 8; the network has 8 layers", {.layer = 8}, SLUICE_STATUS_BAD_ARGUMENT, false},
        {"outputs of layer 18446744073709551615", {.layer = SIZE_MAX}, SLUICE_STATUS_BAD_ARGUMENT, false},
        {"outputs of layer 2, whose array is NULL", {.layer = 2}, SLUICE_STATUS_BAD_ARGUMENT, true},
        {"strides (row 8, step 3) make outputs of layer 2 \"dense\" overlap",
         {.layer = 2, .row_stride = 8, .step_stride = 3},
         SLUICE_STATUS_BAD_ARGUMENT,
         false},
        {"strides (row 1, step 0) make outputs of layer 7 \"last\" overlap",
         {.layer = 7, .row_stride = 1},
         SLUICE_STATUS_BAD_ARGUMENT,
         false},
        {"the size of outputs of a layer does not fit",
         {.layer = 2, .row_stride = SIZE_MAX / 4, .step_stride = 3},
         SLUICE_STATUS_TOO_LARGE,
         false},
        {"the size of outputs of a layer does not fit",
         {.layer = 2, .row_stride = 9, .step_stride = SIZE_MAX / 2},
         SLUICE_STATUS_TOO_LARGE,
         false},
    };
    scene made;
    make_scene(&made);
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        made.outputs[1] = bad[k].output;
        made.outputs[1].at = bad[k].has_none ? NULL : made.arrays[5];
        check_batch(&made, &made.batch, bad[k].status, bad[k].message);
    }
    sluice_batch batch = made.batch;
    batch.output_count = SLUICE_MAX_OUTPUTS + 1;
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "17 outputs of layers; expected at most 16");
    batch.output_count = 1;
    batch.outputs = NULL;
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "1 outputs of layers, but outputs is NULL");
    end_scene(&made);
}

TEST(bad_batches_are_refused)
{
    scene made;
    make_scene(&made);
    sluice_batch batch = made.batch;
    batch.x = inputs;
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "x is given, but the model has an embedding");
    batch = made.batch;
    batch.step_logits = made.arrays[3];
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "the network gives one vector for each row; ask for logits");
    batch = made.batch;
    batch.mask_row_stride = SIZE_MAX / 2;
    check_batch(&made, &batch, SLUICE_STATUS_TOO_LARGE, "the size of the mask");
    batch = made.batch;
    batch.tokens = (const int32_t[ROWS * STEPS]){0, 1, 2, 3, 5, 0};
    sluice_error error;
    ck_assert_int_eq(sluice_forward(made.engine, NULL, &batch, &error), SLUICE_STATUS_BAD_DATA);
    ck_assert(error.row == 1 && error.step == 1 && test_prefilled(made.arrays[0], 6 * FLOATS));
    sluice_streams *streams;
    ck_assert_int_eq(sluice_streams_create(made.engine, 2, &streams, &error), SLUICE_STATUS_UNSUPPORTED);
    test_names(&error, "streams: expected a network of one direction, found 2");
    ck_assert_ptr_null(streams);
    end_scene(&made);
}

/* Networks that end in other ways than with logits. */
TEST(ends)
{
    scene made;
    make_scene(&made);
    end_scene(&made);
    sluice_batch batch = made.batch;
    made.chain.network.layer_count = 5; /* an activation at every step */
    sluice_error error = {0};
    ck_assert_int_eq(sluice_model_create_network(&made.chain.network, all_parameters, 12, NULL, &made.model, &error), 0);
    ck_assert_int_eq(sluice_engine_create(made.model, NULL, &made.engine, NULL), SLUICE_STATUS_OK);
    batch.output_count = 0;
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "the network gives outputs at every step; ask for step_logits");
    end_scene(&made);
    made.chain.network.layer_count = 2;
    ck_assert_int_eq(sluice_model_create_network(&made.chain.network, all_parameters, 8, NULL, &made.model, &error), 0);
    ck_assert_int_eq(sluice_engine_create(made.model, NULL, &made.engine, NULL), SLUICE_STATUS_OK);
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "logits are asked for, but the model has no head");
    batch.logits = NULL;
    batch.step_logits = made.arrays[3];
    check_batch(&made, &batch, SLUICE_STATUS_BAD_ARGUMENT, "step_logits are asked for, but the model has no head");
    end_scene(&made);
}

/* States of streams are of one network's sizes. */
TEST(streams_of_another_network)
{
    sluice_layer layers[] = {LAYER(LSTM, .units = 4), LAYER(LSTM, .units = 2)};
    sluice_network network = {.struct_size = sizeof network, .inputs = 3, .layer_count = 2, .layers = layers};
    const sluice_parameter parameters[] = {PARAMETER(0, 0, WEIGHT_IH, 48), PARAMETER(0, 0, WEIGHT_HH, 64),
                                           PARAMETER(0, 0, BIAS, 16),      PARAMETER(1, 0, WEIGHT_IH, 32),
                                           PARAMETER(1, 0, WEIGHT_HH, 16), PARAMETER(1, 0, BIAS, 8)};
    const sluice_parameter others[] = {PARAMETER(0, 0, WEIGHT_IH, 24), PARAMETER(0, 0, WEIGHT_HH, 16), PARAMETER(0, 0, BIAS, 8),
                                       PARAMETER(1, 0, WEIGHT_IH, 32), PARAMETER(1, 0, WEIGHT_HH, 64), PARAMETER(1, 0, BIAS, 16)};
    sluice_model *models[2];
    sluice_engine *engines[2];
    for (size_t k = 0; k < 2; k++) {
        ck_assert_int_eq(sluice_model_create_network(&network, k ? others : parameters, 6, NULL, &models[k], NULL), 0);
        ck_assert_int_eq(sluice_engine_create(models[k], NULL, &engines[k], NULL), SLUICE_STATUS_OK);
        layers[0].units = 2;
        layers[1].units = 4;
    }
    sluice_streams *streams;
    sluice_error error;
    ck_assert_int_eq(sluice_streams_create(engines[0], 1, &streams, NULL), SLUICE_STATUS_OK);
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = 1, .rows = 1, .x = inputs, .streams = streams};
    ck_assert_int_eq(sluice_forward(engines[0], NULL, &batch, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_forward(engines[1], NULL, &batch, &error), SLUICE_STATUS_BAD_ARGUMENT);
    test_names(&error, "the streams were made for another network");
    sluice_streams_destroy(streams);
    for (size_t k = 0; k < 2; k++) {
        sluice_engine_destroy(engines[k]);
        sluice_model_destroy(models[k]);
    }
}
