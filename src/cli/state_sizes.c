#include "cli/state_sizes.h"

#include "base/layer.h"
#include "program/model_shape.h"

size_t sl_state_width(const sluice_layer *layer, sl_state_kind kind)
{
    return kind == SL_STATE_H ? sl_layer_get_h_width(layer) : layer->units;
}

sl_state_sizes sl_state_sizes_get(const sluice_model *model, sl_state_kind kind)
{
    const sluice_network network = sl_model_network(model);
    sl_state_sizes sizes = {0};
    for (size_t k = 0; k < network.layer_count; k++) {
        const sluice_layer *layer = &network.layers[k];
        if (layer->kind != SLUICE_LAYER_LSTM)
            continue;
        const size_t width = sl_state_width(layer, kind), directions = sl_layer_count_directions(layer);
        sizes.width = !sizes.layer_dirs || sizes.width == width ? width : 0;
        sizes.layer_dirs += directions;
        sizes.floats += directions * width;
    }
    return sizes;
}
