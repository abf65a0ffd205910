#include "io/keras/keras_part.h"

#include "base/error.h"
#include "io/keras/keras_activation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* `FILE: layer "lstm" (LSTM): ` and the message. */
__attribute__((format(printf, 4, 0))) static sluice_status fail(const sl_keras *keras, const sl_keras_part *part,
                                                                sluice_status status, const char *format, va_list arguments)
{
    char message[600];
    vsnprintf(message, sizeof message, format, arguments);
    return sl_fail(keras->error, status, "%s: layer \"%s\" (%s): %s", keras->name, sl_label_get(keras->layer->name).text,
                   sl_label_get(part->class_name).text, message);
}

sluice_status sl_keras_fail(const sl_keras *keras, const sl_keras_part *part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail(keras, part, SLUICE_STATUS_UNSUPPORTED, format, arguments);
    va_end(arguments);
    return status;
}

__attribute__((format(printf, 3, 4))) static sluice_status fail_data(const sl_keras *keras, const sl_keras_part *part,
                                                                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail(keras, part, SLUICE_STATUS_BAD_DATA, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

bool sl_keras_get_flag(const sl_keras_part *part, const char *option, bool otherwise)
{
    const sl_json *value = sl_json_get(part->options, option);
    if (value && (value->kind == SL_JSON_TRUE || value->kind == SL_JSON_FALSE))
        return value->kind == SL_JSON_TRUE;
    return otherwise;
}

sluice_status sl_keras_read_size(const sl_keras *keras, const sl_keras_part *part, const char *option, size_t *size)
{
    *size = 0;
    if (sl_json_size(sl_json_get(part->options, option), size) && *size)
        return SLUICE_STATUS_OK;
    return fail_data(keras, part, "its configuration has no \"%s\" that is a whole number >= 1", option);
}

sluice_status sl_keras_read_activation(const sl_keras *keras, const sl_keras_part *part, const char *option,
                                       sluice_function otherwise, sluice_activation *activation)
{
    const sl_json *value = sl_json_get(part->options, option);
    const char *name;
    *activation = (sluice_activation){otherwise, 0, 0};
    if (!value || sl_keras_activation_read(value, keras->slope, activation, &name))
        return SLUICE_STATUS_OK;
    return sl_keras_fail(keras, part, "its %s is \"%s\", which this library does not have", option, sl_label_get(name).text);
}

/* ---- Layers and weights ---------------------------------------------------------------------------------------------------- */

sluice_status sl_keras_add(sl_keras *keras, sluice_layer_kind kind, sluice_layer **layer)
{
    return sl_build_add(keras->build, kind, keras->layer->name, strlen(keras->layer->name), layer, keras->error);
}

void sl_keras_set_width(sl_keras *keras, size_t width)
{
    if (keras->width)
        return;
    keras->width = width;
    sl_build_set_inputs(keras->build, width);
}

sluice_status sl_keras_take(sl_keras *keras, const char *path, size_t count, const sl_tensor **tensors)
{
    return sl_keras_weights_take(keras->weights, path, count, tensors, keras->error);
}

sluice_status sl_keras_check_shape(const sl_keras *keras, const sl_tensor *tensor, size_t rows, size_t columns)
{
    const size_t expected[] = {rows, columns}, dims = columns ? 2 : 1;
    if (!tensor->type)
        return sl_source_fail_tensor(&keras->weights->source, tensor, keras->error, "its type, %s, cannot be read as weights",
                                     sl_label_get(tensor->dtype).text);
    if (tensor->dims == dims && tensor->shape[0] == rows && (dims == 1 || tensor->shape[1] == columns))
        return SLUICE_STATUS_OK;
    return sl_source_fail_tensor(&keras->weights->source, tensor, keras->error, "expected %s, by the layers' sizes, found %s",
                                 sl_shape_get_text(expected, dims).text, sl_shape_get_text(tensor->shape, tensor->dims).text);
}

sluice_status sl_keras_fill_matrix(sl_keras *keras, size_t direction, sluice_tensor kind, const sl_tensor *tensor)
{
    const size_t rows = tensor->shape[1], columns = tensor->shape[0];
    const sl_fill fill = {.layer = sl_build_count(keras->build) - 1,
                          .direction = direction,
                          .tensor = kind,
                          .from = {tensor, 0, rows, columns, 1, rows}};
    return sl_build_fill(keras->build, &fill, keras->error);
}

sluice_status sl_keras_fill_vector(sl_keras *keras, size_t direction, sluice_tensor kind, const sl_tensor *tensor)
{
    const sl_fill fill = {.layer = sl_build_count(keras->build) - 1,
                          .direction = direction,
                          .tensor = kind,
                          .from = {tensor, 0, tensor->shape[0], 1, 1, 1}};
    return sl_build_fill(keras->build, &fill, keras->error);
}

sluice_status sl_keras_read_values(sl_keras *keras, const sl_tensor *tensor, float **values)
{
    const sluice_status status = sl_build_allocate(keras->build, tensor->elements, values, keras->error);
    return status ? status : sl_source_read(&keras->weights->source, tensor, 0, tensor->elements, *values, NULL, keras->error);
}
