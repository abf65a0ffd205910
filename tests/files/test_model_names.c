/* Which tensors of a file are the network's: a head and an embedding only where one tensor can be meant, LSTMCell's names, names of
 * any length, and what the notes say. */
#include "model/model.h"

#include "support/files.h"
#include "support/message.h"
#include "support/cases/safetensors_file.h"
#include "support/suite.h"
#include "program/model_shape.h"

#include <string.h>

/* I = 3, H = 4, so D*H = 4. */
#define LSTM "lstm.weight_ih_l0 F32 16,3;lstm.weight_hh_l0 F32 16,4;"
#define CELL(prefix) prefix "weight_ih F32 16,3;" prefix "weight_hh F32 16,4;"
#define GRU(prefix, end) prefix "weight_ih" end " F32 12,3;" prefix "weight_hh" end " F32 12,4;"

static sluice_model *load(const char *tensors, const sluice_names *names, const char *what)
{
    uint64_t state = test_seed();
    OWNED(test_bytes) file = test_safetensors_network(tensors, NULL, &state);
    test_file_write(test_path("x"), file.data, file.size);
    sluice_model *model = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load(test_path("x"), names, &model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", what, error.message);
    return model;
}

/* The line of the notes that begins with this key, or "". */
static const char *find_line(const sluice_model *model, const char *key, char line[1024])
{
    *line = '\0';
    for (const char *notes = sluice_model_get_notes(model); *notes; notes += strspn(notes, "\n")) {
        const size_t length = strcspn(notes, "\n");
        if (strncmp(notes, key, strlen(key)) == 0 && notes[strlen(key)] == ':')
            snprintf(line, 1024, "%.*s", (int)length, notes);
        notes += length;
    }
    return line;
}

static void check_line(const sluice_model *model, const char *what, const char *key, const char *part)
{
    char line[1024];
    find_line(model, key, line);
    ck_assert_msg(part ? strstr(line, part) != NULL : !*line, "%s: expected %s in \"%s\"", what, part ? part : "no line", line);
}

/* ---- Head and embedding ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *tensors;
    const char *head, *embedding; /* asked for */
    size_t classes, vocabulary;
    const char *head_note, *embedding_note, *layers_note; /* NULL: none */
} linear[] = {
    {"one head", "fc.weight F32 2,4;fc.bias F32 2;", NULL, NULL, 2, 0, NULL, NULL, NULL},
    {"one head of one output", "out.weight F32 1,4;", NULL, NULL, 1, 0, NULL, NULL, NULL},
    {"fc among several", "fc.weight F32 2,4;fc.bias F32 2;fc2.weight F32 3,4;", NULL, NULL, 0, 0,
     "head: none, as 2 tensors could be it, [C][D*H]: \"fc\" [2][4], \"fc2\" [3][4]; name the head with --head-name", NULL, NULL},
    {"two heads", "out.weight F32 4,4;aux.weight F32 9,4;", NULL, NULL, 0, 0, "2 tensors could be it", NULL, NULL},
    {"one of two heads", "fc.weight F32 2,4;fc2.weight F32 3,4;", "fc", NULL, 2, 0, NULL, NULL, NULL},
    {"neither of two heads", "fc.weight F32 2,4;fc2.weight F32 3,4;", "", NULL, 0, 0, NULL, NULL, NULL},
    {"two layers in a Sequential", "classifier.0.weight F32 8,4;classifier.2.weight F32 2,8;", NULL, NULL, 0, 0,
     "head: none, as \"classifier.0\" [8][4] is not the last layer: \"classifier.2\" [2][8] follows it; name the head with "
     "--head-name",
     NULL, NULL},
    {"two layers by name", "hidden.weight F32 8,4;final.weight F32 2,8;", NULL, NULL, 0, 0, "\"final\" [2][8] follows it", NULL,
     NULL},
    {"two layers of other modules", "mlp.dense.weight F32 8,4;out.linear.weight F32 2,8;", NULL, NULL, 0, 0, "follows it", NULL,
     NULL},
    {"two layers as wide as the LSTM", "fc1.weight F32 4,4;fc2.weight F32 2,4;", NULL, NULL, 0, 0, "2 tensors could be it", NULL,
     NULL},
    {"a gated layer, whose width halves", "head.0.weight F32 8,4;head.2.weight F32 2,4;", NULL, NULL, 0, 0, "2 tensors", NULL,
     NULL},
    {"numbered later, of another width", "head.9.weight F32 8,4;head.10.weight F32 2,5;", NULL, NULL, 0, 0,
     "\"head.10\" [2][5] follows it", NULL, NULL},
    {"a name without a number before one", "fc.weight F32 8,4;fc2.weight F32 2,5;", NULL, NULL, 0, 0, "\"fc2\" [2][5] follows it",
     NULL, NULL},
    {"weight_norm behind", "fc1.weight F32 8,4;fc2.weight_g F32 2,1;fc2.weight_v F32 2,8;", NULL, NULL, 0, 0,
     "\"fc1\" [8][4] is not the last layer: \"fc2\" [2][8] follows it", NULL, NULL},
    {"weight_norm of another width behind", "fc.weight F32 8,4;fc2.weight_g F32 2,1;fc2.weight_v F32 2,5;", NULL, NULL, 0, 0,
     "\"fc2\" [2][5] follows it", NULL, NULL},
    {"a parametrization behind",
     "fc1.weight F32 8,4;fc2.parametrizations.weight.original0 F32 2,1;fc2.parametrizations.weight.original1 F32 2,8;", NULL, NULL,
     0, 0, "\"fc2\" [2][8] follows it", NULL, NULL},
    {"a convolution behind", "fc1.weight F32 8,4;out.weight F32 2,8,1;", NULL, NULL, 0, 0, "\"out\" [2][8][1] follows it", NULL,
     NULL},
    {"a bare matrix behind", "fc1.weight F32 8,4;w2 F32 2,8;", NULL, NULL, 0, 0, "\"w2\" [2][8] follows it", NULL, NULL},
    {"labels of another width than I behind", "fc.weight F32 8,4;label_emb.weight F32 2,8;", NULL, NULL, 0, 0,
     "\"label_emb\" [2][8] follows it", NULL, NULL},
    {"an embedding as wide as the head", "fc.weight F32 3,4;tok_embed.weight F32 9,3;pos_embed.weight F32 9,3;", NULL, "", 3, 0,
     NULL, NULL, NULL},
    {"a CRF behind", "fc.weight F32 5,4;crf.transitions F32 5,5;", NULL, NULL, 5, 0, NULL, NULL, NULL},
    {"a matrix of an unusual name", "word_vectors.weight F32 9,4;", NULL, NULL, 9, 0,
     "head: took \"word_vectors\" [9][4], as no other matrix fits, though its name is not a usual one; name it with --head-name "
     "(names.head), \"\" for none",
     NULL, NULL},
    {"a matrix that may stand in front", "input_proj.weight F32 4,4;", NULL, NULL, 4, 0, "took \"input_proj\" [4][4]", NULL, NULL},
    {"a matrix of an unusual name that is asked for", "word_vectors.weight F32 9,4;", "word_vectors", NULL, 9, 0, NULL, NULL, NULL},
    {"usual names", "Model.FC.weight F32 9,4;", NULL, NULL, 9, 0, NULL, NULL, NULL},
    {"usual names", "hidden2tag.weight F32 9,4;", NULL, NULL, 9, 0, NULL, NULL, NULL},
    {"usual names", "decoder.weight F32 9,4;", NULL, NULL, 9, 0, NULL, NULL, NULL},
    {"bytes as wide as the LSTM", "q.weight U8 2,4;", NULL, NULL, 0, 0,
     "head: none, as \"q\" [2][4] has type U8 and would have to be converted to F32; name the head with --head-name", NULL, NULL},
    {"bytes beside a head", "fc.weight F32 2,4;q.weight I64 3,4;", NULL, NULL, 2, 0, NULL, NULL, NULL},
    {"a head of type F8_E4M3", "fc.weight F8_E4M3 2,4;", NULL, NULL, 0, 0, "has type F8_E4M3", NULL, NULL},
    {"a head beside one of type F8_E4M3", "fc.weight F32 2,4;out.weight F8_E4M3 3,4;", NULL, NULL, 0, 0, "2 tensors could be it",
     NULL, NULL},
    {"an embedding of bytes", "embed.weight U8 5,3;", NULL, NULL, 0, 0, NULL, "\"embed\" [5][3] has type U8", NULL},
    {"a head's bias of another length", "fc.weight F32 2,4;fc.bias F32 3;", NULL, NULL, 0, 0,
     "head: none, as \"fc.bias\" F32 [3] is no bias of 2 outputs", NULL, NULL},
    {"a head's bias of another type", "fc.weight F32 2,4;fc.bias I64 2;", NULL, NULL, 0, 0, "\"fc.bias\" I64 [2] is no bias", NULL,
     NULL},
    {"moments of an optimizer", "fc.weight F32 4,4;fc.weight.first F32 4,4;lstm.weight_hh_l0.first F32 16,4;", NULL, NULL, 4, 0,
     NULL, NULL, NULL},
    {"moments as wide as the head", "fc.weight F32 3,4;lstm.weight_ih_l0.first F32 16,3;", NULL, NULL, 3, 0, NULL, NULL, NULL},
    {"numbers of another type", "fc.weight F32 3,4;p I32 4,3;q U8 5,3;", NULL, NULL, 3, 0, NULL, NULL, NULL},
    {"filters of one channel", "fc.weight F32 1,4;conv.weight F32 9,1,5;conv2.weight_g F32 9,1,1;", NULL, NULL, 1, 0, NULL, NULL,
     "1 that may belong to the network, by their sizes, are not run: \"conv\" [9][1][5]"},
    {"numbered before", "head.2.weight F32 2,4;head.0.weight F32 5,6;", NULL, NULL, 2, 0, NULL, NULL, NULL},
    {"first of two layers, by name", "a.0.weight F32 8,4;a.2.weight F32 2,8;", "a.0", NULL, 8, 0, NULL, NULL,
     "1 that may belong to the network, by their sizes, are not run: \"a.2\" [2][8]"},
    {"square head", "out.weight F32 4,4;", NULL, NULL, 4, 0, NULL, NULL, NULL},
    {"attention alone", "attention.weight F32 1,4;attention.bias F32 1;", NULL, NULL, 0, 0,
     "\"attention\" [1][4] has the name of an attention", NULL, NULL},
    {"attention beside", "self_attn.out_proj.weight F32 4,4;fc.weight F32 2,4;", NULL, NULL, 0, 0, "2 tensors could be it", NULL,
     NULL},
    {"norm between", "ln.weight F32 4;ln.bias F32 4;fc.weight F32 2,4;", NULL, NULL, 2, 0, NULL, NULL, "are not run: \"ln\" [4]"},
    {"norm behind", "fc.weight F32 2,4;bn.weight F32 2;bn.count I64 -;", NULL, NULL, 2, 0, NULL, NULL, "\"bn\" [2]"},
    {"norm without a head", "ln.weight F32 4;", NULL, NULL, 0, 0, NULL, NULL, NULL},
    {"projection in front", "proj_in.weight F32 3,10;conv.weight F32 3,1,5;fc.weight F32 2,4;", NULL, NULL, 2, 0, NULL, NULL,
     "2 that may belong to the network, by their sizes, are not run: \"conv\" [3][1][5], \"proj_in\" [3][10]"},
    {"nothing that fits", "a.weight F32 7,9;b F32 3;c.weight F32 -;d.weight_g F32 4;fc.weight F32 2,4;", NULL, NULL, 2, 0, NULL,
     NULL, NULL},
    {"one embedding", "embedding.weight F32 5,3;", NULL, NULL, 0, 5, NULL, NULL, NULL},
    {"embedding among several", "embedding.weight F32 5,3;type_embed.weight F32 2,3;", NULL, NULL, 0, 0, NULL,
     "embedding: none, as 2 tensors could be it, [V][I]: \"embedding\" [5][3], \"type_embed\" [2][3]; name the embedding with "
     "--embedding-name",
     NULL},
    {"one of two embeddings", "embedding.weight F32 5,3;type_embed.weight F32 2,3;", NULL, "type_embed", 0, 2, NULL, NULL,
     "1 that may belong to the network, by their sizes, are not run: \"embedding\" [5][3]"},
    {"no embedding of two", "embedding.weight F32 5,3;type_embed.weight F32 2,3;", NULL, "", 0, 0, NULL, NULL, NULL},
    {"the second of two layers as wide as the LSTM", "fc1.weight F32 4,4;fc2.weight F32 2,4;", "fc2", NULL, 2, 0, NULL, NULL,
     "are not run: \"fc1\" [4][4]"},
    {"positions alone", "pos_embed.weight F32 5,3;", NULL, NULL, 0, 0, NULL,
     "\"pos_embed\" [5][3] has the name of an embedding of "
     "positions",
     NULL},
    {"neither", "embedding.weight F32 5,3;fc.weight F32 2,4;", "", "", 0, 0, NULL, NULL, NULL},
};

