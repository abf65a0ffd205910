/* --checkpoint and --resume. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_CHECKPOINT_H
#define SLUICE_CLI_TRAIN_TRAIN_CHECKPOINT_H

#include "cli/train/training.h"

/** Write the checkpoint; no-op without --checkpoint. */
sl_exit sl_checkpoint_save(sl_training *train);

/** Whether a checkpoint is due according to --checkpoint-every. */
bool sl_checkpoint_is_due(const sl_training *train);

/** --resume, first step: create the trainer, restore the position, and set the options that the command line leaves out to their
 *  values in the checkpoint. */
sl_exit sl_checkpoint_load(sl_training *train, sl_options *options);

/** Second step, when the options have their defaults: refuse options that would change the result. */
sl_exit sl_checkpoint_compare(const sl_training *train);

/** Third step, when the data are there: refuse other data than those of the checkpoint, and make sure that --output holds the best
 *  model so far. */
sl_exit sl_checkpoint_check(const sl_training *train);

#endif
