/* The epochs of a training run. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_LOOP_H
#define SLUICE_CLI_TRAIN_TRAIN_LOOP_H

#include "cli/train/training.h"

/** Train all remaining epochs. SL_EXIT_INTERRUPTED is reported, and a checkpoint is written first if one is asked for. */
sl_exit sl_train_run_epochs(sl_training *train);

#endif
