/* Training and validation rows: read from files, and divided into batches. */
#ifndef SLUICE_CLI_TRAIN_DATA_DATASET_H
#define SLUICE_CLI_TRAIN_DATA_DATASET_H

#include "cli/cli_options.h"
#include "cli/train/data/dataset_windows.h"
#include "cli/train/data/train_data.h"
#include "cli/train/data/train_order.h"

typedef struct sl_dataset {
    sl_labels labels;          /* of --text */
    sl_data data;              /* of --text or --input */
    sl_data validate_data;     /* of --validate; else empty */
    const sl_data *validation; /* one of these two, which has the validation rows; NULL: no validation */
    sl_order order;            /* of the training rows */
    sl_order validation_order; /* of the validation rows */
    uint64_t digest;
    sl_forecast forecast; /* of windows of series; else zeros */
    sl_scaling scaling;   /* that they have in memory. Set before they are read, it is the model's; else it is found in them */
} sl_dataset;

/** Read the data that the options name. `model`: of --from, or of the checkpoint; else NULL. */
sl_exit sl_dataset_read(sl_dataset *dataset, const sl_options *options, const sluice_model *model);

/** Choose the training rows and the validation rows, and make the orders; scale windows. */
sl_exit sl_dataset_split(sl_dataset *dataset, const sl_options *options);

/** Set the digest: of all data, as sl_data_get_digest, and class names. */
sl_exit sl_dataset_set_digest(sl_dataset *dataset);

/** Whether the targets are for each step: by their shape, or by --every-step. */
bool sl_dataset_has_step_targets(const sl_dataset *dataset, const sl_options *options);

void sl_dataset_release(sl_dataset *dataset);

#endif
