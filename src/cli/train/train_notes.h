/* Notes on unusual values of options. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_NOTES_H
#define SLUICE_CLI_TRAIN_TRAIN_NOTES_H

#include "cli/train/training.h"

/** Print notes on values of options that are allowed, but far from usual; `updates` is the number of updates of all epochs. */
void sl_train_note_options(const sl_training *train, uint64_t updates);

#endif
