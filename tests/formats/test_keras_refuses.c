/* Keras files that are refused, by their configuration, their archive or their bytes: with the layer's name, or the place. They are made of
 * golden ones. */
#include "support/formats/keras_cases.h"
#include "support/message.h"
#include "support/suite.h"

#include "sluice_network.h"

/* The golden file's configuration with the first `from` replaced. */
static test_bytes replace(const char *golden, const char *from, const char *to)
{
    test_bytes config = test_keras_read_member(golden, "config.json"), made = {0};
    const char *text = (const char *)config.data, *at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s is not in %s", from, golden);
    test_bytes_add(&made, text, (size_t)(at - text));
    test_bytes_add_text(&made, to);
    test_bytes_add_text(&made, at + strlen(from));
    test_bytes_free(&config);
    return made;
}

static sluice_status load(const test_bytes *file, const sluice_names *names, sluice_error *error)
{
    sluice_model *model;
    const sluice_status status = sluice_model_load_memory(file->data, file->size, names, &model, error);
    ck_assert((model == NULL) == (status != SLUICE_STATUS_OK));
    sluice_model_destroy(model);
    return status;
}

/* ---- Configurations -------------------------------------------------------------------------------------------------------- */

#define CLASS "\"class_name\": \"LSTM\""
#define HISTORY "\"keras_history\": [\"input_layer_11\""