TEST_EACH(linear_layers, linear)
{
    const sluice_names names = {sizeof names, NULL, linear[_i].head, linear[_i].embedding};
    char tensors[1024];
    snprintf(tensors, sizeof tensors, "%s%s", LSTM, linear[_i].tensors);
    const char *name = linear[_i].name;
    OWNED_HANDLE(sluice_model) model = load(tensors, &names, name);
    const sluice_shape shape = sl_model_shape(model);
    ck_assert_msg(shape.classes == linear[_i].classes, "%s: %zu classes", name, shape.classes);
    ck_assert_msg(shape.vocabulary == linear[_i].vocabulary, "%s: %zu tokens", name, shape.vocabulary);
    check_line(model, name, "head", linear[_i].head_note);
    check_line(model, name, "embedding", linear[_i].embedding_note);
    check_line(model, name, "layers", linear[_i].layers_note);
    check_line(model, name, "types", NULL);
}

TEST(types_widened)
{
    static const struct {
        const char *tensors, *note;
    } cases[] = {
        {"a.weight_ih_l0 F16 16,3;a.weight_hh_l0 F32 16,4;", "types: weights of type F16 were widened to F32"},
        {"a.weight_ih_l0 BF16 16,3;a.weight_hh_l0 BF16 16,4;", "weights of type BF16 were"},
        {"a.weight_ih_l0 BF16 16,3;a.weight_hh_l0 F16 16,4;", "weights of type F16 and BF16 were"},
        {"a.weight_ih_l0 F32 16,3;a.weight_hh_l0 F32 16,4;b F16 1;", NULL},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        OWNED_HANDLE(sluice_model) model = load(cases[k].tensors, NULL, "types");
        check_line(model, "types", "types", cases[k].note);
    }
}

