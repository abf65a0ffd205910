/* --hn FILE and --cn FILE of networks whose layers' states differ in size: an .npz file with an array
 * [D][N][H] for each layer. An archive without a path stands for an option that was not given, or whose file is one array: every
 * function below is then a no-op returning SL_EXIT_OK. */
#ifndef SLUICE_CLI_RUN_STATE_ARCHIVE_H
#define SLUICE_CLI_RUN_STATE_ARCHIVE_H

#include "cli/state_sizes.h"
#include "io/npy/npz.h"
#include "program/exit.h"

typedef struct sl_state_archive {
    const char *option, *path;
    size_t layers, rows, chunk;
    sl_npz_member *members; /* [layers], of shape [D][N][width] */
    float *data;            /* of the chunk, as hn of a batch: layer after layer [D][rows of the batch][width] */
    size_t floats;          /* of a row */
    sl_npz_writer *writer;
    bool digests;    /* whether `digest` is wanted */
    uint64_t digest; /* of the rows written, each at its place in the arrays, one behind the other (cli/digest.h) */
} sl_state_archive;

/** Set the shapes for N rows. */
sl_exit sl_state_archive_shape(sl_state_archive *archive, const sluice_model *model, sl_state_kind kind, size_t rows);

/** Allocate memory for `chunk` rows at a time. Refuses a pipe for more rows than one chunk. */
sl_exit sl_state_archive_allocate(sl_state_archive *archive, size_t chunk);

sl_exit sl_state_archive_create(sl_state_archive *archive);

/** Write the states of `rows` rows from row `first` on, which are in `data`. */
sl_exit sl_state_archive_write(sl_state_archive *archive, size_t first, size_t rows);

/** Complete the file; it appears under its name. */
sl_exit sl_state_archive_commit(sl_state_archive *archive);

/** Discard a file that is not committed, and free all memory. */
void sl_state_archive_close(sl_state_archive *archive);

#endif
