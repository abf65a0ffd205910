/* The best model so far, and whether training is complete. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_BEST_H
#define SLUICE_CLI_TRAIN_TRAIN_BEST_H

#include "cli/train/training.h"

/** Update train->best after an epoch with this score. *is_best: the epoch is the best so far. */
void sl_train_update_best(sl_training *train, const sl_score *score, bool *is_best);

/** Whether no epoch is left, because of --epochs or --patience. */
bool sl_train_is_over(const sl_training *train);

/** A digest of the weights of a model. */
uint64_t sl_train_get_digest(const sluice_model *model);

/** Write the current model to --output. */
sl_exit sl_train_save_model(const sl_training *train);

#endif
