#include "model/model.h"

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

static sluice_status check_shape(const sluice_shape *shape, sluice_error *error)
{
    if (shape->layers < 1 || shape->inputs < 1 || shape->hidden < 1 || shape->directions < 1 || shape->directions > 2)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "shape: layers %zu, directions %zu, inputs %zu, hidden %zu; expected layers, inputs and hidden >= 1 and "
                       "directions 1 or 2",
                       shape->layers, shape->directions, shape->inputs, shape->hidden);
    if (shape->vocabulary > INT32_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "shape: vocabulary %zu; tokens are 32-bit, so at most %d",
                       shape->vocabulary, INT32_MAX);
    /* The size of every array of the model, and of its packed copies, whose columns are rounded up to 64, must fit size_t with some
     * margin. */
    size_t columns, widest, cells, layers;
    const size_t out = 2 * shape->hidden;
    if (shape->hidden > SIZE_MAX / 16 || !sl_size_mul(4, shape->hidden + 64, &columns) ||
        !sl_size_add(out, shape->inputs, &widest) || !sl_size_add(widest, shape->hidden, &widest) ||
        !sl_size_mul(columns, widest, &cells) || !sl_size_mul(cells, 2 * sizeof(float), &cells) ||
        !sl_size_mul(shape->layers, shape->directions, &layers) || !sl_size_mul(layers, cells, &cells) ||
        !sl_size_add(columns, shape->inputs, &columns) || !sl_size_mul(shape->vocabulary, columns, &cells) ||
        !sl_size_mul(cells, 2 * sizeof(float), &cells) || !sl_size_mul(shape->classes, out + 64, &cells) ||
        !sl_size_mul(cells, 2 * sizeof(float), &cells))
        return sl_fail_size(error, "the model");
    return SLUICE_STATUS_OK;
}

/* Allocate zeroed floats; *bytes grows by their size, even if there is no memory. */
static float *take_floats(size_t count, size_t *bytes)
{
    *bytes += count * sizeof(float);
    return sl_alloc_array(count, sizeof(float));
}

sluice_status sl_model_allocate(const sluice_shape *shape, sluice_model **out, sluice_error *error)
{
    const sluice_status status = check_shape(shape, error);
    if (status)
        return status;
    sluice_model *model = sl_alloc(sizeof *model);
    if (!model)
        return sl_fail_memory(error, "a model", sizeof *model);
    model->shape = *shape;
    model->shape.struct_size = sizeof model->shape;
    model->dims = sl_dims_get(shape);
    const size_t layers = model->dims.layer_dirs, rows = model->dims.gate_rows;
    model->layers = sl_alloc_array(layers, sizeof *model->layers);
    bool ok = model->layers != NULL;
    size_t bytes = layers * sizeof *model->layers;
    for (size_t k = 0; ok && k < layers; k++) {
        sl_layer *layer = &model->layers[k];
        layer->inputs = k < shape->directions ? shape->inputs : model->dims.outputs;
        layer->weight_ih = take_floats(rows * layer->inputs, &bytes);
        layer->weight_hh = take_floats(rows * shape->hidden, &bytes);
        layer->bias = take_floats(rows, &bytes);
        ok = layer->weight_ih && layer->weight_hh && layer->bias;
    }
    if (ok && shape->vocabulary)
        ok = (model->embedding = take_floats(shape->vocabulary * shape->inputs, &bytes)) != NULL;
    if (ok && shape->classes)
        ok = (model->head_weight = take_floats(shape->classes * model->dims.outputs, &bytes)) != NULL &&
             (model->head_bias = take_floats(shape->classes, &bytes)) != NULL;
    if (ok)
        ok = (model->notes = sl_alloc(1)) != NULL;
    if (!ok) {
        sluice_model_destroy(model);
        return sl_fail_memory(error, "the weights of a model", bytes);
    }
    *out = model;
    return SLUICE_STATUS_OK;
}

/* Copy a caller's array, refusing what would make every answer NaN. Its name is "name", or for layers "name_l<layer>[_reverse]". */
static sluice_status take(float *to, const float *from, size_t count, size_t columns, const char *name, sluice_error *error)
{
    if (!from)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s is NULL; the shape asks for %zu floats", name, count);
    for (size_t k = 0; k < count; k++) {
        if (!isfinite(from[k])) {
            char column[32] = "";
            if (columns > 1)
                snprintf(column, sizeof column, "[%zu]", k % columns);
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: element [%zu]%s is %s; a weight must be finite: take a model whose training did not diverge", name,
                           k / columns, column, isnan(from[k]) ? "NaN" : "infinite");
        }
        to[k] = from[k];
    }
    return SLUICE_STATUS_OK;
}

static const float *at(const float *const *arrays, size_t k)
{
    return arrays ? arrays[k] : NULL;
}

