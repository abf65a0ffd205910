#include "io/onnx/onnx_activation.h"

#include <strings.h>

static const sl_onnx_activation all[] = {
    {"Sigmoid", SLUICE_FUNCTION_SIGMOID, true, true, false, false, 0, 0},
    {"Tanh", SLUICE_FUNCTION_TANH, true, true, false, false, 0, 0},
    {"Relu", SLUICE_FUNCTION_RELU, true, true, false, false, 0, 0},
    {"HardSigmoid", SLUICE_FUNCTION_HARD_SIGMOID, true, true, true, true, 0.2F, 0.5F},
    {"LeakyRelu", SLUICE_FUNCTION_LEAKY_RELU, true, true, true, false, 0.01F, 0},
    {"ThresholdedRelu", SLUICE_FUNCTION_THRESHOLD_RELU, true, true, true, false, 1, 0},
    {"Elu", SLUICE_FUNCTION_ELU, true, true, true, false, 1, 0},
    {"Softplus", SLUICE_FUNCTION_SOFTPLUS, true, true, false, false, 0, 0},
    {"Softsign", SLUICE_FUNCTION_SOFTSIGN, true, true, false, false, 0, 0},
    {"Affine", SLUICE_FUNCTION_AFFINE, true, false, true, true, 1, 0},
    {"ScaledTanh", SLUICE_FUNCTION_SCALED_TANH, true, false, true, true, 1, 1},
    {"Softmax", SLUICE_FUNCTION_SOFTMAX, false, true, false, false, 0, 0},
    {"Gelu", SLUICE_FUNCTION_GELU, false, true, false, false, 0, 0},
    {"Selu", SLUICE_FUNCTION_SELU, false, true, false, false, 0, 0},
};
enum { COUNT = sizeof all / sizeof *all };

const sl_onnx_activation *sl_onnx_activation_of_cell(const char *name)
{
    for (size_t k = 0; k < COUNT; k++)
        if (all[k].of_cell && strcasecmp(all[k].name, name) == 0)
            return &all[k];
    return NULL;
}

const sl_onnx_activation *sl_onnx_activation_of_node(const sl_onnx_node *node)
{
    for (size_t k = 0; k < COUNT; k++)
        if (all[k].of_node && sl_onnx_is(node, all[k].name))
            return &all[k];
    return NULL;
}
