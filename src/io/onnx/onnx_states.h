/* What an LSTM node has besides weights: initial states and lengths. Zeros need nothing, constants that are the same for every row are
 * learned states, and what the graph's caller gives, this network's caller gives. */
#ifndef SLUICE_IO_ONNX_ONNX_STATES_H
#define SLUICE_IO_ONNX_ONNX_STATES_H

#include "io/onnx/onnx_lstm_node.h"

/** Add them to a layer of the build, which has the direction use->only or all of the node's. */
sluice_status sl_onnx_states_add(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use, size_t layer);

#endif
