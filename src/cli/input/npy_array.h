/* One .npy array of a run, [planes][N][width], of which a chunk of rows at a time is in memory, [planes][rows][width]. Rows-first
 * arrays have one plane, steps-first arrays T, states L*D. A slab without a path stands for an option that was not
 * given: every function below then does nothing and succeeds. */
#ifndef SLUICE_CLI_INPUT_NPY_ARRAY_H
#define SLUICE_CLI_INPUT_NPY_ARRAY_H

#include "io/npy/npy.h"
#include "program/report.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_npy_array {
    const char *option; /* as messages name it */
    const char *path;   /* NULL: not wanted */
    sl_npy_header header;
    sl_npy_type type;           /* of the elements in memory */
    size_t planes, rows, width; /* of the file; rows is N */
    size_t chunk;               /* the most rows in memory */
    sl_npy_reader *reader;
    sl_npy_writer *writer;
    void *data;
    bool lost; /* it was said that float32 was not enough for an element */
} sl_npy_array;

/** What an input's elements are wanted as. */
typedef enum sl_npy_array_kind {
    SL_NPY_ARRAY_REALS,   /* float32, whatever type the file has */
    SL_NPY_ARRAY_INTEGERS /* the file's type, which sl_npy_array_get_integer reads */
} sl_npy_array_kind;

/** Open an input and read its header. The caller checks it, sets planes, rows and width, and accepts it. */
sl_exit sl_npy_array_open(sl_npy_array *array);

/** Drop dimension `axis`, which has one element, from an opened input's header. */
void sl_npy_array_drop(sl_npy_array *array, size_t axis);

/** Whether an opened input is a vector of `count` elements, [count], or as other writers have it [count][1] or [1][count]; if so, it
 *  has one dimension from now on. */
bool sl_npy_array_make_vector(sl_npy_array *array, size_t count);

/** Report that the array is not the one expected; `expected` tells what, and by whom, `remedy` what to do. */
sl_exit sl_npy_array_reject(const sl_npy_array *array, const char *expected, const char *remedy);

/** Say what an input's elements are wanted as, before there is room for them. Notes on standard error, once a file, tell of a type
 *  that is converted, and of what else the user may not expect. */
sl_exit sl_npy_array_accept(sl_npy_array *array, sl_npy_array_kind kind);

/** Give an output its type f4, its shape and its planes, rows and width. */
sl_exit sl_npy_array_shape(sl_npy_array *array, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width);

/** Make room for `chunk` rows at a time. Refuses an array of several planes in several chunks that can only be read, or
 *  written, forward. */
sl_exit sl_npy_array_allocate(sl_npy_array *array, size_t chunk, bool is_output);

/** Begin writing an output that has its shape. */
sl_exit sl_npy_array_create(sl_npy_array *array);

/** Read, or write, `rows` rows from row `first` on. */
sl_exit sl_npy_array_read(sl_npy_array *array, size_t first, size_t rows);
sl_exit sl_npy_array_write(sl_npy_array *array, size_t first, size_t rows);

/** Whether element k of those in memory is a whole number from `least` to `most`; if so, *value is it. */
bool sl_npy_array_get_integer(const sl_npy_array *array, size_t k, int64_t least, int64_t most, int64_t *value);

/** Element k of those in memory, for a message. */
typedef struct sl_npy_array_found {
    char text[SL_NPY_VALUE_BYTES];
} sl_npy_array_found;
sl_npy_array_found sl_npy_array_get_found(const sl_npy_array *array, size_t k);

/** Put an output in place. */
sl_exit sl_npy_array_commit(sl_npy_array *array);

/** Close or give up what is open, and free. */
void sl_npy_array_close(sl_npy_array *array);

#endif
