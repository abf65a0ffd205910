/* LSTM nodes, and DynamicQuantizeLSTM, as LSTM layers: their attributes, weights and initial states. */
#ifndef SLUICE_IO_ONNX_ONNX_LSTM_H
#define SLUICE_IO_ONNX_ONNX_LSTM_H

#include "io/onnx/onnx_lstm_node.h"

/** Whether a node is an LSTM. */
bool sl_onnx_is_lstm(const sl_onnx_node *node);

/** See what an LSTM node is like. BAD_DATA: malformed; UNSUPPORTED: weights that are computed, an attribute that is not known. */
sluice_status sl_onnx_lstm_examine(const sl_onnx_reader *reader, const sl_onnx_node *node, sl_onnx_lstm *lstm);

/** Add it as a layer, with its weights. Errors as above, and those of the build. */
sluice_status sl_onnx_lstm_add(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use);

#endif
