/* What a layer-direction read of a batch, found again on the tape. */
#ifndef SLUICE_ENGINE_TAPE_TAPE_READ_H
#define SLUICE_ENGINE_TAPE_TAPE_READ_H

#include "engine/tape/tape_index.h"

/** The width of the input of layer-direction k. */
static inline size_t sl_tape_inputs(const sluice_tape *tape, size_t k)
{
    return tape->engine->layers[k].dir->inputs;
}

/** The network's input at a step: x or an embedding. Not of an engine with a table. */
const float *sl_tape_network_input(const sluice_tape *tape, size_t step, size_t sorted);

/** The row-step, in the arrays that layers exchange, of a layer-direction's outputs at an iteration. */
static inline size_t sl_tape_output(const sluice_tape *tape, const sl_layer_dir *dir, size_t iteration, size_t sorted)
{
    return sl_tape_row_step(tape, dir->reverse && !dir->in_order, sorted, iteration);
}

/** The input of layer-direction k at an iteration: the network's, or what the layers below give. Not for layer 0 of an engine with a
 *  table. */
const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted);

/** The token that layer 0 reads at an iteration of this direction. */
size_t sl_tape_token(const sluice_tape *tape, bool reverse, size_t iteration, size_t sorted);

/** h of layer-direction k before an iteration. */
const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted);

#endif
