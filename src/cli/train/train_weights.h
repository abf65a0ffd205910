/* --class-weights. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_WEIGHTS_H
#define SLUICE_CLI_TRAIN_TRAIN_WEIGHTS_H

#include "cli/train/training.h"

/** Set train->class_weights; data and network must be there. With --resume the class weights are those of the checkpoint, and others
 *  are refused. */
sl_exit sl_train_set_class_weights(sl_training *train);

/** Whether --class-weights is the word "balanced" and not a file. */
bool sl_train_is_balanced(const sl_train_options *options);

/** Print the class weights, if there are any, on standard error. */
void sl_train_report_weights(const sl_training *train);

#endif
