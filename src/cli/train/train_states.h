/* The states with which a resumed run continues within a batch, with --truncate. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_STATES_H
#define SLUICE_CLI_TRAIN_TRAIN_STATES_H

#include "cli/train/training.h"

/** Check that train->streams, if the checkpoint has them, fit the run; or set them from position.states. SL_EXIT_DATA: they do not
 *  fit. */
sl_exit sl_states_restore(const sl_training *train);

#endif
