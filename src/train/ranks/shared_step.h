/* A step or an evaluation of a batch that is cut into shards, alone or with other ranks. */
#ifndef SLUICE_TRAIN_RANKS_SHARED_STEP_H
#define SLUICE_TRAIN_RANKS_SHARED_STEP_H

#include "train/train_step.h"

/** A checked step or evaluation of a trainer whose batches are cut into shards. `status` and `own`: whether its arguments are right;
 *  ranks with others wait for this one's call either way. */
sluice_status sl_shared_run(sluice_trainer *trainer, sl_train_call *call, sluice_status status, sluice_error *own,
                            sluice_report *report, sluice_error *error);

#endif
