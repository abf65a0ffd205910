/* Some neighbouring rows of a batch as a batch of their own. */
#ifndef SLUICE_TRAIN_RANKS_SHARD_BATCH_H
#define SLUICE_TRAIN_RANKS_SHARD_BATCH_H

#include "model/layer_chain.h"
#include "train/trainer.h"

/** What such batches need beside the arrays of the whole; kept from one to the next. */
typedef struct sl_shard_batch {
    sl_buffer states; /* of the rows: h0, c0, hn, cn */
    size_t *slots;    /* [slot_count] */
    size_t slot_count;
    sluice_output outputs[SLUICE_MAX_OUTPUTS];
} sl_shard_batch;

/** Make *part the rows first..first+rows-1 of `whole`. The part of arrays is where it is, but states are copied. NO_MEMORY, TOO_LARGE */
sluice_status sl_shard_batch_begin(sl_shard_batch *own, const sl_network *network, const sluice_batch *whole, size_t first,
                                   size_t rows, sluice_batch *part, sluice_error *error);

/** Copy the states that a call gave for the part to those of the whole. */
void sl_shard_batch_end(const sl_network *network, const sluice_batch *whole, size_t first, const sluice_batch *part);

void sl_shard_batch_free(sl_shard_batch *own);

#endif
