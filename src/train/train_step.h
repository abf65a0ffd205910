/* The parts of a step or an evaluation, for batches and for shards of them. */
#ifndef SLUICE_TRAIN_TRAIN_STEP_H
#define SLUICE_TRAIN_TRAIN_STEP_H

#include "engine/api/backward_call.h"
#include "train/trainer.h"

#include <stdbool.h>

/** One call, or its part for the rows of a shard. */
typedef struct sl_train_call {
    const char *name;
    sluice_batch given; /* as far as this library knows its fields */
    const int32_t *labels;
    const float *values;
    sluice_batch batch; /* as given, and what the loss needs */
    sluice_loss loss;
    double total_weight; /* as sluice_loss */
    bool trains;
    const sl_backward_watch *watch; /* of sl_train_backward; NULL: nobody */
    bool copies_y;                  /* to the given y, whose layout the loss does not know */
} sl_train_call;

/** Targets of a row, the width of an output that a loss reads, and how many values are its target. */
size_t sl_train_targets(const sluice_trainer *trainer, const sl_train_call *call);
size_t sl_train_width(const sluice_trainer *trainer);
size_t sl_train_value_width(const sluice_trainer *trainer);

/** Refuse labels, or values, that are NULL though call->given has targets. BAD_ARGUMENT. */
sluice_status sl_train_check_targets(const sluice_trainer *trainer, const sl_train_call *call, sluice_error *error);

/** Count the targets that call->given has; call->loss has their number and weight then. BAD_DATA: a label, or a sample
 *  weight. */
sluice_status sl_train_count(const sluice_trainer *trainer, sl_train_call *call, sluice_error *error);

/** Forward and loss of call->given. Errors as sluice_trainer_step. */
sluice_status sl_train_forward(sluice_trainer *trainer, sl_train_call *call, sluice_error *error);

/** The gradient of the weights, where sl_trainer_choose_gradients has it, `gradients`. It is zero if no target counts, or only targets
 *  whose weight is 0. */
sluice_status sl_train_backward(sluice_trainer *trainer, const sl_train_call *call, float *gradients, sluice_error *error);

#endif
