#include "io/keras/keras_activation.h"

#include <stddef.h>
#include <string.h>

bool sl_keras_activation_find(const char *name, float slope, sluice_activation *activation)
{
    static const struct {
        const char *name;
        sluice_activation activation;
    } known[] = {
        {"linear", {SLUICE_FUNCTION_LINEAR, 0, 0}},     {"sigmoid", {SLUICE_FUNCTION_SIGMOID, 0, 0}},
        {"tanh", {SLUICE_FUNCTION_TANH, 0, 0}},         {"hard_sigmoid", {SLUICE_FUNCTION_HARD_SIGMOID, 0, 0.5f}},
        {"relu", {SLUICE_FUNCTION_RELU, 0, 0}},         {"leaky_relu", {SLUICE_FUNCTION_LEAKY_RELU, 0.2f, 0}},
        {"elu", {SLUICE_FUNCTION_ELU, 1, 0}},           {"selu", {SLUICE_FUNCTION_SELU, 0, 0}},
        {"softplus", {SLUICE_FUNCTION_SOFTPLUS, 0, 0}}, {"softsign", {SLUICE_FUNCTION_SOFTSIGN, 0, 0}},
        {"swish", {SLUICE_FUNCTION_SWISH, 0, 0}},       {"silu", {SLUICE_FUNCTION_SWISH, 0, 0}},
        {"gelu", {SLUICE_FUNCTION_GELU, 0, 0}},         {"softmax", {SLUICE_FUNCTION_SOFTMAX, 0, 0}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k].name, name) == 0) {
            *activation = known[k].activation;
            if (activation->function == SLUICE_FUNCTION_HARD_SIGMOID)
                activation->alpha = slope;
            return true;
        }
    return false;
}

bool sl_keras_activation_read(const sl_json *value, float slope, sluice_activation *activation, const char **name)
{
    const char *class_name = sl_json_text(sl_json_get(value, "class_name")), *option;
    const sl_json *options = sl_json_get(value, "config");
    *activation = (sluice_activation){SLUICE_FUNCTION_LINEAR, 0, 0};
    *name = "of another form";
    if (!value || value->kind == SL_JSON_NULL)
        return true;
    if (class_name && options && options->kind == SL_JSON_OBJECT) {
        *name = class_name;
        return sl_keras_activation_read_layer(class_name, options, activation, &option);
    }
    const char *text = class_name ? sl_json_text(options) : sl_json_text(value);
    if (!text)
        return false;
    *name = text;
    return sl_keras_activation_find(text, slope, activation);
}

/* A number among a layer's options, by either of its names; absent or null: `otherwise`. Keras 2 may write {"value": number}. */
static bool read_option(const sl_json *options, const char *name, const char *other_name, float otherwise, float *number)
{
    const sl_json *value = sl_json_get(options, name);
    if (!value && other_name)
        value = sl_json_get(options, other_name);
    if (value && value->kind == SL_JSON_OBJECT)
        value = sl_json_get(value, "value");
    *number = otherwise;
    return !value || value->kind == SL_JSON_NULL || sl_json_number(value, number);
}

static bool read_relu(const sl_json *options, sluice_activation *activation, const char **option)
{
    const sl_json *most = sl_json_get(options, "max_value");
    float slope, threshold;
    *option = "max_value";
    if (most && most->kind != SL_JSON_NULL)
        return false;
    *option = "negative_slope";
    if (!read_option(options, "negative_slope", NULL, 0, &slope))
        return false;
    *option = "threshold";
    if (!read_option(options, "threshold", NULL, 0, &threshold) || (threshold != 0 && slope != 0))
        return false;
    activation->function = slope != 0       ? SLUICE_FUNCTION_LEAKY_RELU
                           : threshold != 0 ? SLUICE_FUNCTION_THRESHOLD_RELU
                                            : SLUICE_FUNCTION_RELU;
    activation->alpha = slope != 0 ? slope : threshold;
    return true;
}

bool sl_keras_activation_read_layer(const char *class_name, const sl_json *options, sluice_activation *activation,
                                    const char **option)
{
    *activation = (sluice_activation){0};
    *option = NULL;
    if (strcmp(class_name, "ReLU") == 0)
        return read_relu(options, activation, option);
    if (strcmp(class_name, "Softmax") == 0) {
        const sl_json *axis = sl_json_get(options, "axis");
        *option = "axis";
        activation->function = SLUICE_FUNCTION_SOFTMAX;
        float number = -1;
        return !axis || (sl_json_number(axis, &number) && number == -1);
    }
    static const struct {
        const char *class_name, *option, *other_option;
        float otherwise;
        sluice_function function;
    } known[] = {{"LeakyReLU", "negative_slope", "alpha", 0.3f, SLUICE_FUNCTION_LEAKY_RELU},
                 {"ELU", "alpha", NULL, 1, SLUICE_FUNCTION_ELU},
                 {"ThresholdedReLU", "theta", NULL, 1, SLUICE_FUNCTION_THRESHOLD_RELU}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k].class_name, class_name) == 0) {
            *option = known[k].option;
            activation->function = known[k].function;
            return read_option(options, known[k].option, known[k].other_option, known[k].otherwise, &activation->alpha);
        }
    return false;
}
