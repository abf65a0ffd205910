/* Optimisers: Adam, AdamW and SGD with momentum, and the gradient's norm. Threads take slices, whose bounds depend on the tensors
 * alone, so that no bit depends on the number of threads. */
#ifndef SLUICE_TRAIN_OPTIMIZER_H
#define SLUICE_TRAIN_OPTIMIZER_H

#include "sluice_train.h"

#include <stdbool.h>

/** Most elements of a slice: its four arrays have 128 KiB then, which fit into the L2 cache of a core. */
enum { SL_SLICE_MOST = 8192 };

/** A slice of a trained tensor. */
typedef struct sl_slice {
    float *weights;        /* [count], as all of them */
    const float *gradient; /* read only */
    float *first;          /* Adam's mean of gradients, or SGD's velocity; NULL: SGD without momentum */
    float *second;         /* Adam's mean of squared gradients; NULL: SGD */
    size_t count;          /* 1..SL_SLICE_MOST */
    double squares;        /* sl_optimizer_get_norm's: the sum of the gradient's squares */
    bool is_nonfinite;     /* sl_optimizer_update's: a weight or moment is NaN or infinite */
} sl_slice;

/** The Euclidean norm of the whole gradient, in double; NaN or infinite if an element is. */
double sl_optimizer_get_norm(sl_slice *slices, size_t count, unsigned threads);

/**
 * One update of the weights and moments, as torch.optim's. Returns whether all are finite then.
 * @param options checked, defaults put in.
 * @param step    updates made before this one.
 * @param scale   what the gradient is multiplied by first.
 */
bool sl_optimizer_update(const sluice_trainer_options *options, uint64_t step, double rate, double scale, sl_slice *slices,
                         size_t count, unsigned threads);

#endif
