/* Networks saved to files and loaded: the same bits and options, a file that does not change when it is saved again, several networks
 * in one file, names, notes and class names, and every tensor at fault once. */
#include "io/safetensors/safetensors.h"
#include "model/model.h"

#include "support/cases/described_file.h"
#include "support/cases/random_networks.h"
#include "support/message.h"
#include "support/network.h"

#include <math.h>

static sluice_model *load(const test_bytes *file, const char *network)
{
    sluice_model *model;
    const sluice_names names = {.struct_size = sizeof names, .network = network};
    SUCCEEDS(sluice_model_load_memory, file->data, file->size, network ? &names : NULL, &model);
    return model;
}

/* Save to a file that is then read: what is in it; the caller frees it. */
static test_bytes save(const sluice_model *model, const char *network)
{
    const sluice_names names = {.struct_size = sizeof names, .network = network};
    SUCCEEDS(sluice_model_save, model, test_path("model"), &names);
    return test_file_read(test_path("model"));
}

static sluice_model *make_model(const test_made_network *made)
{
    sluice_model *model;
    SUCCEEDS(sluice_model_create_network, &made->network, made->parameters, made->parameter_count, NULL, &model);
    return model;
}

/* The same layers, names and options, and the same bits in every parameter. */
static void check_same(const sluice_model *got, const sluice_model *want)
{
    ck_assert(sl_network_equals(got->network, want->network));
    for (size_t layer = 0; layer < want->network->description.layer_count; layer++) {
        ck_assert_str_eq(got->network->description.layers[layer].name, want->network->description.layers[layer].name);
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++) {
                size_t count, expected;
                const float *a = sluice_model_get_parameter(got, layer, d, (sluice_tensor)tensor, &count);
                const float *b = sluice_model_get_parameter(want, layer, d, (sluice_tensor)tensor, &expected);
                ck_assert_uint_eq(count, expected);
                ck_assert_msg(!count || memcmp(a, b, count * sizeof *a) == 0, "layer %zu, direction %zu, tensor %d", layer, d,
                              tensor);
            }
    }
}

/* ---- Round trips ----------------------------------------------------------------------------------------------------------- */

/* Save, load by the name and without, and save again. */
static void check_round_trip(const sluice_model *model, const char *name, uint64_t seed)
{
    char notes[64];
    OWNED(test_bytes) file = save(model, name);
    OWNED_HANDLE(sluice_model) loaded = load(&file, name);
    OWNED_HANDLE(sluice_model) only = load(&file, NULL);
    check_same(loaded, model);
    check_same(only, model);
    snprintf(notes, sizeof notes, "names: description%s%s%s", name ? ", network \"" : "", name ? name : "", name ? "\"" : "");
    ck_assert_str_eq(sluice_model_get_notes(loaded), notes);
    OWNED(test_bytes) again = save(loaded, name);
    ck_assert_msg(again.size == file.size && memcmp(again.data, file.data, file.size) == 0, "seed %" PRIu64, seed);
}

TEST(round_trip)
{
    const size_t count = test_by_depth(40, 200, 2000);
    for (size_t k = 0; k < count; k++) {
        const test_network_case one = test_network_case_random(test_seed() + k);
        static test_made_network made;
        test_made_network_create(&one, &made);
        OWNED_HANDLE(sluice_model) model = make_model(&made);
        check_round_trip(model, k % 3 ? NULL : k % 2 ? "one" : "\"two\\\" \xc3\xa9", one.seed);
        test_made_network_free(&made);
    }
}

/* ---- A file that is known -------------------------------------------------------------------------------------------------- */

#define CELL                                                                                                                       \
    "{\"bias\":false,\"peepholes\":true,\"projection_bias\":true,\"norm\":true,\"initial_state\":true,"                            \
    "\"gate\":{\"function\":\"hard_sigmoid\",\"alpha\":0.2,\"beta\":0.5},\"candidate\":{\"function\":\"softsign\"},"               \
    "\"output\":{\"alpha\":-0},\"coupled\":true,\"output_unclipped\":true,\"forget_bias\":1,\"gate_clip\":3.5,"                    \
    "\"cell_clip\":1e+10,\"projection_clip\":1.5e-42,\"norm_epsilon\":0.001}"
