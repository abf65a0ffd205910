/* The header of a .npy file, and its text: a Python dict literal of descr, fortran_order and shape. */
#ifndef SLUICE_IO_NPY_NPY_HEADER_H
#define SLUICE_IO_NPY_NPY_HEADER_H

#include "io/npy/npy_type.h"
#include "io/scan.h"

enum { SL_NPY_MAX_DIMS = 4 };

typedef struct sl_npy_header {
    sl_npy_type type;
    size_t dims; /* 0..SL_NPY_MAX_DIMS */
    size_t shape[SL_NPY_MAX_DIMS];
    size_t elements;   /* product of shape; its bytes fit size_t, even with zero dimensions left out */
    bool big_endian;   /* in the file */
    bool column_major; /* Fortran order, and it is another: two dimensions at least are longer than 1 */
    bool has_more;     /* another array follows in the file, as a second numpy.save leaves it; it is not read */
} sl_npy_header;

/** What precedes the text: magic, version, and the length of the text in 2 bytes (version 1) or 4. */
#define SL_NPY_MAGIC "\x93NUMPY"
enum { SL_NPY_MAGIC_BYTES = 6, SL_NPY_FIXED_BYTES = 8 };

/** Room for all that sl_npy_format writes, magic included. */
enum { SL_NPY_HEADER_BYTES = 256 };

/** What a file is that does not begin with the magic, and how to make an array of it: "gzip; ..."; `text` is room for the result.
 *  `begin` are its first bytes: SL_NPY_FIXED_BYTES, or all that there are. If sl_npy_is_text of these, the
 *  first SL_NPY_LINE_BYTES bytes give the delimiter too. */
enum { SL_NPY_GUESS_BYTES = 512, SL_NPY_LINE_BYTES = 256 };
const char *sl_npy_guess(const void *begin, size_t bytes, char text[SL_NPY_GUESS_BYTES]);

/** Whether bytes are plain text, or begin with a byte order mark of UTF-8. */
bool sl_npy_is_text(const void *begin, size_t bytes);

/** Read the literal at the scan into *header; BAD_DATA in the scan's status. Strict: three keys, once each, in any order. */
bool sl_npy_parse(sl_scan *scan, sl_npy_header *header);

/** Write magic, version 1.0, length and text for `header`, padded so that the data begin at a multiple of 64; the bytes written. */
size_t sl_npy_format(const sl_npy_header *header, char out[SL_NPY_HEADER_BYTES]);

#endif
