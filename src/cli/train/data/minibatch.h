/* A minibatch of rows of the data: their offsets, lengths and targets. */
#ifndef SLUICE_CLI_TRAIN_DATA_MINIBATCH_H
#define SLUICE_CLI_TRAIN_DATA_MINIBATCH_H

#include "cli/train/data/train_data.h"
#include "program/report.h"
#include "sluice.h"

typedef struct sl_minibatch {
    const sl_data *data;
    const size_t *rows; /* [count] numbers of the rows in the data */
    size_t count, longest;
    bool every_step; /* a target for each step, which may be the target of the whole row */
    size_t rows_room, targets_room;
    size_t *numbers, *offsets; /* [batch.rows] index of each row in `rows`, and its offset in the data */
    int64_t *lengths;
    int32_t *labels; /* as sluice_trainer_step takes them; NULL: values */
    float *values;   /* likewise; NULL: labels */
    float *weights;  /* as batch.sample_weights; NULL: none */
    size_t weights_room;
    sluice_batch batch; /* inputs and lengths; train_loop.c adds streams and slots */
    uint64_t steps;     /* of the batch, without padding */
} sl_minibatch;

/** Select the rows. There is a target for each step if the data have one, or if `every_step`. */
void sl_minibatch_select(sl_minibatch *minibatch, const sl_data *data, const size_t *rows, size_t count, bool every_step);

/** Make the batch of the steps begin .. begin + most - 1, for the rows that have at least one of them; for all rows if begin is 0. */
sl_exit sl_minibatch_make(sl_minibatch *minibatch, size_t begin, size_t most);

/** Number of row n of the batch in its file, for messages. */
size_t sl_minibatch_get_number(const sl_minibatch *minibatch, size_t n);

void sl_minibatch_release(sl_minibatch *minibatch);

#endif