/* ---- LSTMCell -------------------------------------------------------------------------------------------------------------- */

/* The same file under both kinds of names is the same model. */
TEST(cell_values)
{
    static const char *const tensors[] = {
        "c.bias_hh F32 16;c.bias_ih F16 16;c.weight_hh F32 16,4;c.weight_ih BF16 16,3;fc.weight F32 2,4;",
        "c.bias_hh_l0 F32 16;c.bias_ih_l0 F16 16;c.weight_hh_l0 F32 16,4;c.weight_ih_l0 BF16 16,3;fc.weight F32 2,4;"};
    sluice_model *models[2];
    for (int k = 0; k < 2; k++)
        models[k] = load(tensors[k], NULL, "cell");
    const sluice_shape shape = sl_model_shape(models[0]);
    const size_t found[] = {shape.layers, shape.directions, shape.inputs, shape.hidden, shape.classes};
    const size_t expected[] = {1, 1, 3, 4, 2};
    ck_assert_mem_eq(found, expected, sizeof found);
    ck_assert_int_eq(shape.has_bias, 1);
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++) {
        size_t counts[2];
        const float *a = sluice_model_get_tensor(models[0], (sluice_tensor)tensor, 0, &counts[0]);
        const float *b = sluice_model_get_tensor(models[1], (sluice_tensor)tensor, 0, &counts[1]);
        ck_assert_uint_eq(counts[0], counts[1]);
        ck_assert(!counts[0] || memcmp(a, b, counts[0] * sizeof *a) == 0);
    }
    check_line(models[0], "cell", "names", "names: torch LSTMCell, prefix \"c.\", head \"fc\", no embedding");
    check_line(models[1], "layer", "names", "names: torch, prefix \"c.\", head \"fc\", no embedding");
    for (int k = 0; k < 2; k++)
        sluice_model_destroy(models[k]);
}

