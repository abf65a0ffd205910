/* Optimisers: Adam, AdamW and SGD with momentum, and the gradient's norm. Work is dealt to threads by pieces whose bounds the
 * tensors alone decide, so that no bit depends on the threads. */
#ifndef SLUICE_TRAIN_OPTIMIZER_H
#define SLUICE_TRAIN_OPTIMIZER_H

#include "sluice_train.h"

#include <stdbool.h>

/** Most elements of a piece: of its four arrays 128 KiB, which a core's L2 holds. */
enum { SL_PIECE_MOST = 8192 };

/** A piece of a tensor being trained. */
typedef struct sl_slice {
    float *weights;        /* [count], as all of them */
    const float *gradient; /* read only */
    float *first;          /* Adam's mean of gradients, or SGD's velocity; NULL: SGD without momentum */
    float *second;         /* Adam's mean of squared gradients; NULL: SGD */
    size_t count;          /* 1..SL_PIECE_MOST */
    double squares;        /* sl_optimizer_get_norm's: the sum of the gradient's squares */
    bool wild;             /* sl_optimizer_update's: a weight or moment is NaN or infinite */
} sl_slice;

/** The Euclidean norm of the whole gradient, in double; NaN or infinite if an element is. */
double sl_optimizer_get_norm(sl_slice *pieces, size_t count, unsigned threads);

/**
 * One update of the weights and moments, as torch.optim's. Returns whether all are finite then.
 * @param options checked, defaults put in.
 * @param step    updates made before this one.
 * @param scale   what the gradient is multiplied by first.
 */
bool sl_optimizer_update(const sluice_trainer_options *options, uint64_t step, double rate, double scale, sl_slice *pieces,
                         size_t count, unsigned threads);

#endif
