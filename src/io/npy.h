/* NumPy's .npy files, read and written in pieces. Hostile input: nothing in a header is believed before it is checked.
 * Format: numpy.lib.format, versions 1.0, 2.0 and 3.0; little-endian, C order. */
#ifndef SLUICE_IO_NPY_H
#define SLUICE_IO_NPY_H

#include "sluice.h"

#include <stdint.h>

enum { SL_NPY_MAX_DIMS = 4 };

typedef enum sl_npy_type { SL_NPY_F4, SL_NPY_U1, SL_NPY_I4, SL_NPY_I8 } sl_npy_type;

typedef struct sl_npy_header {
    sl_npy_type type;
    size_t dims; /* 0..SL_NPY_MAX_DIMS */
    size_t shape[SL_NPY_MAX_DIMS];
    size_t elements; /* product of shape; its bytes fit size_t, even with zero dimensions left out */
} sl_npy_header;

typedef struct sl_npy_reader sl_npy_reader;
typedef struct sl_npy_writer sl_npy_writer;

/** Bytes of one element. */
size_t sl_npy_type_bytes(sl_npy_type type);

/** Open a file ("-": standard input) and check its header, and for a regular file that its size is header + data exactly.
 *  NO_INPUT, IO, NO_MEMORY, BAD_DATA with the byte offset. */
sluice_status sl_npy_open(const char *path, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error);

/** Read `count` elements from element `first` on into `data`, in the file's type (native byte order). A pipe reads forward only:
 *  `first` must be where the last read ended; else UNSUPPORTED. BAD_DATA when the data end early, with the offset. BAD_ARGUMENT
 *  for elements that the array does not have; likewise when writing. */
sluice_status sl_npy_read(sl_npy_reader *reader, size_t first, size_t count, void *data, sluice_error *error);

/** NULL is allowed. */
void sl_npy_close(sl_npy_reader *reader);

/** Begin writing a file ("-": standard output) of the given type and shape; header->elements is not looked at. Data go to a
 *  temporary name beside `path`, which becomes `path` at sl_npy_commit; devices and pipes are written straight. TOO_LARGE, IO,
 *  NO_MEMORY; *writer is then NULL. */
sluice_status sl_npy_create(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error);

/** Write `count` elements from element `first` on. A pipe, or standard output, is written forward only; else UNSUPPORTED. */
sluice_status sl_npy_write(sl_npy_writer *writer, size_t first, size_t count, const void *data, sluice_error *error);

/** Finish: check that nothing failed and every element was written (else BAD_ARGUMENT), rename. Frees the writer whatever
 *  happens; on failure no file is left behind. */
sluice_status sl_npy_commit(sl_npy_writer *writer, sluice_error *error);

/** Give up: remove the temporary file and free the writer. NULL is allowed. */
void sl_npy_abort(sl_npy_writer *writer);

#endif