static const char full[] =
    "{\"version\":1,\"networks\":[{\"name\":\"net\",\"layers\":["
    "{\"kind\":\"embedding\",\"name\":\"letters\",\"units\":3,\"vocabulary\":5},"
    "{\"kind\":\"affine\",\"name\":\"norm\"},"
    "{\"kind\":\"lstm\",\"name\":\"first\",\"units\":4,\"direction\":\"both\",\"merge\":\"sum\",\"projection\":2,"
    "\"masked_outputs_zero\":true,\"cells\":[" CELL ",{}]},"
    "{\"kind\":\"lstm\",\"name\":\"second\",\"units\":2,\"steps\":\"final\",\"direction\":\"reverse\",\"processing_order\":true},"
    "{\"kind\":\"dense\",\"name\":\"out\",\"units\":3,\"activation\":{\"function\":\"elu\",\"alpha\":1},\"bias\":false},"
    "{\"kind\":\"activation\",\"name\":\"last\",\"activation\":{\"function\":\"softmax\"}}]}]}";
static const char full_tensors[] =
    "net.letters.weight F32 5,3;net.norm.scale F32 3;net.norm.shift F32 3;"
    "net.first.weight_ih_l0 F32 16,3;net.first.weight_hh_l0 F32 16,2;net.first.peepholes_l0 F32 3,4;net.first.weight_hr_l0 F32 2,4;"
    "net.first.bias_hr_l0 F32 2;net.first.norm_gain_l0 F32 5,4;net.first.norm_shift_l0 F32 5,4;net.first.initial_h_l0 F32 2;"
    "net.first.initial_c_l0 F32 4;net.first.weight_ih_l0_reverse F32 16,3;net.first.weight_hh_l0_reverse F32 16,2;"
    "net.first.bias_ih_l0_reverse F32 16;net.first.bias_hh_l0_reverse F32 16;net.first.weight_hr_l0_reverse F32 2,4;"
    "net.second.weight_ih_l0_reverse F32 8,2;net.second.weight_hh_l0_reverse F32 8,2;net.second.bias_ih_l0_reverse F32 8;"
    "net.second.bias_hh_l0_reverse F32 8;net.out.weight F32 3,2;";

/* Its keys and tensors are those of the format; and saved again it has the same text. */
TEST(known)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(full, "", full_tensors, &state);
    OWNED_HANDLE(sluice_model) model = load(&file, NULL);
    ck_assert_str_eq(sluice_model_get_notes(model), "names: description, network \"net\"");
    const sluice_layer *first = &model->network->description.layers[2];
    const sluice_cell *cell = first->cells;
    ck_assert_uint_eq(cell->parts, 30);
    ck_assert(cell->gate.function == SLUICE_FUNCTION_HARD_SIGMOID && cell->gate.alpha == 0.2f && cell->gate.beta == 0.5f);
    ck_assert(cell->output.function == SLUICE_FUNCTION_DEFAULT && signbit(cell->output.alpha));
    ck_assert(cell->forget_bias == 1 && cell->gate_clip == 3.5f && cell->cell_clip == 1e10f && cell->projection_clip == 1.5e-42f);
    ck_assert(cell->coupled == 1 && cell->output_unclipped == 1 && cell->norm_epsilon == 0.001f);
    ck_assert_uint_eq(first->cells[1].parts, SLUICE_PART_BIAS);
    ck_assert(first->merge == SLUICE_MERGE_SUM && first->projection == 2 && first->masked_outputs_zero == 1);
    ck_assert(first[1].direction == SLUICE_DIRECTION_REVERSE && first[1].processing_order == 1 && !first[1].cells);
    ck_assert_int_eq(first[2].has_bias, 0);
    OWNED(test_bytes) again = save(model, "net");
    OWNED(test_bytes) text = {0};
    test_bytes_add_escaped(&text, full, strlen(full));
    ck_assert_ptr_nonnull(memmem(again.data, again.size, text.data, text.size));
    OWNED_HANDLE(sluice_model) loaded = load(&again, "net");
    check_same(loaded, model);
}

