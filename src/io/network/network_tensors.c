#include "io/network/network_tensors.h"

#include <stdio.h>

/* In the order of a layer's tensors in a file: what follows the layer's name and a dot. Those of LSTM layers end with "_l0", as
 * torch's do, which numbers layers. */
static const struct {
    sluice_tensor tensor;
    const char *text;
    size_t dims;
} names[] = {{SLUICE_TENSOR_EMBEDDING, "weight", 2},
             {SLUICE_TENSOR_WEIGHT_IH, "weight_ih", 2},
             {SLUICE_TENSOR_WEIGHT_HH, "weight_hh", 2},
             {SLUICE_TENSOR_WEIGHT, "weight", 2},
             {SLUICE_TENSOR_BIAS, "bias", 1},
             {SLUICE_TENSOR_PEEPHOLES, "peepholes", 2},
             {SLUICE_TENSOR_PROJECTION, "weight_hr", 2},
             {SLUICE_TENSOR_PROJECTION_BIAS, "bias_hr", 1},
             {SLUICE_TENSOR_NORM_GAIN, "norm_gain", 2},
             {SLUICE_TENSOR_NORM_SHIFT, "norm_shift", 2},
             {SLUICE_TENSOR_INITIAL_H, "initial_h", 1},
             {SLUICE_TENSOR_INITIAL_C, "initial_c", 1},
             {SLUICE_TENSOR_SCALE, "scale", 1},
             {SLUICE_TENSOR_SHIFT, "shift", 1}};
enum { NAMES = sizeof names / sizeof names[0] };

/* A network's name that is too long for a file's tensors is cut, and still too long. */
static void set_name(sl_network_tensor *tensor, const char *network, const sluice_layer *layer, const char *text)
{
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM;
    const bool is_reverse = tensor->direction == 1 || layer->direction == SLUICE_DIRECTION_REVERSE;
    snprintf(tensor->name.text, sizeof tensor->name.text, "%s%s%s.%s%s%s", network ? network : "", network ? "." : "", layer->name,
             text, is_lstm ? "_l0" : "", is_lstm && is_reverse ? "_reverse" : "");
}

/* Visit what holds a parameter: one tensor, but two for the bias of an LSTM layer, as torch has it. */
static sluice_status visit_parameter(const sl_network *network, const char *name, sl_network_tensor *tensor, const char *text,
                                     sl_network_visitor *visitor, void *context)
{
    const sluice_layer *layer = &network->description.layers[tensor->layer];
    const bool has_two = layer->kind == SLUICE_LAYER_LSTM && tensor->tensor == SLUICE_TENSOR_BIAS;
    set_name(tensor, name, layer, has_two ? "bias_ih" : text);
    const sluice_status status = visitor(context, tensor);
    if (status || !has_two)
        return status;
    tensor->is_addend = true;
    set_name(tensor, name, layer, "bias_hh");
    return visitor(context, tensor);
}

sluice_status sl_network_visit(const sl_network *network, const char *name, sl_network_visitor *visitor, void *context)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < network->description.layer_count * 2 * NAMES; k++) {
        sl_network_tensor tensor = {
            .layer = k / NAMES / 2, .direction = k / NAMES % 2, .tensor = names[k % NAMES].tensor, .dims = names[k % NAMES].dims};
        const sl_parameter_shape shape = sl_parameter_shape_get(network, tensor.layer, tensor.direction, tensor.tensor);
        tensor.shape[0] = shape.rows;
        tensor.shape[1] = shape.columns;
        if (shape.rows && !shape.optional)
            status = visit_parameter(network, name, &tensor, names[k % NAMES].text, visitor, context);
    }
    return status;
}
