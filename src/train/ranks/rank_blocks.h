/* What a trainer has whose batches are cut into shards, or shared with other ranks. */
#ifndef SLUICE_TRAIN_RANKS_RANK_BLOCKS_H
#define SLUICE_TRAIN_RANKS_RANK_BLOCKS_H

#include "train/ranks/exchange.h"
#include "train/ranks/gradient_exchange.h"
#include "train/ranks/shard_batch.h"
#include "train/trainer.h"

/** Two figures of a shard. */
typedef struct sl_shard_figures {
    double number;
    uint64_t count;
} sl_shard_figures;

/** A block that ranks gather; unused fields are 0. */
typedef struct sl_rank_block {
    uint64_t status;               /* a sluice_status */
    uint64_t about[7];             /* what ranks have to agree on */
    sl_shard_figures of_shards[1]; /* [as many as a rank has at most], those of the rank first */
} sl_rank_block;

typedef struct sl_ranks {
    sluice_exchange exchange;
    size_t shards, first, end; /* S, and this rank's */
    size_t *bounds;            /* [S + 1] rows of the batch that the shards begin with */
    double *numbers;           /* [S] */
    float *buffers[SL_TREE_MOST];
    float *floats; /* of all buffers but the first, which is trainer->gradients */
    sl_gradient_exchange *gradient_exchange;
    sl_rank_block *block;  /* [block_bytes] */
    unsigned char *blocks; /* [ranks][block_bytes] */
    size_t block_bytes;
    sl_shard_batch part;
} sl_ranks;

/** Make all that steps and evaluations need. The exchange is checked. NO_MEMORY, TOO_LARGE */
sluice_status sl_ranks_create(const sluice_trainer *trainer, const sluice_exchange *exchange, sl_ranks **ranks,
                              sluice_error *error);

void sl_ranks_destroy(sl_ranks *ranks);

/** A rank's block, after sl_ranks_gather. */
const sl_rank_block *sl_ranks_block(const sl_ranks *ranks, size_t rank);

/** Gather the blocks of all ranks, this one's being ranks->block with its status set. If one of them has a status other than OK, all
 *  fail as by sl_exchange_agree; `own` is the error of this rank's status. IO */
sluice_status sl_ranks_gather(sl_ranks *ranks, const sluice_error *own, sluice_error *error);

/** The sum in the tree of the shards' numbers, and of the counts, that were gathered. */
double sl_ranks_sum(sl_ranks *ranks, size_t *count);

#endif