/* What is equal hashes equal, -0 and 0 too, and another value makes another network. Plan files have the hash, so it stays. */
TEST(equal_and_hashed)
{
    static const struct {
        const char *from, *to; /* of one length */
        bool is_equal;
    } changes[] = {{"\"alpha\":-0", "\"alpha\":0 ", true},
                   {"\"alpha\":-0", "\"alpha\":1 ", false},
                   {"1.5e-42", "1.6e-42", false},
                   {"\"final\"", "\"last\" ", false},
                   {"\"bias\":false}", "\"bias\":true }", false}};
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(full, "", full_tensors, &state);
    OWNED_HANDLE(sluice_model) model = load(&file, NULL);
    ck_assert_msg(sl_network_hash(model->network) == UINT64_C(0x409ff4ac1af10588), "the hash is %016" PRIx64,
                  sl_network_hash(model->network));
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) {
        char text[sizeof full];
        memcpy(text, full, sizeof full);
        char *at = strstr(text, changes[k].from);
        ck_assert_ptr_nonnull(at);
        memcpy(at, changes[k].to, strlen(changes[k].to));
        const char *more = strstr(changes[k].to, "true") ? "net.out.bias F32 3;" : "";
        char tensors[sizeof full_tensors + 20];
        snprintf(tensors, sizeof tensors, "%s%s", full_tensors, more);
        OWNED(test_bytes) changed = test_described_file(text, "", tensors, &state);
        OWNED_HANDLE(sluice_model) other = load(&changed, NULL);
        ck_assert_msg(sl_network_equals(other->network, model->network) == changes[k].is_equal, "%s", changes[k].to);
        const bool hashes_equal = sl_network_hash(other->network) == sl_network_hash(model->network);
        ck_assert_msg(hashes_equal == changes[k].is_equal, "%s: the hash", changes[k].to);
    }
}

/* Loading fails so; `network` may be NULL. */
static void check_bad(const test_bytes *file, const char *network, sluice_status status, const char *part)
{
    sluice_error error = {0};
    OWNED_HANDLE(sluice_model) model = (sluice_model *)&error;
    const sluice_names names = {.struct_size = sizeof names, .network = network};
    const sluice_status found = sluice_model_load_memory(file->data, file->size, &names, &model, &error);
    ck_assert_msg(found == status, "%s: expected status %d, found %d: %s", part, status, found, error.message);
    ck_assert_ptr_null(model);
    test_check_message(part, &error, status, part);
}

/* Each tensor of the network missing, of another shape, type, and with a NaN, in the file's words and at its place. */
TEST(tensors_at_fault)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(full, "", full_tensors, &state);
    sl_tensor_source source;
    ck_assert_int_eq(test_safetensors_open(&file, &source), SLUICE_STATUS_OK);
    ck_assert_uint_eq(source.count, 22);
    for (size_t k = 0; k < source.count; k++) {
        const sl_tensor *tensor = &source.tensors[k];
        char part[256];
        unsigned char *stated = file.data + tensor->stated_at, *shape = memchr(stated, '[', 200),
                      *type = memmem(stated, 200, "F32", 3);
        unsigned char *value = file.data + tensor->begin + 4, kept[4];
        memcpy(kept, value, 4);
        memcpy(value, "\0\0\xc0\x7f", 4);
        snprintf(part, sizeof part, "memory: byte %zu: tensor \"%s\": element 1: ", tensor->begin + 4, tensor->name);
        check_bad(&file, NULL, SLUICE_STATUS_BAD_DATA, part);
        memcpy(value, kept, 4);
        stated[1] = 'm';
        snprintf(part, sizeof part, "memory: tensor \"%s\" is missing: expected %s, by the description of layer ", tensor->name,
                 sl_shape_get_text(tensor->shape, tensor->dims).text);
        check_bad(&file, NULL, SLUICE_STATUS_BAD_DATA, part);
        stated[1] = 'n';
        memcpy(type, "I32", 3);
        snprintf(part, sizeof part, "memory: byte %zu: tensor \"%s\": expected type F32, F16, BF16 or F64, found I32",
                 tensor->stated_at, tensor->name);
        check_bad(&file, NULL, SLUICE_STATUS_BAD_DATA, part);
        memcpy(type, "F32", 3);
        if (tensor->dims < 2 || tensor->shape[0] > 9 || tensor->shape[0] == tensor->shape[1])
            continue;
        const unsigned char rows = shape[1];
        shape[1] = shape[3];
        shape[3] = rows;
        snprintf(part, sizeof part, "memory: byte %zu: tensor \"%s\": expected shape %s (by the description of layer ",
                 tensor->stated_at, tensor->name, sl_shape_get_text(tensor->shape, tensor->dims).text);
        check_bad(&file, NULL, SLUICE_STATUS_BAD_DATA, part);
        shape[3] = shape[1];
        shape[1] = rows;
    }
    sl_source_release(&source);
}

