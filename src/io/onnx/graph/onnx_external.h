/* Tensors whose values are in files beside an ONNX model: only regular files in its folder or folders in that, reached without "..",
 * absolute paths and symbolic links, so that a model from elsewhere reads nothing else of the disk. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_EXTERNAL_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_EXTERNAL_H

#include "io/onnx/graph/onnx_graph.h"

/** Open the files, and set where the tensors' values are in them. *bytes: of all those files. BAD_DATA: a file or place that a model may
 *  not name, or that is not there; UNSUPPORTED: the model is in memory, or comes from a descriptor, or names too many files. */
sluice_status sl_onnx_open_external(sl_onnx_model *model, size_t *bytes, sluice_error *error);

#endif
