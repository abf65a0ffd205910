/* --layers LIST of sluice train: a chain of layers in words, as lstm:128,lstm:64,dense:32:relu. */
#ifndef SLUICE_CLI_TRAIN_LAYER_LIST_H
#define SLUICE_CLI_TRAIN_LAYER_LIST_H

#include "sluice_network.h"

#include <stdbool.h>

typedef struct sl_layer_list {
    size_t count;
    sluice_layer layers[SLUICE_MAX_LAYERS]; /* without names */
} sl_layer_list;

/**
 * Parse layers that are separated by commas, each a kind and its words, separated by colons:
 *
 *     lstm:UNITS[:reverse|both[:sum|product|mean]][:final|last][:proj=P]
 *     dense:UNITS[:FUNCTION]    activation:FUNCTION    reduce:last|mean|max
 *
 * FUNCTION is a name of sluice_function_get_name; leaky_relu and elu may have their parameter: leaky_relu=0.1.
 * BAD_ARGUMENT, with the layer, its place in the text, what was expected and found.
 */
sluice_status sl_layer_list_parse(const char *option, const char *text, sl_layer_list *list, sluice_error *error);

/** What the data add to a list. */
typedef struct sl_layer_list_ends {
    size_t vocabulary, embedding; /* tokens, and the width of their embedding; vocabulary 0: there are none */
    size_t outputs;               /* of the head behind; 0: none */
    bool every_step;              /* targets for every step, else one for a row */
} sl_layer_list_ends;

/** Complete a list that was parsed: an embedding before it, final states of the last LSTM layer if the targets are one for a row and no
 *  layer says how the steps become one vector, a linear head behind it. BAD_ARGUMENT: the targets are not what the list gives, or it
 *  ends with softmax and a head follows. */
sluice_status sl_layer_list_complete(const char *option, sl_layer_list *list, const sl_layer_list_ends *ends, sluice_error *error);

#endif
