/* States of the streams in the note of a checkpoint, for a batch that is not complete (--truncate). */
#ifndef SLUICE_CLI_TRAIN_TRAIN_STATES_H
#define SLUICE_CLI_TRAIN_TRAIN_STATES_H

#include "cli/train/training.h"

/** The states of the rows of the current batch as hexadecimal digits, to be freed: "" at the beginning of a batch, and unchanged if they
 *  have not been restored yet. NULL: out of memory. */
char *sl_states_write(const sl_training *train);

/** Set the slots of `rows` rows to position.states, which sl_states_write has written, and free those. SL_EXIT_DATA: they are not the
 *  states of so many rows. */
sl_exit sl_states_restore(sl_training *train, size_t rows);

#endif
