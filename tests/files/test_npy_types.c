/* .npy files as others than numpy.save write them: types, byte orders, Fortran order, spellings, and what is no .npy file. */
#include "io/npy/npy.h"
#include "io/npy/npy_header.h"

#include "support/files.h"
#include "support/message.h"
#include "support/suite.h"

#include <math.h>
#include <stdbool.h>

TEST_HANDLE(sl_npy_reader, sl_npy_close)

static const char *const names[SL_NPY_TYPES] = {"f4", "u1", "i4", "i8", "f2", "f8", "b1", "i1", "i2", "u2", "u4", "u8"};

/* A file of this header; data are added behind it. */
static test_bytes make_header(const char *descr, const char *order, const char *shape)
{
    char text[256];
    const int length = snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': %s, 'shape': %s}\n", descr, order, shape);
    test_bytes file = {0};
    test_bytes_add(&file, "\x93NUMPY\x01\x00", 8);
    test_bytes_add_number(&file, (uint64_t)length, 2);
    test_bytes_add_text(&file, text);
    return file;
}

static void check_opens(const test_bytes *file, sl_npy_reader **reader, sl_npy_header *header)
{
    test_file_write(test_path("x.npy"), file->data, file->size);
    SUCCEEDS(sl_npy_open, test_path("x.npy"), reader, header);
}

/* ---- Headers --------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *descr;
    sl_npy_type type;
    bool big_endian;
} spellings[] = {
    {"'<f4'", SL_NPY_F4, false},    {"'>f4'", SL_NPY_F4, true},      {"'=f4'", SL_NPY_F4, false},    {"'|f4'", SL_NPY_F4, false},
    {"'f4'", SL_NPY_F4, false},     {"'float32'", SL_NPY_F4, false}, {"'f'", SL_NPY_F4, false},      {"'>f'", SL_NPY_F4, true},
    {"u'<f4'", SL_NPY_F4, false},   {"\"<f4\"", SL_NPY_F4, false},   {"u\"<f4\"", SL_NPY_F4, false}, {"'<f8'", SL_NPY_F8, false},
    {"'>d'", SL_NPY_F8, true},      {"'float64'", SL_NPY_F8, false}, {"'<f2'", SL_NPY_F2, false},    {"'>e'", SL_NPY_F2, true},
    {"'|u1'", SL_NPY_U1, false},    {"'<u1'", SL_NPY_U1, false},     {"'>u1'", SL_NPY_U1, false},    {"'u1'", SL_NPY_U1, false},
    {"'uint8'", SL_NPY_U1, false},  {"'B'", SL_NPY_U1, false},       {"'b'", SL_NPY_I1, false},      {"'|i1'", SL_NPY_I1, false},
    {"'|b1'", SL_NPY_B1, false},    {"'?'", SL_NPY_B1, false},       {"'bool'", SL_NPY_B1, false},   {"'<b1'", SL_NPY_B1, false},
    {"'>i2'", SL_NPY_I2, true},     {"'h'", SL_NPY_I2, false},       {"'<u2'", SL_NPY_U2, false},    {"'>H'", SL_NPY_U2, true},
    {"'=i4'", SL_NPY_I4, false},    {"'i4'", SL_NPY_I4, false},      {"'>int32'", SL_NPY_I4, true},  {"'i'", SL_NPY_I4, false},
    {"'>u4'", SL_NPY_U4, true},     {"'I'", SL_NPY_U4, false},       {"'<i8'", SL_NPY_I8, false},    {"'>q'", SL_NPY_I8, true},
    {"'uint64'", SL_NPY_U8, false}, {"'>u8'", SL_NPY_U8, true},
};

TEST_EACH(types_as_spelled, spellings)
{
    OWNED(test_bytes) file = make_header(spellings[_i].descr, "False", "(1,)");
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    test_bytes_add(&file, "12345678", sl_npy_type_bytes(spellings[_i].type));
    check_opens(&file, &reader, &header);
    ck_assert_msg(header.type == spellings[_i].type && header.big_endian == spellings[_i].big_endian, "%s: %s %d",
                  spellings[_i].descr, sl_npy_type_get_name(header.type), header.big_endian);
    ck_assert_str_eq(sl_npy_type_get_name(header.type), names[header.type]);
    ck_assert_int_eq(sl_npy_type_is_integer(header.type), header.type != SL_NPY_B1 && names[header.type][0] != 'f');
}

/* Shapes of one long dimension stand the same in both orders; Python 2 wrote L behind dimensions. */
static const struct {
    const char *order, *shape;
    size_t elements;
    bool column_major;
} shapes[] = {
    {"True", "(4,)", 4, false},         {"True", "()", 1, false},       {"True", "(1, 6, 1)", 6, false},
    {"True", "(4, 1)", 4, false},       {"True", "(1, 4)", 4, false},   {"True", "(0, 3, 2)", 0, false},
    {"True", "(2, 3)", 6, true},        {"True", "(1, 3, 2)", 6, true}, {"True", "(2, 1, 1, 2)", 4, true},
    {"False", "(2, 3)", 6, false},      {"False", "(4L,)", 4, false},   {"False", "(2L, 3L)", 6, false},
    {"False", "(2l , 3L ,)", 6, false},
};

