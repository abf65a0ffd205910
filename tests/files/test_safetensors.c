/* Safetensors files and the networks in them: widening, malformed files, names found and refused, loaded values, mutations. */
#include "model/model.h"
#include "io/model/model_read.h"
#include "io/safetensors/safetensors.h"
#include "io/widen.h"

#include "support/files.h"
#include "support/message.h"
#include "support/cases/safetensors_cases.h"
#include "support/cases/safetensors_file.h"
#include "support/suite.h"
#include "program/model_shape.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>

/* ---- Files ----------------------------------------------------------------------------------------------------------------- */

/* Loading fails with this status and a message with this part and the file's name, and writes nothing. */
static void check_bad(const char *name, const test_bytes *file, const sluice_names *names, sluice_status expected, const char *part)
{
    const char *path = test_path("bad.safetensors");
    test_file_write(path, file->data, file->size);
    if (expected == SLUICE_STATUS_BAD_DATA && !names)
        test_file_keep(file, ".safetensors");
    sluice_model *model = (sluice_model *)&expected;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load(path, names, &model, &error);
    ck_assert_msg(status == expected, "%s: expected status %d, found %d: %s", name, expected, status, error.message);
    ck_assert_msg(model == NULL, "%s: the model is not NULL", name);
    test_check_message(name, &error, status, part);
    test_check_message(name, &error, status, path);
    ck_assert_uint_eq(test_folder_count(0), 1);
    ck_assert_int_eq(sluice_model_load(path, names, &model, NULL), expected);
}

TEST_EACH(headers_malformed, bad_headers)
{
    const char *header = bad_headers[_i].header;
    OWNED(test_bytes) file = test_safetensors_file(header, strlen(header), bad_headers[_i].data);
    check_bad(bad_headers[_i].name, &file, NULL, SLUICE_STATUS_BAD_DATA, bad_headers[_i].part);
    sl_tensor_source opened;
    ck_assert_int_eq(sl_safetensors_open(test_path("bad.safetensors"), &opened, NULL), SLUICE_STATUS_BAD_DATA);
    ck_assert_uint_eq(opened.count, 0);
    ck_assert_ptr_null(opened.input.name);
}

TEST_EACH(frames_malformed, bad_frames)
{
    const char *header = "{" A "}";
    const uint64_t length = bad_frames[_i].length == TRUE_LENGTH ? strlen(header) : bad_frames[_i].length;
    OWNED(test_bytes) file = test_safetensors_file(header, length, 8);
    if (file.size > bad_frames[_i].keep)
        file.size = bad_frames[_i].keep;
    check_bad(bad_frames[_i].name, &file, NULL, SLUICE_STATUS_BAD_DATA, bad_frames[_i].part);
}

