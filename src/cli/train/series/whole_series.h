/* Training data that are whole series: which steps of them are rows. */
#ifndef SLUICE_CLI_TRAIN_SERIES_WHOLE_SERIES_H
#define SLUICE_CLI_TRAIN_SERIES_WHOLE_SERIES_H

#include "cli/train/data/train_data.h"

/** Make the rows of data of whole series, anew: first, for training, of each series the steps all of whose targets are among its first
 *  `lengths[n]` steps, then, for validation, those none of whose targets are. NULL: all steps are for training. Series without such steps
 *  have no row. *training is how many rows are for training. Errors are reported. */
sl_exit sl_whole_series_divide(sl_data *data, const size_t *lengths, size_t *training);

#endif
