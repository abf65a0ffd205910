/* The trainer: a model, its gradient, the optimiser's moments, and the engine and tape they need. */
#ifndef SLUICE_TRAIN_TRAINER_H
#define SLUICE_TRAIN_TRAINER_H

#include "model/layer_chain.h"
#include "train/optimizer.h"

/** One tensor being trained. */
typedef struct sl_trained {
    size_t layer, direction; /* of the network, as sluice_parameter */
    sluice_tensor tensor;
    size_t count;    /* of elements */
    float *weights;  /* the model's own */
    float *gradient; /* [count] */
    float *first;    /* [count] Adam's mean of gradients, or SGD's velocity; NULL: the optimiser has none */
    float *second;   /* [count] Adam's mean of squared gradients; NULL likewise */
} sl_trained;

/** A buffer that grows if a batch needs more, and is kept from call to call. */
typedef struct sl_buffer {
    float *floats;
    size_t count;
} sl_buffer;

/** Make the buffer large enough for [a][b][c] floats of `what`; what it held is lost if it grows. NO_MEMORY, TOO_LARGE */
sluice_status sl_buffer_fit(sl_buffer *buffer, size_t a, size_t b, size_t c, const char *what, sluice_error *error);

struct sluice_trainer {
    sluice_trainer_options options; /* with the defaults put in; its class weights and quantiles are the next two */
    float *class_weights;           /* [C], or NULL */
    float quantiles[SLUICE_MAX_QUANTILES];
    double rate_factor; /* of the schedule's rate */
    sluice_model *model;
    sluice_engine *engine;
    sluice_tape *tape;
    sl_trained *trained; /* [count]: those of the LSTM layers, by layer and direction; then those of the others, by layer */
    size_t count;
    uint64_t step;                         /* updates made */
    float *gradients;                      /* of all tensors, contiguous; likewise: */
    float *first_moments, *second_moments; /* NULL: the optimiser has none */
    size_t floats;                         /* of each of the three */
    sl_slice *slices;                      /* [slice_count] of all tensors */
    size_t slice_count;
    float **arrays;                        /* [3][L*D], the gradient's weight_ih, weight_hh, bias */
    sluice_parameter_gradient *parameters; /* the gradient's, of what it has no array for; room for [count] */
    sluice_gradient gradient;              /* the weights' arrays alone */
    sl_buffer outputs, output_gradients, y;
    struct sl_ranks *ranks; /* of batches that are cut; NULL: they are not, and this is the only rank */
};

/** Have sluice_backward write the gradient to `gradients`, an array like trainer->gradients, until another is chosen. */
void sl_trainer_choose_gradients(sluice_trainer *trainer, float *gradients);

/** Clip the gradient, update the weights, and give them to the engine; sets the report's norm, rate and step. BAD_DATA: the norm is
 *  not finite, and no weight has changed; or the update made a weight or a moment infinite. */
sluice_status sl_trainer_apply(sluice_trainer *trainer, sluice_report *report, sluice_error *error);

/** BAD_ARGUMENT, naming the function, unless report is NULL or its struct_size is known. */
sluice_status sl_report_check(const sluice_report *report, const char *function, sluice_error *error);

/** Find the first element of x, h0 or c0 of rows first..end-1 that is NaN or infinite. BAD_DATA names it; OK: there is none. */
sluice_status sl_batch_check_finite(const sl_network *network, const sluice_batch *batch, size_t first, size_t end,
                                    sluice_error *error);

#endif
