/* Rows of the data as a batch: where each begins, how long it is, and its targets side by side. */
#ifndef SLUICE_CLI_TRAIN_DATA_MINIBATCH_H
#define SLUICE_CLI_TRAIN_DATA_MINIBATCH_H

#include "program/report.h"
#include "sluice.h"
#include "cli/train/data/train_data.h"

typedef struct sl_minibatch {
    const sl_data *data;
    const size_t *rows; /* [count] of the data */
    size_t count, longest;
    bool every_step; /* a target for each step, be it the row's own */
    size_t rows_room, targets_room;
    size_t *numbers, *offsets; /* [batch.rows] of the rows, in `rows` and in the data */
    int64_t *lengths;
    int32_t *labels;    /* as sluice_trainer_step takes them; NULL: values */
    float *values;      /* likewise */
    sluice_batch batch; /* inputs, lengths and, in pieces, slots: each row's place in `rows` */
    uint64_t steps;     /* real ones of the batch */
} sl_minibatch;

/** Have the rows at hand. Each has a target for each step if the data do, or `every_step` asks for it. */
void sl_minibatch_take(sl_minibatch *feed, const sl_data *data, const size_t *rows, size_t count, bool every_step);

/** Make the batch of steps begin .. begin + most - 1, of the rows that have any of them; of all rows where begin is 0. */
sl_exit sl_minibatch_make(sl_minibatch *feed, size_t begin, size_t most);

/** Number of row n of the batch in its file. */
size_t sl_minibatch_get_number(const sl_minibatch *feed, size_t n);

void sl_minibatch_release(sl_minibatch *feed);

#endif
