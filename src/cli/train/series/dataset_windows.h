/* Training and validation rows that are windows of series: the steps of a dataset that are others than those of other rows. */
#ifndef SLUICE_CLI_TRAIN_SERIES_DATASET_WINDOWS_H
#define SLUICE_CLI_TRAIN_SERIES_DATASET_WINDOWS_H

#include "cli/cli_options.h"
#include "cli/series/scaling.h"
#include "cli/train/data/train_data.h"

/** Numbers of rows, ascending; each list is to be freed. */
typedef struct sl_row_lists {
    size_t *training, *validation; /* NULL: none */
    size_t training_count, validation_count;
} sl_row_lists;

/** Read the series of --input, and those of --validate where they are given, and set *forecast, but for its scaling. Errors are reported;
 *  what was read is the caller's to release. */
sl_exit sl_dataset_windows_read(const sl_options *options, sl_forecast *forecast, sl_data *data, sl_data *validate_data);

/** With --validate-last set *lists. Scale the series: by *scaling, if it is set, that of a model; else as
 *  the options ask, by what is found in the steps for training. Errors are reported. */
sl_exit sl_dataset_windows_split(const sl_options *options, sl_data *data, sl_data *validate_data, sl_forecast *forecast,
                                 sl_scaling *scaling, sl_row_lists *lists);

#endif