TEST_EACH(shapes_and_orders, shapes)
{
    OWNED(test_bytes) file = make_header("'|u1'", shapes[_i].order, shapes[_i].shape);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    test_bytes_add(&file, "abcdefgh", shapes[_i].elements);
    check_opens(&file, &reader, &header);
    ck_assert_uint_eq(header.elements, shapes[_i].elements);
    ck_assert_int_eq(header.column_major, shapes[_i].column_major);
    unsigned char data[8];
    if (!header.column_major) {
        ck_assert_int_eq(sl_npy_read(reader, 0, header.elements, data, NULL), SLUICE_STATUS_OK);
        ck_assert_mem_eq(data, "abcdefgh", header.elements);
    }
}

TEST(two_arrays_in_a_file)
{
    OWNED(test_bytes) file = make_header("'|u1'", "False", "(3,)");
    OWNED(test_bytes) second = make_header("'<i4'", "False", "(0,)");
    sl_npy_reader *reader;
    sl_npy_header header;
    test_bytes_add_text(&file, "abc");
    check_opens(&file, &reader, &header);
    ck_assert(!header.has_more);
    sl_npy_close(reader);
    test_bytes_add(&file, second.data, second.size);
    check_opens(&file, &reader, &header);
    ck_assert(header.has_more);
    unsigned char data[4] = "....";
    ck_assert_int_eq(sl_npy_read(reader, 0, 3, data, NULL), SLUICE_STATUS_OK);
    ck_assert_mem_eq(data, "abc.", 4);
    sl_npy_close(reader);
}

