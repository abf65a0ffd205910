/* Which layer's outputs --output and --head write, and which field of a batch they come in. */
#ifndef SLUICE_CLI_LAYER_OUTPUT_H
#define SLUICE_CLI_LAYER_OUTPUT_H

#include "cli/cli_options.h"
#include "program/exit.h"
#include "sluice_network.h"

typedef enum sl_output_field {
    SL_OUTPUT_Y,      /* y: h of the last LSTM layer at every step */
    SL_OUTPUT_LOGITS, /* logits: of the head of a sluice_shape */
    SL_OUTPUT_LAYER   /* an element of outputs */
} sl_output_field;

typedef struct sl_layer_output {
    sl_output_field field;
    size_t layer;   /* for LAYER */
    size_t width;   /* floats of a step, or of a row */
    bool has_steps; /* [N][T][width], else [N][width] */
} sl_layer_output;

/** What --output writes: the outputs of the layer of --layer; else of the network's end, or where the model is of a sluice_shape, or
 *  has nothing behind its last LSTM layer, that layer's h. Refuses (and reports) a layer that is not there or has no outputs of its
 *  own. */
sl_exit sl_layer_output_find(const sl_options *options, const sluice_model *model, sl_layer_output *output);

/** What --head writes: the outputs of the network's end. The model has one. */
sl_layer_output sl_layer_output_of_end(const sluice_model *model);

#endif
