/* The layers of a Keras model, one after the other, as layers of a network: a function for each class that is known. */
#ifndef SLUICE_IO_KERAS_KERAS_LAYERS_H
#define SLUICE_IO_KERAS_KERAS_LAYERS_H

#include "io/keras/keras_part.h"

/** Add all layers that run; of *keras the file's name, the configuration, the weights, the network, `slope` and `error` are set. BAD_DATA,
 *  UNSUPPORTED: the message names the layer and its class. IO, NO_MEMORY. */
sluice_status sl_keras_add_layers(sl_keras *keras);

#endif
