/* The tensors of ONNX files: their shapes and types, and where their values are. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_TENSOR_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_TENSOR_H

#include "io/onnx/graph/onnx_graph.h"
#include "io/onnx/graph/protobuf.h"

/** Parse the tensor of a field; NULL: the file has failed. */
sl_onnx_tensor *sl_onnx_parse_tensor(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field);

#endif
