/* Pickles that no torch.save writes: opcodes that would run code, bombs, circles, tensors beyond their storage; and where in a file's
 * values tensors are looked for, and by which names they are then known. */
#include "support/formats/torch_file.h"
#include "support/network.h"

/* ---- Opcodes --------------------------------------------------------------------------------------------------------------- */

static bool is_known(unsigned code)
{
    static const char known[] = "(.0}])aestNuJKMGXBCqrhjcRbQ\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x95";
    return code && memchr(known, (int)code, sizeof known - 1);
}

TEST_LOOP(opcodes, 0, 256)
{
    test_bytes pickle = {0};
    if (is_known((unsigned)_i))
        return;
    test_bytes_add_text(&pickle, "\x80\x02}");
    test_bytes_add_number(&pickle, (uint64_t)_i, 1);
    test_bytes_add_text(&pickle, "1\n2\n3.");
    torch_refuse_pickle("opcode", &pickle, "is none that torch.save writes");
    test_bytes_free(&pickle);
}

static const struct {
    const char *bytes;
    size_t size;
    const char *words;
} broken[] = {
#define CASE(text, words)                                                                                                          \
    {                                                                                                                              \
        text, sizeof(text) - 1, words                                                                                              \
    }
    CASE("", "without its STOP"),
    CASE("}", "without its STOP"),
    CASE(".", "more values than are on its stack"),
    CASE("}}.", "more than one value"),
    CASE("(}.", "more than one value"),
    CASE("0", "more values than are on its stack"),
    CASE("(00.", "more values than are on its stack"),
    CASE("t.", "more values than are on its stack"),
    CASE("}a.", "more values than are on its stack"),
    CASE("}(a.", "more values than are on its stack"),
    CASE("}N(s.", "more values than are on its stack"),
    CASE("(u.", "more values than are on its stack"),
    CASE("(}u.", "a key without a value"),
    CASE("}(NNNu.", "a key without a value"),
    CASE("}(NNu(e.", "does not fit"),
    CASE("](NNu.", "does not fit"),
    CASE("}Na.", "does not fit"),
    CASE("NNb.", "does not fit"),
    CASE("h\x01.", "no value 1"),
    CASE("}q\x02\x30h\x01.", "no value 1"),
    CASE("}r\xff\xff\xff\x7f.", "index 2147483647"),
    CASE("}r\xff\xff\xff\xff.", "index 4294967295"),
    CASE("X\xff\xff\xff\xff.", "cut short"),
    CASE("B\x10\0\0\0abc.", "cut short"),
    CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "is none that torch.save writes"),
    CASE("\x95\xff\xff\xff\xff.", "cut short"),
    CASE("\x8a\xff.", "cut short"),
    CASE("X\x01\0\0\0\xc3.", "not UTF-8"),
    CASE("X\x02\0\0\0\xff\xff.", "not UTF-8"),
    CASE("X\x02\0\0\0a\0.", "NUL"),
    CASE("cos\nsystem", "cut short"),
    CASE("cos\nsystem\n.", "os.system"),
    CASE("cposix\nsystem\n.", "posix.system"),
    CASE("c__builtin__\neval\n.", "__builtin__.eval"),
    CASE("X\x0a\0\0\0subprocessX\x05\0\0\0Popen\x93.", "subprocess.Popen"),
    CASE("}}\x93.", "is no string"),
    CASE("cm\nf\n}R.", "no tuple"),
    CASE("cm\nf\n}\x81.", "no tuple"),
};

TEST_EACH(broken_pickles, broken)
{
    test_bytes pickle = {0};
    test_bytes_add(&pickle, broken[_i].bytes, broken[_i].size);
    torch_refuse_pickle(broken[_i].words, &pickle, broken[_i].words);
    test_bytes_free(&pickle);
}

/* ---- Bombs ----------------------------------------------------------------------------------------------------------------- */

enum { MANY = 1000000 };

