/* Keras's files as models: .keras, whole models in .h5, and weights alone. */
#ifndef SLUICE_IO_KERAS_KERAS_READ_H
#define SLUICE_IO_KERAS_KERAS_READ_H

#include "io/input.h"

/** Make a model of a zip archive with a config.json and weights, or of an HDF5 image. The input is taken over in any case. Fails as
 *  sluice_model_load does. */
sluice_status sl_keras_read_zip(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error);
sluice_status sl_keras_read_hdf5(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error);

#endif
