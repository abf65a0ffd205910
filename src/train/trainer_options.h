/* A trainer's options: limits and defaults. */
#ifndef SLUICE_TRAIN_TRAINER_OPTIONS_H
#define SLUICE_TRAIN_TRAINER_OPTIONS_H

#include "sluice_train.h"

/** Check options against the model and the limits that sluice_train.h names, and put in the defaults; NULL is all of them.
 *  BAD_ARGUMENT. */
sluice_status sl_trainer_options_check(const sluice_trainer_options *given, const sluice_model *model,
                                       sluice_trainer_options *options, sluice_error *error);

#endif