/* Which layer is taken, where there are several. */
TEST(recurrent_layers)
{
    static const struct {
        const char *name, *tensors, *prefix, *note;
    } cases[] = {
        {"a GRU behind", LSTM "proj.weight F32 8,4;gru.weight_ih_l0 F32 12,8;gru.weight_hh_l0 F32 12,4;", NULL,
         "head: none, as \"proj\" [8][4] is not the last layer: \"gru\" [12][8] follows it"},
        {"an LSTM behind", LSTM "proj.weight F32 8,4;l2.weight_ih_l0 F32 16,8;l2.weight_hh_l0 F32 16,4;", "lstm.",
         "\"l2\" [16][8] follows it"},
        {"a GRU beside, as wide as the head", LSTM "fc.weight F32 4,4;g.weight_ih_l0 F32 12,3;g.weight_hh_l0 F32 12,4;", NULL,
         "head \"fc\""},
        {"a bare cell", CELL(""), NULL, "names: torch LSTMCell, prefix \"\""},
        {"one of two cells", CELL("a.") CELL("b."), "b.", "names: torch LSTMCell, prefix \"b.\""},
        {"the LSTM beside a cell", LSTM CELL("b."), "lstm.", "names: torch, prefix \"lstm.\""},
        {"the cell beside an LSTM", LSTM CELL("b."), "b.", "names: torch LSTMCell, prefix \"b.\""},
        {"an LSTM beside a GRU", LSTM GRU("gru.", "_l0"), NULL, "names: torch, prefix \"lstm.\""},
        {"an LSTM behind a GRU", LSTM GRU("enc.", ""), NULL, "names: torch, prefix \"lstm.\""},
        {"a cell beside two others", CELL("c.") GRU("a.", "") "b.weight_ih F32 4,3;b.weight_hh F32 4,4;", NULL,
         "names: torch LSTMCell, prefix \"c.\""},
        {"a cell and its reverse", CELL("c.") "c.weight_ih_reverse F32 16,3;c.weight_hh_reverse F32 16,4;", NULL,
         "layers: recurrent ones beside that of prefix \"c.\" are not run: \"c.weight_ih_reverse\" (LSTM)"},
        {"two stacked cells", CELL("c.0.") "c.1.weight_ih F32 16,4;c.1.weight_hh F32 16,4;fc.weight F32 2,4;", "c.0.",
         "layers: recurrent ones beside that of prefix \"c.0.\" are not run: \"c.1.\" (LSTM)"},
        {"layers of every kind beside",
         LSTM GRU("g.", "_l0") GRU("g.", "_l1") GRU("k.", "") "r.weight_ih_l0 F32 4,3;r.weight_hh_l0 F32 4,4;"
                                                              "w.parametrizations.weight_ih_l0.original0 F32 16,1;",
         "lstm.", "are not run: \"g.\" (GRU), \"k.\" (GRU), \"r.\" (RNN), \"w.parametrizations.\" (recurrent)"},
        {"a cell beside a table", CELL("c.") "x_weight_ih_l1 F32 2;weight_ih_l F32 2;", NULL, "prefix \"c.\""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sluice_names names = {.struct_size = sizeof names, .prefix = cases[k].prefix};
        OWNED_HANDLE(sluice_model) model = load(cases[k].tensors, &names, cases[k].name);
        ck_assert_msg(strstr(sluice_model_get_notes(model), cases[k].note), "%s: expected %s in \"%s\"", cases[k].name,
                      cases[k].note, sluice_model_get_notes(model));
        ck_assert_int_eq(sl_model_shape(model).has_bias, 0);
    }
}

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

/* Names of 300 bytes, of the network's own tensors and of others; what is said of them is cut, and not inside a character. */
TEST(long_names)
{
    char stem[281], tensors[4096], part[256];
    for (size_t k = 0; k + 2 < sizeof stem; k += 2)
        memcpy(stem + k, "\xc3\xa9", 3);
    snprintf(tensors, sizeof tensors,
             "%s.lstm.weight_ih_l0 F32 16,3;%s.lstm.weight_hh_l0 F32 16,4;%s.lstm.bias_ih_l0 F32 16;%s.lstm.bias_hh_l0 F32 16;"
             "%s.fc.weight F32 2,4;%s.fc.bias F32 2;%s.embed.weight F32 5,3;%s.step I64 -;",
             stem, stem, stem, stem, stem, stem, stem, stem);
    char prefix[320], head[320];
    snprintf(prefix, sizeof prefix, "%s.lstm.", stem);
    snprintf(head, sizeof head, "%s.fc", stem);
    const sluice_names names = {sizeof names, prefix, head, NULL};
    snprintf(part, sizeof part, "%.120s...", stem);
    for (int k = 0; k < 2; k++) {
        OWNED_HANDLE(sluice_model) model = load(tensors, k ? &names : NULL, "long");
        const sluice_shape shape = sl_model_shape(model);
        ck_assert_uint_eq(shape.classes, 2);
        ck_assert_uint_eq(shape.vocabulary, 5);
        ck_assert_int_eq(shape.has_bias, 1);
        check_line(model, "long", "ignored", part);
    }
    uint64_t state = test_seed();
    snprintf(tensors, sizeof tensors, "a%s.weight_ih_l0 F64 16,3;", stem);
    OWNED(test_bytes) file = test_safetensors_network(tensors, NULL, &state);
    test_file_write(test_path("x"), file.data, file.size);
    sluice_model *model;
    sluice_error error = {0};
    ck_assert_int_eq(sluice_model_load(test_path("x"), NULL, &model, &error), SLUICE_STATUS_BAD_DATA);
    snprintf(part, sizeof part, "tensor \"a%.118s...weight_hh_l0\" is missing", stem); /* 119 bytes: the next character has two */
    test_check_message("long", &error, SLUICE_STATUS_BAD_DATA, part);
}

/* A name cannot break the notes into other lines, nor steer a terminal, also where it is the network's. */
TEST(control_characters)
{
    static const char tensors[] =
        "l\\n.weight_ih_l0 F32 16,3;l\\n.weight_hh_l0 F32 16,4;a\\nhead:b\\t F32 1;c\\u009bd\\u0000e\\u007f F32 1;"
        "z\\tout.weight F32 2,4;";
    OWNED_HANDLE(sluice_model) model = load(tensors, NULL, "control");
    ck_assert_str_eq(sluice_model_get_notes(model), "names: torch, prefix \"l?.\", head \"z?out\", no embedding\n"
                                                    "ignored: \"a?head:b?\" F32 [1]\nignored: \"c??d??e?\" F32 [1]");
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