static const struct refusal {
    const char *golden, *from, *to;
    sluice_status status; /* OK: it is read */
    const char *word;
} refusals[] = {
    {"last_only.keras", CLASS, "\"class_name\": \"GRU\"", SLUICE_STATUS_UNSUPPORTED, "layer \"lstm\" (GRU): it is no LSTM"},
    {"last_only.keras", CLASS, "\"class_name\": \"Lambda\"", SLUICE_STATUS_UNSUPPORTED, "Python code is not run"},
    {"last_only.keras", CLASS, "\"class_name\": \"Mine\"", SLUICE_STATUS_UNSUPPORTED, "layer \"lstm\" (Mine)"},
    {"last_only.keras", "\"name\": \"lstm\", ", "", SLUICE_STATUS_OK, ""},
    {"last_only.keras", CLASS, "\"class_name\": 3", SLUICE_STATUS_BAD_DATA, "with its \"class_name\""},
    {"last_only.keras", "\"Sequential\"", "\"Mine\"", SLUICE_STATUS_UNSUPPORTED, "of class Mine"},
    {"last_only.keras", "\"tanh\"", "\"exponential\"", SLUICE_STATUS_UNSUPPORTED, "activation is \"exponential\""},
    {"last_only.keras", "\"tanh\"", "\"softmax\"", SLUICE_STATUS_UNSUPPORTED, "softmax"},
    {"last_only.keras", "\"tanh\"", "[1]", SLUICE_STATUS_UNSUPPORTED, "activation is"},
    {"last_only.keras", "\"sigmoid\"", "{\"class_name\": \"function\", \"config\": \"sigmoid\"}", SLUICE_STATUS_OK, ""},
    {"last_only.keras", "\"units\": 5", "\"units\": 6", SLUICE_STATUS_BAD_DATA, "expected [4][24]"},
    {"last_only.keras", "\"units\": 5", "\"units\": 0", SLUICE_STATUS_BAD_DATA, "whole number >= 1"},
    {"last_only.keras", "\"units\": 5", "\"units\": 1e30", SLUICE_STATUS_BAD_DATA, "whole number >= 1"},
    {"last_only.keras", "\"units\": 5", "\"units\": 99999999999999999999", SLUICE_STATUS_BAD_DATA, "whole number >= 1"},
    {"last_only.keras", "\"units\": 5", "\"units\": 4611686018427387909", SLUICE_STATUS_UNSUPPORTED, "too many"},
    {"last_only.keras", "\"units\": 5, ", "", SLUICE_STATUS_BAD_DATA, "no \"units\""},
    {"last_only.keras", "\"use_bias\": true", "\"use_bias\": false", SLUICE_STATUS_BAD_DATA, "expected 2 weights"},
    {"last_only.keras", "[null, null, 4]", "[null, null, 7]", SLUICE_STATUS_BAD_DATA, "expected [7][20]"},
    {"last_only.keras", "[null, null, 4]", "[null, null, 4, 1]", SLUICE_STATUS_UNSUPPORTED, "more dimensions"},
    {"last_only.keras", "\"unroll\": false", "\"time_major\": true", SLUICE_STATUS_UNSUPPORTED, "time_major"},
    {"last_only.keras", "\"stateful\": false", "\"stateful\": true", SLUICE_STATUS_OK, ""},
    {"last_only.keras", "\"layers\": [", "\"layers\": [], \"others\": [", SLUICE_STATUS_BAD_DATA, "not empty"},
    {"last_only.keras", "\"layers\": [", "\"layers\": [[", SLUICE_STATUS_BAD_DATA, "byte"},
    {"last_only.keras", "}", "", SLUICE_STATUS_BAD_DATA, "byte"},
    {"last_only.keras", "\"use_bias\": true", "\"use_bias\": tru", SLUICE_STATUS_BAD_DATA, "byte"},
    {"masking_gap.keras", "\"mask_value\": 0.0", "\"mask_value\": 1e99", SLUICE_STATUS_UNSUPPORTED, "mask_value"},
    {"bidirectional_concat.keras", "\"concat\"", "\"max\"", SLUICE_STATUS_UNSUPPORTED, "merge_mode is \"max\""},
    {"bidirectional_concat.keras", "\"concat\"", "null", SLUICE_STATUS_OK, ""},
    {"bidirectional_concat.keras", "\"go_backwards\": false", "\"go_backwards\": true", SLUICE_STATUS_UNSUPPORTED,
     "goes backwards"},
    {"bidirectional_concat.keras", CLASS, "\"class_name\": \"GRU\"", SLUICE_STATUS_UNSUPPORTED, "a layer of class \"GRU\""},
    {"bidirectional_concat.keras", "\"units\": 5", "\"units\": 4", SLUICE_STATUS_UNSUPPORTED, "4 and 5 units"},
    {"rnn_stacked_cells.keras", "\"LSTMCell\"", "\"GRUCell\"", SLUICE_STATUS_UNSUPPORTED, "class \"GRUCell\""},
    {"bidir_batchnorm_timedistributed.keras", "\"axis\": -1", "\"axis\": 1", SLUICE_STATUS_UNSUPPORTED, "axis"},
    {"bidir_batchnorm_timedistributed.keras", "\"class_name\": \"Dense\"", "\"class_name\": \"Flatten\"", SLUICE_STATUS_UNSUPPORTED,
     "\"Flatten\""},
    {"bidir_batchnorm_timedistributed.keras", "\"BatchNormalization\"", "\"Flatten\"", SLUICE_STATUS_UNSUPPORTED, "(Flatten): it"},
    {"bidir_batchnorm_timedistributed.keras", "\"BatchNormalization\"", "\"RepeatVector\"", SLUICE_STATUS_UNSUPPORTED, "steps"},
    {"embedding_mask_zero_two_dense.keras", "\"input_dim\": 11", "\"input_dim\": 12", SLUICE_STATUS_BAD_DATA, "expected [12][4]"},
    {"return_state.keras", HISTORY, "\"keras_history\": [\"lstm_11\"", SLUICE_STATUS_UNSUPPORTED, "reads itself"},
    {"return_state.keras", HISTORY, "\"keras_history\": [\"nobody\"", SLUICE_STATUS_BAD_DATA, "the name of a layer"},
    {"return_state.keras", "[[\"lstm_11\", 0, 0]", "[[\"input_layer_11\", 0, 0]", SLUICE_STATUS_UNSUPPORTED, "several outputs"},
    {"return_state.keras", "\"output_layers\"", "\"outputs\"", SLUICE_STATUS_BAD_DATA, "no \"output_layers\""},
    {"return_state.keras", "\"inbound_nodes\": [{", "\"inbound_nodes\": [{}, {", SLUICE_STATUS_UNSUPPORTED, "several times"},
    {"graph.keras", "\"output_layers\": [[\"left\", 0, 0], ", "\"output_layers\": [", SLUICE_STATUS_UNSUPPORTED, "\"right\" (GRU)"},
    {"graph.keras", "\"output_layers\": [", "\"output_layers\": [[\"inner\", 0, 0], ", SLUICE_STATUS_UNSUPPORTED,
     "several outputs"},
};

TEST(configurations)
{
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        const struct refusal *of = &refusals[k];
        sluice_error error = {.message = ""};
        test_bytes config = replace(of->golden, of->from, of->to), file = test_keras_make(&config, of->golden, false);
        const sluice_status status = load(&file, NULL, &error);
        ck_assert_msg(status == of->status, "%s, %s: %s: %s", of->golden, of->to, sluice_status_get_name(status), error.message);
        if (status)
            test_check_message(of->to, &error, of->status, of->word);
        test_bytes_free(&config);
        test_bytes_free(&file);
    }
}

