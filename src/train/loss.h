/* Losses and their gradients, on threads. */
#ifndef SLUICE_TRAIN_LOSS_H
#define SLUICE_TRAIN_LOSS_H

#include "sluice_train.h"

#include <stdbool.h>

/** Why a loss cannot be computed. */
typedef enum sl_fault {
    SL_FAULT_NONE = 0,
    SL_FAULT_LABEL,  /* out of range */
    SL_FAULT_WEIGHT, /* of a sample, likewise */
    SL_FAULT_OUTPUT, /* NaN or infinite */
    SL_FAULT_VALUE   /* likewise */
} sl_fault;

/** The first such place in the order of rows and steps. */
typedef struct sl_fault_place {
    sl_fault fault;
    size_t row, step, element; /* element: of the output or the value; 0 for a label or a weight */
} sl_fault_place;

/** BAD_ARGUMENT, naming `owner`, unless the class weights [classes] are such as sluice_loss wants; NULL is allowed. `by_label`: the
 *  loss is cross-entropy. */
sluice_status sl_class_weights_check(const float *weights, size_t classes, bool by_label, const char *owner, sluice_error *error);

/** BAD_ARGUMENT, naming `owner`, unless the quantiles are such as sluice_loss wants of this kind, but for its width. */
sluice_status sl_quantiles_check(sluice_loss_kind kind, const float *quantiles, size_t count, const char *owner,
                                 sluice_error *error);

/** Count the loss's targets and add up their weights, of a loss whose outputs are not yet known. BAD_DATA: a label or a sample weight;
 *  with its row. */
sluice_status sl_loss_count(sluice_loss *loss, sluice_error *error);

/** sluice_loss_compute on up to `threads` threads; the same bits on any number. `place` names the label,
 *  output or value that BAD_DATA is for; else its fault is NONE. */
sluice_status sl_loss_compute(sluice_loss *loss, unsigned threads, sl_fault_place *place, sluice_error *error);

#endif
