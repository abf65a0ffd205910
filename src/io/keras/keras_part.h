/* What the readers of Keras's layers share: the layer at which the reader stands, its options, and its weights on their way into the
 * network. */
#ifndef SLUICE_IO_KERAS_KERAS_PART_H
#define SLUICE_IO_KERAS_KERAS_PART_H

#include "io/keras/keras_config.h"
#include "io/keras/keras_weights.h"
#include "io/network/network_build.h"

typedef struct sl_keras {
    const char *name; /* of the file */
    const sl_keras_config *config;
    sl_keras_weights *weights;
    sl_build *build;
    float slope;        /* of hard_sigmoid */
    bool zeroes_masked; /* Bidirectional gives 0 at masked steps, as from TensorFlow's Keras on */
    const sl_keras_layer *layer;
    size_t width; /* of what the layers so far give; 0: not known yet, or tokens */
    bool has_steps;
    bool has_mask; /* the model masks steps by itself */
    sluice_error *error;
} sl_keras;

/** A layer, or what a wrapper has in it. */
typedef struct sl_keras_part {
    const char *class_name;
    const sl_json *options;
    const char *path; /* of its weights in its layer, "" or "layer" */
} sl_keras_part;

/** Fail with UNSUPPORTED: `FILE: layer "lstm" (LSTM): ` and the message. */
sluice_status sl_keras_fail(const sl_keras *keras, const sl_keras_part *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** An option that is true or false; `otherwise` if it is neither. */
bool sl_keras_get_flag(const sl_keras_part *part, const char *option, bool otherwise);

/** A size >= 1. BAD_DATA */
sluice_status sl_keras_read_size(const sl_keras *keras, const sl_keras_part *part, const char *option, size_t *size);

/** An activation; `otherwise` if the option is not there. UNSUPPORTED */
sluice_status sl_keras_read_activation(const sl_keras *keras, const sl_keras_part *part, const char *option,
                                       sluice_function otherwise, sluice_activation *activation);

/** Add a layer of the network, of the layer's name. */
sluice_status sl_keras_add(sl_keras *keras, sluice_layer_kind kind, sluice_layer **layer);

/** The width of what the layer reads, if it is not known yet, by a weight of it: the first layer's inputs. */
void sl_keras_set_width(sl_keras *keras, size_t width);

/** Take `count` weights of a part's path. */
sluice_status sl_keras_take(sl_keras *keras, const char *path, size_t count, const sl_tensor **tensors);

/** Check that a weight is [rows][columns], or [rows] where columns is 0. BAD_DATA */
sluice_status sl_keras_check_shape(const sl_keras *keras, const sl_tensor *tensor, size_t rows, size_t columns);

/** Have the network's last layer filled: a matrix that the file has as [columns][rows], and a vector. */
sluice_status sl_keras_fill_matrix(sl_keras *keras, size_t direction, sluice_tensor kind, const sl_tensor *tensor);
sluice_status sl_keras_fill_vector(sl_keras *keras, size_t direction, sluice_tensor kind, const sl_tensor *tensor);

/** All of a readable weight's values, which live as long as the network is built. */
sluice_status sl_keras_read_values(sl_keras *keras, const sl_tensor *tensor, float **values);

#endif
