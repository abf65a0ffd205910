/* Keras's activations, by their names and as layers, as functions of this library. */
#ifndef SLUICE_IO_KERAS_KERAS_ACTIVATION_H
#define SLUICE_IO_KERAS_KERAS_ACTIVATION_H

#include "io/keras/json_tree.h"
#include "sluice_network.h"

/** The function of a name, "hard_sigmoid", whose slope is `slope`. False: there is none, or it takes a parameter that is not one of
 *  names. */
bool sl_keras_activation_find(const char *name, float slope, sluice_activation *activation);

/** The function of a configuration's value: null, a name, or {"class_name", "config"} of a function or of a layer. False likewise; *name
 *  is then what it is called, for messages. */
bool sl_keras_activation_read(const sl_json *value, float slope, sluice_activation *activation, const char **name);

/** The function of a layer of these options, of class LeakyReLU, ReLU, ELU, Softmax, ThresholdedReLU. False: it is of another class, or an
 *  option has a value that this library does not have; *option is then its name, else NULL. */
bool sl_keras_activation_read_layer(const char *class_name, const sl_json *options, sluice_activation *activation,
                                    const char **option);

#endif
