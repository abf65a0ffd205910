#include "io/content.h"

#include "base/size.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Fixed bytes at the beginning of a file; the first match counts. */
typedef struct signature {
    const char *bytes;
    size_t size;
    sl_content content;
    enum { IN_ANY, IN_TEXT, NOT_IN_TEXT } where; /* which of the two searches the signature is for */
} signature;

static const signature signatures[] = {
    {"\x1f\x8b", 2, SL_CONTENT_GZIP, IN_ANY},
    {"\xfd\x37zXZ\0", 6, SL_CONTENT_XZ, IN_ANY},
    {"\x28\xb5\x2f\xfd", 4, SL_CONTENT_ZSTD, IN_ANY},
    {"BZh91AY&SY", 10, SL_CONTENT_BZIP2, IN_ANY},
    {"BZh", 3, SL_CONTENT_BZIP2, NOT_IN_TEXT}, /* a text may begin so */
    {"PK\3\4", 4, SL_CONTENT_ZIP, IN_ANY},
    {"PK\5\6", 4, SL_CONTENT_ZIP, NOT_IN_TEXT}, /* an empty one */
    {"\x93NUMPY", 6, SL_CONTENT_NPY, IN_ANY},
    {"\xef\xbb\xbf", 3, SL_CONTENT_UTF8_MARK, IN_TEXT},
    {"\xff\xfe\0\0", 4, SL_CONTENT_UTF32, IN_TEXT},
    {"\0\0\xfe\xff", 4, SL_CONTENT_UTF32, IN_TEXT},
    {"\xff\xfe", 2, SL_CONTENT_UTF16, IN_TEXT},
    {"\xfe\xff", 2, SL_CONTENT_UTF16, IN_TEXT},
    {"version https://git-lfs", 23, SL_CONTENT_LFS_POINTER, NOT_IN_TEXT},
    {"\x89HDF\r\n\x1a\n", 8, SL_CONTENT_HDF5, NOT_IN_TEXT},
    {"MATLAB", 6, SL_CONTENT_MATLAB, NOT_IN_TEXT},
    {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", 15, SL_CONTENT_TORCH_LEGACY, NOT_IN_TEXT}, /* its magic number, pickled */
    {"\x80\x02", 2, SL_CONTENT_PICKLE, NOT_IN_TEXT},
    {"\x80\x03", 2, SL_CONTENT_PICKLE, NOT_IN_TEXT},
    {"\x80\x04", 2, SL_CONTENT_PICKLE, NOT_IN_TEXT},
    {"\x80\x05", 2, SL_CONTENT_PICKLE, NOT_IN_TEXT},
};
enum { SIGNATURES = sizeof signatures / sizeof signatures[0] };

/* Names of the first file in a zip archive, or parts of them. */
static const struct {
    const char *part;
    sl_content content;
} entries[] = {
    {"archive_format", SL_CONTENT_TORCH_EXPORT},
    {"serialized_", SL_CONTENT_TORCH_EXPORT},
    {"/data/", SL_CONTENT_TORCH_ZIP},
    {".pkl", SL_CONTENT_TORCH_ZIP},
    {"/version", SL_CONTENT_TORCH_ZIP},
    {"/byteorder", SL_CONTENT_TORCH_ZIP},
    {".format_version", SL_CONTENT_TORCH_ZIP},
    {"metadata.json", SL_CONTENT_KERAS_ZIP},
    {"config.json", SL_CONTENT_KERAS_ZIP},
    {".weights.h5", SL_CONTENT_KERAS_ZIP},
    {".npy", SL_CONTENT_NPZ},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The length of a header that a reader takes, and the header's beginning. */
static bool is_safetensors(const char *bytes, size_t size)
{
    uint64_t length;
    if (size <= sizeof length)
        return false;
    memcpy(&length, bytes, sizeof length);
    return length <= SL_SAFETENSORS_MAX_HEADER && (bytes[sizeof length] == '{' || is_space(bytes[sizeof length]));
}

/* ir_version, a small number, and the tag of one of the fields that may come next in a ModelProto. */
static bool is_onnx(const char *bytes, size_t size)
{
    return size > 3 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x20 && memchr("\x12\x1a\x22\x28\x32\x3a\x42", bytes[2], 7);
}

/* The mark in the header of a tar archive's first file. */
static bool is_tar(const char *bytes, size_t size)
{
    enum { MARK_AT = 257 };
    return size >= MARK_AT + 5 && memcmp(bytes + MARK_AT, "ustar", 5) == 0;
}

static sl_content find_in_zip(const char *bytes, size_t size)
{
    enum { LENGTH_AT = 26, NAME_AT = 30 };
    char name[SL_CONTENT_BYTES] = "";
    if (size > NAME_AT) {
        const size_t length = (unsigned char)bytes[LENGTH_AT] | (size_t)(unsigned char)bytes[LENGTH_AT + 1] << 8;
        memcpy(name, bytes + NAME_AT, sl_size_min(sl_size_min(length, size - NAME_AT), sizeof name - 1));
    }
    for (size_t k = 0; k < sizeof entries / sizeof entries[0]; k++)
        if (strstr(name, entries[k].part))
            return entries[k].content;
    return SL_CONTENT_ZIP;
}

static sl_content find_text(const char *bytes, size_t size)
{
    static const char *const pages[] = {"<!doctype html", "<html"};
    size_t at = 0;
    while (at < size && is_space(bytes[at]))
        at++;
    for (size_t k = 0; k < 2; k++)
        if (size - at >= strlen(pages[k]) && strncasecmp(bytes + at, pages[k], strlen(pages[k])) == 0)
            return SL_CONTENT_HTML;
    return at < size && bytes[at] == '{' ? SL_CONTENT_JSON : SL_CONTENT_UNKNOWN;
}

sl_content sl_content_find(const void *bytes, size_t size)
{
    if (is_safetensors(bytes, size)) /* the length before its header may look like anything */
        return SL_CONTENT_SAFETENSORS;
    for (size_t k = 0; k < SIGNATURES; k++) {
        const signature *s = &signatures[k];
        if (s->where != IN_TEXT && size >= s->size && memcmp(bytes, s->bytes, s->size) == 0)
            return s->content == SL_CONTENT_ZIP ? find_in_zip(bytes, size) : s->content;
    }
    if (is_tar(bytes, size))
        return SL_CONTENT_TAR;
    return is_onnx(bytes, size) ? SL_CONTENT_ONNX : find_text(bytes, size);
}

sl_content sl_content_find_in_text(const void *bytes, size_t count, size_t *signature_bytes, bool *undecided)
{
    sl_content found = SL_CONTENT_UNKNOWN;
    *signature_bytes = 0;
    *undecided = false;
    for (size_t k = 0; k < SIGNATURES; k++) {
        const signature *s = &signatures[k];
        if (s->where == NOT_IN_TEXT || memcmp(bytes, s->bytes, sl_size_min(s->size, count)) != 0)
            continue;
        *undecided |= s->size > count;
        if (s->size <= count && !found) {
            found = s->content;
            *signature_bytes = s->size;
        }
    }
    return found;
}

#define BY_TORCH "load it in Python and write model.state_dict() with safetensors.torch.save_file"
#define BY_NUMPY "write its weights with safetensors.numpy.save_file, under the names and shapes that torch.nn.LSTM gives them"

const char *sl_content_describe(sl_content content)
{
    static const char *const words[] = {
        [SL_CONTENT_GZIP] = "a gzip file; decompress it with gunzip first",
        [SL_CONTENT_XZ] = "an xz file; decompress it with xz -d first",
        [SL_CONTENT_BZIP2] = "a bzip2 file; decompress it with bzip2 -d first",
        [SL_CONTENT_ZSTD] = "a Zstandard file; decompress it with zstd -d first",
        [SL_CONTENT_LFS_POINTER] = "a Git LFS pointer in place of the file; fetch the file with git lfs pull",
        [SL_CONTENT_TORCH_ZIP] = "a file of torch.save; " BY_TORCH,
        [SL_CONTENT_KERAS_ZIP] = "a Keras file; " BY_NUMPY,
        [SL_CONTENT_NPZ] = "a .npz archive of arrays; " BY_NUMPY,
        [SL_CONTENT_ZIP] = "a zip archive; unpack it and name the safetensors file",
        [SL_CONTENT_TORCH_LEGACY] = "a file of torch.save before torch 1.6; " BY_TORCH,
        [SL_CONTENT_TORCH_EXPORT] = "an archive of torch.export (.pt2); " BY_TORCH,
        [SL_CONTENT_PICKLE] =
            "a Python pickle; load it in Python, if you trust it, and write its weights with safetensors.numpy.save_file",
        [SL_CONTENT_TAR] = "a tar archive; unpack it, or, if it is a file of torch.save before torch 0.2, " BY_TORCH,
        [SL_CONTENT_HDF5] = "an HDF5 file, as Keras writes; " BY_NUMPY,
        [SL_CONTENT_MATLAB] = "a MATLAB file; " BY_NUMPY,
        [SL_CONTENT_ONNX] = "an ONNX file; " BY_NUMPY,
        [SL_CONTENT_NPY] = "a .npy array; name the safetensors file",
        [SL_CONTENT_JSON] = "JSON text; name the safetensors file that it belongs to",
        [SL_CONTENT_HTML] = "an HTML page, as a failed download leaves; download the file again",
        [SL_CONTENT_UTF32] = NULL, /* the last */
    };
    return words[content];
}
