/* The layers of a network that is read out of an ONNX graph, as its nodes are reached one after the other: the LSTM that is waiting until
 * it is known which of its steps and directions are used, and nodes that compute each step by itself. */
#ifndef SLUICE_IO_ONNX_ONNX_LAYERS_H
#define SLUICE_IO_ONNX_ONNX_LAYERS_H

#include "io/onnx/onnx_axes.h"
#include "io/onnx/onnx_lstm.h"

typedef struct sl_onnx_chain {
    const sl_onnx_reader *reader;
    bool is_waiting; /* the LSTM below is no layer yet */
    sl_onnx_lstm lstm;
    sl_onnx_axes before; /* of its input */
    size_t lstm_count;   /* reached so far */
    bool has_inputs;     /* the network's inputs are set, or it begins with an embedding */
    bool is_open;        /* the last layer is dense, and may still get a bias or an activation: */
    bool may_have_bias;
    const sl_onnx_port *input;        /* of the graph, where the chain begins; NULL: not reached yet */
    sl_onnx_axis roles[SL_ONNX_AXES]; /* what the axes of this input are */
    size_t input_count;               /* of them */
    size_t steps_left;                /* nodes that may still be looked at */
    sl_onnx_constant scratch;
} sl_onnx_chain;

/** Fail at a node that cannot be part of a chain, and say how an LSTM is run alone. */
sluice_status sl_onnx_stuck(const sl_onnx_chain *chain, const sl_onnx_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The labels of all LSTM nodes of a graph and those within. */
typedef struct sl_onnx_names {
    size_t count;
    char text[400]; /* "a", "b" */
} sl_onnx_names;
void sl_onnx_list_lstms(const sl_onnx_graph *graph, sl_onnx_names *names);

/** Add the LSTM that is waiting, if one is, as a layer that gives what the axes say. */
sluice_status sl_onnx_flush(sl_onnx_chain *chain, const sl_onnx_axes *axes);

/** Apply a node that computes each step by itself, on its input of these axes, which it changes. false in *known: it is none. */
sluice_status sl_onnx_add_step(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, bool *known);

/** The input of such a node that is not constant. */
size_t sl_onnx_get_data_input(sl_onnx_chain *chain, const sl_onnx_node *node);

/** Add a layer of a kind that is named after a node. */
sluice_status sl_onnx_add_layer(sl_onnx_chain *chain, const sl_onnx_node *node, sluice_layer_kind kind, sluice_layer **layer);

/** The size of an axis that is features, or is to be; 0: not known. */
size_t sl_onnx_get_size(const sl_onnx_chain *chain, const sl_onnx_axes *axes, size_t at);

/** Set the network's inputs if these axes are of its input. Fails where the last axis has another size
 *  than `inputs`. */
sluice_status sl_onnx_set_inputs(sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes, size_t inputs);

#endif
