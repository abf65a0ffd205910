/* Steps of a batch that the network's own rule masks (sluice_network.masking). It knows the network and the caller's arrays alone. */
#ifndef SLUICE_ENGINE_FORWARD_MASK_RULE_H
#define SLUICE_ENGINE_FORWARD_MASK_RULE_H

#include "model/layer_chain.h"

/** Whether the rule masks any step of the batch, whose strides are filled in; then *row and *step are those of the first. */
bool sl_mask_rule_find(const sl_network *network, const sluice_batch *batch, size_t *row, size_t *step);

/** Write the mask of all steps of each row up to its end, rows being `row_stride` bytes apart: 0 is masked, else 1. */
void sl_mask_rule_write(const sl_network *network, const sluice_batch *batch, uint8_t *mask, size_t row_stride);

#endif
