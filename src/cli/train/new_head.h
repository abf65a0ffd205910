/* The end of a network that training goes on from: its last dense layer made anew, or its softmax left to the loss. Knows models
 * through the public calls only. */
#ifndef SLUICE_CLI_TRAIN_NEW_HEAD_H
#define SLUICE_CLI_TRAIN_NEW_HEAD_H

#include "sluice_train.h"

#include <stdbool.h>

typedef struct sl_new_head {
    size_t outputs; /* of the new last dense layer; 0: it is kept as it is */
    bool
        is_linear; /* for cross-entropy: a new one has no function behind it, one that is kept no softmax at the end; else all stay */
    sluice_initializer initializer;
    uint64_t seed;
    const char *const *class_names; /* [outputs] of a new one; NULL: none */
} sl_new_head;

/** Whether a network ends with a dense layer, behind which only activations and a reduction stand. */
bool sl_new_head_is_possible(const sluice_model *model);

/** Whether the last layer of a network that ends with a dense layer is a softmax, which cross-entropy applies itself. */
bool sl_new_head_has_softmax(const sluice_model *model);

/** Make a model with the parameters of `model`, which has to end with a dense layer, but for those of a new one, which are what
 *  sluice_model_create_initial or sluice_model_create_initial_network gives the whole network with this seed. A layer that is kept keeps its class names. Errors as these. */
sluice_status sl_new_head_make(const sluice_model *model, const sl_new_head *head, sluice_model **made, sluice_error *error);

#endif
