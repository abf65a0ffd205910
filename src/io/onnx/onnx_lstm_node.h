/* What is known of an LSTM node before it is a layer, and how it is to become one. */
#ifndef SLUICE_IO_ONNX_ONNX_LSTM_NODE_H
#define SLUICE_IO_ONNX_ONNX_LSTM_NODE_H

#include "io/onnx/onnx_values.h"

typedef struct sl_onnx_lstm {
    const sl_onnx_node *node;
    size_t directions, inputs, hidden;
    sluice_direction direction;
    bool is_batch_first; /* layout 1 */
    bool is_quantized;
} sl_onnx_lstm;

typedef struct sl_onnx_lstm_use {
    sluice_steps steps;
    sluice_merge merge;
    int only;      /* 0 or 1: this direction alone; -1: all */
    bool is_alone; /* the network is this node: what gives its states does not matter */
} sl_onnx_lstm_use;

#endif
