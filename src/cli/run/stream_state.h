/* --state FILE: the states that one run leaves to the next. Row n of the input has slot n. Without --state
 * every function below does nothing and succeeds. */
#ifndef SLUICE_CLI_RUN_STREAM_STATE_H
#define SLUICE_CLI_RUN_STREAM_STATE_H

#include "cli/run/run.h"

typedef struct sl_stream_state {
    sluice_streams *streams; /* NULL: no --state */
    size_t *slots;           /* [chunk] */
} sl_stream_state;

/** Refuse (and report) options that do not go with --state, and a place that could not be written in the end. */
sl_exit sl_stream_state_check(const sl_options *options);

/** Have the states of `rows` rows, of which up to `chunk` run at once: the file's, or zeros if there is no file. Refuses a file of
 *  another number of slots. */
sl_exit sl_stream_state_open(sl_stream_state *carry, const sl_run *run, size_t rows, size_t chunk);

/** The slots of `rows` rows from row `first` on; valid until the next call. NULL without --state. */
const size_t *sl_stream_state_get_slots(sl_stream_state *carry, size_t first, size_t rows);

/** Put all states into the file. */
sl_exit sl_stream_state_save(const sl_stream_state *carry, const sl_run *run);

/** Free; one that was never opened is allowed. */
void sl_stream_state_close(sl_stream_state *carry);

#endif
