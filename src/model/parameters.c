#include "model/parameters.h"

#include "base/layer.h"

static sl_parameter_shape vector_if(bool exists, size_t rows)
{
    return (sl_parameter_shape){.rows = exists ? rows : 0, .columns = 1};
}

static sl_parameter_shape matrix_if(bool exists, size_t rows, size_t columns)
{
    return (sl_parameter_shape){.rows = exists ? rows : 0, .columns = columns};
}

static sl_parameter_shape get_of_dir(const sl_layer_dir *dir, bool projects, sluice_tensor tensor)
{
    const unsigned parts = dir->cell ? dir->cell->parts : SLUICE_PART_BIAS;
    switch (tensor) {
    case SLUICE_TENSOR_WEIGHT_IH:
        return matrix_if(true, dir->gate_rows, dir->inputs);
    case SLUICE_TENSOR_WEIGHT_HH:
        return matrix_if(true, dir->gate_rows, dir->h_width);
    case SLUICE_TENSOR_BIAS:
        return (sl_parameter_shape){dir->gate_rows, 1, !(parts & SLUICE_PART_BIAS)};
    case SLUICE_TENSOR_PEEPHOLES:
        return matrix_if(parts & SLUICE_PART_PEEPHOLES, SL_PEEPHOLES, dir->hidden);
    case SLUICE_TENSOR_PROJECTION:
        return matrix_if(projects, dir->h_width, dir->hidden);
    case SLUICE_TENSOR_PROJECTION_BIAS:
        return vector_if(parts & SLUICE_PART_PROJECTION_BIAS, dir->h_width);
    case SLUICE_TENSOR_NORM_GAIN:
    case SLUICE_TENSOR_NORM_SHIFT:
        return matrix_if(parts & SLUICE_PART_NORM, SL_NORMS, dir->hidden);
    case SLUICE_TENSOR_INITIAL_H:
        return vector_if(parts & SLUICE_PART_INITIAL_STATE, dir->h_width);
    case SLUICE_TENSOR_INITIAL_C:
        return vector_if(parts & SLUICE_PART_INITIAL_STATE, dir->c_width);
    default:
        return vector_if(false, 0);
    }
}

sl_parameter_shape sl_parameter_shape_get(const sl_network *network, size_t layer, size_t direction, sluice_tensor tensor)
{
    const sluice_layer *described = &network->description.layers[layer];
    const size_t inputs = layer ? network->widths[layer - 1] : network->description.inputs;
    if (described->kind == SLUICE_LAYER_LSTM) {
        const sl_lstm_layer *lstm = sl_network_get_lstm(network, layer);
        return direction < lstm->directions ? get_of_dir(&network->dirs[lstm->first + direction], described->projection > 0, tensor)
                                            : vector_if(false, 0);
    }
    const bool is_dense = described->kind == SLUICE_LAYER_DENSE, is_affine = described->kind == SLUICE_LAYER_AFFINE;
    if (direction == 0 && tensor == SLUICE_TENSOR_EMBEDDING)
        return matrix_if(described->kind == SLUICE_LAYER_EMBEDDING, described->vocabulary, described->units);
    if (direction == 0 && tensor == SLUICE_TENSOR_WEIGHT)
        return matrix_if(is_dense, described->units, inputs);
    if (direction == 0 && tensor == SLUICE_TENSOR_BIAS)
        return vector_if(is_dense && described->has_bias, described->units);
    if (direction == 0 && (tensor == SLUICE_TENSOR_SCALE || tensor == SLUICE_TENSOR_SHIFT))
        return vector_if(is_affine, inputs);
    return vector_if(false, 0);
}

const char *sl_parameter_get_name(sluice_tensor tensor)
{
    static const char *const names[SL_TENSORS] = {[SLUICE_TENSOR_WEIGHT_IH] = "weight_ih",
                                                  [SLUICE_TENSOR_WEIGHT_HH] = "weight_hh",
                                                  [SLUICE_TENSOR_BIAS] = "bias",
                                                  [SLUICE_TENSOR_EMBEDDING] = "embedding",
                                                  [SLUICE_TENSOR_PEEPHOLES] = "peepholes",
                                                  [SLUICE_TENSOR_PROJECTION] = "projection",
                                                  [SLUICE_TENSOR_PROJECTION_BIAS] = "projection_bias",
                                                  [SLUICE_TENSOR_NORM_GAIN] = "norm_gain",
                                                  [SLUICE_TENSOR_NORM_SHIFT] = "norm_shift",
                                                  [SLUICE_TENSOR_INITIAL_H] = "initial_h",
                                                  [SLUICE_TENSOR_INITIAL_C] = "initial_c",
                                                  [SLUICE_TENSOR_WEIGHT] = "weight",
                                                  [SLUICE_TENSOR_SCALE] = "scale",
                                                  [SLUICE_TENSOR_SHIFT] = "shift"};
    return (unsigned)tensor < SL_TENSORS ? names[tensor] : NULL;
}