/* What is no .npy file, and a word of how it becomes one. */
static const struct {
    const char *begin;
    size_t bytes;
    const char *part;
} strangers[] = {
    {"", 0, "empty; save the array again with numpy.save"},
    {"\x1f\x8b", 2, "gzip data that are cut short"},
    {"BZh91AY&SY", 10, "compressed (xz, bzip2 or zstd); unpack it first"},
    {"PK\x03\x04 of an .npz", 14, "a zip archive, as .npz is; name an array of it, FILE.npz:NAME"},
    {"PK\x05\x06", 4, "a zip archive"},
    {"1.0,2.5\n3,4\n", 12, "text, such as CSV; save its numbers: python3 -c"},
    {"1.0,2.5\n3,4\n", 12, "numpy.loadtxt('FILE', delimiter=','))"},
    {"1\n", 2, "text, such as CSV"},
    {"1\n", 2, "numpy.loadtxt('FILE'))"},
    {"1.000000000000000000e+00 2.500000000000000000e+00\n", 50, "numpy.loadtxt('FILE'))"},
    {"1.000000000000000000e+00,2.500000000000000000e+00\n", 50, "numpy.loadtxt('FILE', delimiter=','))"},
    {"1.000000000000000000e+00;2.500000000000000000e+00", 49, "numpy.loadtxt('FILE', delimiter=';'))"},
    {"1\t2\n3\t4\n", 8, "numpy.loadtxt('FILE'))"},
    {"# a, b\n# c\n1 2\n", 15, "numpy.loadtxt('FILE'))"},
    {"# a b\n1,2\n", 10, "numpy.loadtxt('FILE', delimiter=','))"},
    {"# a, b", 6, "numpy.loadtxt('FILE', delimiter=','))"},
    {"\xef\xbb\xbf"
     "a,b\r\n1,2\r\n",
     13, "numpy.loadtxt('FILE', delimiter=',', encoding='utf-8-sig'))"},
    {"\x89HDF\r\n\x1a\n", 8, "HDF5; read the array with h5py"},
    {"MATLAB 5.0 MAT-file", 19, "a MATLAB file; save the array: numpy.save('x.npy', scipy.io.loadmat('FILE')['NAME'])"},
    {"\x80\x04\x95\x10\x00\x00\x00\x00", 8, "a Python pickle; save the array"},
    {"\x80\x3f\x00\x00\x80\x3f\x00\x00", 8, "something else; save the array with numpy.save, or if these are bare numbers"},
};