/* A class of a package's own may have any class_name. */
TEST(custom_class)
{
    test_bytes config = test_keras_read_member("last_only.keras", "config.json"), changed = {0};
    const char *text = (const char *)config.data, *lstm = strstr(text, CLASS),
               *at = strstr(lstm, "\"registered_name\": null, \"build");
    ck_assert_ptr_nonnull(at);
    test_bytes_add(&changed, text, (size_t)(at - text));
    test_bytes_add_text(&changed, "\"registered_name\": \"mine>LSTM\"");
    test_bytes_add_text(&changed, at + strlen("\"registered_name\": null"));
    test_bytes file = test_keras_make(&changed, "last_only.keras", false);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "author's own", load, &file, NULL);
    test_bytes_free(&config);
    test_bytes_free(&changed);
    test_bytes_free(&file);
}

/* A text that is repeated in place of the first `from`. */
static sluice_status load_repeated(const char *from, const char *head, const char *part, size_t times, const char *tail,
                                   sluice_error *error)
{
    test_bytes to = {0};
    test_bytes_add_text(&to, head);
    test_bytes_add_repeated(&to, part, times);
    test_bytes_add_text(&to, tail);
    to.data[to.size] = '\0';
    test_bytes config = replace("last_only.keras", from, (const char *)to.data);
    test_bytes file = test_keras_make(&config, "last_only.keras", false);
    const sluice_status status = load(&file, NULL, error);
    test_bytes_free(&to);
    test_bytes_free(&config);
    test_bytes_free(&file);
    return status;
}

TEST(bombs)
{
    REFUSED(SLUICE_STATUS_BAD_DATA, "within each other", load_repeated, "\"seed\": null", "\"seed\": ", "[", 100000, "");
    REFUSED(SLUICE_STATUS_BAD_DATA, "100000 values", load_repeated, "\"seed\": null", "\"seed\": [0", ",0", 300000, "]");
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "1024 layers", load_repeated, "\"layers\": [", "\"layers\": [", "{\"class_name\":\"a\"},",
            1100, "");
    SUCCEEDS(load_repeated, "\"name\": \"lstm\"", "\"name\": \"", "abcdefgh", 200000, "\"");
    SUCCEEDS(load_repeated, "\"seed\": null", "\"seed\": ", "9", 100000, "");
}

/* Models within models. */
static sluice_status load_nested(size_t depth, sluice_error *error)
{
    test_bytes config = {0};
    test_bytes_add_repeated(&config, "{\"class_name\": \"Sequential\", \"config\": [", depth);
    test_bytes_add_text(&config, "{\"class_name\": \"LSTM\", \"config\": {\"units\": 5}}");
    test_bytes_add_repeated(&config, "]}", depth);
    test_bytes file = test_keras_make(&config, "last_only.keras", false);
    const sluice_status status = load(&file, NULL, error);
    test_bytes_free(&config);
    test_bytes_free(&file);
    return status;
}

TEST(nested)
{
    SUCCEEDS(load_nested, 1);
    REFUSED(SLUICE_STATUS_BAD_DATA, "expected 3 weights by its configuration, found 0", load_nested, 9);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "8 others", load_nested, 10);
    REFUSED(SLUICE_STATUS_BAD_DATA, "within each other", load_nested, 100000);
}

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

TEST(names)
{
    static const struct {
        const char *golden;
        sluice_names names;
        sluice_status status;
        const char *word;
    } wanted[] = {
        {"last_only.keras", {.prefix = "lstm."}, SLUICE_STATUS_BAD_ARGUMENT, "names.prefix"},
        {"last_only.keras", {.activation = "relu"}, SLUICE_STATUS_BAD_ARGUMENT, "names.activation"},
        {"last_only.h5", {.recurrent_activation = "relu"}, SLUICE_STATUS_BAD_ARGUMENT, "with a configuration"},
        {"last_only.keras", {.to = "nobody"}, SLUICE_STATUS_BAD_DATA, "no layer \"nobody\"; its layers: \"input_layer\", \"lstm\""},
        {"last_only.keras", {.to = "input_layer"}, SLUICE_STATUS_UNSUPPORTED, "none of the layers that run is an LSTM"},
        {"graph.keras", {.to = "right"}, SLUICE_STATUS_UNSUPPORTED, "\"right\" (GRU)"},
        {"graph.keras", {.to = NULL}, SLUICE_STATUS_UNSUPPORTED, "several outputs, of layers \"left\" and \"right\""},
        {"last_only.weights.h5", {.activation = "nothing"}, SLUICE_STATUS_UNSUPPORTED, "activation is \"nothing\""},
        {"last_only.weights.h5", {.to = "nobody"}, SLUICE_STATUS_BAD_DATA, "no layer \"nobody\""},
    };
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        sluice_names names = wanted[k].names;
        sluice_error error = {.message = ""};
        names.struct_size = sizeof names;
        test_bytes file = test_keras_read(wanted[k].golden);
        const sluice_status status = load(&file, &names, &error);
        ck_assert_msg(status == wanted[k].status, "%s: %s", wanted[k].word, error.message);
        test_check_message(wanted[k].golden, &error, wanted[k].status, wanted[k].word);
        test_bytes_free(&file);
    }
}

