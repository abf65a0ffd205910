#include "io/network/network_tensors.h"

#include <stdio.h>

/* In a file, behind the layer's name and a dot. Those of LSTM layers end with "_l0", as torch's do, which numbers layers. */
typedef struct stored_name {
    const char *text;
    size_t dims;
} stored_name;

static stored_name get_stored_name(sluice_tensor tensor, bool is_lstm)
{
    static const stored_name names[SL_TENSORS] = {[SLUICE_TENSOR_WEIGHT_IH] = {"weight_ih", 2},
                                                  [SLUICE_TENSOR_WEIGHT_HH] = {"weight_hh", 2},
                                                  [SLUICE_TENSOR_BIAS] = {"bias", 1},
                                                  [SLUICE_TENSOR_EMBEDDING] = {"weight", 2},
                                                  [SLUICE_TENSOR_PEEPHOLES] = {"peepholes", 2},
                                                  [SLUICE_TENSOR_PROJECTION] = {"weight_hr", 2},
                                                  [SLUICE_TENSOR_PROJECTION_BIAS] = {"bias_hr", 1},
                                                  [SLUICE_TENSOR_NORM_GAIN] = {"norm_gain", 2},
                                                  [SLUICE_TENSOR_NORM_SHIFT] = {"norm_shift", 2},
                                                  [SLUICE_TENSOR_INITIAL_H] = {"initial_h", 1},
                                                  [SLUICE_TENSOR_INITIAL_C] = {"initial_c", 1},
                                                  [SLUICE_TENSOR_WEIGHT] = {"weight", 2},
                                                  [SLUICE_TENSOR_SCALE] = {"scale", 1},
                                                  [SLUICE_TENSOR_SHIFT] = {"shift", 1}};
    return is_lstm && tensor == SLUICE_TENSOR_BIAS ? (stored_name){"bias_ih", 1} : names[tensor];
}

/* A network's name that is too long for a file's tensors is cut, and still too long. */
static void set_name(sl_network_tensor *tensor, const char *network, const sluice_layer *layer, const char *text)
{
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM;
    const bool is_reverse = tensor->direction == 1 || layer->direction == SLUICE_DIRECTION_REVERSE;
    snprintf(tensor->name.text, sizeof tensor->name.text, "%s%s%s.%s%s%s", network ? network : "", network ? "." : "", layer->name,
             text, is_lstm ? "_l0" : "", is_lstm && is_reverse ? "_reverse" : "");
}

sluice_status sl_network_visit(const sl_network *network, const char *name, sl_network_visitor *visitor, void *context)
{
    sluice_status status = SLUICE_STATUS_OK;
    const size_t all = network->description.layer_count * 2 * SL_TENSORS;
    for (size_t k = 0; !status && k < all; k++) {
        sl_network_tensor tensor = {
            .layer = k / SL_TENSORS / 2, .direction = k / SL_TENSORS % 2, .tensor = (sluice_tensor)(k % SL_TENSORS)};
        const sl_parameter_shape shape = sl_parameter_shape_get(network, tensor.layer, tensor.direction, tensor.tensor);
        if (!shape.rows || shape.optional)
            continue;
        const sluice_layer *layer = &network->description.layers[tensor.layer];
        const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM;
        const stored_name stored = get_stored_name(tensor.tensor, is_lstm);
        tensor.shape[0] = shape.rows;
        tensor.shape[1] = shape.columns;
        tensor.dims = stored.dims;
        set_name(&tensor, name, layer, stored.text);
        status = visitor(context, &tensor);
        if (status || !is_lstm || tensor.tensor != SLUICE_TENSOR_BIAS)
            continue;
        tensor.is_addend = true;
        set_name(&tensor, name, layer, "bias_hh");
        status = visitor(context, &tensor);
    }
    return status;
}
