/* The rows that a network reads, from .npy files: inputs or tokens, their lengths and a mask, a chunk of rows at a time. */
#ifndef SLUICE_CLI_INPUT_NPY_INPUT_H
#define SLUICE_CLI_INPUT_NPY_INPUT_H

#include "cli/input/npy_array.h"

typedef struct sl_npy_input {
    sl_npy_array x, lengths, mask; /* option and path set by the caller; lengths and mask may not be given */
    bool step_first;               /* --layout tnc, of x and mask; set by the caller */
    sluice_shape shape;            /* of the model; set by the caller */
    size_t rows, steps;            /* N and T */
    size_t width;                  /* elements of a step: I, or 1 for tokens */
    int32_t *tokens;               /* of the chunk, for the engine; NULL: the model has no embedding */
    int64_t *row_lengths;          /* of the chunk; NULL: every row has T steps */
} sl_npy_input;

/** Open the files, check them against the model, and set N and T. */
sl_exit sl_npy_input_open(sl_npy_input *input);

/** The rows *first .. *end - 1 of part `part` of `parts`, which have nearly equal sums of steps (sluice_shards_cut). Reads all
 *  lengths, in 16 bytes a row at most, which are freed again. */
sl_exit sl_npy_input_cut(const sl_npy_input *input, size_t part, size_t parts, size_t *first, size_t *end);

/** Memory for one row of a chunk. */
double sl_npy_input_get_row_bytes(const sl_npy_input *input);

/** Allocate memory for `chunk` rows at a time. */
sl_exit sl_npy_input_allocate(sl_npy_input *input, size_t chunk);

/** Read `rows` rows from row `first` on, and check their lengths, of which *steps is the sum, and their tokens. */
sl_exit sl_npy_input_read(sl_npy_input *input, size_t first, size_t rows, uint64_t *steps);

/** The batch of the `rows` rows in memory, without outputs. */
sluice_batch sl_npy_input_get_batch(const sl_npy_input *input, size_t rows);

/** Close the files and free all memory. */
void sl_npy_input_close(sl_npy_input *input);

#endif
