/* Layers that were found by their weights, and the configuration that Keras would write of them. */
#ifndef SLUICE_IO_KERAS_KERAS_GUESS_TEXT_H
#define SLUICE_IO_KERAS_KERAS_GUESS_TEXT_H

#include "sluice.h"

#include <stdbool.h>

enum { SL_KERAS_GUESS_LAYERS = 128, SL_KERAS_GUESS_CELLS = 16 };

/** Classes, in the order in which they are tried where the file does not have one. */
typedef enum sl_keras_guess_kind {
    SL_KERAS_GUESS_EMBEDDING,
    SL_KERAS_GUESS_LSTM,
    SL_KERAS_GUESS_BIDIRECTIONAL,
    SL_KERAS_GUESS_RNN,
    SL_KERAS_GUESS_NORMALIZATION,
    SL_KERAS_GUESS_TIME_DISTRIBUTED,
    SL_KERAS_GUESS_DENSE
} sl_keras_guess_kind;

typedef struct sl_keras_guess_layer {
    sl_keras_guess_kind kind;
    const char *name;
    size_t number;                      /* of its class, where groups go by class */
    size_t inputs, outputs;             /* of a step; of an embedding the vocabulary and its width */
    size_t units[SL_KERAS_GUESS_CELLS]; /* [cell_count] of each cell; of a dense layer [0] */
    size_t cell_count;
    bool has_bias, is_cudnn, is_stack;
} sl_keras_guess_layer;

typedef struct sl_keras_guessed {
    sl_keras_guess_layer layers[SL_KERAS_GUESS_LAYERS]; /* [count], in the order in which they run */
    size_t count;
    const char *activation, *recurrent_activation;
} sl_keras_guessed;

/** The configuration of a Sequential model of these layers, terminated; freed by sl_free. All recurrent layers but the last give all
 *  steps; that one too, if a TimeDistributed layer follows. *text is set on success only. NO_MEMORY. */
sluice_status sl_keras_guess_text_make(const sl_keras_guessed *guessed, char **text, sluice_error *error);

#endif