/* What is made of many of the same: the beginning, what is repeated, the end; NULL: it is read, and has no tensors. */
static const struct {
    const char *begin, *repeated, *end;
    size_t times;
    const char *words;
} bombs[] = {
    {"", "(", "t.", MANY, "marks"},
    {"}", "\x85", ".", MANY, "is more than is read"},
    {"}", "\x85", ".", 200, "nested too deeply"},
    {"]", "]", "", MANY, "without its STOP"},
    {"](", "}", "e.", 4 * MANY, "is more than is read"},
    {"](", "N", "e.", 4 * MANY, "is more than is read"},
    {"](", "N", "e.", MANY, NULL},
    {"}q\x01(K\x01h\x01u(", "K\x01h\x01", "u.", MANY, NULL}, /* a dict in itself, very often */
    {"Nq\x01", "h\x01\x86q\x01", ".", 50, NULL},             /* each pair twice the last */
    {"}q\x01", "h\x01\x86q\x01", ".", 90, NULL},
    {"}", "]q\x01(h\x01h\x01\x65\x86", ".", 90, NULL},
    {"]q\x01(", "h\x01", "eq\x02.", MANY, NULL},
    {"](}q\x01(K\x01]u",
     "cm\nC\n)\x81h\x01"
     "b",
     "e.", 100000, NULL}, /* objects of one state */
    {"", "cm\nC\n)\x81}(X\x01\0\0\0a", "", 0, "without its STOP"},
};

TEST_EACH(many_of_the_same, bombs)
{
    test_bytes pickle = {0};
    sluice_error error = {0};
    test_bytes_add_text(&pickle, bombs[_i].begin);
    test_bytes_add_repeated(&pickle, bombs[_i].repeated, bombs[_i].times);
    test_bytes_add_text(&pickle, bombs[_i].end);
    test_bytes file = torch_make_file(&pickle);
    const sluice_status status = torch_try(file.data, file.size, &error);
    ck_assert_msg(!status == !bombs[_i].words && (!status || strstr(error.message, bombs[_i].words)), "%d: %s", _i, error.message);
    test_bytes_free(&file);
    test_bytes_free(&pickle);
}

/* Very many objects, all with one state of very many items, which would take hours if it were looked through for each. */
TEST(shared_state)
{
    enum { ITEMS = 200000 };
    test_bytes pickle = {0};
    test_bytes_add_text(&pickle, "](]q\x02}q\x01(");
    test_bytes_add_repeated(&pickle, "K\x01h\x02", ITEMS);
    test_bytes_add_text(&pickle, "ucm\nC\nq\x03");
    test_bytes_add_repeated(&pickle,
                            "h\x03)\x81h\x01"
                            "b",
                            ITEMS);
    test_bytes_add_text(&pickle, "e.");
    test_bytes file = torch_make_file(&pickle);
    sluice_error error = {0};
    ck_assert_msg(torch_try(file.data, file.size, &error) == SLUICE_STATUS_OK, "%s", error.message);
    test_bytes_free(&file);
    test_bytes_free(&pickle);
}

/* ---- Tensors --------------------------------------------------------------------------------------------------------------- */

