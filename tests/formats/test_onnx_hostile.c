/* ONNX files that are wrong, hostile, or more than is read: each is refused with one line that says where and why. */
#include "support/formats/onnx_files.h"
#include "support/formats/onnx_made.h"

#include <time.h>

/* An LSTM of 2 inputs and 2 units, and what most cases begin with. */
#define WEIGHTS "in x;out y;w W 1,8,2;w R 1,8,2;w B 1,16;"
#define LSTM "n LSTM x,W,R,B > Y,Yh,Yc hidden_size=2;"
#define STEPS "i one 1;n Squeeze Y,one > s;"

static sluice_status load(const test_bytes *file, const sluice_names *names, sluice_error *error)
{
    sluice_model *model = (sluice_model *)error;
    const sluice_status status = sluice_model_load_memory(file->data, file->size, names, &model, error);
    ck_assert_msg(!status == (model != NULL), "status %d", status);
    sluice_model_destroy(model);
    return status;
}

static void check_refused(const char *name, const test_bytes *file, const sluice_names *names, sluice_status want, const char *part)
{
    sluice_error error = {0};
    const sluice_status got = load(file, names, &error);
    if (got == SLUICE_STATUS_BAD_DATA)
        test_file_keep(file, ".onnx");
    test_check_refused(name, got, want, &error, part);
    ck_assert_msg(want == SLUICE_STATUS_BAD_ARGUMENT || strstr(error.message, "ONNX"), "%s: %s", name, error.message);
}

