/* Weights where they are: in a model, or in a caller's arrays. Who copies or packs them reads both alike. */
#ifndef SLUICE_MODEL_WEIGHTS_H
#define SLUICE_MODEL_WEIGHTS_H

#include "base/share.h"
#include "model/parameters.h"

typedef struct sl_weights {
    const sl_network *network;
    const sl_layer_parameters *layers; /* a model's; NULL: */
    const sluice_weights *arrays;      /* a caller's, of the shape that the network was made of; checked: sl_weights_check */
} sl_weights;

/** A parameter; NULL: there is none, which of a network that has it means zeros. */
const float *sl_weights_get(const sl_weights *weights, size_t layer, size_t direction, sluice_tensor tensor);

/** A parameter of layer-direction k. */
const float *sl_weights_get_of_dir(const sl_weights *weights, size_t k, sluice_tensor tensor);

/** What is to be added to the bias of layer-direction k, b_hh; NULL: nothing is. */
const float *sl_weights_get_bias_hh(const sl_weights *weights, size_t k);

/** Check that a caller's arrays are there. BAD_ARGUMENT names the one that is NULL. */
sluice_status sl_weights_check(const sl_weights *weights, sluice_error *error);

/** Whether a caller's weights, and the sums of biases, are finite, as far as a share of them is concerned. */
bool sl_weights_are_finite(const sl_weights *weights, sl_share share);

/** The same of all, and BAD_DATA names the first that is not. */
sluice_status sl_weights_check_finite(const sl_weights *weights, sluice_error *error);

#endif
