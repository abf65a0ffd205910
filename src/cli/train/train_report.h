/* What the command train prints while it runs and at its end. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_REPORT_H
#define SLUICE_CLI_TRAIN_TRAIN_REPORT_H

#include "cli/train/training.h"

/** Print a line about a resumed run on standard error: its position and its files. */
void sl_train_report_resumed(const sl_training *train);

/** Print a line about the last complete epoch on standard error. */
void sl_train_report_epoch(const sl_training *train, bool is_best);

/** Print the summary on standard output. */
sl_exit sl_train_summarize(const sl_training *train);

/** Report why the library refused train->minibatch, with the number of the row in its file. */
sl_exit sl_train_report_failure(const sl_training *train, const sluice_error *error);

#endif
