#include "model/model.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "-ffast-math would break the numeric contract of sluice.h"
#endif

/* ---- Making one ------------------------------------------------------------------------------------------------------------ */

/* What there is to say of a network in the words of a shape. */
static sluice_shape summarize(const sl_network *network)
{
    sluice_shape shape = {.struct_size = sizeof shape,
                          .layers = network->lstm_layers,
                          .directions = 1,
                          .inputs = network->inputs,
                          .hidden = network->most_hidden,
                          .vocabulary = network->vocabulary,
                          .classes = network->ends};
    for (size_t k = 0; k < network->lstm_layers; k++)
        shape.directions = sl_size_max(shape.directions, network->lstm[k].directions);
    for (size_t k = 0; k < network->layer_dirs; k++)
        shape.has_bias = shape.has_bias || !network->dirs[k].cell || (network->dirs[k].cell->parts & SLUICE_PART_BIAS);
    return shape;
}

/* Allocate a layer's parameters, zeroed; *bytes grows by their size, even if there is no memory. */
static bool take_parameters(sluice_model *model, size_t layer, size_t *bytes)
{
    for (size_t d = 0; d < 2; d++)
        for (int tensor = 0; tensor < SL_TENSORS; tensor++) {
            const sl_parameter_shape shape = sl_parameter_shape_get(model->network, layer, d, (sluice_tensor)tensor);
            if (!shape.rows)
                continue;
            *bytes += shape.rows * shape.columns * sizeof(float);
            model->layers[layer].of[d][tensor] = sl_alloc_array(shape.rows * shape.columns, sizeof(float));
            if (!model->layers[layer].of[d][tensor])
                return false;
        }
    return true;
}

sluice_status sl_model_allocate_network(sl_network *network, sluice_model **out, sluice_error *error)
{
    sluice_model *model = sl_alloc(sizeof *model);
    if (!model) {
        sl_network_destroy(network);
        return sl_fail_memory(error, "a model", sizeof *model);
    }
    const size_t layers = network->description.layer_count;
    model->network = network;
    model->shape = summarize(network);
    model->layers = sl_alloc_array(layers, sizeof *model->layers);
    model->notes = sl_alloc(1);
    size_t bytes = layers * sizeof *model->layers;
    bool ok = model->layers && model->notes;
    for (size_t k = 0; ok && k < layers; k++)
        ok = take_parameters(model, k, &bytes);
    if (!ok) {
        sluice_model_destroy(model);
        return sl_fail_memory(error, "the weights of a model", bytes);
    }
    *out = model;
    return SLUICE_STATUS_OK;
}

sluice_status sl_model_allocate(const sluice_shape *shape, sluice_model **out, sluice_error *error)
{
    sl_network *network;
    const sluice_status status = sl_network_create_of_shape(shape, &network, error);
    return status ? status : sl_model_allocate_network(network, out, error);
}

static char *copy_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = sl_alloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

sluice_status sl_model_set_classes(sluice_model *model, const char *const *names, sluice_error *error)
{
    model->classes = sl_alloc_array(model->shape.classes, sizeof *model->classes);
    if (!model->classes)
        return sl_fail_memory(error, "class names", model->shape.classes * sizeof *model->classes);
    for (size_t k = 0; k < model->shape.classes; k++) {
        if (!names[k])
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "class_names[%zu] is NULL", k);
        model->classes[k] = copy_text(names[k]);
        if (!model->classes[k])
            return sl_fail_memory(error, "a class name", strlen(names[k]) + 1);
    }
    return SLUICE_STATUS_OK;
}

/* Copy the parameters from where they are; those that are not there stay zeros. */
static void take_all(sluice_model *model, const sl_weights *weights)
{
    for (size_t layer = 0; layer < model->network->description.layer_count; layer++)
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++) {
                const float *from = sl_weights_get(weights, layer, d, (sluice_tensor)tensor);
                size_t count;
                if (from && sluice_model_get_parameter(model, layer, d, (sluice_tensor)tensor, &count))
                    memcpy(model->layers[layer].of[d][tensor], from, count * sizeof *from);
            }
    const sl_float_mode mode = sl_float_mode_set(false); /* the sums of biases are part of the result */
    for (size_t k = 0; k < model->network->layer_dirs; k++) {
        const float *bias_hh = sl_weights_get_bias_hh(weights, k);
        float *bias = sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS);
        for (size_t j = 0; bias_hh && j < model->network->dirs[k].gate_rows; j++)
            bias[j] += bias_hh[j];
    }
    sl_float_mode_restore(mode);
}

sluice_status sluice_model_create(const sluice_weights *weights, sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_create: model is NULL");
    *model = NULL;
    sluice_weights given;
    sluice_shape shape;
    sluice_model *made;
    sluice_status status = sl_struct_take(&given, weights, SL_STRUCT(sluice_weights), "sluice_model_create", error);
    if (!status)
        status = sl_struct_take(&shape, given.shape, SL_STRUCT(sluice_shape), "sluice_model_create", error);
    if (!status)
        status = sl_model_allocate(&shape, &made, error);
    if (status)
        return status;
    given.shape = &shape;
    const sl_weights from = {.network = made->network, .arrays = &given};
    status = sl_weights_check(&from, error);
    if (!status)
        status = sl_weights_check_finite(&from, error);
    if (!status && shape.classes && given.class_names)
        status = sl_model_set_classes(made, given.class_names, error);
    if (status) {
        sluice_model_destroy(made);
        return status;
    }
    take_all(made, &from);
    *model = made;
    return SLUICE_STATUS_OK;
}

