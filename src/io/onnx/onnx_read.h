/* ONNX files as models: the whole graph as a chain of layers, or one of its LSTM nodes alone. */
#ifndef SLUICE_IO_ONNX_ONNX_READ_H
#define SLUICE_IO_ONNX_ONNX_READ_H

#include "io/input.h"
#include "sluice_tools.h"

/** Make a model of an ONNX file, and close the input. Of the names it knows lstm (one LSTM node is the network), to (the last node that is
 *  run) and onnx_clip ("onnx", "ort"). BAD_ARGUMENT: another is given, or one names nothing in the file. BAD_DATA, UNSUPPORTED, IO,
 *  NO_MEMORY, TOO_LARGE. */
sluice_status sl_onnx_read(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error);

/** sluice_model_list of an ONNX file: its LSTM nodes. Closes the input. */
sluice_status sl_onnx_list(sl_input *input, sluice_choice_visitor *visit, void *context, sluice_error *error);

#endif