/* ---- Several networks ------------------------------------------------------------------------------------------------------ */

#define LSTM(name, units) "{\"kind\":\"lstm\",\"name\":\"" name "\",\"units\":" units "}"
#define TENSORS(name, rows, inputs, units)                                                                                         \
    name ".weight_ih_l0 F32 " rows "," inputs ";" name ".weight_hh_l0 BF16 " rows "," units ";" name ".bias_ih_l0 F32 " rows       \
         ";" name ".bias_hh_l0 F32 " rows ";"
static const char several[] =
    "{\"networks\":["
    "{\"layers\":[" LSTM("lstm", "2") ",{\"kind\":\"dense\",\"name\":\"fc\",\"units\":2}]"
                                      ",\"classes\":[\"no\",\"\\u00fcber \\\"all\\\"\"],\"name\":\"fast\",\"inputs\":3},"
                                      "{\"inputs\":1,\"name\":\"slow\",\"layers\":[" LSTM("lstm", "1") "]}],\"version\":1}";
static const char several_tensors[] =
    TENSORS("fast.lstm", "8", "3", "2") "fast.fc.weight F32 2,2;fast.fc.bias F32 2;" TENSORS("slow.lstm", "4", "1", "1");

TEST(several_networks)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_described_file(several, ",\"classes\":\"a,b\"", several_tensors, &state);
    OWNED_HANDLE(sluice_model) fast = load(&file, "fast");
    OWNED_HANDLE(sluice_model) slow = load(&file, "slow");
    ck_assert_uint_eq(fast->network->inputs, 3);
    ck_assert_uint_eq(slow->network->inputs, 1);
    ck_assert_str_eq(sluice_model_get_class(fast, 0), "no");
    ck_assert_str_eq(sluice_model_get_class(fast, 1), "\xc3\xbc"
                                                      "ber \"all\"");
    ck_assert_ptr_null(sluice_model_get_class(slow, 0));
    ck_assert_str_eq(sluice_model_get_notes(slow),
                     "names: description, network \"slow\"\ntypes: weights of type BF16 were widened to F32\n"
                     "ignored: \"fast.fc.bias\" F32 [2]\nignored: \"fast.fc.weight\" F32 [2][2]\n"
                     "ignored: \"fast.lstm.bias_hh_l0\" F32 [8]\nignored: \"fast.lstm.bias_ih_l0\" F32 [8]\n"
                     "ignored: \"fast.lstm.weight_hh_l0\" BF16 [8][2]\nignored: \"fast.lstm.weight_ih_l0\" F32 [8][3]\n"
                     "ignored: metadata \"classes\", as the file has several networks, or this one no outputs");
    OWNED(test_bytes) saved = save(fast, "fast"); /* its class names are then in the entry "classes" */
    OWNED_HANDLE(sluice_model) loaded = load(&saved, NULL);
    check_same(loaded, fast);
    ck_assert_str_eq(sluice_model_get_class(loaded, 1), sluice_model_get_class(fast, 1));
    check_bad(&file, NULL, SLUICE_STATUS_BAD_DATA, "memory: 2 networks: \"fast\", \"slow\"; choose one by its name");
    check_bad(&file, "slo", SLUICE_STATUS_BAD_DATA, "memory: no network \"slo\": expected one of \"fast\", \"slow\"");
    check_bad(&saved, "slow", SLUICE_STATUS_BAD_DATA, "memory: no network \"slow\": expected one of \"fast\"");
}

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static void refused(const sluice_model *model, const sluice_names *names, const char *part)
{
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, part, sluice_model_save, model, test_path("refused"), names);
}

