/* One .npy array of a run, [planes][N][width], of which a chunk of rows at a time is in memory, [planes][rows][width]. Rows-first
 * arrays have one plane, steps-first arrays T, states L*D. An array without a path stands for an option that was not
 * given: every function below is then a no-op returning SL_EXIT_OK. */
#ifndef SLUICE_CLI_INPUT_NPY_ARRAY_H
#define SLUICE_CLI_INPUT_NPY_ARRAY_H

#include "io/npy/npy.h"
#include "program/report.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_npy_array {
    const char *option; /* for messages: "--input" */
    const char *path;   /* NULL: not given */
    sl_npy_header header;
    sl_npy_type type;           /* of the elements in memory */
    size_t planes, rows, width; /* of the file; rows is N */
    size_t chunk;               /* largest number of rows in memory */
    sl_npy_reader *reader;
    sl_npy_writer *writer;
    void *data;
    bool joins;      /* an output that several processes fill, each with rows of its own */
    bool digests;    /* whether `digest` is wanted */
    uint64_t digest; /* of the rows read or written, each at its place in the array (cli/digest.h); float32 where converted */
    bool loss_noted; /* a note on an element that does not fit into float32 has been printed */
} sl_npy_array;

/** Type of an input's elements in memory. */
typedef enum sl_npy_array_kind {
    SL_NPY_ARRAY_REALS,   /* float32, converted from the type in the file */
    SL_NPY_ARRAY_FLAGS,   /* bytes, as the file has them */
    SL_NPY_ARRAY_INTEGERS /* the type in the file; read them with sl_npy_array_get_integer */
} sl_npy_array_kind;

/** Open an input and read its header. The caller checks the header, sets planes, rows and width, and calls sl_npy_array_accept. */
sl_exit sl_npy_array_open(sl_npy_array *array);

/** Remove dimension `axis`, which is 1, from the header of an opened input. */
void sl_npy_array_drop(sl_npy_array *array, size_t axis);

/** Whether an opened input is a vector: [count], [count][1] or [1][count]. If so, its header has one dimension from now on. */
bool sl_npy_array_make_vector(sl_npy_array *array, size_t count);

/** Report that the shape or type of the array is not `expected`, with a remedy. */
sl_exit sl_npy_array_reject(const sl_npy_array *array, const char *expected, const char *remedy);

/** Choose the type of an input's elements in memory; call it before sl_npy_array_allocate. Prints notes on a conversion, and on other
 *  properties of the file that the user may not expect. */
sl_exit sl_npy_array_accept(sl_npy_array *array, sl_npy_array_kind kind);

/** Set type f4, shape, planes, rows and width of an output. */
sl_exit sl_npy_array_shape(sl_npy_array *array, size_t dims, const size_t *shape, size_t planes, size_t rows, size_t width);

/** Memory for one row of a chunk. */
double sl_npy_array_get_row_bytes(const sl_npy_array *array);

/** Allocate memory for `chunk` rows at a time. Refuses a pipe if the array has several planes and more rows than one chunk: it cannot
 *  be read or written sequentially. */
sl_exit sl_npy_array_allocate(sl_npy_array *array, size_t chunk, bool is_output);

/** Create the file of an output, or join it, after sl_npy_array_shape. */
sl_exit sl_npy_array_create(sl_npy_array *array);

/** Read, or write, `rows` rows from row `first` on. */
sl_exit sl_npy_array_read(sl_npy_array *array, size_t first, size_t rows);
sl_exit sl_npy_array_write(sl_npy_array *array, size_t first, size_t rows);

/** Whether element k in memory is a whole number from `least` to `most`. If so, *value is that number. */
bool sl_npy_array_get_integer(const sl_npy_array *array, size_t k, int64_t least, int64_t most, int64_t *value);

/** Element k in memory as text, for a message. */
typedef struct sl_npy_array_found {
    char text[SL_NPY_VALUE_BYTES];
} sl_npy_array_found;
sl_npy_array_found sl_npy_array_get_found(const sl_npy_array *array, size_t k);

/** Complete an output; its file appears under its name. */
sl_exit sl_npy_array_commit(sl_npy_array *array);

/** Close an input, discard an output that is not committed, and free all memory. */
void sl_npy_array_close(sl_npy_array *array);

/* ---- --lengths FILE: the steps of each row, from a .npy array [N] ------------------------------------------------------------ */

/** Check that the opened file has N lengths, where N is that of the option `rows_of`; set its planes, rows and width, and accept it. */
sl_exit sl_lengths_check(sl_npy_array *lengths, size_t rows, const char *rows_of);

/** Copy the lengths of the `rows` rows in memory, which begin with row `first` of the file. Refuses a length above `steps`, which is
 *  that of the option `steps_of`. *sum is the sum of the lengths. */
sl_exit sl_lengths_take(const sl_npy_array *lengths, size_t first, size_t rows, size_t steps, const char *steps_of, int64_t *to,
                        uint64_t *sum);

#endif
