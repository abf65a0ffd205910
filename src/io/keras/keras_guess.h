/* A configuration for weights that have none: which layers there are, by the names and shapes of their arrays, and in which order. */
#ifndef SLUICE_IO_KERAS_KERAS_GUESS_H
#define SLUICE_IO_KERAS_KERAS_GUESS_H

#include "io/keras/keras_weights.h"
#include "io/network/network_build.h"

/** Zeros: not known. */
typedef struct sl_keras_version {
    unsigned major, minor;
    bool is_tensorflow; /* of TensorFlow's Keras, or later */
} sl_keras_version;

/**
 * Make a configuration of a Sequential model that fits the weights: *text, terminated, freed by sl_free and set on success only. What is
 * assumed is noted.
 * @param names its activation and recurrent_activation are those of the cells.
 * @retval UNSUPPORTED a layer is not known by its weights, or they form no chain.
 * @retval BAD_DATA, IO, NO_MEMORY
 */
sluice_status sl_keras_guess(sl_keras_weights *weights, const sluice_names *names, sl_keras_version version, sl_build *build,
                             char **text, sluice_error *error);

#endif
