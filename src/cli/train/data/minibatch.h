/* A minibatch of rows of the data: their offsets, lengths and targets. Of several ranks each has the rows of its shards. */
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
    size_t rows_room, targets_room, inputs_room;
    size_t shards;                 /* S */
    size_t first_shard, shard_end; /* this rank's shards, first_shard .. shard_end - 1 */
    size_t *cut;                   /* [S + 1] index in `rows` of each shard's first row, and `count` */
    size_t *bounds;                /* [S + 1] likewise in the batch */
    size_t *numbers, *offsets;     /* [batch.rows] index of each row in `rows`, and its offset in the data */
    int64_t *lengths;              /* [batch.rows] */
    size_t first, own;             /* this rank's rows of the batch, first .. first + own - 1 */
    float *x;                      /* of data in a file: what is read of this rank's rows, one row behind the other */
    int32_t *tokens;               /* likewise */
    int32_t *labels;               /* of this rank's rows, as sluice_trainer_step takes them; NULL: values */
    float *values;                 /* likewise; NULL: labels */
    float *weights;                /* likewise, of samples; NULL: none */
    size_t weights_room;
    sluice_batch batch; /* inputs and lengths; train_loop.c adds streams and slots */
    uint64_t steps;     /* of the batch, without padding */
} sl_minibatch;

/** Cut batches into so many shards, of which this rank has its part; before any rows are selected. */
sl_exit sl_minibatch_set_shards(sl_minibatch *minibatch, size_t shards);

/** Select the rows. There is a target for each step if the data have one, or if `every_step`. */
void sl_minibatch_select(sl_minibatch *minibatch, const sl_data *data, const size_t *rows, size_t count, bool every_step);

/** Cut the selected rows into shards, by the lengths of whole rows: a row stays in its shard whatever steps are made. */
sl_exit sl_minibatch_cut(sl_minibatch *minibatch);

/** Make the batch of the steps begin .. begin + most - 1, for the rows that have at least one of them; for all rows if begin is 0. The
 *  rows have been cut. */
sl_exit sl_minibatch_make(sl_minibatch *minibatch, size_t begin, size_t most);

/** The targets of row n of this rank's rows, and where the first is among this rank's targets. */
size_t sl_minibatch_get_targets(const sl_minibatch *minibatch, size_t n, size_t *first);

/** Number of row n of the batch in its file, for messages. */
size_t sl_minibatch_get_number(const sl_minibatch *minibatch, size_t n);

void sl_minibatch_release(sl_minibatch *minibatch);

#endif
