#include "cli/train/new_head.h"

#include "base/error.h"
#include "program/model_shape.h"

#include <stdlib.h>

/* The last dense layer of a network, its number of layers where there is none that could be replaced: any other layer behind it has
 * parameters for each of its outputs. */
static size_t find_dense(const sluice_network *network)
{
    for (size_t k = network->layer_count; k > 0; k--) {
        const sluice_layer_kind kind = network->layers[k - 1].kind;
        if (kind == SLUICE_LAYER_DENSE)
            return k - 1;
        if (kind != SLUICE_LAYER_ACTIVATION && kind != SLUICE_LAYER_REDUCE)
            break;
    }
    return network->layer_count;
}

bool sl_new_head_is_possible(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    return find_dense(&network) < network.layer_count;
}

bool sl_new_head_has_softmax(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    const sluice_layer *last = &network.layers[network.layer_count - 1];
    return last->activation.function == SLUICE_FUNCTION_SOFTMAX && find_dense(&network) < network.layer_count;
}

/* ---- Of a sluice_shape ------------------------------------------------------------------------------------------------------- */

/* Take the tensors of the layer-directions, and zeros for the second biases, as a model keeps the sum of both. */
static void take_tensors(const sluice_model *model, size_t count, const float **weight_ih, const float **zeros, const float *zero)
{
    for (size_t k = 0; k < count; k++) {
        weight_ih[k] = sluice_model_get_tensor(model, SLUICE_TENSOR_WEIGHT_IH, k, NULL);
        weight_ih[count + k] = sluice_model_get_tensor(model, SLUICE_TENSOR_WEIGHT_HH, k, NULL);
        weight_ih[2 * count + k] = sluice_model_get_tensor(model, SLUICE_TENSOR_BIAS, k, NULL);
        zeros[k] = zero;
    }
}

static sluice_status make_shape(const sluice_model *model, const sl_new_head *head, sluice_model **made, sluice_error *error)
{
    sluice_shape shape = sl_model_shape(model);
    const size_t count = shape.layers * shape.directions;
    sluice_model *initial = NULL;
    shape.classes = head->outputs;
    sluice_status status = sluice_model_create_initial(&shape, head->initializer, head->seed, head->class_names, &initial, error);
    if (status)
        return status;
    const float **tensors = calloc(4 * count, sizeof *tensors);
    float *zeros = calloc(4 * shape.hidden, sizeof *zeros);
    if (tensors && zeros) {
        take_tensors(model, count, tensors, tensors + 3 * count, zeros);
        const sluice_weights weights = {
            .struct_size = sizeof weights,
            .shape = &shape,
            .weight_ih = tensors,
            .weight_hh = tensors + count,
            .bias_ih = tensors + 2 * count,
            .bias_hh = tensors + 3 * count,
            .embedding = sluice_model_get_tensor(model, SLUICE_TENSOR_EMBEDDING, 0, NULL),
            .head_weight = sluice_model_get_tensor(initial, SLUICE_TENSOR_HEAD_WEIGHT, 0, NULL),
            .head_bias = sluice_model_get_tensor(initial, SLUICE_TENSOR_HEAD_BIAS, 0, NULL),
            .class_names = head->class_names,
        };
        status = sluice_model_create(&weights, made, error);
    } else {
        status = sl_fail_memory(error, "the new head", (4 * shape.hidden) * sizeof *zeros);
    }
    free(tensors);
    free(zeros);
    sluice_model_destroy(initial);
    return status;
}

/* ---- Of a chain of layers ---------------------------------------------------------------------------------------------------- */

enum { DIRECTIONS = 2, TENSORS = SLUICE_TENSOR_SHIFT + 1 };

/* Whether the function of a layer from the dense one on is left out: any of a new head that is to be linear, of one that is kept only
 * the softmax at the end. */
static bool loses_function(const sluice_network *old, const sl_new_head *head, size_t layer)
{
    const bool is_end = layer + 1 == old->layer_count;
    return head->is_linear && (head->outputs || (is_end && old->layers[layer].activation.function == SLUICE_FUNCTION_SOFTMAX));
}

/* The chain with the new end; the layers have room for the old one's. */
static sluice_network change_end(const sluice_network *old, const sl_new_head *head, sluice_layer *layers)
{
    const size_t dense = find_dense(old);
    sluice_network network = *old;
    network.layers = layers;
    network.layer_count = 0;
    for (size_t k = 0; k < old->layer_count; k++)
        if (k <= dense || old->layers[k].kind != SLUICE_LAYER_ACTIVATION || !loses_function(old, head, k))
            layers[network.layer_count++] = old->layers[k];
    layers[dense].units = head->outputs ? head->outputs : layers[dense].units;
    if (loses_function(old, head, dense))
        layers[dense].activation = (sluice_activation){.function = SLUICE_FUNCTION_LINEAR};
    return network;
}

/* List the parameters of all layers, those of the new dense layer from `initial`, unless it is NULL. */
static size_t list_parameters(const sluice_network *network, const sluice_model *model, const sluice_model *initial,
                              sluice_parameter *parameters)
{
    const size_t dense = find_dense(network);
    size_t count = 0;
    for (size_t layer = 0; layer < network->layer_count; layer++)
        for (size_t direction = 0; direction < DIRECTIONS && layer <= dense; direction++)
            for (int tensor = 0; tensor < TENSORS; tensor++) {
                sluice_parameter *next = &parameters[count];
                *next = (sluice_parameter){.layer = layer, .direction = direction, .tensor = (sluice_tensor)tensor};
                next->values = sluice_model_get_parameter(initial && layer == dense ? initial : model, layer, direction,
                                                          next->tensor, &next->count);
                count += next->values != NULL;
            }
    return count;
}

/* The names of all classes; NULL: there are none, or no memory, which *status then says. To be freed. */
static const char **list_names(const sluice_model *model, sluice_status *status, sluice_error *error)
{
    const size_t count = sl_model_shape(model).classes;
    if (!sluice_model_get_class(model, 0))
        return NULL;
    const char **names = calloc(count, sizeof *names);
    if (!names)
        *status = sl_fail_memory(error, "the class names", count * sizeof *names);
    for (size_t k = 0; names && k < count; k++)
        names[k] = sluice_model_get_class(model, k);
    return names;
}

static sluice_status make_network(const sluice_model *model, const sl_new_head *head, sluice_model **made, sluice_error *error)
{
    const sluice_network old = sl_model_network(model);
    sluice_model *initial = NULL;
    sluice_layer *layers = calloc(old.layer_count, sizeof *layers);
    sluice_parameter *parameters = calloc(old.layer_count * DIRECTIONS * TENSORS + 1, sizeof *parameters);
    sluice_status status =
        layers && parameters ? SLUICE_STATUS_OK : sl_fail_memory(error, "the new head", old.layer_count * sizeof *layers);
    const char **names = head->outputs || status ? NULL : list_names(model, &status, error);
    if (!status) {
        const sluice_network network = change_end(&old, head, layers);
        if (head->outputs)
            status = sluice_model_create_initial_network(&network, head->initializer, head->seed, NULL, &initial, error);
        if (!status)
            status = sluice_model_create_network(&network, parameters, list_parameters(&network, model, initial, parameters),
                                                 names ? names : head->class_names, made, error);
    }
    sluice_model_destroy(initial);
    free(names);
    free(parameters);
    free(layers);
    return status;
}

sluice_status sl_new_head_make(const sluice_model *model, const sl_new_head *head, sluice_model **made, sluice_error *error)
{
    *made = NULL;
    return sluice_model_is_shape(model) ? make_shape(model, head, made, error) : make_network(model, head, made, error);
}
