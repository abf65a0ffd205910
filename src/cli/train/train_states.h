/* The states that a run goes on from within a batch, with --truncate. */
#ifndef SLUICE_CLI_TRAIN_STATES_H
#define SLUICE_CLI_TRAIN_STATES_H

#include "cli/train/train.h"

/** Check that train->streams, if the checkpoint held it, fits the run; or fill it from train->states. SL_EXIT_DATA: they do not fit. */
sl_exit sl_states_restore(const sl_train *train);

#endif
