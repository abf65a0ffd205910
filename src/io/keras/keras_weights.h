/* Where in an HDF5 image the arrays of each layer of a Keras model are. There are two arrangements: groups by the layers' names, with
 * lists of weights, of Keras 1 and 2 and of whole models in .h5 (called `named` here); and groups by class and number, of .keras and
 * .weights.h5. Knows nothing of what layers compute. */
#ifndef SLUICE_IO_KERAS_KERAS_WEIGHTS_H
#define SLUICE_IO_KERAS_KERAS_WEIGHTS_H

#include "io/hdf5/hdf5.h"
#include "io/keras/keras_config.h"
#include "io/label.h"

typedef struct sl_keras_weights {
    sl_tensor_source source; /* its input is the image; it has no list of tensors */
    sl_hdf5 *file;
    sl_hdf5_object *layers; /* the group in which each layer has a group */
    bool is_named;
    bool is_old;                      /* not named, but of Keras 2 */
    struct sl_keras_tensors *tensors; /* memory of those that were handed out */

    /* The layer at which it stands */
    const sl_keras_config *config;
    size_t layer;
    sl_hdf5_object *group;
    sl_hdf5_texts names; /* of a named group's weights */
    size_t next;         /* of these */
} sl_keras_weights;

/** Look at an image, whose input is taken over in any case. BAD_DATA: it has no Keras model; UNSUPPORTED, IO, NO_MEMORY. *weights needs no
 *  release on failure. */
sluice_status sl_keras_weights_open(sl_input *image, sl_keras_weights *weights, sluice_error *error);

/** One that is zeroed is allowed. */
void sl_keras_weights_close(sl_keras_weights *weights);

/** Go to a layer of a configuration, which has to stay. */
sluice_status sl_keras_weights_begin(sl_keras_weights *weights, const sl_keras_config *config, size_t layer, sluice_error *error);

/**
 * Take the next `count` arrays of the layer. `part` is the path of what has them in the layer where groups go by class: "forward_layer/cell";
 * "" is the layer itself. The tensors live as long as the weights.
 * @retval BAD_DATA there are others, more or fewer.
 */
sluice_status sl_keras_weights_take(sl_keras_weights *weights, const char *part, size_t count, const sl_tensor **tensors,
                                    sluice_error *error);

/** Check that all arrays of the layer were taken. BAD_DATA */
sluice_status sl_keras_weights_end(const sl_keras_weights *weights, sluice_error *error);

/** The object at a path in a group; where groups go by class, folders are counted from 0, "lstm", "lstm_1". NULL: there is none. */
sluice_status sl_keras_weights_find(sl_keras_weights *weights, sl_hdf5_object *group, const char *path, sl_hdf5_object **found,
                                    sluice_error *error);

/** Describe a dataset; the tensor lives as long as the weights. */
sluice_status sl_keras_weights_describe(sl_keras_weights *weights, sl_hdf5_object *dataset, const sl_tensor **tensor,
                                        sluice_error *error);

/** A class's name as that of a folder: "time_distributed". Cut to fit. */
typedef struct sl_keras_folder {
    char text[SL_LABEL_BYTES + 32];
} sl_keras_folder;
sl_keras_folder sl_keras_folder_get(const char *class_name, size_t number);

#endif
