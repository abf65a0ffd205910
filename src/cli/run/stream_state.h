/* --state FILE: the states at the end of one run are the initial states of the next. Row n of the input has slot n. Without --state,
 * every function below is a no-op returning SL_EXIT_OK. */
#ifndef SLUICE_CLI_RUN_STREAM_STATE_H
#define SLUICE_CLI_RUN_STREAM_STATE_H

#include "cli/run/run_session.h"

typedef struct sl_stream_state {
    sluice_streams *streams; /* NULL: no --state */
    size_t *slots;           /* [chunk] */
} sl_stream_state;

/** Refuse (and report) options that do not go with --state, and a file that cannot be written. */
sl_exit sl_stream_state_check(const sl_options *options);

/** Read the states of `rows` rows, of which up to `chunk` run at once, from the file; zeros if it does not exist. Refuses a file with
 *  another number of slots. */
sl_exit sl_stream_state_open(sl_stream_state *state, const sl_run_session *run, size_t rows, size_t chunk);

/** The slots of `rows` rows from row `first` on; valid until the next call. NULL without --state. */
const size_t *sl_stream_state_get_slots(sl_stream_state *state, size_t first, size_t rows);

/** Write all states to the file. */
sl_exit sl_stream_state_save(const sl_stream_state *state, const sl_run_session *run);

/** Free; zeros are allowed. */
void sl_stream_state_close(sl_stream_state *state);

#endif
