/* Preparation of a training run. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_SETUP_H
#define SLUICE_CLI_TRAIN_TRAIN_SETUP_H

#include "cli/train/training.h"

/** Read the data and make the trainer; with --resume, from the checkpoint that has been loaded. */
sl_exit sl_train_set_up(sl_training *train);

#endif