TEST_EACH(strangers_are_known, strangers)
{
    test_file_write(test_path("x.npy"), strangers[_i].begin, strangers[_i].bytes);
    sl_npy_reader *reader;
    sl_npy_header header;
    sluice_error error = {0};
    ck_assert_int_eq(sl_npy_open(test_path("x.npy"), &reader, &header, &error), SLUICE_STATUS_BAD_DATA);
    test_check_message("stranger", &error, SLUICE_STATUS_BAD_DATA, "x.npy: byte 0: not a .npy file but ");
    test_check_message("stranger", &error, SLUICE_STATUS_BAD_DATA, strangers[_i].part);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

/* The float32 of a value of a type, by the host's own conversion; f2 by its definition. */
static float expect_f4(sl_npy_type type, uint64_t bits)
{
    double f8;
    float f4;
    memcpy(&f8, &bits, sizeof f8);
    memcpy(&f4, &bits, sizeof f4);
    const double fraction = (double)(bits & 0x3ff), exponent = (double)(bits >> 10 & 0x1f);
    const double f2 =
        (exponent > 0 ? (1 + fraction / 1024) * exp2(exponent - 15) : fraction / 1024 * exp2(-14)) * (bits & 0x8000 ? -1 : 1);
    const float values[SL_NPY_TYPES] = {
        [SL_NPY_F4] = f4,
        [SL_NPY_U1] = (uint8_t)bits,
        [SL_NPY_I4] = (float)(int32_t)bits,
        [SL_NPY_I8] = (float)(int64_t)bits,
        [SL_NPY_F2] = (float)f2,
        [SL_NPY_F8] = (float)f8,
        [SL_NPY_B1] = (uint8_t)bits != 0,
        [SL_NPY_I1] = (int8_t)bits,
        [SL_NPY_I2] = (int16_t)bits,
        [SL_NPY_U2] = (uint16_t)bits,
        [SL_NPY_U4] = (float)(uint32_t)bits,
        [SL_NPY_U8] = (float)bits,
    };
    return values[type];
}

/* Bits of a number that is finite, also as float32. */
static uint64_t random_bits(sl_npy_type type, uint64_t *state)
{
    const uint64_t bits = test_random(state) >> test_random(state) % 64;
    const double real = (test_uniform(state) - 0.5) * exp2((double)(bits % 200) - 100);
    const float single = (float)real;
    uint64_t as_f8 = 0, as_f4 = 0;
    memcpy(&as_f8, &real, sizeof real);
    memcpy(&as_f4, &single, sizeof single);
    return type == SL_NPY_F8   ? as_f8
           : type == SL_NPY_F4 ? as_f4
           : type == SL_NPY_F2 ? (bits & 0xfbff) % 0x7c00 | (bits & 0x8000)
                               : bits;
}

/* The bytes of an element in a file. */
static void add_element(test_bytes *file, sl_npy_type type, bool big_endian, uint64_t bits)
{
    const size_t bytes = sl_npy_type_bytes(type);
    unsigned char element[8];
    for (size_t k = 0; k < bytes; k++)
        element[k] = (unsigned char)(bits >> 8 * (big_endian ? bytes - 1 - k : k));
    test_bytes_add(file, element, bytes);
}

/* Standard input becomes a pipe that another process fills with these bytes. */
static void feed_stdin(const test_bytes *file)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    if (fork() == 0) {
        close(ends[0]);
        for (size_t done = 0; done < file->size;) {
            const ssize_t n = write(ends[1], file->data + done, file->size - done);
            if (n <= 0)
                _exit(1);
            done += (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
}

/* Every type in both byte orders, as it is and as float32, from a file in pieces of any order and from a pipe. */
static void check_values(sl_npy_type type, bool big_endian, bool converts, bool piped, uint64_t *state)
{
    enum { COUNT = 9000 }; /* more than a block */
    char descr[16];
    snprintf(descr, sizeof descr, "'%c%s'", big_endian ? '>' : '<', names[type]);
    OWNED(test_bytes) file = make_header(descr, "False", "(9000,)");
    FREED uint64_t *bits = calloc(COUNT, sizeof *bits);
    for (size_t k = 0; k < COUNT; k++)
        add_element(&file, type, big_endian, bits[k] = random_bits(type, state));
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    sluice_error error = {0};
    if (piped)
        feed_stdin(&file);
    test_file_write(test_path("x.npy"), file.data, file.size);
    SUCCEEDS(sl_npy_open, piped ? "-" : test_path("x.npy"), &reader, &header);
    if (converts)
        SUCCEEDS(sl_npy_convert, reader);
    const size_t bytes = converts ? sizeof(float) : sl_npy_type_bytes(type), cut = test_random(state) % COUNT;
    unsigned char *data = malloc(COUNT * bytes);
    memset(data, 0xff, COUNT * bytes); /* NaN */
    const size_t begins[] = {piped ? 0 : cut, piped ? cut : 0}, ends[] = {piped ? cut : COUNT, piped ? COUNT : cut};
    for (size_t part = 0; part < 2; part++) {
        unsigned char *to = data + begins[part] * bytes;
        const sluice_status status = sl_npy_read(reader, begins[part], ends[part] - begins[part], to, &error);
        ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", descr, error.message);
    }
    for (size_t k = 0; k < COUNT; k++) {
        const float expected = expect_f4(type, bits[k]);
        ck_assert_msg(memcmp(data + k * bytes, converts ? (const void *)&expected : &bits[k], bytes) == 0, "%s: element %zu of %s",
                      descr, k, converts ? "f4" : "the file's type");
    }
    free(data);
}

TEST_LOOP(values_of_types, 0, SL_NPY_TYPES)
{
    uint64_t state = test_seed() + (uint64_t)_i;
    for (int way = 0; way < 8; way++)
        check_values((sl_npy_type)_i, way & 1, way & 2, way & 4, &state);
}

/* Single values: as float32, as an integer (or that it is none), and in words. */
static const struct {
    sl_npy_type type;
    uint64_t bits;
    bool whole;
    int64_t integer;
    const char *text;
    const char *became; /* NULL: float32 has it, or rounds a fraction */
} values[] = {
    {SL_NPY_F4, 0x3f800000, true, 1, "1", NULL},
    {SL_NPY_F4, 0x3f000000, false, 0, "0.5", NULL},
    {SL_NPY_F4, 0x7fc00000, false, 0, "nan", NULL},
    {SL_NPY_F4, 0xffc00000, false, 0, "nan", NULL},
    {SL_NPY_F4, 0xff800000, false, 0, "-inf", NULL},
    {SL_NPY_F4, 0x5f000000, false, 0, "9.223372e+18", NULL}, /* 2^63 */
    {SL_NPY_F4, 0xdf000000, true, INT64_MIN, "-9.223372e+18", NULL},
    {SL_NPY_F2, 0xc000, true, -2, "-2", NULL},
    {SL_NPY_F2, 0x0001, false, 0, "5.9604645e-08", NULL},
    {SL_NPY_F2, 0x7e00, false, 0, "nan", NULL},
    {SL_NPY_F8, UINT64_C(0x4000000000000000), true, 2, "2", NULL},
    {SL_NPY_F8, UINT64_C(0xc059000000000000), true, -100, "-100", NULL},
    {SL_NPY_F8, UINT64_C(0x3fb999999999999a), false, 0, "0.1", NULL},
    {SL_NPY_F8, UINT64_C(0x419d6f3456000000), false, 0, "123456789.5", NULL},
    {SL_NPY_F8, UINT64_C(0x7e37e43c8800759c), false, 0, "1e+300", "inf"},
    {SL_NPY_F8, UINT64_C(0xfe37e43c8800759c), false, 0, "-1e+300", "-inf"},
    {SL_NPY_F8, UINT64_C(0x7ff0000000000000), false, 0, "inf", NULL},
    {SL_NPY_F8, UINT64_C(0x7ff8000000000000), false, 0, "nan", NULL},
    {SL_NPY_B1, 0, true, 0, "0", NULL},
    {SL_NPY_B1, 255, true, 1, "1", NULL},
    {SL_NPY_I1, 0x80, true, -128, "-128", NULL},
    {SL_NPY_U1, 0x80, true, 128, "128", NULL},
    {SL_NPY_I2, 0xffff, true, -1, "-1", NULL},
    {SL_NPY_U2, 0xffff, true, 65535, "65535", NULL},
    {SL_NPY_I4, 0x80000000, true, INT32_MIN, "-2147483648", NULL},
    {SL_NPY_I4, 0x01000001, true, 16777217, "16777217", "16777216"},
    {SL_NPY_I4, 0xfefffffd, true, -16777219, "-16777219", "-16777220"},
    {SL_NPY_I4, 0x01000002, true, 16777218, "16777218", NULL},
    {SL_NPY_U4, 0xffffffff, true, 4294967295, "4294967295", "4294967296"},
    {SL_NPY_I8, UINT64_C(0x8000000000000000), true, INT64_MIN, "-9223372036854775808", NULL},
    {SL_NPY_I8, UINT64_C(0x7fffffffffffffff), true, INT64_MAX, "9223372036854775807", "9223372036854775808"},
    {SL_NPY_U8, UINT64_C(0x7fffffffffffffff), true, INT64_MAX, "9223372036854775807", "9223372036854775808"},
    {SL_NPY_U8, UINT64_C(0x8000000000000000), false, 0, "9223372036854775808", NULL},
    {SL_NPY_U8, UINT64_C(0xffffffffffffffff), false, 0, "18446744073709551615", "18446744073709551616"},
};

TEST_EACH(single_values, values)
{
    int64_t integer = 77;
    char text[SL_NPY_VALUE_BYTES];
    uint64_t bits = values[_i].bits;
    float f4 = NAN;
    ck_assert_int_eq(sl_npy_get_integer(values[_i].type, &bits, 0, &integer), values[_i].whole);
    if (values[_i].whole)
        ck_assert_int_eq(integer, values[_i].integer);
    ck_assert_str_eq(sl_npy_format_value(values[_i].type, &bits, 0, text), values[_i].text);
    ck_assert_uint_eq(sl_npy_to_f4(values[_i].type, &bits, 1, &f4), values[_i].became ? 0 : 1);
    if (values[_i].became) {
        const float parsed = strtof(values[_i].became, NULL);
        ck_assert_msg(f4 == parsed, "%s becomes %g, expected %s", text, (double)f4, values[_i].became);
    }
}

/* The first element that float32 does not have is named by its place in the array, in either order. */
TEST_LOOP(losses_have_a_place, 0, 2)
{
    OWNED(test_bytes) file = make_header("'<i4'", _i ? "True" : "False", "(3, 5, 2)");
    for (uint64_t k = 0; k < 30; k++)
        test_bytes_add_number(&file, k == 17 ? 16777218 : k == 23 ? 16777219 : k, 4);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    float data[30];
    check_opens(&file, &reader, &header);
    ck_assert_int_eq(sl_npy_convert(reader, NULL), SLUICE_STATUS_OK);
    ck_assert(!sl_npy_get_loss(reader)->found);
    ck_assert_int_eq(_i ? sl_npy_read_columns(reader, 1, 3, 0, 3, data, NULL) : sl_npy_read(reader, 0, 30, data, NULL),
                     SLUICE_STATUS_OK);
    const sl_npy_loss *loss = sl_npy_get_loss(reader);
    const size_t in_c[] = {2, 1, 1}, in_fortran[] = {2, 2, 1}; /* element 23; what 17 is float32 has */
    ck_assert(loss->found);
    ck_assert_str_eq(loss->value, "16777219");
    ck_assert_mem_eq(loss->index, _i ? in_fortran : in_c, sizeof in_c);
}

/* ---- Fortran order --------------------------------------------------------------------------------------------------------- */

typedef struct columns {
    sl_npy_type type;
    bool big_endian, converts, piped;
    size_t dims, shape[SL_NPY_MAX_DIMS], elements;
    uint64_t *bits; /* [elements] in C order */
} columns;

/* An array of random size, and its file in Fortran order. */
static test_bytes make_columns(columns *of, uint64_t *state)
{
    char descr[16], shape[128] = "(";
    of->elements = 1;
    for (size_t d = 0; d < of->dims; d++) {
        of->shape[d] = of->dims == 2 && d == 1 && test_random(state) % 8 == 0 ? 3000 : 1 + test_random(state) % 7;
        of->elements *= of->shape[d];
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%zu, ", of->shape[d]);
    }
    strcat(shape, ")");
    snprintf(descr, sizeof descr, "'%c%s'", of->big_endian ? '>' : '<', names[of->type]);
    test_bytes file = make_header(descr, "True", shape);
    of->bits = calloc(of->elements, sizeof *of->bits);
    for (size_t k = 0; k < of->elements; k++)
        of->bits[k] = random_bits(of->type, state);
    for (size_t k = 0; k < of->elements; k++) { /* element k of the file */
        size_t left = k, at = 0, stride = of->elements;
        for (size_t d = 0; d < of->dims; d++) {
            stride /= of->shape[d];
            at += left % of->shape[d] * stride;
            left /= of->shape[d];
        }
        add_element(&file, of->type, of->big_endian, of->bits[at]);
    }
    return file;
}

/* Rows first .. first + count - 1 along `axis` are those of the array in C order, and no more is written. */
static void check_rows(const columns *of, sl_npy_reader *reader, size_t axis, size_t first, size_t count)
{
    const size_t bytes = of->converts ? sizeof(float) : sl_npy_type_bytes(of->type), rows = of->shape[axis];
    size_t planes = 1;
    for (size_t d = 0; d < axis; d++)
        planes *= of->shape[d];
    const size_t width = of->elements / planes / rows, elements = planes * count * width;
    unsigned char *data = malloc((elements + 1) * bytes);
    memset(data, 0xff, (elements + 1) * bytes);
    sluice_error error = {0};
    const sluice_status status = sl_npy_read_columns(reader, planes, rows, first, count, data, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
    for (size_t k = 0; k < elements; k++) {
        const size_t plane = k / (count * width), row = first + k / width % count;
        const uint64_t *bits = &of->bits[(plane * rows + row) * width + k % width];
        const float single = expect_f4(of->type, *bits);
        ck_assert_msg(memcmp(data + k * bytes, of->converts ? (const void *)&single : bits, bytes) == 0,
                      "type %s, shape [%zu][%zu][%zu][%zu], axis %zu, rows %zu + %zu: element %zu", names[of->type], of->shape[0],
                      of->shape[1], of->shape[2], of->shape[3], axis, first, count, k);
    }
    for (size_t k = 0; k < bytes; k++)
        ck_assert_uint_eq(data[elements * bytes + k], 0xff);
    free(data);
}

TEST_LOOP(fortran_order, 0, SL_NPY_TYPES)
{
    uint64_t state = test_seed() + 100 + (uint64_t)_i;
    for (int k = 0; k < 60; k++) {
        const uint64_t ways = test_random(&state);
        columns of = {.type = (sl_npy_type)_i, .big_endian = ways & 1, .converts = ways & 2, .piped = ways & 4};
        of.dims = 2 + (ways >> 3) % 3;
        OWNED(test_bytes) file = make_columns(&of, &state);
        OWNED_HANDLE(sl_npy_reader) reader = NULL;
        sl_npy_header header;
        if (of.piped)
            feed_stdin(&file);
        test_file_write(test_path("x.npy"), file.data, file.size);
        SUCCEEDS(sl_npy_open, of.piped ? "-" : test_path("x.npy"), &reader, &header);
        if (of.converts)
            SUCCEEDS(sl_npy_convert, reader);
        for (size_t part = 0; part < 6 && header.column_major; part++) {
            /* A dimension of one element beside rows of one element is as good as the rows'. */
            const size_t axis = test_random(&state) % of.dims, rows = of.shape[axis], first = test_random(&state) % rows;
            check_rows(&of, reader, axis, part ? first : 0, part ? test_random(&state) % (rows - first + 1) : rows);
        }
        free(of.bits);
    }
}

TEST(fortran_order_refused)
{
    OWNED(test_bytes) file = make_header("'<f4'", "True", "(2, 3)");
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    sluice_error error = {0};
    float data[6];
    for (uint64_t k = 0; k < 5; k++)
        test_bytes_add_number(&file, k, 4);
    feed_stdin(&file); /* cut short */
    SUCCEEDS(sl_npy_open, "-", &reader, &header);
    ck_assert_int_eq(sl_npy_read_columns(reader, 1, 2, 1, 2, data, &error), SLUICE_STATUS_BAD_ARGUMENT);
    REFUSED(SLUICE_STATUS_BAD_DATA, "the data end here, expected them up to byte", sl_npy_read_columns, reader, 1, 2, 0, 2, data);
}

/* A file that is cut short after it was opened. */
TEST(fortran_order_cut)
{
    OWNED(test_bytes) file = make_header("'>f8'", "True", "(4, 3)");
    for (uint64_t k = 0; k < 12; k++)
        test_bytes_add_number(&file, k, 8);
    OWNED_HANDLE(sl_npy_reader) reader = NULL;
    sl_npy_header header;
    float data[12];
    check_opens(&file, &reader, &header);
    SUCCEEDS(sl_npy_convert, reader);
    ck_assert_int_eq(truncate(test_path("x.npy"), (off_t)file.size - 16), 0);
    SUCCEEDS(sl_npy_read_columns, reader, 1, 4, 0, 2, data);
    REFUSED(SLUICE_STATUS_BAD_DATA, "x.npy: byte ", sl_npy_read_columns, reader, 1, 4, 2, 2, data);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
