/* One .npy array of a run, [planes][N][width], of which a chunk of rows at a time is in memory, [planes][rows][width]. Rows-first
 * arrays have one plane, steps-first arrays T, states L*D. A slab without a path is not wanted: nothing is done to it, well. */
#ifndef SLUICE_CLI_SLAB_H
#define SLUICE_CLI_SLAB_H

#include "io/npy.h"
#include "report.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_slab {
    const char *option; /* as messages name it */
    const char *path;   /* NULL: not wanted */
    sl_npy_header header;
    size_t planes, rows, width; /* of the file; rows is N */
    size_t chunk;               /* the most rows in memory */
    sl_npy_reader *reader;
    sl_npy_writer *writer;
    void *data; /* in the file's type */
} sl_slab;

/** Open an input and read its header. The caller checks it and sets planes, rows and width. */
sl_exit sl_slab_open(sl_slab *slab);

/** Report that the array is not the one expected; `expected` tells what, and by whom. */
sl_exit sl_slab_reject(const sl_slab *slab, const char *expected);

/** Give an output its type f4, its shape and its planes, rows and width. */
sl_exit sl_slab_shape(sl_slab *slab, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width);

/** Make room for `chunk` rows at a time. Refuses an array of several planes in several chunks that can only be read, or
 *  written, forward. */
sl_exit sl_slab_allocate(sl_slab *slab, size_t chunk, bool is_output);

/** Begin writing an output that has its shape. */
sl_exit sl_slab_create(sl_slab *slab);

/** Read, or write, `rows` rows from row `first` on. */
sl_exit sl_slab_read(sl_slab *slab, size_t first, size_t rows);
sl_exit sl_slab_write(sl_slab *slab, size_t first, size_t rows);

/** Element k of those in memory; they are whole numbers. */
int64_t sl_slab_get_integer(const sl_slab *slab, size_t k);

/** Put an output in place. */
sl_exit sl_slab_commit(sl_slab *slab);

/** Close or give up what is open, and free. */
void sl_slab_close(sl_slab *slab);

#endif
