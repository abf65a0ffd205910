/* What kind of file its first bytes say it is: beginnings as the programs write them that make such files, cut anywhere, and no
 * safetensors file taken for another. */
#include "io/content.h"

#include "support/suite.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1
/* A zip archive's beginning up to the name of its first file, of `length` bytes. */
#define ZIP(length) "PK\3\4\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" length "\0\0\0"

static const struct {
    const char *bytes;
    size_t size;
    sl_content content;
    const char *words; /* of its description; NULL: none */
    size_t least;      /* bytes that are enough */
} cases[] = {
    {BYTES("\x08\0\0\0\0\0\0\0{}      "), SL_CONTENT_SAFETENSORS, NULL, 9},
    {BYTES("\x1f\x8b\0\0\0\0\0\0{\"a\":"), SL_CONTENT_SAFETENSORS, NULL, 9},
    {BYTES("\x80\x02\0\0\0\0\0\0{\"a\":"), SL_CONTENT_SAFETENSORS, NULL, 9},
    {BYTES("\x08\x07\x12\0\0\0\0\0 {\"a\""), SL_CONTENT_SAFETENSORS, NULL, 9},
    {BYTES("\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\x57"), SL_CONTENT_GZIP, "gunzip", 2},
    {BYTES("\x1f\x8b\x08\x08\x14\x6f\x28\x69\x02\x03m.safetensors"), SL_CONTENT_GZIP, "gzip", 2},
    {BYTES("\xfd\x37zXZ\0\0\x04\xe6\xd6"), SL_CONTENT_XZ, "decompress", 6},
    {BYTES("BZh91AY&SY"), SL_CONTENT_BZIP2, "decompress", 3},
    {BYTES("\x28\xb5\x2f\xfd\x24\x0c\x61\0"), SL_CONTENT_ZSTD, "zstd", 4},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a"), SL_CONTENT_LFS_POINTER, "git lfs pull", 23},
    {BYTES(ZIP("\x10") "archive/data.pkl"), SL_CONTENT_TORCH_ZIP, "safetensors.torch.save_file", 46},
    {BYTES(ZIP("\x0f") "model/byteorder"), SL_CONTENT_TORCH_ZIP, "torch.save", 45},
    {BYTES(ZIP("\x0d") "metadata.json"), SL_CONTENT_KERAS_ZIP, "Keras", 43},
    {BYTES(ZIP("\x0a") "x_test.npy"), SL_CONTENT_NPZ, ".npz", 40},
    {BYTES(ZIP("\x05") "a.txt.npy"), SL_CONTENT_ZIP, "zip archive", 4}, /* the name ends before .npy */
    {BYTES(ZIP("\xff") ".txt"), SL_CONTENT_ZIP, "unpack", 4},
    {BYTES("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8\x50\x19.\x80\x02M\xe9\x03."), SL_CONTENT_TORCH_LEGACY, "torch 1.6", 15},
    {BYTES("\x80\x04\x95\x1c\0\0\0\0\0\0\0}\x94"), SL_CONTENT_PICKLE, "pickle", 2},
    {BYTES("\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08"), SL_CONTENT_HDF5, "HDF5", 8},
    {BYTES("MATLAB 5.0 MAT-file"), SL_CONTENT_MATLAB, "MATLAB", 6},
    {BYTES("PK\5\6\0\0\0\0\0\0\0\0"), SL_CONTENT_ZIP, "zip archive", 4},
    {BYTES("\x08\x07\x12\x07pytorch\x1a\x05"), SL_CONTENT_ONNX, "ONNX", 4},
    {BYTES("\x08\x03:\x9e\x02\n"), SL_CONTENT_ONNX, "ONNX", 4},
    {BYTES("\x93NUMPY\x01\0v\0{'descr'"), SL_CONTENT_NPY, ".npy", 6},
    {BYTES("{\n  \"metadata\": {}, \"weight_map\""), SL_CONTENT_JSON, "JSON", 1},
    {BYTES("\n\t{\"architectures\""), SL_CONTENT_JSON, "JSON", 3},
    {BYTES("<!DOCTYPE html>\n<html>"), SL_CONTENT_HTML, "download", 14},
    {BYTES("\r\n <HTML lang=en>"), SL_CONTENT_HTML, "HTML", 8},
    {BYTES(""), SL_CONTENT_UNKNOWN, NULL, 0},
    {BYTES("lucciola\titalian\n"), SL_CONTENT_UNKNOWN, NULL, 0},
    {BYTES("\x7f"
           "ELF\x02\x01\x01"),
     SL_CONTENT_UNKNOWN, NULL, 0},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff{}"), SL_CONTENT_UNKNOWN, NULL, 0},
};

