/* The kind of a file by its first bytes, not by its name: for messages, and for readers of several kinds. */
#ifndef SLUICE_IO_CONTENT_H
#define SLUICE_IO_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sl_content {
    SL_CONTENT_UNKNOWN,
    SL_CONTENT_SAFETENSORS,
    SL_CONTENT_GZIP,
    SL_CONTENT_XZ,
    SL_CONTENT_BZIP2,
    SL_CONTENT_ZSTD,
    SL_CONTENT_LFS_POINTER,
    SL_CONTENT_TORCH_ZIP,
    SL_CONTENT_TORCH_LEGACY, /* of torch.save before 1.6, not zipped */
    SL_CONTENT_TORCH_EXPORT, /* .pt2 */
    SL_CONTENT_KERAS_ZIP,
    SL_CONTENT_NPZ,
    SL_CONTENT_ZIP, /* any other */
    SL_CONTENT_PICKLE,
    SL_CONTENT_TAR,
    SL_CONTENT_HDF5,
    SL_CONTENT_MATLAB,
    SL_CONTENT_ONNX,
    SL_CONTENT_NPY,
    SL_CONTENT_JSON,
    SL_CONTENT_HTML,
    SL_CONTENT_UTF8_MARK, /* these three of sl_content_find_in_text only */
    SL_CONTENT_UTF16,
    SL_CONTENT_UTF32
} sl_content;

enum { SL_CONTENT_BYTES = 512 };                        /* of a file's beginning that are enough */
enum { SL_SAFETENSORS_MAX_HEADER = 100 * 1000 * 1000 }; /* bytes; the reference implementation's bound */

/** The kind of a file that begins with these bytes: SL_CONTENT_BYTES of them, or all if it has fewer. */
sl_content sl_content_find(const void *bytes, size_t size);

/**
 * The kind of a file that should be text, of which `count` bytes are known so far: GZIP, UTF8_MARK, UTF16, UTF32, XZ, ZSTD,
 * BZIP2, ZIP, NPY; UNKNOWN for all others, text among them. No signature contains a newline, so that even a short first line is
 * recognised as text without waiting for more input.
 * @param signature_bytes set to the length of the signature that was found.
 * @param undecided       set to whether more bytes may change the result; never from SL_CONTENT_TEXT_BYTES on.
 */
sl_content sl_content_find_in_text(const void *bytes, size_t count, size_t *signature_bytes, bool *undecided);
enum { SL_CONTENT_TEXT_BYTES = 16 };

/** What it is and what to do about it where a safetensors file is expected: "a gzip file; decompress it with gunzip first". NULL
 *  for UNKNOWN, SAFETENSORS, and the kinds of text. */
const char *sl_content_describe(sl_content content);

#endif
