/* A graph, or the part of it that gives one value, as a chain of layers: from that value back to the graph's input, and then forward
 * from node to node. */
#ifndef SLUICE_IO_ONNX_ONNX_CHAIN_H
#define SLUICE_IO_ONNX_ONNX_CHAIN_H

#include "io/onnx/onnx_values.h"

/** Add the layers that give a value of the model's graph. UNSUPPORTED: a node that cannot be part of a chain; it, and the LSTMs of the
 *  file, are in the message. BAD_DATA, IO, NO_MEMORY. */
sluice_status sl_onnx_chain_add(const sl_onnx_reader *reader, const char *value);

#endif
