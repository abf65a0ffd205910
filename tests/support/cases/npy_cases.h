/* Malformed .npy files, and what the message about each must contain. */
#ifndef SLUICE_TESTS_NPY_CASES_H
#define SLUICE_TESTS_NPY_CASES_H

#include <stddef.h>
#include <stdint.h>

/* The dict literal of a header, its values as written. */
#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}\n"
#define F4(shape) DICT("'<f4'", "False", shape)

/* Headers whose text is at fault; the text begins at byte 10. */
static const struct {
    const char *name, *text;
    size_t data;
    const char *part;
} bad_texts[] = {
    {"empty", "", 0, "byte 10: expected '{', found the end of the header"},
    {"blank", "    \n", 0, "byte 15: expected '{'"},
    {"no dict", "('descr', '<f4')\n", 0, "byte 10: expected '{', found '('"},
    {"NULs", "\x01\x02", 0, "byte 10: expected '{', found byte 0x01"},
    {"empty dict", "{}\n", 0, "byte 12: 'descr' is missing"},
    {"no descr", "{'fortran_order': False, 'shape': (1,)}\n", 4, "'descr' is missing"},
    {"no order", "{'descr': '<f4', 'shape': (1,)}\n", 4, "'fortran_order' is missing"},
    {"no shape", "{'descr': '<f4', 'fortran_order': False}\n", 4, "'shape' is missing"},
    {"unknown key", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}\n", 4, "byte 66: expected 'descr'"},
    {"duplicate descr", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n", 4,
     "byte 27: 'descr' is there twice"},
    {"duplicate order", "{'fortran_order': False, 'fortran_order': False, 'shape': (), 'descr': '<f4'}", 4,
     "byte 35: 'fortran_order'"},
    {"duplicate shape", "{'shape': (1,), 'shape': (1,), 'descr': '<f4', 'fortran_order': False}\n", 4,
     "byte 26: 'shape' is there twice"},
    {"key not quoted", "{descr: '<f4'}\n", 0, "byte 11: expected a key in quotes, found 'd'"},
    {"key is a number", "{1: '<f4'}\n", 0, "byte 11: expected a key in quotes"},
    {"key not ended", "{'descr: <f4}\n", 0, "byte 23: expected a plain character in a key, found byte 0x0a"},
    {"key not ended at all", "{'descr", 0, "byte 11: a key does not end"},
    {"key with escape", "{'de\\x73cr': '<f4'}", 0, "byte 14: expected a plain character"},
    {"quotes differ", "{'descr\": '<f4'}", 0, "byte 11: expected 'descr', 'fortran_order' or 'shape', found 'descr\": '"},
    {"no colon", "{'descr' '<f4'}\n", 0, "byte 19: expected ':', found '''"},
    {"no comma", "{'descr': '<f4' 'shape': (1,)}\n", 0, "byte 26: expected '}', found '''"},
    {"two commas", "{'descr': '<f4',, 'shape': (1,)}\n", 0, "byte 26: expected a key in quotes, found ','"},
    {"dict not closed", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", 4, "byte 64: expected '}', found the end"},
    {"text after dict", F4("(1,)") "x", 4, "byte 66: expected the end of the header, found 'x'"},
    {"second dict", F4("(1,)") F4("(1,)"), 4, "expected the end of the header, found '{'"},
    {"type object", DICT("'|O'", "False", "(1,)"), 4,
     "byte 20: expected a type of numbers such as '<f4' or '<i8', found '|O': it "
     "holds Python objects; load it with a = numpy.load(FILE, allow_pickle=True)"},
    {"type complex", DICT("'<c8'", "False", "(1,)"), 8,
     "found '<c8': it holds complex numbers; save numpy.concatenate([a.real, a.imag], -1)"},
    {"type time", DICT("'<M8[ns]'", "False", "(1,)"), 8, "found '<M8[ns]': it holds times; save a.astype('i8')"},
    {"type span of time", DICT("'<m8[s]'", "False", "(1,)"), 8, "a.astype('i8')"},
    {"type text", DICT("'<U4'", "False", "(1,)"), 16, "it holds text; save a.astype('f8')"},
    {"type bytes", DICT("'|S4'", "False", "(1,)"), 4, "it holds text"},
    {"type raw", DICT("'|V4'", "False", "(1,)"), 4, "a.view('u1')"},
    {"type long double", DICT("'<f16'", "False", "(1,)"), 16, "found '<f16': save a.astype('f4') for inputs"},
    {"type i3", DICT("'<i3'", "False", "(1,)"), 3, "found '<i3': save a.astype('f4') for inputs"},
    {"type of two orders", DICT("'<<f4'", "False", "(1,)"), 4, "found '<<f4'"},
    {"type of the machine", DICT("'<l'", "False", "(1,)"), 8, "found '<l'"},
    {"type empty", DICT("''", "False", "(1,)"), 4, "found ''"},
    {"type is an order", DICT("'<'", "False", "(1,)"), 4, "found '<'"},
    {"type of many letters", DICT("'<U99999999999999999999999999999999999999999999999'", "False", "(1,)"), 4, "found '<U9999999"},
    {"type is a record", DICT("[('a', '<f4')]", "False", "(1,)"), 4,
     "byte 20: expected the type of a plain array in quotes, found '[': it holds records; save one field, a['NAME']"},
    {"type not UTF-8", DICT("'\xff'", "False", "(1,)"), 4, "byte 21: expected a plain character"},
    {"Fortran order, cut", DICT("'<f4'", "True", "(2, 3)"), 20, "the file ends here, expected 24 bytes of data"},
    {"order is a number", DICT("'<f4'", "0", "(1,)"), 4, "expected fortran_order True or False, found '0'"},
    {"order is quoted", DICT("'<f4'", "'False'", "(1,)"), 4, "expected fortran_order True or False"},
    {"order lower case", DICT("'<f4'", "false", "(1,)"), 4, "expected fortran_order True or False, found 'f'"},
    {"order runs on", DICT("'<f4'", "Falsehood", "(1,)"), 4, "expected fortran_order"},
    {"shape is a number", F4("1"), 4, "byte 60: expected '(', found '1'"},
    {"shape is a list", F4("[1]"), 4, "byte 60: expected '(', found '['"},
    {"shape not a tuple", F4("(1)"), 4, "byte 62: expected ',', found ')'"},
    {"shape is a comma", F4("(,)"), 0, "byte 61: expected a dimension"},
    {"shape not closed", F4("(1,"), 4, "byte 63: expected a dimension, a whole number >= 0, found '}'"},
    {"dimension negative", F4("(-1,)"), 4, "byte 61: expected a dimension, a whole number >= 0, found '-'"},
    {"dimension fraction", F4("(1.0,)"), 4, "found '.' in it"},
    {"dimension exponent", F4("(1e3,)"), 4, "found 'e' in it"},
    {"dimension underscore", F4("(1_0,)"), 40, "found '_' in it"},
    {"dimension hexadecimal", F4("(0x10,)"), 64, "byte 62: expected ',', found 'x'"},
    {"dimension leading zero", F4("(01,)"), 4, "byte 61: a dimension begins with a zero"},
    {"dimension longer than long", F4("(1LL,)"), 4, "byte 63: expected ',', found 'L'"},
    {"dimension too large", F4("(18446744073709551616,)"), 0, "byte 61: a dimension is too large"},
    {"dimension of 60 digits", F4("(100000000000000000000000000000000000000000000000000000000000,)"), 0,
     "byte 61: a dimension is too large"},
    {"dimension that wraps to 8", F4("(36893488147419103240,)"), 32, "byte 61: a dimension is too large"},
    {"dimensions run together", F4("(1 2)"), 8, "expected ',', found '2'"},
    {"five dimensions", F4("(1, 1, 1, 1, 1)"), 4, "more than 4 dimensions"},
    {"product overflows", F4("(4294967296, 4294967296)"), 0, "the shape is too large"},
    {"bytes overflow", F4("(4611686018427387904,)"), 0, "the shape is too large"},
    {"product overflows beside zero", F4("(0, 4294967296, 4294967296)"), 0, "the shape is too large"},
    {"product overflows to small", F4("(9223372036854775809, 2)"), 8, "the shape is too large"},
    {"huge shape", F4("(1099511627776,)"), 4, "expected 4398046511104 bytes of data"},
    {"nested garbage", "{{{{{{{{{{[[[[[[[[((((((((", 0, "byte 11: expected a key"},
    {"data too short", F4("(2, 3)"), 23, "byte 91: the file ends here, expected 24 bytes of data from byte 68 on"},
    {"no data", F4("(2, 3)"), 0, "byte 68: the file ends here"},
    {"data too long", F4("(2, 3)"), 25,
     "byte 92: expected the end of the file after 24 bytes of data, found 1 more; if they mean nothing"},
    {"data behind nothing", F4("(0, 3)"), 4, "expected the end of the file after 0 bytes of data, found 4 more"},
    {"scalar without data", F4("()"), 0, "the file ends here, expected 4 bytes"},
};

/* Files whose frame is at fault: version, stated length (SIZE_MAX: the true one), and how much of the file is there. */
static const struct {
    const char *name;
    unsigned major, minor;
    size_t length, keep;
    const char *part;
} bad_frames[] = {
    {"empty file", 1, 0, SIZE_MAX, 0, "byte 0: not a .npy file but empty; save the array again with numpy.save"},
    {"cut in the magic", 1, 0, SIZE_MAX, 5, "byte 5: the file ends inside its header"},
    {"cut before the version", 1, 0, SIZE_MAX, 6, "byte 6: the file ends inside its header"},
    {"cut in the version", 1, 0, SIZE_MAX, 7, "byte 7: the file ends inside its header"},
    {"cut before the length", 1, 0, SIZE_MAX, 8, "byte 8: the file ends inside its header, expected 2 more bytes"},
    {"cut in the length", 1, 0, SIZE_MAX, 9, "byte 9: the file ends inside its header, expected 1 more"},
    {"cut in a long length", 2, 0, SIZE_MAX, 11, "byte 11: the file ends inside its header, expected 1 more"},
    {"cut before the text", 1, 0, SIZE_MAX, 10, "byte 10: the file ends inside its header"},
    {"cut in the text", 1, 0, SIZE_MAX, 40, "byte 40: the file ends inside its header"},
    {"version 0", 0, 0, SIZE_MAX, SIZE_MAX, "byte 6: expected .npy version 1.0, 2.0 or 3.0, found 0.0"},
    {"version 4", 4, 0, SIZE_MAX, SIZE_MAX, "found 4.0"},
    {"version 1.1", 1, 1, SIZE_MAX, SIZE_MAX, "found 1.1"},
    {"version 255", 255, 255, SIZE_MAX, SIZE_MAX, "found 255.255"},
    {"length 0", 1, 0, 0, SIZE_MAX, "byte 10: expected '{', found the end of the header"},
    {"length cuts the dict", 1, 0, 20, SIZE_MAX, "byte 27: a key does not end before the header does"},
    {"length beyond the file", 1, 0, 65535, SIZE_MAX, "the file ends inside its header"},
    {"length into the data", 1, 0, 69, SIZE_MAX, "expected the end of the header, found byte 0x00"},
    {"huge header", 2, 0, UINT32_MAX, SIZE_MAX, "byte 8: expected a header of at most 65536 bytes, found 4294967295"},
    {"huge header of version 3", 3, 0, 65537, SIZE_MAX, "found 65537"},
};

#endif