/* Values that are stepped over stand in each other, some deeper than is allowed; and a file that ends in any depth. */
TEST(nesting)
{
    static const struct {
        int depth;
        const char *part; /* NULL: loads */
    } cases[] = {{1, NULL}, {128, NULL}, {129, "byte 146: expected at most 128 objects and lists"}, {100000, "at most 128"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (int closed = 0; closed < 2; closed++) {
            OWNED(test_bytes) header = {0};
            test_bytes_add_text(&header, "{\"a\":{\"x\":");
            for (int depth = 0; depth < cases[k].depth; depth++)
                test_bytes_add_text(&header, "[");
            for (int depth = 0; closed && depth < cases[k].depth; depth++)
                test_bytes_add_text(&header, "]");
            test_bytes_add_text(&header, closed ? ",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}" : "");
            test_bytes_add(&header, "", 1);
            OWNED(test_bytes) file = test_safetensors_file((const char *)header.data, header.size - 1, 1);
            const char *none = closed ? "no LSTM: expected a tensor named \"[prefix]weight_ih_l0\"" : "found the end of the header";
            check_bad("nesting", &file, NULL, SLUICE_STATUS_BAD_DATA, cases[k].part ? cases[k].part : none);
        }
}

TEST_EACH(headers_unusual, good_headers)
{
    OWNED(test_bytes) file = test_safetensors_file(good_headers[_i].header, strlen(good_headers[_i].header), good_headers[_i].data);
    test_file_write(test_path("x"), file.data, file.size);
    sl_tensor_source opened;
    sluice_error error = {0};
    ck_assert_msg(sl_safetensors_open(test_path("x"), &opened, &error) == SLUICE_STATUS_OK, "%s: %s", good_headers[_i].name,
                  error.message);
    ck_assert_uint_eq(opened.count, good_headers[_i].count);
    for (size_t k = 0; k < opened.count; k++)
        ck_assert_ptr_eq(sl_source_find(&opened, opened.tensors[k].name), &opened.tensors[k]);
    ck_assert_ptr_null(sl_source_find(&opened, "none"));
    if (strcmp(good_headers[_i].name, "names escaped") == 0)
        ck_assert_str_eq(opened.tensors[0].name, "\xc3\xa9\\\"/\xf0\x9f\x98\x80\xc3\xa9");
    sl_source_release(&opened);
}

TEST(inputs_that_cannot_be_opened)
{
    sluice_model *model;
    sluice_error error = {0};
    REFUSED(SLUICE_STATUS_NO_INPUT, "none: cannot be opened: No such file", sluice_model_load, test_path("none"), NULL, &model);
    REFUSED(SLUICE_STATUS_NO_INPUT, "directory", sluice_model_load, test_folder, NULL, &model);
    REFUSED(SLUICE_STATUS_NO_INPUT, "/dev/null: expected a regular file", sluice_model_load, "/dev/null", NULL, &model);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(sluice_model_load(NULL, NULL, &model, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sluice_model_load("x", NULL, NULL, &error), SLUICE_STATUS_BAD_ARGUMENT);
    const sluice_names names = {.struct_size = 1};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_model_load, "x", &names, &model);
}

TEST(file_cut_while_open)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network("a F32 4;b F16 4;", NULL, &state);
    test_file_write(test_path("x"), file.data, file.size);
    sl_tensor_source opened;
    sluice_error error = {0};
    float values[4];
    SUCCEEDS(sl_safetensors_open, test_path("x"), &opened);
    ck_assert_int_eq(truncate(test_path("x"), (off_t)file.size - 1), 0);
    SUCCEEDS(sl_source_read, &opened, &opened.tensors[0], 0, 4, values, NULL);
    ck_assert_int_eq(sl_source_read(&opened, &opened.tensors[1], 0, 4, values, NULL, &error), SLUICE_STATUS_IO);
    char part[64];
    snprintf(part, sizeof part, "byte %zu: the file ends here, but was longer", file.size - 1);
    test_check_message("cut", &error, SLUICE_STATUS_IO, part);
    sl_source_release(&opened);
}

/* ---- Widening -------------------------------------------------------------------------------------------------------------- */

/* The value that `bits` stand for, with this many bits of exponent and fraction, in double. */
static double wide_value(unsigned bits, int exponent_bits, int fraction_bits)
{
    const int bias = (1 << (exponent_bits - 1)) - 1, top = (1 << exponent_bits) - 1;
    const int exponent = (int)(bits >> fraction_bits) & top;
    const double fraction = ldexp((double)(bits & ((1u << fraction_bits) - 1)), -fraction_bits);
    const double magnitude = exponent == top ? (fraction > 0 ? NAN : INFINITY)
                             : exponent == 0 ? ldexp(fraction, 1 - bias)
                                             : ldexp(1 + fraction, exponent - bias);
    return bits >> (exponent_bits + fraction_bits) ? -magnitude : magnitude;
}

static void check_widened(unsigned bits, float found, double expected)
{
    if (isnan(expected))
        ck_assert_msg(isnan(found), "%04x is NaN, found %a", bits, (double)found);
    else
        ck_assert_msg((double)found == expected && !signbit(found) == !signbit(expected), "%04x: expected %a, found %a", bits,
                      expected, (double)found);
}

TEST(widening_every_value)
{
    for (unsigned bits = 0; bits <= UINT16_MAX; bits++) {
        check_widened(bits, sl_widen_f16((uint16_t)bits), wide_value(bits, 5, 10));
        check_widened(bits, sl_widen_bf16((uint16_t)bits), wide_value(bits, 8, 7));
    }
}

/* A tensor of every 16-bit pattern, read through a file: more than one buffer of the reader. */
TEST_LOOP(widening_through_a_file, 0, 2)
{
    char header[128];
    const char *dtype = _i ? "BF16" : "F16";
    const int n =
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[256,256],\"data_offsets\":[0,131072]}}", dtype);
    OWNED(test_bytes) file = test_safetensors_file(header, (uint64_t)n, 0);
    for (unsigned bits = 0; bits <= UINT16_MAX; bits++)
        test_bytes_add_number(&file, bits, 2);
    test_file_write(test_path("x"), file.data, file.size);
    sl_tensor_source opened;
    ck_assert_int_eq(sl_safetensors_open(test_path("x"), &opened, NULL), SLUICE_STATUS_OK);
    static float values[UINT16_MAX + 1];
    for (unsigned bits = 0; bits <= UINT16_MAX; bits++)
        values[bits] = bits & 1 ? NAN : -7;
    ck_assert_int_eq(sl_source_read(&opened, opened.tensors, 0, UINT16_MAX + 1, values, NULL, NULL), SLUICE_STATUS_OK);
    for (unsigned bits = 0; bits <= UINT16_MAX; bits++)
        check_widened(bits, values[bits], _i ? wide_value(bits, 8, 7) : wide_value(bits, 5, 10));
    sl_source_release(&opened);
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

TEST_EACH(networks_malformed, bad_networks)
{
    uint64_t state = test_seed();
    const sluice_names names = {sizeof names, bad_networks[_i].prefix, bad_networks[_i].head, bad_networks[_i].embedding};
    OWNED(test_bytes) file = test_safetensors_network(bad_networks[_i].tensors, bad_networks[_i].metadata, &state);
    check_bad(bad_networks[_i].name, &file, &names, bad_networks[_i].status, bad_networks[_i].part);
}

/* More rows than there are tokens; the file is a hole of 4 GB that takes no room. */
TEST(vocabulary_too_large)
{
    static const char header[] = "{" T("weight_ih_l0", "F32", "[4,1]", "[0,16]") "," T(
        "weight_hh_l0", "F32", "[4,1]", "[16,32]") "," T("emb.weight", "BF16", "[2147483648,1]", "[32,4294967328]") "}";
    OWNED(test_bytes) file = test_safetensors_file(header, sizeof header - 1, 32);
    test_file_write(test_path("x"), file.data, file.size);
    ck_assert_int_eq(truncate(test_path("x"), (off_t)file.size + (INT64_C(1) << 32)), 0);
    sluice_model *model;
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "tensor \"emb.weight\": a vocabulary beyond 2^31 - 1", sluice_model_load, test_path("x"),
            NULL, &model);
    ck_assert_ptr_null(model);
}

