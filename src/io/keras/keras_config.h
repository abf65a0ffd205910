/* The layers of a Keras model by its configuration, and which of them run, one after the other. Knows names and numbers only: nothing
 * of a configuration is run, and what a layer computes is not looked at here. Understands the configurations of Keras 2 and 3. */
#ifndef SLUICE_IO_KERAS_KERAS_CONFIG_H
#define SLUICE_IO_KERAS_KERAS_CONFIG_H

#include "io/keras/json_tree.h"

#include <stdarg.h>
#include <stddef.h>

enum { SL_KERAS_MAX_LAYERS = 1024, SL_KERAS_MAX_NESTED = 8 };

typedef struct sl_keras_layer {
    const char *class_name, *name;
    const sl_json *entry;  /* in the list of layers */
    const sl_json *config; /* its options; NULL: none */
    size_t number;         /* among the layers of its class in its model */
    size_t model;          /* the layer that is the model in which it stands; SIZE_MAX: the outermost */
    size_t next;           /* the layer that reads it; SIZE_MAX: none */
    bool runs;
} sl_keras_layer;

typedef struct sl_keras_config {
    sl_json_tree tree;
    sl_keras_layer *layers; /* [count], those of a model within another behind all of that */
    size_t count;
    size_t chain[SL_KERAS_MAX_LAYERS]; /* [chain_count] layers that run, in their order, without models */
    size_t chain_count;
} sl_keras_config;

/**
 * Read a configuration of `size` bytes, which are changed and have to live as long as *config, as has `name`, the file's.
 * @param to the last layer that runs; NULL: the model's output.
 * @retval BAD_DATA    no such configuration, or no layer `to`; the message has the byte, counted from `origin` on.
 * @retval UNSUPPORTED the layers that lead to the last one are no chain, or the model is of another class.
 * @retval NO_MEMORY
 */
sluice_status sl_keras_config_read(const char *name, char *text, size_t size, size_t origin, const char *to,
                                   sl_keras_config *config, sluice_error *error);

/** Fail at a layer, or a part of it of another class: "NAME: byte N: Keras: layer "lstm" (LSTM): " and the message. N is where the
 *  configuration has it; there is none where the configuration is not the file's. */
sluice_status sl_keras_fail_layer(const sl_keras_config *config, const sl_keras_layer *layer, const char *class_name,
                                  sluice_status status, sluice_error *error, const char *format, va_list arguments)
    __attribute__((format(printf, 6, 0)));

/** One that is zeroed is allowed. */
void sl_keras_config_release(sl_keras_config *config);

#endif
