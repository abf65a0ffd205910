/* Parsing an ONNX file into its graph. Knows the numbers of the messages' fields, not what operators mean. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_PARSE_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_PARSE_H

#include "io/onnx/graph/onnx_graph.h"

/** Parse the whole of an input, which stays open as long as the model. The model has to be released in any case. BAD_DATA, UNSUPPORTED
 *  (functions, sparse initializers), NO_MEMORY, IO. */
sluice_status sl_onnx_parse(const sl_input *input, sl_onnx_model *model, sluice_error *error);

#endif