static sluice_status take_layer(sluice_model *model, const sluice_weights *weights, size_t k, sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    sl_layer *layer = &model->layers[k];
    const size_t rows = model->dims.gate_rows;
    char suffix[48], name[80];
    snprintf(suffix, sizeof suffix, "_l%zu%s", k / shape->directions, k % shape->directions ? "_reverse" : "");

    snprintf(name, sizeof name, "weight_ih%s", suffix);
    sluice_status status = take(layer->weight_ih, at(weights->weight_ih, k), rows * layer->inputs, layer->inputs, name, error);
    if (status)
        return status;
    snprintf(name, sizeof name, "weight_hh%s", suffix);
    status = take(layer->weight_hh, at(weights->weight_hh, k), rows * shape->hidden, shape->hidden, name, error);
    if (status || !shape->has_bias)
        return status;
    /* b_ih is read where b is to stand, and b_hh added: one rounding. */
    snprintf(name, sizeof name, "bias_ih%s", suffix);
    status = take(layer->bias, at(weights->bias_ih, k), rows, 1, name, error);
    if (status)
        return status;
    const float *bias_hh = at(weights->bias_hh, k);
    float *sum = layer->bias;
    snprintf(name, sizeof name, "bias_hh%s", suffix);
    if (!bias_hh)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s is NULL; the shape asks for %zu floats", name, rows);
    for (size_t j = 0; j < rows; j++) {
        if (!isfinite(sum[j] + bias_hh[j]))
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: element [%zu] is NaN or infinite, or is so with bias_ih added; a weight must be finite", name, j);
        sum[j] += bias_hh[j];
    }
    return SLUICE_STATUS_OK;
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

static sluice_status take_all(sluice_model *model, const sluice_weights *weights, sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    const size_t outputs = model->dims.outputs;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < model->dims.layer_dirs; k++)
        status = take_layer(model, weights, k, error);
    if (!status && shape->vocabulary)
        status = take(model->embedding, weights->embedding, shape->vocabulary * shape->inputs, shape->inputs, "embedding", error);
    if (!status && shape->classes)
        status = take(model->head_weight, weights->head_weight, shape->classes * outputs, outputs, "head weight", error);
    if (!status && shape->classes && weights->head_bias)
        status = take(model->head_bias, weights->head_bias, shape->classes, 1, "head bias", error);
    if (!status && shape->classes && weights->class_names)
        status = sl_model_set_classes(model, weights->class_names, error);
    return status;
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
    const sl_float_mode mode = sl_float_mode_set(false); /* the sums of biases are part of the result */
    status = take_all(made, &given, error);
    sl_float_mode_restore(mode);
    if (status) {
        sluice_model_destroy(made);
        return status;
    }
    *model = made;
    return SLUICE_STATUS_OK;
}

sluice_status sl_model_copy(const sluice_model *model, sluice_model **copy, sluice_error *error)
{
    static const sluice_tensor tensors[] = {SLUICE_TENSOR_WEIGHT_IH, SLUICE_TENSOR_WEIGHT_HH,   SLUICE_TENSOR_BIAS,
                                            SLUICE_TENSOR_EMBEDDING, SLUICE_TENSOR_HEAD_WEIGHT, SLUICE_TENSOR_HEAD_BIAS};
    *copy = NULL;
    sluice_status status = sl_model_allocate(&model->shape, copy, error);
    if (status)
        return status;
    for (size_t k = 0; k < model->dims.layer_dirs; k++)
        for (size_t j = 0; j < sizeof tensors / sizeof tensors[0]; j++) {
            size_t count;
            const float *from = sluice_model_get_tensor(model, tensors[j], k, &count);
            if (from)
                memcpy(sl_model_get_tensor(*copy, tensors[j], k, &count), from, count * sizeof *from);
        }
    if (model->classes)
        status = sl_model_set_classes(*copy, (const char *const *)model->classes, error);
    if (!status)
        status = sl_model_set_notes(*copy, model->notes, error);
    if (status) {
        sluice_model_destroy(*copy);
        *copy = NULL;
    }
    return status;
}

float *sl_model_get_tensor(sluice_model *model, sluice_tensor tensor, size_t k, size_t *count)
{
    const sluice_shape *shape = &model->shape;
    const size_t rows = model->dims.gate_rows;
    const bool of_layer = tensor == SLUICE_TENSOR_WEIGHT_IH || tensor == SLUICE_TENSOR_WEIGHT_HH || tensor == SLUICE_TENSOR_BIAS;
    *count = 0;
    if (k >= (of_layer ? model->dims.layer_dirs : 1))
        return NULL;
    switch (tensor) {
    case SLUICE_TENSOR_WEIGHT_IH:
        *count = rows * model->layers[k].inputs;
        return model->layers[k].weight_ih;
    case SLUICE_TENSOR_WEIGHT_HH:
        *count = rows * shape->hidden;
        return model->layers[k].weight_hh;
    case SLUICE_TENSOR_BIAS:
        *count = rows;
        return model->layers[k].bias;
    case SLUICE_TENSOR_EMBEDDING:
        *count = shape->vocabulary * shape->inputs;
        return model->embedding;
    case SLUICE_TENSOR_HEAD_WEIGHT:
        *count = shape->classes * model->dims.outputs;
        return model->head_weight;
    case SLUICE_TENSOR_HEAD_BIAS:
        *count = shape->classes;
        return model->head_bias;
    default: /* a network's, which a model of a shape does not have */
        return NULL;
    }
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
    for (size_t k = 0; model->layers && k < model->dims.layer_dirs; k++) {
        sl_free(model->layers[k].weight_ih);
        sl_free(model->layers[k].weight_hh);
        sl_free(model->layers[k].bias);
    }
    for (size_t k = 0; model->classes && k < model->shape.classes; k++)
        sl_free(model->classes[k]);
    sl_free(model->layers);
    sl_free(model->embedding);
    sl_free(model->head_weight);
    sl_free(model->head_bias);
    sl_free(model->classes);
    sl_free(model->notes);
    sl_free(model);
}