/* ---- Graphs ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    sluice_status status; /* OK: it loads */
    const char *part;
} graphs[] = {
    {WEIGHTS LSTM "n Identity Y > y;", SLUICE_STATUS_OK, ""},
    {WEIGHTS LSTM STEPS "w D 2,3;n MatMul s,D > d;w b 3;n Add d,b > y;", SLUICE_STATUS_OK, ""},
    {WEIGHTS LSTM STEPS "w D 2,3;n MatMul s,D > d;w b 1,1,3;n Add d,b > y;", SLUICE_STATUS_OK, ""},
    {WEIGHTS LSTM STEPS "w D 2,3;n MatMul s,D > d;n Transpose d > t perm=[0,2,1];w b 3;n Add t,b > y;", SLUICE_STATUS_UNSUPPORTED,
     "expected features last"},
    {WEIGHTS "w P 1,6;n LSTM x,W,R,B,-,-,-,P > y activations='sIgMoId,TANH,relu';", SLUICE_STATUS_OK, ""},
    {"in x;out y;n Relu x > y;", SLUICE_STATUS_UNSUPPORTED, "unrolled"},
    {"in x;out y;n Loop x > y;", SLUICE_STATUS_UNSUPPORTED, "(Loop)"},
    {"in x;n GRU x > y;out y;", SLUICE_STATUS_UNSUPPORTED, "(GRU)"},
    {WEIGHTS LSTM "n Conv Y,B > y;", SLUICE_STATUS_UNSUPPORTED, "node \"y\" (Conv): a node of this kind is no layer"},
    {WEIGHTS LSTM "n Conv Y,B > y;", SLUICE_STATUS_UNSUPPORTED, "--lstm): \"Y\""},
    {WEIGHTS LSTM "n Relu x > y;", SLUICE_STATUS_UNSUPPORTED, "comes of no LSTM"},
    {WEIGHTS LSTM "n Relu z > y;", SLUICE_STATUS_BAD_DATA, "value \"z\""},
    {WEIGHTS LSTM "n Relu W > y;", SLUICE_STATUS_BAD_DATA, "found a constant"},
    {WEIGHTS LSTM "n Relu y > z;n Tanh z > y;", SLUICE_STATUS_BAD_DATA, "circle"},
    {WEIGHTS LSTM "n Relu Y > y;n Tanh Y > y;", SLUICE_STATUS_BAD_DATA, "value \"y\": expected one node"},
    {WEIGHTS "w W 1,8,2;" LSTM "n Identity Y > y;", SLUICE_STATUS_BAD_DATA, "value \"W\""},
    {WEIGHTS "w V 1;" LSTM "n LSTM Y,W,R > y;", SLUICE_STATUS_UNSUPPORTED, "expected [steps][rows][features]"},
    {WEIGHTS LSTM "n Add Y,x > y;", SLUICE_STATUS_UNSUPPORTED, "expected \"x\" to be a constant, found an input of the graph"},
    {WEIGHTS LSTM STEPS "n Add s,Y > y;", SLUICE_STATUS_UNSUPPORTED, "(LSTM) computes it"},
    {WEIGHTS LSTM "n Relu Yc > y;", SLUICE_STATUS_UNSUPPORTED, "Y_c"},
    {WEIGHTS LSTM "n Transpose Y > y perm=[0,1,2];", SLUICE_STATUS_UNSUPPORTED, "perm"},
    {WEIGHTS LSTM "n Transpose Y > y perm=[0,1,1,3];", SLUICE_STATUS_UNSUPPORTED, "permutation"},
    {WEIGHTS LSTM "i two 0;n Squeeze Y,two > y;", SLUICE_STATUS_UNSUPPORTED, "drops an axis"},
    {WEIGHTS LSTM "i two 9;n Squeeze Y,two > y;", SLUICE_STATUS_UNSUPPORTED, "not there"},
    {WEIGHTS LSTM "i to -1,7;n Reshape Y,to > y;", SLUICE_STATUS_UNSUPPORTED, "joins axes"},
    {WEIGHTS "i to -1,1,2;n Reshape x,to > r;n LSTM r,W,R,B > y;", SLUICE_STATUS_UNSUPPORTED, "joins axes"},
    {WEIGHTS LSTM "i to -1,1,2;n Squeeze Y > s;n Reshape s,to > r;n LSTM r,W,R,B > y;", SLUICE_STATUS_OK, ""},
    {WEIGHTS LSTM "n Cast Y > y to=7;", SLUICE_STATUS_UNSUPPORTED, "(Cast)"},
    {WEIGHTS LSTM "i to 0,0,0,0,0,0,0,0;n Reshape Y,to > y;", SLUICE_STATUS_UNSUPPORTED, "computed"},
    {WEIGHTS LSTM "i k 1;n Gather Y,k > y;", SLUICE_STATUS_UNSUPPORTED, "one of several steps"},
    {WEIGHTS LSTM "i k 0;n Gather Y,k > y axis=2;", SLUICE_STATUS_UNSUPPORTED, "one of several rows"},
    {WEIGHTS LSTM "i k 0;n Gather Y,k > y axis=7;", SLUICE_STATUS_BAD_DATA, "axis"},
    {WEIGHTS LSTM "n Gather Y,Yh > y;", SLUICE_STATUS_UNSUPPORTED, "computed by the graph"},
    {WEIGHTS LSTM "n Concat Y,Y > y axis=3;", SLUICE_STATUS_UNSUPPORTED, "two directions"},
    {WEIGHTS LSTM "n Split Y > y,z axis=3;", SLUICE_STATUS_UNSUPPORTED, "splits"},
    {WEIGHTS LSTM "n Softmax Y > y axis=1;", SLUICE_STATUS_UNSUPPORTED, "features alone"},
    {WEIGHTS LSTM STEPS "w D 3,2;n MatMul s,D > y;", SLUICE_STATUS_BAD_DATA, "weights for 2 features, found them for 3"},
    {WEIGHTS LSTM STEPS "w D 2,3;w b 4;n Gemm s,D,b > y;", SLUICE_STATUS_BAD_DATA, "bias: expected 3"},
    {"in x;out y;w W 1,8,2;w R 1,8,3;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "R: expected [1][4H][H], found [1][8][3]"},
    {"in x;out y;w W 1,12,2;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "W: expected [1][4H][I]"},
    {"in x;out y;w W 1,8,2;w R 1,8,2;n LSTM x,W,R > y direction=bidirectional;", SLUICE_STATUS_BAD_DATA, "R: expected [2]"},
    {WEIGHTS "n LSTM x,W,R,R > y;", SLUICE_STATUS_BAD_DATA, "B: expected [D][8H]"},
    {WEIGHTS "n LSTM x,W,R,B,-,-,-,B > y;", SLUICE_STATUS_BAD_DATA, "P: expected [D][3H]"},
    {WEIGHTS "n LSTM x,W,R,B,-,B > y;", SLUICE_STATUS_BAD_DATA, "initial_h"},
    {WEIGHTS "n LSTM x,W,R,B,-,h > y;n Tanh x > h;", SLUICE_STATUS_UNSUPPORTED, "initial_h is computed"},
    {WEIGHTS "n LSTM x,W,R,B > y hidden_size=3;", SLUICE_STATUS_BAD_DATA, "hidden_size: expected 2"},
    {WEIGHTS "n LSTM x,W,R,B > y direction=sideways;", SLUICE_STATUS_BAD_DATA, "sideways"},
    {WEIGHTS "n LSTM x,W,R,B > y layout=2;", SLUICE_STATUS_BAD_DATA, "layout"},
    {WEIGHTS "n LSTM x,W,R,B > y clip=-1.5;", SLUICE_STATUS_BAD_DATA, "clip"},
    {WEIGHTS "n LSTM x,W,R,B > y activations='Tanh,Tanh';", SLUICE_STATUS_BAD_DATA, "expected 3 of them, found 2"},
    {WEIGHTS "n LSTM x,W,R,B > y activations='Tanh,Tanh,Cosine';", SLUICE_STATUS_UNSUPPORTED, "Cosine"},
    {WEIGHTS "n LSTM x,w,R,B > y;n Relu W > w;", SLUICE_STATUS_UNSUPPORTED,
     "W: expected \"w\" to be a constant, found that node \"w\" (Relu)"},
    {WEIGHTS "n LSTM x,x,R,B > y;", SLUICE_STATUS_UNSUPPORTED, "W: expected \"x\" to be a constant, found an input"},
    {WEIGHTS "n LSTM x > y;", SLUICE_STATUS_BAD_DATA, "R: expected \"\" to be a constant"},
    {"in x;out y;w W -1,8,2;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "expected dimensions whose product"},
    {"in x;out y;w W 4611686018427387904,8,2;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA,
     "expected dimensions whose product"},
    {"in x;out y;w W 1,8,9000000;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "found 0 bytes"},
    {"in x;out y;w W 0,8,2;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "W: expected"},
    {"in x;out y;w w 8,2;i s 0;i e 2;n Slice w,s,e > p;n Concat p,p,p,p > W axis=0;w R 1,8,2;n LSTM x,W,R > y;",
     SLUICE_STATUS_BAD_DATA, "W: expected [1][4H][I], of R's H, found [8][2]"},
    {"in x;w W 1,8,2;w R 1,8,2;n LSTM x,W,R > y;", SLUICE_STATUS_BAD_DATA, "output"},
};

TEST_EACH(graphs, graphs)
{
    test_bytes graph = onnx_make_graph(graphs[_i].text);
    OWNED(test_bytes) file = onnx_make_file(&graph, 17);
    sluice_error error = {0};
    if (graphs[_i].status)
        check_refused(graphs[_i].text, &file, NULL, graphs[_i].status, graphs[_i].part);
    else
        ck_assert_msg(load(&file, NULL, &error) == SLUICE_STATUS_OK, "%s: %s", graphs[_i].text, error.message);
}

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static const struct {
    sluice_names names;
    sluice_status status;
    const char *part;
} names[] = {
    {{.lstm = "Y"}, SLUICE_STATUS_OK, ""},
    {{.lstm = "Yh"}, SLUICE_STATUS_OK, ""},
    {{.to = "r"}, SLUICE_STATUS_OK, ""},
    {{.to = "Yh", .onnx_clip = "ort"}, SLUICE_STATUS_OK, ""},
    {{.lstm = "z"}, SLUICE_STATUS_BAD_ARGUMENT, "expected one of \"Y\", found \"z\""},
    {{.lstm = "r"}, SLUICE_STATUS_BAD_ARGUMENT, "expected one of"},
    {{.to = "z"}, SLUICE_STATUS_BAD_ARGUMENT, "found \"z\""},
    {{.to = "r", .lstm = "Y"}, SLUICE_STATUS_BAD_ARGUMENT, "both"},
    {{.onnx_clip = "tf"}, SLUICE_STATUS_BAD_ARGUMENT, "onnx_clip: expected onnx or ort, found \"tf\""},
    {{.prefix = "lstm."}, SLUICE_STATUS_BAD_ARGUMENT, "found \"lstm.\""},
    {{.recurrent_activation = "sigmoid"}, SLUICE_STATUS_BAD_ARGUMENT, "found \"sigmoid\""},
    {{.lstm = NULL}, SLUICE_STATUS_UNSUPPORTED, "(Cosh)"},
};

TEST_EACH(names, names)
{
    test_bytes graph = onnx_make_graph(WEIGHTS LSTM "n Relu Y > r;n Cosh r > y;");
    OWNED(test_bytes) file = onnx_make_file(&graph, 17);
    sluice_names given = names[_i].names;
    sluice_error error = {0};
    given.struct_size = sizeof given;
    if (names[_i].status)
        check_refused("names", &file, &given, names[_i].status, names[_i].part);
    else
        ck_assert_msg(load(&file, &given, &error) == SLUICE_STATUS_OK, "%s", error.message);
}

/* ---- Bytes ----------------------------------------------------------------------------------------------------------------- */

static const char *const small[] = {"defaults",  "cell_in_if",    "learned_states",
                                    "quantized", "element_types", "export_packed_sequence"};

TEST_EACH(cut_short, small)
{
    OWNED(test_bytes) file = test_file_read(onnx_path(small[_i]));
    for (size_t size = 0; size < file.size; size += 1 + (file.size > 2000 && size > 100) * test_by_depth(30, 12, 0)) {
        sluice_error error = {0};
        unsigned char *exact = malloc(size + 1); /* so that a sanitizer sees a read beyond it */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, file.data, size);
        const sluice_status status = load(&(test_bytes){exact, size}, NULL, &error);
        const bool is_end = size + 64 > file.size; /* where the versions of other operators are */
        ck_assert_msg(status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED || (is_end && !status),
                      "%zu bytes: status %d", size, status);
        if (status)
            test_check_message("cut short", &error, status, "");
        free(exact);
    }
}

TEST_EACH(bytes_changed, small)
{
    static const unsigned char changes[] = {0x01, 0x02, 0x7f, 0x80, 0xff};
    OWNED(test_bytes) file = test_file_read(onnx_path(small[_i]));
    size_t loaded = 0, refused = 0;
    for (size_t at = 0; at < file.size; at += 1 + (at > 200) * test_by_depth(60, 20, 0))
        for (size_t k = 0; k < sizeof changes; k++) {
            sluice_error error = {0};
            file.data[at] ^= changes[k];
            const sluice_status status = load(&file, NULL, &error);
            file.data[at] ^= changes[k];
            *(status ? &refused : &loaded) += 1;
            ck_assert_msg(!status || status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED, "byte %zu: %d %s", at,
                          status, error.message);
            if (status)
                test_check_message("changed", &error, status, "");
        }
    printf("%s: %zu loaded, %zu refused\n", small[_i], loaded, refused);
    ck_assert(loaded && refused);
}

/* A field in front of the graph. */
static const struct {
    const char *bytes;
    size_t size;
    const char *part; /* NULL: it loads */
} fields[] = {
#define BYTES(text) text, sizeof text - 1
    {BYTES("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), NULL},          /* -1 */
    {BYTES("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "64 bits"},     /* more than 64 */
    {BYTES("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "64 bits"}, /* eleven bytes */
    {BYTES("\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "of which its message has only"},
    {BYTES("\x2b"), "wire type 3"},
    {BYTES("\x2c"), "wire type 4"},
    {BYTES("\x2f"), "wire type 7"},
    {BYTES("\x02\x00"), "field's number, found 0"},
    {BYTES("\x29"
           "12345678"
           "\x2d"
           "1234"),
     NULL},
    {BYTES("\x3a\x00"), "expected one graph"},
    {BYTES("\x38\x00"), "expected bytes, found a number"},
    {BYTES("\xca\x01\x00"), "functions"},
};

TEST_EACH(fields, fields)
{
    test_bytes graph = onnx_make_graph(WEIGHTS LSTM "n Identity Y > y;");
    OWNED(test_bytes) rest = onnx_make_file(&graph, 17);
    OWNED(test_bytes) file = {0};
    test_bytes_add_text(&file, "\x08\x08\x12"); /* version, and a producer without a name */
    test_bytes_add_number(&file, 0, 1);
    test_bytes_add(&file, fields[_i].bytes, fields[_i].size);
    test_bytes_add(&file, rest.data, rest.size);
    sluice_error error = {0};
    const sluice_status status = load(&file, NULL, &error);
    ck_assert_msg((status == SLUICE_STATUS_OK) == !fields[_i].part, "%s", error.message);
    if (fields[_i].part)
        test_check_message("field", &error, status, fields[_i].part);
}

/* ---- Bombs ----------------------------------------------------------------------------------------------------------------- */

/* Load within a second of the CPU's, and refuse. */
static void check_bomb(const char *name, test_bytes *graph, sluice_status status, const char *part)
{
    OWNED(test_bytes) file = onnx_make_file(graph, 17);
    const clock_t before = clock();
    check_refused(name, &file, NULL, status, part);
    if (!TEST_SANITIZED)
        ck_assert_msg(clock() - before < CLOCKS_PER_SEC, "%s takes %g s", name, (double)(clock() - before) / CLOCKS_PER_SEC);
}

/* Graphs within graphs. */
TEST(nested)
{
    test_bytes inner = onnx_make_graph("n Identity x > y;out y;");
    for (size_t k = 0; k < 40; k++) {
        test_bytes attribute = {0}, node = {0}, outer = {0};
        onnx_add_text(&attribute, 1, "then_branch");
        onnx_add_message(&attribute, 6, &inner);
        onnx_add_text(&node, 2, "y");
        onnx_add_text(&node, 4, "If");
        onnx_add_message(&node, 5, &attribute);
        onnx_add_message(&outer, 1, &node);
        inner = outer;
    }
    check_bomb("nested", &inner, SLUICE_STATUS_BAD_DATA, "at most 16 graphs");
}

/* Each constant is twice the one before, without elements: doubled 60 times. */
TEST(doubled)
{
    char line[200];
    test_bytes text = {0};
    test_bytes_add_text(&text, "in x;out y;w R 1,8,2;w c 1,8,2;i s 0;n Slice c,s,s > c0;");
    for (int k = 1; k < 60; k++) {
        snprintf(line, sizeof line, "n Concat c%d,c%d > c%d axis=0;", k - 1, k - 1, k);
        test_bytes_add_text(&text, line);
    }
    test_bytes_add_text(&text, "n LSTM x,c40,R > y;");
    test_bytes_add_number(&text, 0, 1);
    test_bytes graph = onnx_make_graph((const char *)text.data);
    test_bytes_free(&text);
    check_bomb("doubled", &graph, SLUICE_STATUS_UNSUPPORTED, "W: expected \"c40\" to be a constant");
}

/* A file of small nodes asks for more memory than its size justifies. */
TEST(many_nodes)
{
    enum { NODES = 200000 };
    static char nodes[NODES][9];
    for (size_t k = 0; k < NODES; k++)
        memcpy(nodes[k],
               "\x0a\x07\x0a\x01"
               "a"
               "\x22\x02"
               "ab",
               9); /* an input, an operator */
    test_bytes graph = onnx_make_graph(WEIGHTS LSTM "n Identity Y > y;");
    test_bytes_add(&graph, nodes, sizeof nodes);
    check_bomb("many nodes", &graph, SLUICE_STATUS_BAD_DATA, "asks for more than");
}

TEST(long_chain)
{
    uint64_t state = 0;
    char line[100];
    test_bytes graph = onnx_make_graph(WEIGHTS LSTM "n Relu Y > z0;n Relu z3000 > y");
    for (int k = 0; k < 3000; k++) {
        snprintf(line, sizeof line, "n Relu z%d > z%d", k, k + 1);
        onnx_add_line(&graph, line, &state);
    }
    check_bomb("long chain", &graph, SLUICE_STATUS_BAD_DATA, "nodes behind each other");
}

/* Many layers of the same weights. */
TEST(shared_weights)
{
    char line[200];
    test_bytes text = {0};
    test_bytes_add_text(&text, "in x;out y;w W 1,512,128;w R 1,512,128;i one 1;n Relu x > s0;");
    for (int k = 0; k < 120; k++) {
        snprintf(line, sizeof line, "n LSTM s%d,W,R > l%d;n Squeeze l%d,one > s%d;", k, k, k, k + 1);
        test_bytes_add_text(&text, line);
    }
    test_bytes_add_text(&text, "n Relu s120 > y;");
    test_bytes_add_number(&text, 0, 1);
    test_bytes graph = onnx_make_graph((const char *)text.data);
    test_bytes_free(&text);
    check_bomb("shared weights", &graph, SLUICE_STATUS_BAD_DATA, "layers share tensors");
}

TEST(old_operators)
{
    test_bytes graph = onnx_make_graph(WEIGHTS LSTM "n Identity Y > y;");
    OWNED(test_bytes) file = onnx_make_file(&graph, 6);
    check_refused("opset 6", &file, NULL, SLUICE_STATUS_UNSUPPORTED, "operators of version 6, expected 7 at least");
}

/* ---- External data --------------------------------------------------------------------------------------------------------- */

/* An LSTM whose W is in a file of this place. */
static test_bytes make_external(const char *location, const char *offset, const char *length)
{
    test_bytes graph = onnx_make_graph("in x;out y;w R 1,8,2;n LSTM x,W,R > y;"), tensor = {0};
    const char *const entries[][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    for (unsigned k = 0; k < 3; k++)
        onnx_add_number(&tensor, 1, (const unsigned[]){1, 8, 2}[k]);
    onnx_add_number(&tensor, 2, 1);
    onnx_add_text(&tensor, 8, "W");
    onnx_add_number(&tensor, 14, 1);
    for (size_t k = 0; k < 3; k++) {
        test_bytes entry = {0};
        onnx_add_text(&entry, 1, entries[k][0]);
        onnx_add_text(&entry, 2, entries[k][1]);
        if (*entries[k][1])
            onnx_add_message(&tensor, 13, &entry);
        test_bytes_free(&entry);
    }
    onnx_add_message(&graph, 5, &tensor);
    return onnx_make_file(&graph, 17);
}

static const struct {
    const char *location, *offset, *length, *part; /* NULL: it loads */
} external[] = {
    {"weights", "", "", NULL},
    {"weights", "16", "64", NULL},
    {"inner/weights", "", "", NULL},
    {"./weights", "", "", NULL},
    {"weights", "17", "", "expected 16 elements of FLOAT from byte 17"},
    {"weights", "9999999999999999", "", "found a file of 80 bytes"},
    {"weights", "99999999999999999999", "", "expected a number of bytes"},
    {"weights", "x", "", "expected a number of bytes"},
    {"weights", "-1", "", "expected a number of bytes"},
    {"weights", "0", "63", "a length of 64 bytes, found one of 63"},
    {"", "", "", "in the model's own folder"},
    {"/etc/passwd", "", "", "in the model's own folder"},
    {"../weights", "", "", "in the model's own folder"},
    {"inner/../../weights", "", "", "in the model's own folder"},
    {"inner//weights", "", "", "in the model's own folder"},
    {"none", "", "", "copy it beside the model"},
    {"link", "", "", "not a link"},
    {"linked/weights", "", "", "not a link"},
    {"fifo", "", "", "expected a regular file"},
    {"inner", "", "", "expected a regular file"},
};

static void prepare_folder(void)
{
    const float zeros[20] = {0};
    ck_assert_int_eq(mkdir(test_path("inner"), 0700), 0);
    test_file_write(test_path("weights"), zeros, sizeof zeros);
    test_file_write(test_path("inner/weights"), zeros, sizeof zeros);
    ck_assert_int_eq(symlink("weights", test_path("link")), 0);
    ck_assert_int_eq(symlink("inner", test_path("linked")), 0);
    ck_assert_int_eq(mkfifo(test_path("fifo"), 0600), 0);
}

TEST_EACH(external_data, external)
{
    OWNED(test_bytes) file = make_external(external[_i].location, external[_i].offset, external[_i].length);
    sluice_model *model;
    sluice_error error = {0};
    prepare_folder();
    test_file_write(test_path("model"), file.data, file.size);
    const sluice_status status = sluice_model_load(test_path("model"), NULL, &model, &error);
    ck_assert_msg(status == (external[_i].part ? SLUICE_STATUS_BAD_DATA : SLUICE_STATUS_OK), "%s: %s", external[_i].location,
                  error.message);
    if (external[_i].part)
        test_check_message(external[_i].location, &error, status, external[_i].part);
    else
        check_refused("memory", &file, NULL, SLUICE_STATUS_UNSUPPORTED, "a model in memory has no folder");
    sluice_model_destroy(model);
    ck_assert_int_eq(unlink(test_path("inner/weights")), 0);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