/* A weight that is NaN or infinite, in every tensor that is read. */
TEST(weights_not_finite)
{
    static const struct {
        const char *tensor;
        unsigned char bits[4]; /* of the second element */
        const char *part;
    } cases[] = {
        {"lstm.weight_ih_l0", {0, 0, 0xc0, 0x7f}, "expected a finite number, found NaN"},
        {"lstm.weight_hh_l0", {0, 0, 0x80, 0xff}, "expected a finite number, found infinity"},
        {"lstm.bias_ih_l0", {1, 0, 0x80, 0x7f}, "found NaN"},
        {"lstm.bias_hh_l0", {0xff, 0xff, 0xff, 0xff}, "found NaN"},
        {"embedding.weight", {0, 0, 0x80, 0x7f}, "found infinity"},
        {"fc.weight", {0, 0, 0xc0, 0xff}, "found NaN"},
        {"fc.bias", {0, 0, 0xc0, 0xff}, "found NaN"},
    };
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(LSTM HEAD EMBEDDING, NULL, &state);
    test_file_write(test_path("bad.safetensors"), file.data, file.size);
    sl_tensor_source opened;
    ck_assert_int_eq(sl_safetensors_open(test_path("bad.safetensors"), &opened, NULL), SLUICE_STATUS_OK);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t at = sl_source_find(&opened, cases[k].tensor)->begin + 4;
        unsigned char kept[4];
        char part[160];
        memcpy(kept, file.data + at, 4);
        memcpy(file.data + at, cases[k].bits, 4);
        snprintf(part, sizeof part, "byte %zu: tensor \"%s\": element 1: ", at, cases[k].tensor);
        check_bad(cases[k].tensor, &file, NULL, SLUICE_STATUS_BAD_DATA, part);
        check_bad(cases[k].tensor, &file, NULL, SLUICE_STATUS_BAD_DATA, cases[k].part);
        memcpy(file.data + at, kept, 4);
    }
    sl_source_release(&opened);
}

