/* --sample-weights: the weights of targets in the loss. Those of --weight-column are in the series. */
#ifndef SLUICE_CLI_TRAIN_DATA_SAMPLE_WEIGHTS_H
#define SLUICE_CLI_TRAIN_DATA_SAMPLE_WEIGHTS_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_sample_weights {
    const char *path;
    float *values; /* [N], or [N][steps]; of series a weight for each of their steps, one series behind the other; NULL: all 1 */
    size_t steps;  /* 0: a weight for each row, which all its targets have */
} sl_sample_weights;

/** Read the .npy array of rows of up to `steps` steps, whose `lengths` are given. Refuses (and reports, with row and step) a number
 *  that is no weight, and weights of steps if the targets are those of rows. */
sl_exit sl_sample_weights_read(const char *path, size_t rows, size_t steps, const int64_t *lengths, bool every_step,
                               sl_sample_weights *weights);

/** Read the .npy array of the weights of all `steps` of `count` series: [steps], or [count][T] where they are of one length. Refuses (and
 *  reports, with the step) a number that is no weight. */
sl_exit sl_sample_weights_read_series(const char *path, size_t count, size_t steps, sl_sample_weights *weights);

/** The weight of the target at a step of a row; of a row's only target, at step 0. */
float sl_sample_weights_get(const sl_sample_weights *weights, size_t row, size_t step);

/** Whether a target of the row has a weight above 0; also without weights. */
bool sl_sample_weights_count(const sl_sample_weights *weights, size_t row, const int64_t *lengths);

/** Continue a digest with the weights of all rows of these lengths; unchanged if there are none. */
uint64_t sl_sample_weights_get_digest(const sl_sample_weights *weights, size_t rows, const int64_t *lengths, uint64_t digest);

void sl_sample_weights_release(sl_sample_weights *weights);

#endif