/* ---- Archives -------------------------------------------------------------------------------------------------------------- */

/* The bits of a model, as its own file. */
static test_bytes save(const test_bytes *file, const sluice_names *names)
{
    sluice_model *model;
    SUCCEEDS(sluice_model_load_memory, file->data, file->size, names, &model);
    SUCCEEDS(sluice_model_save, model, test_path("model"), NULL);
    sluice_model_destroy(model);
    return test_file_read(test_path("model"));
}

static void check_same(test_bytes *one, test_bytes *other)
{
    ck_assert_uint_eq(one->size, other->size);
    ck_assert(memcmp(one->data, other->data, one->size) == 0);
    test_bytes_free(one);
    test_bytes_free(other);
}

TEST(deflated_is_stored)
{
    test_bytes config = test_keras_read_member("bidirectional_last.keras", "config.json");
    test_bytes deflated = test_keras_make(&config, "bidirectional_last.keras", true),
               stored = test_keras_read("bidirectional_last.keras");
    test_bytes one = save(&deflated, NULL), other = save(&stored, NULL);
    ck_assert_uint_lt(deflated.size, stored.size * 2 / 3);
    check_same(&one, &other);
    test_bytes_free(&config);
    test_bytes_free(&deflated);
    test_bytes_free(&stored);
}

/* Each model as a file of this library gives the same bits when it is loaded and saved again. */
TEST(saved_again)
{
    static const char *const goldens[] = {"bidirectional_ave.keras",
                                          "go_backwards.h5",
                                          "hard_sigmoid_keras3.keras",
                                          "cudnn.h5",
                                          "rnn_stacked_cells.weights.h5",
                                          "bidir_batchnorm_timedistributed.h5",
                                          "masked_both.keras"};
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++) {
        test_bytes file = test_keras_read(goldens[k]), one = save(&file, NULL), other = save(&one, NULL);
        check_same(&one, &other);
        test_bytes_free(&file);
    }
}

TEST(archives)
{
    test_bytes config = test_keras_read_member("last_only.keras", "config.json"),
               image = test_keras_read_member("last_only.keras", "model.weights.h5");
    static const char *const words[] = {"expected the members config.json and model.weights.h5", "divided among several members",
                                        "far larger than the file", "fewer bytes than the archive's directory says"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        test_archive made = {.count = 0};
        test_archive_add(&made, "config.json", &config, k == 3, k == 2 ? 0 : k == 3 ? config.size + 1 : 0);
        if (k == 1)
            test_archive_add(&made, "model.weights.json", &config, false, 0);
        if (k >= 2)
            test_archive_add(&made, "model.weights.h5", &image, k == 2, k == 2 ? 1000 * 1000 * 1000 : 0);
        test_bytes file = test_archive_finish(&made);
        REFUSED(k == 1 ? SLUICE_STATUS_UNSUPPORTED : SLUICE_STATUS_BAD_DATA, words[k], load, &file, NULL);
        test_bytes_free(&file);
    }
    test_bytes_free(&config);
    test_bytes_free(&image);
}

/* ---- Bytes ----------------------------------------------------------------------------------------------------------------- */

/* Cut short, a file is refused; with a byte changed it is refused, or another model. */
TEST(damaged)
{
    static const char *const goldens[] = {"bidir_batchnorm_timedistributed.keras", "last_only.h5", "chars2vec.weights.h5"};
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++) {
        test_bytes file = test_keras_read(goldens[k]);
        const size_t step = test_by_depth(file.size / 60, file.size / 300, file.size / 3000);
        for (size_t size = 0; size < file.size; size += step + 1) {
            const test_bytes part = {file.data, size};
            sluice_error error = {.message = ""};
            const sluice_status status = load(&part, NULL, &error);
            ck_assert_msg(status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_IO, "%s, %zu bytes: %s", goldens[k], size,
                          error.message);
        }
        for (size_t at = 0; at < file.size; at += step + 1) {
            file.data[at] ^= 0x5a;
            (void)load(&file, NULL, NULL);
            file.data[at] ^= 0x5a;
        }
        test_bytes_free(&file);
    }
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
