/* What kind of file the first bytes of one say it is, whatever its name: for messages, and for readers of several kinds. */
#ifndef SLUICE_IO_CONTENT_H
#define SLUICE_IO_CONTENT_H

#include <stddef.h>

typedef enum sl_content {
    SL_CONTENT_UNKNOWN,
    SL_CONTENT_SAFETENSORS,
    SL_CONTENT_GZIP,
    SL_CONTENT_COMPRESSED, /* xz, bzip2 or zstd */
    SL_CONTENT_LFS_POINTER,
    SL_CONTENT_TORCH_ZIP,
    SL_CONTENT_KERAS_ZIP,
    SL_CONTENT_NPZ,
    SL_CONTENT_ZIP, /* any other */
    SL_CONTENT_PICKLE,
    SL_CONTENT_HDF5,
    SL_CONTENT_MATLAB,
    SL_CONTENT_ONNX,
    SL_CONTENT_NPY,
    SL_CONTENT_JSON,
    SL_CONTENT_HTML
} sl_content;

enum { SL_CONTENT_BYTES = 256 };                        /* of a file's beginning that are enough */
enum { SL_SAFETENSORS_MAX_HEADER = 100 * 1000 * 1000 }; /* bytes; the reference implementation's bound */

/** The kind of a file that begins with these bytes: SL_CONTENT_BYTES of them, or all if it has fewer. */
sl_content sl_content_find(const void *bytes, size_t size);

/** What it is and what to do about it where a safetensors file is expected: "a gzip file; decompress it with gunzip first". NULL for
 *  UNKNOWN and SAFETENSORS. */
const char *sl_content_describe(sl_content content);

#endif
