/* What there is to say of a model's layers: sizes, parameters, operations. */
#ifndef SLUICE_PROGRAM_LAYER_FACTS_H
#define SLUICE_PROGRAM_LAYER_FACTS_H

#include "sluice_network.h"

#include <stdbool.h>

typedef struct sl_layer_facts {
    const sluice_layer *layer;     /* of the model's network */
    size_t inputs, outputs;        /* floats of a step, or of a row; inputs 0: a token */
    bool reads_steps, gives_steps; /* else one vector for a row */
    bool is_head;                  /* of a sluice_shape */
    uint64_t parameters;           /* as a file holds them: the biases of an LSTM twice, as torch has them */
    double flop;                   /* useful operations, of a step, or of a row if it reads one vector: two for each multiply-add */
} sl_layer_facts;

sl_layer_facts sl_layer_facts_get(const sluice_model *model, size_t index);

/** Useful operations of all layers for one step of one row: for an LSTM layer 2 * 4H * (in + h) for each direction. Without the
 *  products of the LSTM layer behind the embedding with its input, if those are a table. What is computed once a row, as the head of a
 *  sluice_shape, does not count. */
double sl_layer_facts_get_step_flop(const sluice_model *model, bool input_is_table);

/** The same of what is computed once a row. */
double sl_layer_facts_get_row_flop(const sluice_model *model);

/** Useful operations of a layer that reads `inputs` floats, of a step or of a vector: two for each multiply-add. */
double sl_layer_get_flop(const sluice_layer *layer, size_t inputs);

#endif
