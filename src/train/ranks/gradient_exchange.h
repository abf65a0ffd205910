/* The sum over all shards and ranks of the gradient of a step, in segments: those of the layers from the last to the first. A segment is
 * added when all its gradients are there, on a thread of its own if the exchange allows it. */
#ifndef SLUICE_TRAIN_RANKS_GRADIENT_EXCHANGE_H
#define SLUICE_TRAIN_RANKS_GRADIENT_EXCHANGE_H

#include "train/ranks/exchange.h"
#include "train/trainer.h"

typedef struct sl_gradient_exchange sl_gradient_exchange;

/** Make one, with its thread; the exchange is copied, and checked. NO_MEMORY, TOO_LARGE */
sluice_status sl_gradient_exchange_create(const sluice_trainer *trainer, const sluice_exchange *exchange,
                                          sl_gradient_exchange **made, sluice_error *error);

/** NULL is allowed. */
void sl_gradient_exchange_destroy(sl_gradient_exchange *exchange);

/** Begin a sum, of which no segment is complete yet. The tree has this rank's nodes; the last sl_tree_put's `additions` have not
 *  been performed. */
void sl_gradient_exchange_begin(sl_gradient_exchange *exchange, const sl_tree *tree, size_t additions);

/** Say that the gradients of the tree's nodes are complete from this LSTM layer on: sl_backward_watch's function. */
void sl_gradient_exchange_complete(void *exchange, size_t lstm_layer);

/** Say that all gradients are complete, and wait for their sum, in trainer->gradients. IO */
sluice_status sl_gradient_exchange_end(sl_gradient_exchange *exchange, sluice_error *error);

#endif