static const struct {
    torch_tensor tensor;
    const char *words; /* NULL: it is read */
} tensors[] = {
    {{"FloatStorage", 16, 0, 2, {4, 4}, {4, 1}}, NULL},
    {{"FloatStorage", 16, 0, 2, {4, 4}, {1, 4}}, NULL},
    {{"FloatStorage", 16, 3, 2, {4, 3}, {3, 1}}, NULL},
    {{"FloatStorage", 16, 15, 2, {1, 1}, {100, 100}}, NULL},
    {{"FloatStorage", 16, 16, 1, {0}, {1}}, NULL},
    {{"FloatStorage", 16, 0, 2, {INT64_MAX, 0}, {INT64_MAX, 1}}, NULL},
    {{"FloatStorage", 16, 3, 0, {0}, {0}}, NULL},
    {{"FloatStorage", 16, 0, 2, {4, 4}, {0, 1}}, NULL},
    {{"DoubleStorage", 8, 0, 2, {4, 2}, {2, 1}}, NULL},
    {{"LongStorage", 8, 0, 3, {2, 2, 2}, {4, 2, 1}}, NULL},
    {{"FloatStorage", 16, 4, 2, {4, 4}, {4, 1}}, "ends beyond"},
    {{"FloatStorage", 16, 0, 2, {4, 4}, {5, 1}}, "ends beyond"},
    {{"FloatStorage", 16, 17, 1, {0}, {1}}, "begins beyond"},
    {{"FloatStorage", 16, 16, 1, {1}, {1}}, "ends beyond"},
    {{"FloatStorage", 16, 0, 2, {17, 1}, {0, 1}}, "more elements than its storage"},
    {{"FloatStorage", 16, 0, 2, {4, 8}, {0, 1}}, "more elements than its storage"},
    {{"FloatStorage", 16, 0, 1, {INT64_MAX}, {0}}, "more elements than its storage"},
    {{"FloatStorage", 16, 0, 2, {4, 4}, {-4, 1}}, "no number from 0 on"},
    {{"FloatStorage", 16, 0, 2, {-4, 4}, {4, 1}}, "no number from 0 on"},
    {{"FloatStorage", 16, -1, 1, {1}, {1}}, "no offset from 0 on"},
    {{"FloatStorage", -16, 0, 1, {1}, {1}}, "expected a storage"},
    {{"FloatStorage", 17, 0, 1, {1}, {1}}, "68 bytes, its member of the zip archive 64"},
    {{"FloatStorage", INT64_C(1) << 62, 0, 1, {1}, {1}}, "too large"},
    {{"FloatStorage", INT64_C(1) << 61, 0, 1, {1}, {1}}, "its member of the zip archive"},
    {{"FloatStorage", 16, INT64_MAX, 1, {1}, {1}}, "begins beyond"},
    {{"FloatStorage", 16, 0, 3, {INT64_C(1) << 32, INT64_C(1) << 32, 2}, {0, 0, 0}}, "larger than any memory"},
    {{"FloatStorage", 16, 0, 2, {3, 3}, {INT64_MAX, INT64_MAX}}, "larger than any memory"},
    {{"QInt8Storage", 16, 0, 1, {1}, {1}}, "type QInt8Storage"},
};

static void add_named(test_bytes *to, const char *name, const torch_tensor *tensor)
{
    torch_add_text(to, name);
    torch_add_tensor(to, tensor);
}

TEST_EACH(tensor_bounds, tensors)
{
    test_bytes pickle = {0};
    test_bytes_add_text(&pickle, "\x80\x02}(");
    add_named(&pickle, "lstm.weight_ih_l0", &tensors[_i].tensor);
    test_bytes_add_text(&pickle, "u.");
    test_bytes file = torch_make_file(&pickle);
    sluice_error error = {0};
    if (tensors[_i].words)
        torch_refuse_pickle(tensors[_i].words, &pickle, tensors[_i].words);
    else
        ck_assert_msg(torch_try(file.data, file.size, &error) == SLUICE_STATUS_OK, "%d: %s", _i, error.message);
    test_bytes_free(&file);
    test_bytes_free(&pickle);
}

/* ---- Archives -------------------------------------------------------------------------------------------------------------- */

#define MEMBER(name, text)                                                                                                         \
    {                                                                                                                              \
        name, text, sizeof(text) - 1, false                                                                                        \
    }
