/* Evaluation on the validation rows. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_EVALUATE_H
#define SLUICE_CLI_TRAIN_TRAIN_EVALUATE_H

#include "cli/train/training.h"

/** Evaluate the model on the validation rows: *score and train->evaluation. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_train_evaluate(sl_training *train, sl_score *score);

#endif
