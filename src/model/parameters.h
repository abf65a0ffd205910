/* The parameters that a network has: of each layer, direction and kind of tensor, how many floats. */
#ifndef SLUICE_MODEL_PARAMETERS_H
#define SLUICE_MODEL_PARAMETERS_H

#include "model/layer_chain.h"

enum { SL_TENSORS = SLUICE_TENSOR_SHIFT + 1 };

/** A parameter's shape, [rows][columns] or, with columns 1, [rows]; no rows: the network has no such parameter. */
typedef struct sl_parameter_shape {
    size_t rows, columns;
    bool optional; /* zeros if it is not given: the biases of an LSTM without them */
} sl_parameter_shape;

/** A layer's parameters, by direction (0 for layers other than LSTM) and tensor; NULL where it has none. */
typedef struct sl_layer_parameters {
    float *of[2][SL_TENSORS];
} sl_layer_parameters;

/** The shape of a layer's parameter; direction 0 for layers other than LSTM. */
sl_parameter_shape sl_parameter_shape_get(const sl_network *network, size_t layer, size_t direction, sluice_tensor tensor);

/** A tensor's name in messages: "weight_ih", "peepholes"; NULL: no tensor of layers has this value. */
const char *sl_parameter_get_name(sluice_tensor tensor);

#endif
