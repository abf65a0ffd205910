/* Training and validation rows: read from files, and divided into batches. */
#ifndef SLUICE_CLI_TRAIN_DATA_DATASET_H
#define SLUICE_CLI_TRAIN_DATA_DATASET_H

#include "cli/cli_options.h"
#include "cli/train/series/dataset_windows.h"
#include "cli/train/data/train_data.h"
#include "cli/train/data/train_order.h"

typedef struct sl_dataset {
    sl_labels labels;          /* of --text */
    sl_data data;              /* of --text or --input */
    sl_data validate_data;     /* of --validate; else empty */
    const sl_data *validation; /* one of these two, which has the validation rows; NULL: no validation */
    sl_order order;            /* of the training rows */
    sl_order validation_order; /* of the validation rows */
    uint64_t digest;           /* of all data, when the rows have been read */
    sl_forecast forecast;      /* of windows of series; else zeros */
    sl_scaling scaling;        /* that they have in memory. Set before they are read, it is the model's; else it is found in them */
} sl_dataset;

/** Read the data that the options name. `model`: of --from, or of the checkpoint; else NULL. */
sl_exit sl_dataset_read(sl_dataset *dataset, const sl_options *options, const sluice_model *model);

/** Choose the training rows and the validation rows, and make the orders; scale windows. */
sl_exit sl_dataset_split(sl_dataset *dataset, const sl_options *options);

/** Set the digest to that of all but the rows: what every rank has in memory, and class names. */
void sl_dataset_set_digest(sl_dataset *dataset);

/** Continue it with the rows, as sl_row_digests_make, whose errors are reported. Before windows are scaled. */
sl_exit sl_dataset_read_rows(sl_dataset *dataset);

/** The digest that a checkpoint of the format "sluice train 1" has of these data, all of which are read for it, by every rank. After windows
 *  are scaled. SL_EXIT_INTERRUPTED, which is not reported: a signal arrived. */
sl_exit sl_dataset_get_chained_digest(const sl_dataset *dataset, uint64_t *digest);

/** Whether the targets are for each step: by their shape, or by --every-step. */
bool sl_dataset_has_step_targets(const sl_dataset *dataset, const sl_options *options);

void sl_dataset_release(sl_dataset *dataset);

#endif