/* In an array of its own size, so that a sanitizer sees a byte too many. */
static sl_content find(const char *bytes, size_t size)
{
    FREED char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, bytes, size);
    const sl_content content = sl_content_find(size ? copy : NULL, size);
    return content;
}

TEST_EACH(kinds, cases)
{
    for (size_t size = cases[_i].least; size <= cases[_i].size; size++) {
        const sl_content content = find(cases[_i].bytes, size);
        ck_assert_msg(content == cases[_i].content, "case %d: expected %d of %zu bytes, found %d", _i, cases[_i].content, size,
                      content);
    }
    for (size_t size = 0; size < cases[_i].least; size++)
        (void)find(cases[_i].bytes, size);
    const char *words = sl_content_describe(cases[_i].content);
    ck_assert_msg(cases[_i].words ? words && strstr(words, cases[_i].words) : !words, "case %d: \"%s\"", _i,
                  words ? words : "none");
}

/* Whatever length a header has, a file of it is one. */
TEST(every_safetensors_file)
{
    uint64_t state = test_seed();
    for (uint64_t length = 0; length <= 100000000; length += length < 70000 ? 1 : test_random(&state) % 5000) {
        char bytes[9];
        memcpy(bytes, &length, 8);
        bytes[8] = test_random(&state) % 2 ? '{' : ' ';
        ck_assert_int_eq(sl_content_find(bytes, sizeof bytes), SL_CONTENT_SAFETENSORS);
    }
}

/* The first bytes of a text as they come one by one: the kind at each count, and whether more may change it. */
TEST(texts)
{
    static const struct {
        const char *bytes;
        sl_content content[5]; /* of 0, 1, ... bytes */
        const char *undecided; /* 'y' or 'n' likewise */
        size_t signature_bytes;
    } prefixes[] = {
        {"\x1f\x8b\x08", {0, 0, SL_CONTENT_GZIP, SL_CONTENT_GZIP}, "yynn", 2},
        {"\xff\xfe\0\0", {0, 0, SL_CONTENT_UTF16, SL_CONTENT_UTF16, SL_CONTENT_UTF32}, "yyyyn", 4},
        {"\xff\xfe"
         "a",
         {0, 0, SL_CONTENT_UTF16, SL_CONTENT_UTF16},
         "yyyn",
         2},
        {"\xef\xbb\xbf", {0, 0, 0, SL_CONTENT_UTF8_MARK}, "yyyn", 3},
        {"BZh1", {0}, "yyyyn", 0},
        {"MATL", {0}, "ynnnn", 0},
        {"PK\5\6", {0}, "yyynn", 0},
        {"\n", {0}, "yn", 0},
    };
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++) {
        size_t count = 0, signature_bytes;
        bool undecided;
        for (const char *c = prefixes[k].undecided; *c; c++, count++) {
            ck_assert_int_eq(sl_content_find_in_text(prefixes[k].bytes, count, &signature_bytes, &undecided),
                             prefixes[k].content[count]);
            ck_assert_msg(undecided == (*c == 'y'), "prefix %zu, %zu bytes", k, count);
        }
        ck_assert_uint_eq(signature_bytes, prefixes[k].signature_bytes);
    }
}

/* Any bytes have a kind, and every kind but two a description. */
TEST(any_bytes)
{
    uint64_t state = test_seed();
    for (int k = 0; k < 200000; k++) {
        char bytes[40];
        const size_t size = test_random(&state) % (sizeof bytes + 1);
        for (size_t n = 0; n < size; n++)
            bytes[n] = (char)test_random(&state);
        if (size >= 4 && k % 4 == 0)
            memcpy(bytes, "PK\3\4", 4);
        const sl_content content = find(bytes, size);
        ck_assert(!sl_content_describe(content) == (content == SL_CONTENT_UNKNOWN || content == SL_CONTENT_SAFETENSORS));
    }
}