static const struct {
    torch_member members[3];
    size_t count;
    sluice_status status;
    const char *words;
} archives[] = {
    {{MEMBER("a/data.pkl", "}."), MEMBER("b/data.pkl", "}.")}, 2, SLUICE_STATUS_BAD_DATA, "second member"},
    {{MEMBER("data.pkl", "}."), MEMBER("a/b/data.pkl", "}.")}, 2, SLUICE_STATUS_BAD_DATA, "found none"},
    {{MEMBER("a/data.pkl", "}."), MEMBER("a/byteorder", "big")}, 2, SLUICE_STATUS_BAD_DATA, "byte order"},
    {{MEMBER("a/data.pkl", "}."), MEMBER("a/byteorder", "little")}, 2, SLUICE_STATUS_OK, NULL},
    {{MEMBER("a/archive_format", "pt2"), MEMBER("a/data/weights/w", "")}, 2, SLUICE_STATUS_UNSUPPORTED, "torch.export"},
    {{{"a/data.pkl", "}.", 2, true}, MEMBER("a/version", "3\n")}, 2, SLUICE_STATUS_BAD_DATA, "CRC"},
    {{{"a/data.pkl", "}.", 2, true}, {"a/version", "3\n", 2, true}}, 2, SLUICE_STATUS_OK, NULL},
};

TEST_EACH(archive, archives)
{
    test_bytes file = torch_make_zip(archives[_i].members, archives[_i].count);
    sluice_error error = {0};
    if (archives[_i].words)
        torch_refuse("archive", &file, archives[_i].status, archives[_i].words);
    else
        ck_assert_msg(torch_try(file.data, file.size, &error) == SLUICE_STATUS_OK, "%s", error.message);
    test_bytes_free(&file);
}

/* ---- Where tensors are looked for --------------------------------------------------------------------------------------------- */

/* Values in a notation of their own: {key:value ...}, [value ...], <key:value ...> an object with these attributes, T a tensor, P one in
 * a parameter, 1 a number; "=k" puts the value before it into the memo as k, and "@k" is that again. */
static const struct {
    const char *values;
    const char *names; /* of all tensors; or, with '!' before it, words of a message */
} places[] = {
    {"{lstm.weight_ih_l0:T fc.weight:T step:1 }", "fc.weight lstm.weight_ih_l0 "},
    {"{a.b:P c:P }", "a.b c "},
    {"{epoch:1 model_state_dict:{lstm.weight_ih_l0:T fc.weight:T } optimizer_state_dict:{x:T } }", "fc.weight lstm.weight_ih_l0 "},
    {"{net:{state_dict:{lstm.weight_ih:T } } }", "lstm.weight_ih "},
    {"{m:{lstm.weight_ih_l0:T } o:{state:{0:{exp_avg:T } } param_groups:[] } }", "lstm.weight_ih_l0 "},
    {"{m:{lstm.weight_ih_l0:T } disc:{fc.weight:T } }", "disc.fc.weight lstm.weight_ih_l0 "},
    {"{m:{a.weight_ih_l0:T a.b:T } ema:{a.weight_ih_l0:T } }", "ema.a.weight_ih_l0 m.a.b m.a.weight_ih_l0 "},
    {"{m:{a:T weight_ih_l0:T } a:{b:T } }", "a a.b weight_ih_l0 "},
    {"{m:{a.b:T weight_ih_l0:T } a:{b:T } }", "a.b m.a.b m.weight_ih_l0 "},
    {"{module.lstm.weight_ih_l0:T module.fc.weight:T }", "fc.weight lstm.weight_ih_l0 "},
    {"{_orig_mod.module.lstm.weight_ih_l0:T _orig_mod.module.fc.weight:T }", "fc.weight lstm.weight_ih_l0 "},
    {"{module.lstm.weight_ih_l0:T fc.weight:T }", "fc.weight module.lstm.weight_ih_l0 "},
    {"{module.:T }", "module. "},
    {"<training:1 _parameters:{p:P } _buffers:{q:T } _modules:{lstm:<_parameters:{weight_ih_l0:P } other:T > } >",
     "lstm.weight_ih_l0 p q "},
    {"{epoch:1 model:<_modules:{lstm:<_parameters:{weight_ih_l0:P } > } > }", "lstm.weight_ih_l0 "},
    {"<a:<rnn:<weight_ih:T _flat_weights:[T T ] > > b:<w:T > >", "a.rnn.weight_ih b.w "},
    {"[{x.weight_ih_l0:T } {y.weight_ih_l0:T } ]", "0.x.weight_ih_l0 1.y.weight_ih_l0 "},
    {"{m:{lstm.weight_ih_l0:T }=1 best:@1 }", "lstm.weight_ih_l0 "},
    {"{a:T=1 b:@1 }", "a b "},
    {"<self:1 _modules:{l:<_parameters:{w:P }=1 x:1 >=2 again:@2 } >", "l.w "},
    {"{a:T a:T }", "!there twice"},
    {"{a:{b:T } a.b:T }", "!there twice"},
    {"{}", ""},
    {"1", ""},
    {"T", " "},
};

