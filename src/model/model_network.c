/* Models of networks in the public interface. */
#include "base/error.h"
#include "base/memory.h"
#include "base/struct_size.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* `layer 2 "dense": weight` of a parameter, for messages. */
typedef struct place {
    char text[160];
} place;

static place place_of(const sl_network *network, const sluice_parameter *parameter)
{
    place made;
    const char *name = sl_parameter_get_name(parameter->tensor);
    const char *direction = parameter->direction ? " of the second direction" : "";
    snprintf(made.text, sizeof made.text, "layer %zu \"%.64s\": %s%s", parameter->layer,
             network->description.layers[parameter->layer].name, name ? name : "tensor", direction);
    return made;
}

/* Copy a parameter; `taken` says which were given before. */
static sluice_status take(sluice_model *model, const sluice_parameter *parameter, bool (*taken)[2][SL_TENSORS], sluice_error *error)
{
    const sl_network *network = model->network;
    if (parameter->layer >= network->description.layer_count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "a parameter is of layer %zu; the network has %zu", parameter->layer,
                       network->description.layer_count);
    const place at = place_of(network, parameter);
    size_t count;
    float *to = (float *)sluice_model_get_parameter(model, parameter->layer, parameter->direction, parameter->tensor, &count);
    const bool is_wanted =
        to && !sl_parameter_shape_get(network, parameter->layer, parameter->direction, parameter->tensor).optional;
    if (!is_wanted)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s (tensor %d, direction %zu): the network has no such parameter",
                       at.text, (int)parameter->tensor, parameter->direction);
    if (taken[parameter->layer][parameter->direction][parameter->tensor])
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: is given twice", at.text);
    if (!parameter->values || parameter->count != count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected %zu floats, found %zu", at.text, count,
                       parameter->values ? parameter->count : 0);
    for (size_t k = 0; k < count; k++) {
        if (!isfinite(parameter->values[k]))
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: element [%zu] is %s; a weight must be finite: take a model whose training did not diverge", at.text,
                           k, isnan(parameter->values[k]) ? "NaN" : "infinite");
        to[k] = parameter->values[k];
    }
    taken[parameter->layer][parameter->direction][parameter->tensor] = true;
    return SLUICE_STATUS_OK;
}

/* Find a parameter that has to be given and was not. */
static sluice_status check_all_taken(const sl_network *network, bool (*taken)[2][SL_TENSORS], sluice_error *error)
{
    for (size_t layer = 0; layer < network->description.layer_count; layer++)
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++) {
                const sl_parameter_shape shape = sl_parameter_shape_get(network, layer, d, (sluice_tensor)tensor);
                if (!shape.rows || shape.optional || taken[layer][d][tensor])
                    continue;
                const sluice_parameter missing = {.layer = layer, .direction = d, .tensor = (sluice_tensor)tensor};
                return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: is not given; expected %zu x %zu floats",
                               place_of(network, &missing).text, shape.rows, shape.columns);
            }
    return SLUICE_STATUS_OK;
}

static sluice_status take_all(sluice_model *model, const sluice_parameter *parameters, size_t count, sluice_error *error)
{
    const size_t layers = model->network->description.layer_count;
    bool(*taken)[2][SL_TENSORS] = sl_alloc_array(layers, sizeof *taken);
    if (!taken)
        return sl_fail_memory(error, "a list of parameters", layers * sizeof *taken);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++)
        status = take(model, &parameters[k], taken, error);
    if (!status)
        status = check_all_taken(model->network, taken, error);
    sl_free(taken);
    return status;
}

sluice_status sluice_model_create_network(const sluice_network *network, const sluice_parameter *parameters, size_t count,
                                          const char *const *class_names, sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_create_network: model is NULL");
    *model = NULL;
    if (count && !parameters)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_create_network: parameters is NULL; expected %zu", count);
    sluice_network known;
    sl_network *made;
    sluice_status status = sl_struct_take(&known, network, SL_STRUCT(sluice_network), "sluice_model_create_network", error);
    if (!status)
        status = sl_network_create(&known, false, &made, error);
    if (!status)
        status = sl_model_allocate_network(made, model, error);
    if (!status)
        status = take_all(*model, parameters, count, error);
    if (!status && class_names && !(*model)->network->ends)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                         "class_names are given, but the network ends with an LSTM layer of all steps; leave them NULL");
    else if (!status && class_names)
        status = sl_model_set_classes(*model, class_names, error);
    if (status) {
        sluice_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

sluice_status sluice_model_get_network(const sluice_model *model, sluice_network *network)
{
    const sluice_status status = sl_struct_check(network, SL_STRUCT(sluice_network), "sluice_model_get_network", NULL);
    if (status || !model)
        return SLUICE_STATUS_BAD_ARGUMENT;
    sl_struct_give(network, &model->network->description, SL_STRUCT(sluice_network));
    return SLUICE_STATUS_OK;
}

int sluice_model_is_shape(const sluice_model *model)
{
    return model->network->is_shape;
}

size_t sluice_model_get_width(const sluice_model *model, size_t layer)
{
    return layer < model->network->description.layer_count ? model->network->widths[layer] : 0;
}
