/* --h0 FILE and --c0 FILE of networks whose layers' states differ in size: the .npz file that --hn or --cn writes, with an array
 * [D][N][H] for each LSTM layer. States without a path stand for an option that was not given, or whose file is one array: every
 * function below is then a no-op returning SL_EXIT_OK. */
#ifndef SLUICE_CLI_RUN_INITIAL_STATES_H
#define SLUICE_CLI_RUN_INITIAL_STATES_H

#include "cli/input/npy_array.h"
#include "cli/run/state_archive.h"

typedef struct sl_initial_states {
    const char *option, *path;
    size_t layers, rows;
    sl_npy_array *arrays; /* [layers] */
    char **names;         /* [layers]: of the arrays in messages, "h0.npz: lower" */
    float *data;          /* of the chunk, as h0 of a batch: layer after layer [D][rows of the batch][width]; NULL: not given */
    size_t floats;        /* of a row */
} sl_initial_states;

/** Open the file and check that it has an array of the right shape, for N rows, for each LSTM layer, and no other. */
sl_exit sl_initial_states_open(sl_initial_states *states, const sluice_model *model, sl_state_kind kind, size_t rows);

/** Allocate memory for `chunk` rows at a time. */
sl_exit sl_initial_states_allocate(sl_initial_states *states, size_t chunk);

/** Read the states of `rows` rows from row `first` on. */
sl_exit sl_initial_states_read(sl_initial_states *states, size_t first, size_t rows);

/** Close the file and free all memory. */
void sl_initial_states_close(sl_initial_states *states);

#endif