static const torch_tensor small = {"FloatStorage", 16, 0, 2, {4, 4}, {4, 1}};

static void add_value(test_bytes *to, char what)
{
    switch (what) {
    case 'P':
        test_bytes_add_text(to, "ctorch._utils\n_rebuild_parameter\n(");
        torch_add_tensor(to, &small);
        test_bytes_add_text(to, "\x88}tR");
        break;
    case 'T':
        torch_add_tensor(to, &small);
        break;
    case '1':
        test_bytes_add_text(to, "K\x01");
        break;
    case '<':
        test_bytes_add_text(to, "cm\nC\n)\x81}(");
        break;
    case '{':
        test_bytes_add_text(to, "}(");
        break;
    case '[':
        test_bytes_add_text(to, "](");
        break;
    case '>':
        test_bytes_add_text(to, "ub");
        break;
    default:
        test_bytes_add_text(to, what == '}' ? "u" : "e");
    }
}

static test_bytes make_pickle(const char *values)
{
    test_bytes made = {0};
    while (*values) {
        const size_t key = strcspn(values, ": ");
        if (values[key] == ':' && !strchr("{[<", *values)) {
            FREED char *name = strndup(values, key);
            torch_add_text(&made, name);
            values += key + 1;
        } else if (*values == '=' || *values == '@') {
            test_bytes_add(&made, *values == '=' ? "q" : "h", 1);
            test_bytes_add(&made, values + 1, 1);
            values += 2;
        } else {
            if (*values != ' ')
                add_value(&made, *values);
            values++;
        }
    }
    test_bytes_add_text(&made, ".");
    return made;
}

static void check_names(const test_bytes *file, const char *want)
{
    char names[512] = "";
    sl_tensor_source source;
    sluice_error error = {0};
    ck_assert_msg(torch_open(file->data, file->size, &source, &error) == SLUICE_STATUS_OK, "%s", error.message);
    for (size_t k = 0; k < source.count; k++) {
        strcat(strcat(names, source.tensors[k].name), " ");
        ck_assert_ptr_eq(sl_source_find(&source, source.tensors[k].name), &source.tensors[k]);
    }
    ck_assert_str_eq(names, want);
    sl_source_release(&source);
}

TEST_EACH(names, places)
{
    test_bytes pickle = make_pickle(places[_i].values);
    test_bytes file = torch_make_file(&pickle);
    if (places[_i].names[0] == '!')
        torch_refuse_pickle(places[_i].values, &pickle, places[_i].names + 1);
    else
        check_names(&file, places[_i].names);
    test_bytes_free(&file);
    test_bytes_free(&pickle);
}

/* A name that is too long, and one that is just not. */
TEST_LOOP(long_names, 0, 2)
{
    enum { MOST = 999 };
    char name[MOST + 2] = "";
    test_bytes pickle = {0};
    memset(name, 'n', MOST + (size_t)_i);
    test_bytes_add_text(&pickle, "}(");
    add_named(&pickle, name, &small);
    test_bytes_add_text(&pickle, "u.");
    test_bytes file = torch_make_file(&pickle);
    sluice_error error = {0};
    ck_assert_int_eq(torch_try(file.data, file.size, &error), _i ? SLUICE_STATUS_BAD_DATA : SLUICE_STATUS_OK);
    if (_i)
        test_names(&error, "too many characters");
    test_bytes_free(&file);
    test_bytes_free(&pickle);
}