sluice_status sl_model_copy(const sluice_model *model, sluice_model **copy, sluice_error *error)
{
    *copy = NULL;
    sl_network *network;
    sluice_status status = sl_network_create(&model->network->description, model->network->is_shape, &network, error);
    if (!status)
        status = sl_model_allocate_network(network, copy, error);
    if (status)
        return status;
    const sl_weights from = sl_weights_of_model(model);
    take_all(*copy, &from);
    if (model->classes)
        status = sl_model_set_classes(*copy, (const char *const *)model->classes, error);
    if (!status)
        status = sl_model_set_notes(*copy, model->notes, error);
    if (!status)
        status = sluice_model_set_series(*copy, model->series, error);
    if (status) {
        sluice_model_destroy(*copy);
        *copy = NULL;
    }
    return status;
}

/* ---- Parameters ------------------------------------------------------------------------------------------------------------ */

const float *sluice_model_get_parameter(const sluice_model *model, size_t layer, size_t direction, sluice_tensor tensor,
                                        size_t *count)
{
    const bool is_known = layer < model->network->description.layer_count && direction < 2 && (unsigned)tensor < SL_TENSORS;
    const sl_parameter_shape shape =
        is_known ? sl_parameter_shape_get(model->network, layer, direction, tensor) : (sl_parameter_shape){0};
    if (count)
        *count = shape.rows * shape.columns;
    return shape.rows ? model->layers[layer].of[direction][tensor] : NULL;
}

/* Where a tensor of the words of sluice_shape is among the network's. */
static float *find_parameter(const sluice_model *model, size_t layer, size_t direction, sluice_tensor tensor, size_t *count)
{
    return (float *)sluice_model_get_parameter(model, layer, direction, tensor, count);
}

float *sl_model_get_tensor(sluice_model *model, sluice_tensor tensor, size_t k, size_t *count)
{
    const sl_network *network = model->network;
    const size_t last = network->description.layer_count - 1;
    *count = 0;
    if (tensor == SLUICE_TENSOR_HEAD_WEIGHT || tensor == SLUICE_TENSOR_HEAD_BIAS)
        return k || network->description.layers[last].kind != SLUICE_LAYER_DENSE
                   ? NULL
                   : find_parameter(model, last, 0, tensor == SLUICE_TENSOR_HEAD_WEIGHT ? SLUICE_TENSOR_WEIGHT : SLUICE_TENSOR_BIAS,
                                    count);
    if (tensor == SLUICE_TENSOR_EMBEDDING)
        return k ? NULL : find_parameter(model, 0, 0, tensor, count);
    if (k >= network->layer_dirs)
        return NULL;
    const sl_lstm_layer *lstm = &network->lstm[network->dirs[k].layer];
    return find_parameter(model, lstm->layer, k - lstm->first, tensor, count);
}

const float *sluice_model_get_tensor(const sluice_model *model, sluice_tensor tensor, size_t k, size_t *count)
{
    size_t unwanted;
    return sl_model_get_tensor((sluice_model *)model, tensor, k, count ? count : &unwanted);
}

sluice_status sl_model_set_notes(sluice_model *model, const char *notes, sluice_error *error)
{
    char *copy = copy_text(notes);
    if (!copy)
        return sl_fail_memory(error, "a model's notes", strlen(notes) + 1);
    sl_free(model->notes);
    model->notes = copy;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_model_set_series(sluice_model *model, const char *text, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_set_series: model is NULL");
    for (const char *c = text; c && *c; c++)
        if (sl_clean_get_control(c))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "sluice_model_set_series: expected a text without control characters, found one behind %zu bytes",
                           (size_t)(c - text));
    char *copy = text ? copy_text(text) : NULL;
    if (text && !copy)
        return sl_fail_memory(error, "what a model says of series", strlen(text) + 1);
    sl_free(model->series);
    model->series = copy;
    return SLUICE_STATUS_OK;
}

const char *sluice_model_get_series(const sluice_model *model)
{
    return model->series;
}

sluice_status sluice_model_get_shape(const sluice_model *model, sluice_shape *shape)
{
    const sluice_status status = sl_struct_check(shape, SL_STRUCT(sluice_shape), "sluice_model_get_shape", NULL);
    if (status || !model)
        return SLUICE_STATUS_BAD_ARGUMENT;
    sl_struct_give(shape, &model->shape, SL_STRUCT(sluice_shape));
    return SLUICE_STATUS_OK;
}

const char *sluice_model_get_class(const sluice_model *model, size_t k)
{
    return model->classes && k < model->shape.classes ? model->classes[k] : NULL;
}

const char *sluice_model_get_notes(const sluice_model *model)
{
    return model->notes;
}

void sluice_model_destroy(sluice_model *model)
{
    if (!model)
        return;
    for (size_t k = 0; model->layers && k < model->network->description.layer_count; k++)
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++)
                sl_free(model->layers[k].of[d][tensor]);
    for (size_t k = 0; model->classes && k < model->shape.classes; k++)
        sl_free(model->classes[k]);
    sl_free(model->layers);
    sl_free(model->classes);
    sl_free(model->notes);
    sl_free(model->series);
    sl_network_destroy(model->network);
    sl_free(model);
}