TEST_EACH(networks_found, good_networks)
{
    uint64_t state = test_seed();
    const sluice_names names = {sizeof names, good_networks[_i].prefix, good_networks[_i].head, good_networks[_i].embedding};
    OWNED(test_bytes) file = test_safetensors_network(good_networks[_i].tensors, good_networks[_i].metadata, &state);
    test_file_write(test_path("x"), file.data, file.size);
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_error error = {0};
    ck_assert_msg(sluice_model_load(test_path("x"), &names, &model, &error) == SLUICE_STATUS_OK, "%s: %s", good_networks[_i].name,
                  error.message);
    const sluice_shape shape = sl_model_shape(model), expected = good_networks[_i].shape;
    ck_assert_uint_eq(shape.layers, expected.layers);
    ck_assert_uint_eq(shape.directions, expected.directions);
    ck_assert_uint_eq(shape.inputs, expected.inputs);
    ck_assert_uint_eq(shape.hidden, expected.hidden);
    ck_assert_uint_eq(shape.vocabulary, expected.vocabulary);
    ck_assert_uint_eq(shape.classes, expected.classes);
    ck_assert_int_eq(shape.has_bias, expected.has_bias);
    ck_assert_str_eq(sluice_model_get_notes(model), good_networks[_i].notes);
}

/* The values of a tensor of the file, widened by the plain formula; the caller frees them. */
static float *expected_values(const sl_tensor_source *file, const test_bytes *bytes, const char *name, size_t *count)
{
    const sl_tensor *tensor = sl_source_find(file, name);
    ck_assert_msg(tensor != NULL, "%s", name);
    const unsigned char *from = bytes->data + tensor->begin;
    float *values = malloc(tensor->elements * sizeof *values + 1);
    for (size_t k = 0; k < tensor->elements; k++)
        if (strcmp(tensor->dtype, "F32") == 0)
            memcpy(&values[k], from + 4 * k, 4);
        else
            values[k] = (float)(strcmp(tensor->dtype, "F16") == 0 ? wide_value(from[2 * k] | (unsigned)from[2 * k + 1] << 8, 5, 10)
                                                                  : wide_value(from[2 * k] | (unsigned)from[2 * k + 1] << 8, 8, 7));
    *count = tensor->elements;
    return values;
}

static void check_values(const sl_tensor_source *file, const test_bytes *bytes, const char *name, const float *found)
{
    size_t count;
    FREED float *expected = expected_values(file, bytes, name, &count);
    ck_assert_msg(memcmp(found, expected, count * sizeof *expected) == 0, "%s", name);
}

#define WIDE_CELL(layer, type, in)                                                                                                 \
    "lstm.weight_ih_" layer " " type " 8," in ";lstm.bias_hh_" layer " " type " 8;lstm.weight_hh_" layer " " type                  \
    " 8,2;lstm.bias_ih_" layer " " type " 8;"

/* Every value of a file of two layers, two directions and three types lands in its place. */
TEST(values_in_place)
{
    uint64_t state = test_seed();
    static const char tensors[] = WIDE_CELL("l1_reverse", "BF16", "4") "fc.bias BF16 3;" WIDE_CELL("l0", "F32", "3")
        WIDE_CELL("l1", "F16", "4") WIDE_CELL("l0_reverse", "F16", "3") "embedding.weight F16 7,3;fc.weight F32 3,4;";
    OWNED(test_bytes) file = test_safetensors_network(tensors, "{\"format\":\"pt\",\"classes\":\"one,zwei,trois\"}", &state);
    test_file_write(test_path("x"), file.data, file.size);
    OWNED_HANDLE(sluice_model) model = NULL;
    sl_tensor_source opened;
    SUCCEEDS(sluice_model_load, test_path("x"), NULL, &model);
    ck_assert_int_eq(sl_safetensors_open(test_path("x"), &opened, NULL), SLUICE_STATUS_OK);
    static const char *const suffixes[] = {"l0", "l0_reverse", "l1", "l1_reverse"};
    for (size_t k = 0; k < 4; k++) {
        char name[4][64];
        static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
        for (size_t kind = 0; kind < 4; kind++)
            snprintf(name[kind], sizeof name[0], "lstm.%s_%s", kinds[kind], suffixes[k]);
        const sl_gate_parameters gates = sl_model_get_gates(model, k);
        check_values(&opened, &file, name[0], gates.weight_ih);
        check_values(&opened, &file, name[1], gates.weight_hh);
        size_t count;
        FREED float *bias = expected_values(&opened, &file, name[2], &count),
                    *more = expected_values(&opened, &file, name[3], &count);
        for (size_t u = 0; u < count; u++)
            ck_assert(gates.bias[u] == bias[u] + more[u]);
    }
    check_values(&opened, &file, "embedding.weight", sluice_model_get_tensor(model, SLUICE_TENSOR_EMBEDDING, 0, NULL));
    check_values(&opened, &file, "fc.weight", sluice_model_get_tensor(model, SLUICE_TENSOR_HEAD_WEIGHT, 0, NULL));
    check_values(&opened, &file, "fc.bias", sluice_model_get_tensor(model, SLUICE_TENSOR_HEAD_BIAS, 0, NULL));
    ck_assert_str_eq(sluice_model_get_class(model, 0), "one");
    ck_assert_str_eq(sluice_model_get_class(model, 1), "zwei");
    ck_assert_str_eq(sluice_model_get_class(model, 2), "trois");
    sl_source_release(&opened);
}

