/* NumPy's .npy files, read and written in parts. Hostile input: nothing in a header is believed before it is checked.
 * Format: numpy.lib.format, versions 1.0, 2.0 and 3.0. Read are all numeric types of up to 8 bytes, in both byte orders, in C and
 * Fortran order; written are little-endian arrays in C order. */
#ifndef SLUICE_IO_NPY_NPY_H
#define SLUICE_IO_NPY_NPY_H

#include "io/input.h"
#include "io/npy/npy_header.h"
#include "sluice.h"

/** The first element for which float32 was not enough. */
typedef struct sl_npy_loss {
    bool found; /* else the rest means nothing */
    size_t index[SL_NPY_MAX_DIMS];
    char value[SL_NPY_VALUE_BYTES], became[SL_NPY_VALUE_BYTES];
} sl_npy_loss;

typedef struct sl_npy_reader sl_npy_reader;
typedef struct sl_npy_writer sl_npy_writer;

/** Open a file ("-": standard input) and check its header, and for a regular file that its size is header + data exactly, or that
 *  another array follows. gzip data of a .npy file are decompressed while they are read, forward only. NO_INPUT, IO, NO_MEMORY, BAD_DATA with the byte offset; for what is no .npy file, but zip or text
 *  for example, with the command that makes one. */
sluice_status sl_npy_open(const char *path, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error);

/** Likewise of an opened input, which the reader owns from now on, and which is closed on failure. */
sluice_status sl_npy_open_input(sl_input *input, sl_npy_reader **reader, sl_npy_header *header, sluice_error *error);

/** Convert to float32 whatever the file's type in all later reads (sl_npy_to_f4). Without this call, and for F4, only the byte
 *  order is converted. NO_MEMORY. */
sluice_status sl_npy_convert(sl_npy_reader *reader, sluice_error *error);

/** Read `count` elements from element `first` on into `data`, in C order, in the file's type or float32 (sl_npy_convert),
 *  aligned and in native byte order. Not for a column_major array. A pipe reads forward only: `first` must be where the last
 *  read ended; else UNSUPPORTED. BAD_DATA when the data end early, with the offset. BAD_ARGUMENT for elements that the array
 *  does not have; likewise when writing. */
sluice_status sl_npy_read(sl_npy_reader *reader, size_t first, size_t count, void *data, sluice_error *error);

/** Of a column_major array seen as [planes][rows][width], where rows is one of its dimensions, read rows first .. first + count - 1
 *  into `data`, [planes][count][width] in C order, converted likewise. Of a regular file only these rows are read; of a pipe the
 *  whole array is read into memory. Errors likewise, and NO_MEMORY. */
sluice_status sl_npy_read_columns(sl_npy_reader *reader, size_t planes, size_t rows, size_t first, size_t count, void *data,
                                  sluice_error *error);

/** Before such reads: of a pipe read the whole array into memory, which grows as the data come. NO_MEMORY, BAD_DATA, IO. */
sluice_status sl_npy_hold(sl_npy_reader *reader, sluice_error *error);

/** Whether any element can be read at any time: not of a pipe, and not of compressed data, which are read forward only. */
bool sl_npy_is_seekable(const sl_npy_reader *reader);

/** The first loss of the conversions so far; lives as long as the reader. */
const sl_npy_loss *sl_npy_get_loss(const sl_npy_reader *reader);

/** NULL is allowed. */
void sl_npy_close(sl_npy_reader *reader);

/** Begin writing a file ("-": standard output) of the given type and shape; the header's other fields are not looked at. Data go
 *  to a temporary name beside `path`, which becomes `path` at sl_npy_commit; devices and pipes are written straight. TOO_LARGE,
 *  IO, NO_MEMORY; *writer is then NULL. */
sluice_status sl_npy_create(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error);

/** Likewise of a file that several processes fill, each with elements of its own (sl_output_join, whose errors these are). */
sluice_status sl_npy_join(const char *path, const sl_npy_header *header, sl_npy_writer **writer, sluice_error *error);

/** Write `count` elements from element `first` on. A pipe, or standard output, is written forward only; else UNSUPPORTED. */
sluice_status sl_npy_write(sl_npy_writer *writer, size_t first, size_t count, const void *data, sluice_error *error);

/** Finish: check that nothing failed and every element was written (else BAD_ARGUMENT), and give the file its name. Always frees
 *  the writer; on failure no file is left. A file of several processes is only closed. */
sluice_status sl_npy_commit(sl_npy_writer *writer, sluice_error *error);

/** Abort: remove the temporary file and free the writer. NULL is allowed. */
void sl_npy_abort(sl_npy_writer *writer);

#endif
