/* What ranks exchange: blocks that all get of each, and sums in the tree of shards. */
#ifndef SLUICE_TRAIN_RANKS_EXCHANGE_H
#define SLUICE_TRAIN_RANKS_EXCHANGE_H

#include "sluice_train.h"
#include "train/ranks/shard_tree.h"

/** A rank of one, which exchanges nothing. */
#define SL_EXCHANGE_ALONE ((sluice_exchange){.struct_size = sizeof(sluice_exchange), .ranks = 1})

/** Copy a caller's exchange, NULL meaning alone, and check it. BAD_ARGUMENT, naming the function. */
sluice_status sl_exchange_take(sluice_exchange *to, const sluice_exchange *from, const char *call, sluice_error *error);

/** sluice_exchange_gather of a checked exchange. Sizes that do not fit are the caller's to find. */
sluice_status sl_exchange_gather(const sluice_exchange *exchange, const void *block, size_t bytes, void *all, sluice_error *error);

/** Have all ranks fail if one does. `own` is this rank's error, its status OK if it has not failed. All return the status of the first
 *  rank that has, with its error, whose message gets the rank before it if there are several. Allocates nothing. IO */
sluice_status sl_exchange_agree(const sluice_exchange *exchange, const sluice_error *own, sluice_error *error);

/** Floats of scratch memory that sl_exchange_sum needs for `count` elements, or for fewer. TOO_LARGE */
sluice_status sl_exchange_scratch(const sluice_exchange *exchange, size_t shards, size_t count, size_t *floats,
                                  sluice_error *error);

/**
 * Elements first..first+count-1 of the root of all ranks' nodes, to those of `sum` on every rank.
 * @param mine    the nodes of all this rank's shards; these elements of their values are used up.
 * @param sum     may be the values of the first of them.
 * @param threads that add; no bit depends on them.
 * @retval IO
 */
sluice_status sl_exchange_sum(const sluice_exchange *exchange, const sl_tree *mine, size_t first, size_t count, float *sum,
                              float *scratch, unsigned threads, sluice_error *error);

#endif
