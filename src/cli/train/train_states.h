/* The streams' states in a checkpoint's note, for a batch that is not yet learnt to its end. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_STATES_H
#define SLUICE_CLI_TRAIN_TRAIN_STATES_H

#include "cli/train/training.h"

/** The states of the present batch's rows as hexadecimal digits, to be freed; "" at a batch's beginning; as they came where they
 *  are not yet restored. NULL: no memory. */
char *sl_states_write(const sl_training *train);

/** Set the slots of `rows` rows to what sl_states_write wrote, which train->states holds and then no more. SL_EXIT_DATA: they are
 *  not of so many. */
sl_exit sl_states_restore(sl_training *train, size_t rows);

#endif