TEST(names_refused)
{
    uint64_t state = test_seed();
    static char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    OWNED(test_bytes) file = test_described_file(several, "", several_tensors, &state);
    OWNED_HANDLE(sluice_model) model = load(&file, "slow");
    sluice_model *none;
    const sluice_names names[] = {{sizeof *names, "lstm.", NULL, NULL, NULL}, {sizeof *names, NULL, "fc", NULL, NULL},
                                  {sizeof *names, NULL, NULL, "", NULL},      {sizeof *names, NULL, NULL, NULL, ""},
                                  {sizeof *names, NULL, NULL, NULL, "a\n"},   {sizeof *names, NULL, NULL, NULL, longest},
                                  {sizeof *names, NULL, NULL, NULL, "\xff"}};
    static const char *const parts[] = {"names.prefix is given",
                                        "names.head is given",
                                        "names.embedding is given",
                                        "names.network: expected a name of 1 to 255 bytes",
                                        "names.network: expected a name",
                                        "names.network: expected a name",
                                        "UTF-8"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        refused(model, &names[k], parts[k]);
    for (size_t k = 0; k < 3; k++)
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "but the file has a description", sluice_model_load_memory, file.data, file.size,
                &names[k], &none);
}

TEST(no_description)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(TENSORS("lstm", "4", "1", "1"), NULL, &state);
    check_bad(&file, "x", SLUICE_STATUS_BAD_DATA, "memory: no network \"x\": the file has no description");
    OWNED_HANDLE(sluice_model) model = load(&file, NULL);
    refused(model, &(sluice_names){.struct_size = sizeof(sluice_names), .network = "x"}, "names.network is given");
    ck_assert_uint_eq(test_folder_count(0), 0);
}

/* A layer's name that makes a tensor's too long, and one of a layer without tensors that no description may have. */
TEST(layers_refused)
{
    static char name[260];
    memset(name, 'x', sizeof name - 1);
    const float zeros[4] = {0};
    const sluice_layer layers[] = {{.struct_size = sizeof *layers, .kind = SLUICE_LAYER_LSTM, .units = 1},
                                   {.struct_size = sizeof *layers, .kind = SLUICE_LAYER_ACTIVATION, .name = name}};
    const sluice_network network = {sizeof network, 1, 2, layers};
    const sluice_parameter parameters[] = {
        {0, 0, SLUICE_TENSOR_WEIGHT_IH, 4, zeros}, {0, 0, SLUICE_TENSOR_WEIGHT_HH, 4, zeros}, {0, 0, SLUICE_TENSOR_BIAS, 4, zeros}};
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_model) shorter = NULL;
    SUCCEEDS(sluice_model_create_network, &network, parameters, 3, NULL, &model);
    refused(model, NULL, "a layer: expected a name of 1 to 255 bytes");
    name[255] = '\0';
    SUCCEEDS(sluice_model_create_network, &network, parameters, 3, NULL, &shorter);
    OWNED(test_bytes) file = save(shorter, NULL);
    OWNED_HANDLE(sluice_model) loaded = load(&file, NULL);
    check_same(loaded, shorter);
    refused(shorter, &(sluice_names){.struct_size = sizeof(sluice_names), .network = name}, "tensor name of 1 to 255 bytes");
}

/* Class names in the metadata entry "classes", as in files without a description. */
TEST(class_names)
{
    static const char description[] = "{\"version\":1,\"networks\":[{\"inputs\":1,\"layers\":["
                                      "{\"kind\":\"lstm\",\"name\":\"lstm\",\"units\":1,\"steps\":\"last\"},"
                                      "{\"kind\":\"dense\",\"name\":\"fc\",\"units\":2}]}]}";
    static const char tensors[] = TENSORS("lstm", "4", "1", "1") "fc.weight F32 2,1;fc.bias F32 2;";
    static const struct {
        const char *entry, *notes, *second;
    } cases[] = {
        {",\"classes\":\"a,b\"", "", "b"},
        {",\"classes\":\"a,b,c\"", "\nclasses: none, as metadata \"classes\" has 3 between commas, and the network 2 outputs",
         NULL},
        {",\"classes\":\",b\"", "\nclasses: none, as metadata \"classes\" has no printable name for class 0, but \"\"", NULL},
    };
    uint64_t state = test_seed();
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char notes[256];
        OWNED(test_bytes) file = test_described_file(description, cases[k].entry, tensors, &state);
        OWNED_HANDLE(sluice_model) model = load(&file, NULL);
        snprintf(notes, sizeof notes, "names: description\ntypes: weights of type BF16 were widened to F32%s", cases[k].notes);
        if (k)
            snprintf(notes, sizeof notes, "names: description%s\ntypes: weights of type BF16 were widened to F32", cases[k].notes);
        ck_assert_str_eq(sluice_model_get_notes(model), notes);
        ck_assert_pstr_eq(sluice_model_get_class(model, 1), cases[k].second);
    }
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
