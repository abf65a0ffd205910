/* Safetensors files: malformed ones and ones that hold no network, with what the message about each must contain; and good ones. */
#ifndef SLUICE_TESTS_SAFETENSORS_CASES_H
#define SLUICE_TESTS_SAFETENSORS_CASES_H

#include "sluice.h"

#include <stddef.h>
#include <stdint.h>

/* A tensor's entry in a header; shape and offsets as written. */
#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A T("a", "F32", "[2]", "[0,8]")
#define ONE(value) "{\"a\":" value "}"

/* Headers at fault, and how many bytes of data follow. The header's text begins at byte 8. */
static const struct {
    const char *name, *header;
    size_t data;
    const char *part;
} bad_headers[] = {
    {"blank", "   ", 0, "byte 11: expected '{', found the end of the header"},
    {"array", "[]", 0, "byte 8: expected '{', found '['"},
    {"garbage", "\x80\x04\x95pickle", 0, "byte 8: expected '{', found byte 0x80"},
    {"not ended", "{", 0, "byte 9: expected a tensor name in double quotes, found the end"},
    {"number as name", "{1:2}", 0, "byte 9: expected a tensor name in double quotes, found '1'"},
    {"single quotes", "{'a':{}}", 0, "byte 9: expected a tensor name"},
    {"name not ended", "{\"a", 0, "byte 9: a string does not end"},
    {"name behind backslash", "{\"a\\", 0, "byte 11: an unknown escape"},
    {"no colon", "{\"a\"{}}", 0, "byte 12: expected ':', found '{'"},
    {"no value", "{\"a\":}", 0, "byte 13: expected '{', found '}'"},
    {"value is a number", ONE("1"), 0, "byte 13: expected '{', found '1'"},
    {"value is null", ONE("null"), 0, "byte 13: expected '{', found 'n'"},
    {"value is a list", ONE("[]"), 0, "byte 13: expected '{', found '['"},
    {"comma at the end", "{" A ",}", 8, "expected a tensor name in double quotes, found '}'"},
    {"comma missing", "{" A A "}", 8, "expected '}', found '\"'"},
    {"text after the object", "{" A "}x", 8, "expected the end of the header, found 'x'"},
    {"NUL after the object", "{" A "}\x01", 8, "expected the end of the header, found byte 0x01"},
    {"object not closed", "{" A, 8, "expected '}', found the end of the header"},
    {"comment", "{/**/" A "}", 8, "byte 9: expected a tensor name"},
    {"nested garbage", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{", 0,
     "byte 44: expected a key in double quotes, found the end"},
    {"nested lists", "{\"a\":{\"shape\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, "byte 23: expected a dimension"},
    {"name not UTF-8", "{\"\xff\":{}}", 0, "byte 10: a string is not UTF-8: found byte 0xff"},
    {"name cut in a character", "{\"\xc3\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name begins inside a character", "{\"\xa9\xa9\":{}}", 0, "byte 10: a string is not UTF-8: found byte 0xa9"},
    {"name of a five-byte character", "{\"\xf8\x90\x80\x80\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name overlong", "{\"\xc0\xaf\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name overlong in three", "{\"\xe0\x80\xaf\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name is a surrogate", "{\"\xed\xa0\x80\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name beyond Unicode", "{\"\xf4\x90\x80\x80\":{}}", 0, "byte 10: a string is not UTF-8"},
    {"name holds a tab", "{\"a\tb\":{}}", 0, "byte 11: a control character in a string: byte 0x09"},
    {"name holds half a pair", "{\"\\ud800\":{}}", 0, "byte 10: half of a surrogate pair"},
    {"name holds the other half", "{\"\\udc00\\ud800\":{}}", 0, "byte 10: half of a surrogate pair"},
    {"name holds two first halves", "{\"\\ud800\\ud800\":{}}", 0, "byte 10: half of a surrogate pair"},
    {"name with bad hexadecimal", "{\"\\u00g0\":{}}", 0, "byte 14: expected four hexadecimal digits, found 'g'"},
    {"name with short hexadecimal", "{\"\\u00", 0, "byte 14: expected four hexadecimal digits, found the end"},
    {"name with bad escape", "{\"\\x41\":{}}", 0, "byte 10: an unknown escape"},
    {"tensor twice", "{" A "," A "}", 8, "byte 62: tensor \"a\" is there twice"},
    {"tensor twice, escaped", "{" A "," T("\\u0061", "F32", "[0]", "[8,8]") "}", 8, "byte 62: tensor \"a\" is there twice"},
    {"dtype twice", ONE("{\"dtype\":\"F32\",\"dtype\":\"F32\"}"), 0, "byte 28: tensor \"a\": \"dtype\" is there twice"},
    {"shape twice", ONE("{\"shape\":[],\"shape\":[]}"), 0, "byte 25: tensor \"a\": \"shape\" is there twice"},
    {"offsets twice", ONE("{\"data_offsets\":[0,0],\"data_offsets\":[0,0]}"), 0, "\"data_offsets\" is there twice"},
    {"unknown key without a value", ONE("{\"x\":}"), 0, "byte 18: expected a value, found '}'"},
    {"unknown key without a colon", ONE("{\"x\" 1}"), 0, "byte 18: expected ':', found '1'"},
    {"unknown value with a leading zero", ONE("{\"x\":01}"), 0, "byte 19: expected '}', found '1'"},
    {"unknown value without digits", ONE("{\"x\":-}"), 0, "byte 19: expected a digit, found '}'"},
    {"unknown value of a point alone", ONE("{\"x\":1.}"), 0, "byte 20: expected a digit, found '}'"},
    {"unknown value without an exponent", ONE("{\"x\":1e+}"), 0, "byte 21: expected a digit, found '}'"},
    {"unknown value cut", "{\"a\":{\"x\":tru", 0, "byte 18: expected a value, found 't'"},
    {"unknown value is a word", ONE("{\"x\":NaN}"), 0, "byte 18: expected a value, found 'N'"},
    {"unknown list not closed", ONE("{\"x\":[1,2}"), 0, "byte 22: expected ']', found '}'"},
    {"unknown list with a comma at the end", ONE("{\"x\":[1,]}"), 0, "byte 21: expected a value, found ']'"},
    {"unknown object with a comma at the end", ONE("{\"x\":{\"y\":1,}}"), 0, "byte 25: expected a key in double quotes, found '}'"},
    {"unknown object without a key", ONE("{\"x\":{1:2}}"), 0, "byte 19: expected a key in double quotes, found '1'"},
    {"unknown string not UTF-8", ONE("{\"x\":[\"\xff\"]}"), 0, "byte 20: a string is not UTF-8"},
    {"unknown string of half a pair", ONE("{\"x\":\"\\ud800\"}"), 0, "byte 19: half of a surrogate pair"},
    {"empty entry", ONE("{}"), 0, "byte 14: tensor \"a\": \"dtype\" is missing"},
    {"no dtype", ONE("{\"shape\":[2],\"data_offsets\":[0,8]}"), 8, "tensor \"a\": \"dtype\" is missing"},
    {"no shape", ONE("{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"), 8, "tensor \"a\": \"shape\" is missing"},
    {"no offsets", ONE("{\"dtype\":\"F32\",\"shape\":[2]}"), 8, "tensor \"a\": \"data_offsets\" is missing"},
    {"dtype is a number", ONE("{\"dtype\":32}"), 8, "byte 22: expected a dtype in double quotes, found '3'"},
    {"shape is a number", "{" T("a", "F32", "2", "[0,8]") "}", 8, "byte 36: expected '[', found '2'"},
    {"shape not closed", "{" T("a", "F32", "[2", "[0,8]") "}", 8, "byte 39: expected a dimension, a whole number >= 0, found '\"'"},
    {"shape with comma at the end", "{" T("a", "F32", "[2,]", "[0,8]") "}", 8, "byte 39: expected a dimension"},
    {"dimension negative", "{" T("a", "F32", "[-2]", "[0,8]") "}", 8,
     "byte 37: expected a dimension, a whole number >= 0, found '-'"},
    {"dimension fraction", "{" T("a", "F32", "[2.0]", "[0,8]") "}", 8, "found '.' in it"},
    {"dimension exponent", "{" T("a", "F32", "[2e0]", "[0,8]") "}", 8, "found 'e' in it"},
    {"dimension leading zero", "{" T("a", "F32", "[02]", "[0,8]") "}", 8, "byte 37: a dimension begins with a zero"},
    {"dimension quoted", "{" T("a", "F32", "[\"2\"]", "[0,8]") "}", 8, "byte 37: expected a dimension"},
    {"dimension null", "{" T("a", "F32", "[null]", "[0,8]") "}", 8, "byte 37: expected a dimension"},
    {"dimension NaN", "{" T("a", "F32", "[NaN]", "[0,8]") "}", 8, "byte 37: expected a dimension"},
    {"dimension 2^64", "{" T("a", "F32", "[18446744073709551616]", "[0,8]") "}", 8, "byte 37: a dimension is too large"},
    {"dimension that wraps to 8", "{" T("a", "F32", "[36893488147419103240]", "[0,32]") "}", 32,
     "byte 37: a dimension is too large"},
    {"product overflows", "{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0,
     "byte 36: tensor \"a\": the shape is too large"},
    {"product overflows to small", "{" T("a", "F32", "[9223372036854775809,2]", "[0,8]") "}", 8, "the shape is too large"},
    {"bytes overflow", "{" T("a", "F32", "[4611686018427387906]", "[0,8]") "}", 8, "the shape is too large"},
    {"half a byte", "{" T("a", "F4", "[3]", "[0,2]") "}", 2, "byte 35: tensor \"a\": 3 elements of 4 bits do not fill whole bytes"},
    {"offsets are a number", "{" T("a", "F32", "[2]", "8") "}", 8, "expected '[', found '8'"},
    {"offsets are one", "{" T("a", "F32", "[2]", "[8]") "}", 8, "expected ',', found ']'"},
    {"offsets are three", "{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, "expected ']', found ','"},
    {"offset negative", "{" T("a", "F32", "[2]", "[-8,0]") "}", 8, "expected an offset, a whole number >= 0, found '-'"},
    {"offset fraction", "{" T("a", "F32", "[2]", "[0,8.0]") "}", 8, "found '.' in it"},
    {"offset 2^64", "{" T("a", "F32", "[2]", "[0,18446744073709551616]") "}", 8, "an offset is too large"},
    {"offsets reversed", "{" T("a", "F32", "[2]", "[8,0]") "}", 8, "tensor \"a\": data_offsets end at 0, before they begin at 8"},
    {"offsets wrap", "{" T("a", "F32", "[2]", "[18446744073709551612,4]") "}", 8, "before they begin"},
    {"size too small", "{" T("a", "F32", "[2]", "[0,7]") "}", 7, "ask for 8 bytes, data_offsets [0, 7] give 7"},
    {"size too large", "{" T("a", "F32", "[2]", "[0,9]") "}", 9, "ask for 8 bytes, data_offsets [0, 9] give 9"},
    {"size of another dtype", "{" T("a", "F16", "[2]", "[0,8]") "}", 8, "ask for 4 bytes, data_offsets [0, 8] give 8"},
    {"scalar without bytes", "{" T("a", "F32", "[]", "[0,0]") "}", 0, "ask for 4 bytes"},
    {"zero size with bytes", "{" T("a", "F32", "[0]", "[0,4]") "}", 4, "ask for 0 bytes"},
    {"beyond the file", "{" A "}", 7, "reach beyond the file's 7 bytes of data; was it cut short?"},
    {"no data", "{" A "}", 0, "reach beyond the file's 0 bytes of data"},
    {"far beyond the file", "{" T("a", "U8", "[8]", "[1152921504606846976,1152921504606846984]") "}", 8, "reach beyond"},
    {"trailing bytes", "{" A "}", 9, "byte 70: expected the end of the file, found 1 bytes that belong to no tensor"},
    {"data without tensors", "{}", 4, "byte 10: expected the end of the file, found 4 bytes"},
    {"overlap", "{" A "," T("b", "F32", "[2]", "[4,12]") "}", 12,
     "byte 62: tensor \"b\" begins at 4 in the data and overlaps \"a\", which ends at 8"},
    {"same place", "{" A "," T("b", "F32", "[2]", "[0,8]") "}", 8, "begins at 0 in the data and overlaps"},
    {"inside another", "{" A "," T("b", "F32", "[1]", "[4,8]") "}", 8, "tensor \"b\" begins at 4 in the data and overlaps \"a\""},
    {"gap", "{" A "," T("b", "F32", "[1]", "[12,16]") "}", 16,
     "byte 62: tensor \"b\" begins at 12 in the data and leaves a gap from 8 on"},
    {"gap at the start", "{" T("a", "F32", "[1]", "[4,8]") "}", 8,
     "byte 9: tensor \"a\" begins at 4 in the data and leaves a gap from 0 on"},
    {"gap before nothing", "{" A "," T("b", "F32", "[0]", "[9,9]") "}", 9, "leaves a gap from 8 on"},
    {"metadata is a string", "{\"__metadata__\":\"x\"}", 0, "byte 24: expected '{', found '\"'"},
    {"metadata is almost null", "{\"__metadata__\":nul", 0, "byte 24: expected '{', found 'n'"},
    {"metadata null twice", "{\"__metadata__\":null,\"__metadata__\":null}", 0, "byte 29: \"__metadata__\" is there twice"},
    {"metadata holds a number", "{\"__metadata__\":{\"a\":1}}", 0,
     "byte 29: expected a metadata value in double quotes, found '1'"},
    {"metadata holds an object", "{\"__metadata__\":{\"a\":{}}}", 0, "byte 29: expected a metadata value"},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "byte 27: \"__metadata__\" is there twice"},
    {"metadata not UTF-8", "{\"__metadata__\":{\"a\":\"\xe9\"}}", 0, "byte 30: a string is not UTF-8"},
    {"metadata not closed", "{\"__metadata__\":{\"a\":\"b\"", 0, "byte 32: expected '}', found the end"},
};

/* Files whose frame is at fault: stated length of the header (UINT64_MAX - 1: the true one), and how much of the file is there. */
#define TRUE_LENGTH (UINT64_MAX - 1)
static const struct {
    const char *name;
    uint64_t length;
    size_t keep;
    const char *part;
} bad_frames[] = {
    {"empty file", TRUE_LENGTH, 0, "byte 0: the file ends here, expected 8 bytes of header length"},
    {"cut in the length", TRUE_LENGTH, 7, "byte 7: the file ends here, expected 8 bytes"},
    {"cut before the header", TRUE_LENGTH, 8, "byte 0: a header of 54 bytes is longer than the rest of the file, 0 bytes"},
    {"cut in the header", TRUE_LENGTH, 57, "byte 0: a header of 54 bytes is longer than the rest of the file, 49 bytes"},
    {"cut before the data", TRUE_LENGTH, 62, "reach beyond the file's 0 bytes of data"},
    {"cut in the data", TRUE_LENGTH, 69, "reach beyond the file's 7 bytes of data"},
    {"length 0", 0, SIZE_MAX, "byte 8: expected '{', found the end of the header"},
    {"length one short", 53, SIZE_MAX, "expected '}', found the end of the header"},
    {"length one long", 55, SIZE_MAX, "reach beyond the file's 7 bytes of data"},
    {"length to the end", 62, SIZE_MAX, "reach beyond the file's 0 bytes of data"},
    {"length beyond the end", 63, SIZE_MAX, "byte 0: a header of 63 bytes is longer than the rest of the file, 62 bytes"},
    {"length 100 MB", 100000000, SIZE_MAX, "byte 0: a header of 100000000 bytes is longer"},
    {"length beyond 100 MB", 100000001, SIZE_MAX, "byte 0: expected a header of at most 100000000 bytes, found 100000001"},
    {"length 2^63", UINT64_C(1) << 63, SIZE_MAX, "found 9223372036854775808"},
    {"length 2^64 - 1", UINT64_MAX, SIZE_MAX, "found 18446744073709551615; is it a safetensors file?"},
};

/* Networks: "name dtype dimensions;" for every tensor, I = 3, H = 2 (4H = 8) where nothing else is said. */
#define CELL(prefix, layer, in) prefix "weight_ih_" layer " F32 8," in ";" prefix "weight_hh_" layer " F32 8,2;"
#define BIASES(prefix, layer) prefix "bias_ih_" layer " F32 8;" prefix "bias_hh_" layer " F32 8;"
/* An LSTMCell, whose names have no layer. */
#define CELL_OF(prefix, in) prefix "weight_ih F32 8," in ";" prefix "weight_hh F32 8,2;"
#define LSTM CELL("lstm.", "l0", "3") BIASES("lstm.", "l0")
#define HEAD "fc.weight F32 4,2;fc.bias F32 4;"
#define EMBEDDING "embedding.weight F32 5,3;"

/* Well-formed files that are no network of ours. */
static const struct {
    const char *name, *tensors;
    sluice_status status;
    const char *part, *metadata;
    const char *prefix, *head, *embedding; /* asked for */
} bad_networks[] = {
    {"no tensors", "", SLUICE_STATUS_BAD_DATA, "no LSTM: expected a tensor named \"[prefix]weight_ih_l0\""},
    {"no LSTM", HEAD EMBEDDING, SLUICE_STATUS_BAD_DATA, "found 3 tensors: \"embedding.weight\", \"fc.bias\", \"fc.weight\""},
    {"two LSTMs", LSTM CELL("dec.", "l0", "3"), SLUICE_STATUS_BAD_DATA,
     "expected one LSTM, found 2, with the prefixes \"dec.\" (3 inputs, 2 units), \"lstm.\" (3 inputs, 2 units); choose with "
     "--prefix"},
    {"another prefix", LSTM, SLUICE_STATUS_BAD_DATA, "expected a tensor named \"rnn.weight_ih_l0\"", .prefix = "rnn."},
    {"no prefix in the file", LSTM, SLUICE_STATUS_BAD_DATA, "expected a tensor named \"weight_ih_l0\"", .prefix = ""},
    {"no weight_hh", "lstm.weight_ih_l0 F32 8,3;", SLUICE_STATUS_BAD_DATA, "tensor \"lstm.weight_hh_l0\" is missing"},
    {"no bias_hh", CELL("lstm.", "l0", "3") "lstm.bias_ih_l0 F32 8;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_hh_l0\" is missing: expected both biases"},
    {"no bias_ih", CELL("lstm.", "l0", "3") "lstm.bias_hh_l0 F32 8;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_ih_l0\" is missing: expected both biases"},
    {"mixed bias", LSTM CELL("lstm.", "l1", "2"), SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_ih_l1\" is missing: expected both biases"},
    {"mixed bias, upper layer", CELL("lstm.", "l0", "3") CELL("lstm.", "l1", "2") BIASES("lstm.", "l1"), SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_ih_l0\" is missing: expected both biases"},
    {"layer left out", LSTM CELL("lstm.", "l2", "2") BIASES("lstm.", "l2"), SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l1\" is missing: expected every layer"},
    {"layer of twenty digits", LSTM "lstm.weight_ih_l18446744073709551615 F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l1\" is missing: expected every layer"},
    {"half a layer", LSTM "lstm.bias_ih_l1 F32 8;", SLUICE_STATUS_BAD_DATA, "tensor \"lstm.weight_ih_l1\" is missing"},
    {"half a direction", LSTM "lstm.weight_ih_l0_reverse F32 8,3;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_hh_l0_reverse\" is missing: expected every layer and direction"},
    {"reverse in one layer", LSTM CELL("lstm.", "l1", "2") BIASES("lstm.", "l1") CELL("lstm.", "l1_reverse", "2"),
     SLUICE_STATUS_BAD_DATA, "tensor \"lstm.weight_ih_l0_reverse\" is missing"},
    {"a projection of another size", LSTM "lstm.weight_hr_l0 F32 1,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_hr_l0\": expected shape [2][2] ([P][H]), found [1][2]"},
    {"GRU", "gru.weight_ih_l0 F32 6,3;gru.weight_hh_l0 F32 6,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"gru.weight_hh_l0\": expected shape [4H][H], found [6][2]; this looks like a GRU"},
    {"plain RNN", "rnn.weight_ih_l0 F32 2,3;rnn.weight_hh_l0 F32 2,2;", SLUICE_STATUS_BAD_DATA, "plain RNN"},
    {"weight_hh of other shape", "lstm.weight_ih_l0 F32 8,3;lstm.weight_hh_l0 F32 8,3;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_hh_l0\": expected shape [4H][H], found [8][3]"},
    {"weight_hh transposed", "lstm.weight_ih_l0 F32 8,3;lstm.weight_hh_l0 F32 2,8;", SLUICE_STATUS_BAD_DATA, "found [2][8]"},
    {"weight_hh a vector", "lstm.weight_ih_l0 F32 8,3;lstm.weight_hh_l0 F32 16;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_hh_l0\": expected shape [4H][H], none of them 0, found [16]"},
    {"weight_ih a scalar", "lstm.weight_ih_l0 F32 -;lstm.weight_hh_l0 F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l0\": expected shape [4H][I], none of them 0, found []"},
    {"weight_ih transposed", "lstm.weight_ih_l0 F32 3,8;lstm.weight_hh_l0 F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l0\": expected shape [8][8] ([4H][I]), found [3][8]"},
    {"weight_ih of three dimensions", "lstm.weight_ih_l0 F32 8,3,1;lstm.weight_hh_l0 F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "found [8][3][1]"},
    {"no inputs", "lstm.weight_ih_l0 F32 8,0;lstm.weight_hh_l0 F32 8,2;", SLUICE_STATUS_BAD_DATA, "none of them 0, found [8][0]"},
    {"no units", "lstm.weight_ih_l0 F32 0,3;lstm.weight_hh_l0 F32 0,0;", SLUICE_STATUS_BAD_DATA, "none of them 0, found [0][3]"},
    {"units that wrap", "lstm.weight_ih_l0 F32 8,3;lstm.weight_hh_l0 F32 0,1152921504606846976;", SLUICE_STATUS_BAD_DATA,
     "none of them 0, found [0][1152921504606846976]"},
    {"weights of an unknown type", "lstm.weight_ih_l0 X8 8,3;lstm.weight_hh_l0 X8 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l0\": expected type F32, F16, BF16 or F64, found X8; convert it"},
    {"weights of nine dimensions", "lstm.weight_ih_l0 F32 8,3,1,1,1,1,1,1,1;lstm.weight_hh_l0 F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "expected shape [4H][I], none of them 0, found [8][3][1][1][1][1][1][1][...]"},
    {"two cells", CELL_OF("a.", "3") CELL_OF("b.", "3"), SLUICE_STATUS_BAD_DATA,
     "expected one LSTM, found 2, with the prefixes \"a.\" (3 inputs, 2 units), \"b.\" (3 inputs, 2 units); choose with --prefix "
     "(names.prefix), and the others are not "
     "run; or name those that run one after the other, in their order, with --lstm A,B (names.lstm)"},
    {"a cell and an LSTM", LSTM CELL_OF("cell.", "3"), SLUICE_STATUS_BAD_DATA,
     "expected one LSTM, found 2, with the prefixes \"cell.\" (3 inputs, 2 units), \"lstm.\" (3 inputs, 2 units); choose with "
     "--prefix"},
    {"a cell and an LSTM of one prefix", LSTM CELL_OF("lstm.", "3"), SLUICE_STATUS_BAD_DATA,
     "expected one LSTM, found 2, with the prefixes \"lstm.\" (3 inputs, 2 units), \"lstm.\" ("},
    {"a cell and an LSTM of the prefix asked for", LSTM CELL_OF("lstm.", "3"), SLUICE_STATUS_BAD_DATA,
     "found both \"weight_ih_l0\" and \"weight_ih\" after it; rename", .prefix = "lstm."},
    {"half a cell", "cell.weight_ih F32 8,3;", SLUICE_STATUS_BAD_DATA, "tensor \"cell.weight_hh\" is missing"},
    {"a cell of one bias", CELL_OF("cell.", "3") "cell.bias_hh F32 8;", SLUICE_STATUS_BAD_DATA,
     "tensor \"cell.bias_ih\" is missing: expected both biases"},
    {"GRUCell", "c.weight_ih F32 6,3;c.weight_hh F32 6,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"c.weight_hh\": expected shape [4H][H], found [6][2]; this looks like a GRU"},
    {"two GRUs", "a.weight_ih F32 6,3;a.weight_hh F32 6,2;b.weight_ih_l0 F32 6,3;b.weight_hh_l0 F32 6,2;", SLUICE_STATUS_BAD_DATA,
     "expected one LSTM, found 2, with the prefixes \"a.\", \"b.\""},
    {"weight_norm", "l.weight_ih_l0 F32 8,3;l.parametrizations.weight_hh_l0.original0 F32 8,1;", SLUICE_STATUS_BAD_DATA,
     "tensor \"l.weight_hh_l0\" is missing: save the weight itself, without the parametrization of "
     "\"l.parametrizations.weight_hh_l0.original0\""},
    {"weight_hh of the other direction alone", "l.weight_ih_l0 F32 8,3;l.weight_hh_l0_reverse F32 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"l.weight_hh_l0\" is missing"},
    {"bias too short", CELL("lstm.", "l0", "3") "lstm.bias_ih_l0 F32 7;lstm.bias_hh_l0 F32 8;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_ih_l0\": expected shape [8] ([4H]), found [7]"},
    {"bias a matrix", CELL("lstm.", "l0", "3") "lstm.bias_ih_l0 F32 8;lstm.bias_hh_l0 F32 8,1;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.bias_hh_l0\": expected shape [8] ([4H]), found [8][1]"},
    {"layer of other width", LSTM CELL("lstm.", "l1", "3") BIASES("lstm.", "l1"), SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l1\": expected shape [8][2] ([4H][D*H]), found [8][3]"},
    {"layer not of both directions",
     CELL("", "l0", "3") CELL("", "l0_reverse", "3") CELL("", "l1", "2") CELL("", "l1_reverse", "4"), SLUICE_STATUS_BAD_DATA,
     "tensor \"weight_ih_l1\": expected shape [8][4] ([4H][D*H]), found [8][2]"},
    {"reverse of other width", CELL("", "l0", "3") CELL("", "l0_reverse", "2"), SLUICE_STATUS_BAD_DATA,
     "tensor \"weight_ih_l0_reverse\": expected shape [8][3] ([4H][I]), found [8][2]"},
    {"weights of type I64", "lstm.weight_ih_l0 I64 8,3;lstm.weight_hh_l0 I64 8,2;", SLUICE_STATUS_BAD_DATA,
     "tensor \"lstm.weight_ih_l0\": expected type F32, F16, BF16 or F64, found I64; convert it"},
    {"weights of type I8", "lstm.weight_ih_l0 F32 8,3;lstm.weight_hh_l0 I8 8,2;", SLUICE_STATUS_BAD_DATA, "found I8"},
    {"named head of type U8", LSTM "fc.weight U8 4,2;", SLUICE_STATUS_BAD_DATA, "tensor \"fc.weight\": expected type F32",
     .head = "fc"},
    {"named head's bias too long", LSTM "fc.weight F32 4,2;fc.bias F32 5;", SLUICE_STATUS_BAD_DATA,
     "tensor \"fc.bias\": expected shape [4] ([C]), found [5]", .head = "fc"},
    {"named embedding of type I64", LSTM "embedding.weight I64 5,3;", SLUICE_STATUS_BAD_DATA, "found I64",
     .embedding = "embedding"},
    {"named head is missing", LSTM HEAD, SLUICE_STATUS_BAD_DATA, "tensor \"out.weight\" is missing, asked for as the head",
     .head = "out"},
    {"named head of other width", LSTM "out.weight F32 4,3;", SLUICE_STATUS_BAD_DATA,
     "tensor \"out.weight\": expected shape [4][2] ([C][D*H]), found [4][3]", .head = "out"},
    {"named head a vector", LSTM "out.weight F32 4;", SLUICE_STATUS_BAD_DATA, "expected shape [4][2] ([C][D*H]), found [4]",
     .head = "out"},
    {"named head a scalar", LSTM "out.weight F32 -;", SLUICE_STATUS_BAD_DATA, "([C][D*H]), found []", .head = "out"},
    {"named head without classes", LSTM "out.weight F32 0,2;", SLUICE_STATUS_BAD_DATA, "([C][D*H]), found [0][2]", .head = "out"},
    {"named embedding is missing", LSTM, SLUICE_STATUS_BAD_DATA, "tensor \"tok.weight\" is missing, asked for as the embedding",
     .embedding = "tok"},
    {"named embedding of other width", LSTM "tok.weight F32 5,4;", SLUICE_STATUS_BAD_DATA,
     "tensor \"tok.weight\": expected shape [5][3] ([V][I]), found [5][4]", .embedding = "tok"},
};

/* Unusual headers that are right, and how many tensors they have. */
static const struct {
    const char *name, *header;
    size_t data, count;
} good_headers[] = {
    {"empty", "{}", 0, 0},
    {"spaces", " {\t} \r\n   ", 0, 0},
    {"any order", "{" T("b", "F32", "[2]", "[8,16]") "," A "}", 16, 2},
    {"keys in any order", "{ \"a\" : { \"data_offsets\" : [ 0 , 8 ] , \"shape\" : [ 2 ] , \"dtype\" : \"F32\" } }", 8, 1},
    {"zero sizes", "{" T("a", "F32", "[0]", "[0,0]") "," T("b", "I64", "[3,0]", "[0,0]") "," T("c", "U8", "[1]", "[0,1]") "}", 1,
     3},
    {"types not read",
     "{" T("a", "F4", "[4]", "[0,2]") "," T("b", "F6_E2M3", "[4]", "[2,5]") "," T("c", "C64", "[1]", "[5,13]") "}", 13, 3},
    {"a scalar", "{" T("a", "BF16", "[]", "[0,2]") "}", 2, 1},
    {"eight dimensions", "{" T("a", "U8", "[1,1,1,1,1,1,1,2]", "[0,2]") "}", 2, 1},
    {"nine dimensions", "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, 1},
    {"a large product beside zero", "{" T("a", "F32", "[0,4294967296,4294967296]", "[0,0]") "}", 0, 1},
    {"unknown types", "{" T("a", "F33", "[2]", "[0,8]") "," T("b", "f32", "[9]", "[8,9]") "," T("c", "", "[]", "[9,9]") "}", 9, 3},
    {"an unknown type too large", "{" T("a", "X", "[4294967296,4294967296]", "[0,1]") "}", 1, 1},
    {"metadata is null", "{\"__metadata__\": null ," A "}", 8, 1},
    {"metadata key twice", "{\"__metadata__\":{\"a\":\"\",\"b\":\"\",\"a\":\"\"}}", 0, 0},
    {"metadata holds NUL", "{\"__metadata__\":{\"\\u0000\":\"\\u0000\"}}", 0, 0},
    {"more keys",
     "{\"a\":{\"x\":[],\"dtype\":\"F32\",\"y\":{\"z\":[{},[-1.5e+3,0,12E2],{\"dtype\":\"\\u0000\\n\"}],\"\":true},\"shape\":[2],"
     "\"x\":null,\"data_offsets\":[0,8],\"w\" : [ false , \"\\ud83d\\ude00\" ] }}",
     8, 1},
    {"names of any kind",
     "{" T("", "U8", "[0]", "[0,0]") "," T("a\\tb\\n", "U8", "[0]", "[0,0]") "," T("\\u007f\x7f", "U8", "[0]", "[0,0]") "," T(
         "a\\u0000b", "U8", "[0]", "[0,0]") "," T("a", "U8", "[0]", "[0,0]") "," T("\\u009b", "U8", "[0]", "[0,0]") "}",
     0, 6},
    {"names escaped", "{" T("\\u00e9\\\\\\\"\\/\\ud83d\\ude00\xc3\xa9", "U8", "[1]", "[0,1]") "}", 1, 1},
};

/* Layers, directions, inputs, units, vocabulary, classes and whether there are biases. */
#define FOUND(l, d, i, h, v, c, b)                                                                                                 \
    {                                                                                                                              \
        0, l, d, i, h, v, c, b                                                                                                     \
    }

/* Files in which everything is found, and what notes say about it. */
static const struct {
    const char *name, *tensors;
    sluice_shape shape;
    const char *notes, *metadata;
    const char *prefix, *head, *embedding;
} good_networks[] = {
    {"all", LSTM HEAD EMBEDDING, FOUND(1, 1, 3, 2, 5, 4, 1), "names: torch, prefix \"lstm.\", head \"fc\", embedding \"embedding\"",
     .metadata = "{\"classes\":\"a,b b,\\u00e9,d\"}"},
    {"bare", CELL("", "l0", "3"), FOUND(1, 1, 3, 2, 0, 0, 0), "names: torch, prefix \"\", no head, no embedding"},
    {"two layers, two directions",
     CELL("m.r.", "l0", "3") CELL("m.r.", "l1", "4") CELL("m.r.", "l0_reverse", "3") CELL("m.r.", "l1_reverse", "4"),
     FOUND(2, 2, 3, 2, 0, 0, 0), "names: torch, prefix \"m.r.\", no head, no embedding"},
    {"one of two LSTMs", LSTM CELL("dec.", "l0", "1"), FOUND(1, 1, 1, 2, 0, 0, 0),
     "names: torch, prefix \"dec.\", no head, no embedding\nlayers: recurrent ones beside that of prefix \"dec.\" are not run: "
     "\"lstm.\" (LSTM)\nignored: \"lstm.bias_hh_l0\" F32 [8]\nignored: \"lstm.bias_ih_l0\" F32 [8]\nignored: \"lstm.weight_hh_l0\" "
     "F32 [8][2]\nignored: \"lstm.weight_ih_l0\" F32 [8][3]",
     .prefix = "dec."},
    {"fewer names than classes", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding\nclasses: none, as metadata \"classes\" has 1 between commas, and "
     "\"fc.weight\" 4 rows",
     .metadata = "{\"classes\":\"3\"}"},
    {"more names than classes", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding\nclasses: none, as metadata \"classes\" has 5 between commas, and "
     "\"fc.weight\" 4 rows",
     .metadata = "{\"classes\":\"a,b,c,d,e\"}"},
    {"no class names at all", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding\nclasses: none, as metadata \"classes\" has 1 between commas, and "
     "\"fc.weight\" 4 rows",
     .metadata = "{\"classes\":\"\"}"},
    {"class without a name", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding\nclasses: none, as metadata \"classes\" has no printable name for "
     "class 1, but \"\"",
     .metadata = "{\"classes\":\"a,,c,d\"}"},
    {"class with a line end", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding\nclasses: none, as metadata \"classes\" has no printable name for "
     "class 2, but \"c?\"",
     .metadata = "{\"classes\":\"a,b,c\\n,d\"}"},
    {"class names twice, the last of which hold", LSTM HEAD, FOUND(1, 1, 3, 2, 0, 4, 1),
     "names: torch, prefix \"lstm.\", head \"fc\", no embedding",
     .metadata = "{\"classes\":\"a\",\"b\":\"\",\"classes\":\"a,b,c,d\"}"},
    {"names refused", LSTM HEAD EMBEDDING, FOUND(1, 1, 3, 2, 0, 0, 1),
     "names: torch, prefix \"lstm.\", no head, no embedding\nignored: \"embedding.weight\" F32 [5][3]\nignored: \"fc.bias\" F32 "
     "[4]\nignored: \"fc.weight\" F32 [4][2]\nignored: metadata \"classes\", as there is no head",
     .metadata = "{\"classes\":\"a\"}", .head = "", .embedding = ""},
    {"fc does not fit", LSTM "fc.weight F32 4,3;out.weight F32 7,2;", FOUND(1, 1, 3, 2, 0, 7, 1),
     "names: torch, prefix \"lstm.\", head \"out\", no embedding\nignored: \"fc.weight\" F32 [4][3]"},
    {"chosen by name", LSTM "a.weight F32 9,2;b.weight F32 7,2;c.weight F32 6,3;", FOUND(1, 1, 3, 2, 6, 7, 1),
     "names: torch, prefix \"lstm.\", head \"b\", embedding \"c\"\nignored: \"a.weight\" F32 [9][2]", .head = "b",
     .embedding = "c"},
    {"one matrix is both", "weight_ih_l0 F32 8,2;weight_hh_l0 F32 8,2;emb.weight F32 5,2;", FOUND(1, 1, 2, 2, 5, 5, 0),
     "names: torch, prefix \"\", head \"emb\", embedding \"emb\"", .head = "emb"},
    {"an embedding is no head", "weight_ih_l0 F32 8,2;weight_hh_l0 F32 8,2;emb.weight F32 5,2;", FOUND(1, 1, 2, 2, 0, 0, 0),
     "names: torch, prefix \"\", no head, no embedding\nignored: \"emb.weight\" F32 [5][2]", .embedding = ""},
    {"other tensors", LSTM "step I64 -;norm.weight F32 2;lstm.weight_ih_l01 F32 1;.weight F32 4,2;buf U8 0;",
     FOUND(1, 1, 3, 2, 0, 0, 1),
     "names: torch, prefix \"lstm.\", no head, no embedding\nignored: \".weight\" F32 [4][2]\nignored: \"buf\" U8 [0]\nignored: "
     "\"lstm.weight_ih_l01\" F32 [1]\nignored: \"norm.weight\" F32 [2]\nignored: \"step\" I64 []"},
};

#endif