/* A file whose gates are in another order gives the model that torch's order gives. */
TEST(gates_in_another_order)
{
    static const unsigned char order[SL_GATES] = {[SL_GATE_I] = 0, [SL_GATE_F] = 2, [SL_GATE_G] = 3, [SL_GATE_O] = 1}; /* ONNX's */
    static const char *const names[] = {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0"};
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(WIDE_CELL("l0", "F16", "3"), NULL, &state);
    sl_tensor_source source;
    OWNED_HANDLE(sluice_model) want = NULL;
    OWNED_HANDLE(sluice_model) model = NULL;
    ck_assert_int_eq(sluice_model_load_memory(file.data, file.size, NULL, &want, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(test_safetensors_open(&file, &source), SLUICE_STATUS_OK);
    for (size_t k = 0; k < 4; k++) {
        const sl_tensor *tensor = sl_source_find(&source, names[k]);
        unsigned char kept[64];
        const size_t bytes = tensor->end - tensor->begin, part = bytes / SL_GATES;
        memcpy(kept, file.data + tensor->begin, bytes);
        for (size_t gate = 0; gate < SL_GATES; gate++)
            memcpy(file.data + tensor->begin + order[gate] * part, kept + gate * part, part);
    }
    sl_bound_network network;
    ck_assert_int_eq(sl_names_bind(&source, NULL, &network, NULL), SLUICE_STATUS_OK);
    memcpy(network.lstms->gate_order, order, sizeof order);
    ck_assert_int_eq(sl_model_read_bound(&source, network.lstms, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_mem_eq(sl_model_get_gates(model, 0).weight_ih, sl_model_get_gates(want, 0).weight_ih, 8 * 3 * sizeof(float));
    ck_assert_mem_eq(sl_model_get_gates(model, 0).weight_hh, sl_model_get_gates(want, 0).weight_hh, 8 * 2 * sizeof(float));
    ck_assert_mem_eq(sl_model_get_gates(model, 0).bias, sl_model_get_gates(want, 0).bias, 8 * sizeof(float));
    sl_names_release(&network);
    sl_source_release(&source);
}

/* Two biases that are finite, and their sum is not. */
TEST(sum_of_biases_not_finite)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(LSTM, NULL, &state);
    sl_tensor_source source;
    ck_assert_int_eq(test_safetensors_open(&file, &source), SLUICE_STATUS_OK);
    const float large = 0x1.8p127f;
    const size_t at = sl_source_find(&source, "lstm.bias_hh_l0")->begin + 4;
    memcpy(file.data + at, &large, sizeof large);
    memcpy(file.data + sl_source_find(&source, "lstm.bias_ih_l0")->begin + 4, &large, sizeof large);
    char part[160];
    snprintf(part, sizeof part,
             "byte %zu: tensor \"lstm.bias_hh_l0\": element 1: expected a finite sum with the other bias, found infinity", at);
    check_bad("sum", &file, NULL, SLUICE_STATUS_BAD_DATA, part);
    sl_source_release(&source);
}

TEST(memory_arguments)
{
    sluice_error error = {0};
    sluice_model *model = (sluice_model *)&error;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "bytes: expected the content of a file, found NULL", sluice_model_load_memory, NULL, 0,
            NULL, &model);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(sluice_model_load_memory("", 0, NULL, NULL, &error), SLUICE_STATUS_BAD_ARGUMENT);
    const sluice_names names = {.struct_size = 1};
    ck_assert_int_eq(sluice_model_load_memory("", 0, &names, &model, &error), SLUICE_STATUS_BAD_ARGUMENT);
    REFUSED(SLUICE_STATUS_BAD_DATA, "memory: byte 0: the file ends here", sluice_model_load_memory, "", 0, NULL, &model);
}

/* The model of the demonstration. */
TEST(langid)
{
    const char *source = getenv("SLUICE_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/perf/langid/langid.safetensors", source ? source : ".");
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_load, path, NULL, &model);
    const sluice_shape shape = sl_model_shape(model);
    const size_t found[] = {shape.layers, shape.directions, shape.inputs, shape.hidden, shape.vocabulary, shape.classes};
    const size_t expected[] = {1, 2, 32, 128, 256, 8};
    ck_assert_mem_eq(found, expected, sizeof found);
    ck_assert_int_eq(shape.has_bias, 1);
    ck_assert_str_eq(sluice_model_get_class(model, 0), "english");
    ck_assert_str_eq(sluice_model_get_class(model, 7), "swedish");
    ck_assert_ptr_null(sluice_model_get_class(model, 8));
    ck_assert_str_eq(sluice_model_get_notes(model), "names: torch, prefix \"lstm.\", head \"fc\", embedding \"embedding\"");
}

/* ---- Mutations ------------------------------------------------------------------------------------------------------------- */

/* Load from memory, of which not one byte more is readable: the same status, and the same message but for the name. */
static void check_memory(const unsigned char *data, size_t size, sluice_status expected, const char *message)
{
    unsigned char *copy = malloc(size + !size);
    memcpy(copy, data, size);
    OWNED_HANDLE(sluice_model) model = (sluice_model *)copy;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load_memory(copy, size, NULL, &model, &error);
    free(copy);
    ck_assert_msg(status == expected, "expected status %d from memory, found %d: %s", expected, status, error.message);
    ck_assert((model != NULL) == (status == SLUICE_STATUS_OK));
    if (status != SLUICE_STATUS_OK) {
        const char *path = test_path("m");
        ck_assert_int_eq(strncmp(error.message, "memory: ", 8), 0);
        ck_assert_int_eq(strncmp(message, path, strlen(path)), 0);
        ck_assert_str_eq(error.message + strlen("memory"), message + strlen(path));
    }
}

/* Loads, or reports in words why not; true if it loads. */
static bool survives(const unsigned char *data, size_t size)
{
    test_file_write(test_path("m"), data, size);
    sluice_model *model;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load(test_path("m"), NULL, &model, &error);
    check_memory(data, size, status, error.message);
    if (status == SLUICE_STATUS_OK) {
        sluice_model_destroy(model);
        return true;
    }
    ck_assert_ptr_null(model);
    test_check_message("mutation", &error, status, test_folder);
    ck_assert_msg(status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED, "%d: %s", status, error.message);
    return false;
}

TEST_LOOP(mutations, 0, 2)
{
    static const char *const metadata[] = {
        "{\"classes\":\"a,b,c,d\"}",
        "null,\"x\":{\"dtype\":\"I3\",\"shape\":[1,1,1,1,1,1,1,1,1],\"more\":{\"a\":[1,-2.5e3,[null],{\"\":true}]},"
        "\"y\":\"\\u0000\",\"data_offsets\":[0,0]}"}; /* and a tensor of all that is stepped over */
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(LSTM HEAD EMBEDDING, metadata[_i], &state);
    ck_assert(survives(file.data, file.size));
    for (size_t keep = 0; keep < file.size; keep++)
        ck_assert(!survives(file.data, keep));
    unsigned good = 0;
    for (int k = 0; k < 4000; k++) {
        const size_t at = test_random(&state) % file.size;
        const unsigned char old = file.data[at];
        const uint64_t kind = test_random(&state) % 3; /* any byte, one bit, or a byte from elsewhere in the file */
        file.data[at] = kind == 0   ? (unsigned char)test_random(&state)
                        : kind == 1 ? (unsigned char)(old ^ 1u << test_random(&state) % 8)
                                    : file.data[test_random(&state) % file.size];
        good += survives(file.data, file.size);
        file.data[at] = old;
    }
    ck_assert_uint_gt(good, 400); /* a third of the bytes are data */
    ck_assert_uint_lt(good, 3500);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
