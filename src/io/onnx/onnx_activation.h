/* ONNX's activation functions: those that LSTM nodes name, and those that are nodes. */
#ifndef SLUICE_IO_ONNX_ONNX_ACTIVATION_H
#define SLUICE_IO_ONNX_ONNX_ACTIVATION_H

#include "io/onnx/graph/onnx_graph.h"
#include "sluice_network.h"

typedef struct sl_onnx_activation {
    const char *name;
    sluice_function function;
    bool of_cell, of_node; /* LSTM nodes know it; there are nodes of it */
    bool has_alpha, has_beta;
    float alpha, beta; /* where none is given */
} sl_onnx_activation;

/** The function that an LSTM node knows by this name, in any case: onnxruntime takes them so, and writers rely on it. NULL: none. */
const sl_onnx_activation *sl_onnx_activation_of_cell(const char *name);

/** The function that a node is; NULL: none. */
const sl_onnx_activation *sl_onnx_activation_of_node(const sl_onnx_node *node);

#endif
