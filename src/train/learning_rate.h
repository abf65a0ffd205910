/* Learning-rate schedules. */
#ifndef SLUICE_TRAIN_LEARNING_RATE_H
#define SLUICE_TRAIN_LEARNING_RATE_H

#include "sluice_train.h"

/** The rate of the update after `step` others; options checked, defaults put in. The same bits on every machine. */
double sl_rate_get(const sluice_trainer_options *options, uint64_t step);

#endif
