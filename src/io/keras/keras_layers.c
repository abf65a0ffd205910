#include "io/keras/keras_layers.h"

#include "base/error.h"
#include "io/keras/keras_activation.h"
#include "io/keras/keras_recurrent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef sluice_status adder(sl_keras *keras, const sl_keras_part *part);

static sluice_status add_nothing(sl_keras *keras, const sl_keras_part *part)
{
    (void)keras;
    (void)part;
    return SLUICE_STATUS_OK;
}

/* ---- What comes first ------------------------------------------------------------------------------------------------------ */

/* The inputs of a step, where a shape [rows, steps, inputs] states them. */
static void read_input_shape(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *shape = sl_json_get(part->options, "batch_shape");
    size_t inputs;
    if (!shape)
        shape = sl_json_get(part->options, "batch_input_shape");
    if (sl_build_count(keras->build) == 0 && sl_json_at(shape, 2) && !sl_json_at(shape, 3) &&
        sl_json_size(sl_json_at(shape, 2), &inputs) && inputs)
        sl_keras_set_width(keras, inputs);
}

static sluice_status add_input(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *shape = sl_json_get(part->options, "batch_shape");
    if (!shape)
        shape = sl_json_get(part->options, "batch_input_shape");
    return sl_json_at(shape, 3) ? sl_keras_fail(keras, part, "its inputs have more dimensions than [rows][steps][inputs]")
                                : SLUICE_STATUS_OK;
}

/* Which steps the model masks, by what it reads. */
static void set_mask(sl_keras *keras, sluice_masking masking, float value)
{
    keras->has_mask = true;
    sl_build_set_masking(keras->build, masking, value);
}

static sluice_status add_embedding(sl_keras *keras, const sl_keras_part *part)
{
    const sl_tensor *table;
    sluice_layer *layer;
    size_t vocabulary, units;
    sluice_status status = sl_keras_read_size(keras, part, "input_dim", &vocabulary);
    if (!status)
        status = sl_keras_read_size(keras, part, "output_dim", &units);
    if (!status && (keras->width || sl_build_count(keras->build)))
        status = sl_keras_fail(keras, part, "it can only be the first layer, which reads tokens [rows][steps]");
    if (!status)
        status = sl_keras_take(keras, part->path, 1, &table);
    if (!status)
        status = sl_keras_check_shape(keras, table, vocabulary, units);
    if (!status)
        status = sl_keras_add(keras, SLUICE_LAYER_EMBEDDING, &layer);
    if (status)
        return status;
    layer->vocabulary = vocabulary;
    layer->units = keras->width = units;
    if (sl_keras_get_flag(part, "mask_zero", false))
        set_mask(keras, SLUICE_MASKING_TOKEN, 0);
    const sl_fill fill = {.tensor = SLUICE_TENSOR_EMBEDDING, .from = sl_view_get_rows(table, 0, vocabulary)};
    return sl_build_fill(keras->build, &fill, keras->error);
}

static sluice_status add_masking(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *value = sl_json_get(part->options, "mask_value");
    float number = 0;
    if (sl_build_count(keras->build))
        return sl_keras_fail(keras, part, "it can only be the first layer, which masks by the inputs");
    if (value && !sl_json_number(value, &number))
        return sl_keras_fail(keras, part, "its mask_value is no number that fits a float");
    set_mask(keras, SLUICE_MASKING_VALUE, number);
    return SLUICE_STATUS_OK;
}

/* ---- Layers of numbers ----------------------------------------------------------------------------------------------------- */

static sluice_status add_dense(sl_keras *keras, const sl_keras_part *part)
{
    const bool has_bias = sl_keras_get_flag(part, "use_bias", true);
    const sl_tensor *tensors[2] = {NULL};
    sluice_activation activation;
    sluice_layer *layer;
    size_t units;
    sluice_status status = sl_keras_read_size(keras, part, "units", &units);
    if (!status)
        status = sl_keras_read_activation(keras, part, "activation", SLUICE_FUNCTION_LINEAR, &activation);
    if (!status)
        status = sl_keras_take(keras, part->path, 1 + has_bias, tensors);
    if (!status && tensors[0]->dims == 2)
        sl_keras_set_width(keras, tensors[0]->shape[0]);
    if (!status)
        status = sl_keras_check_shape(keras, tensors[0], keras->width, units);
    if (!status && has_bias)
        status = sl_keras_check_shape(keras, tensors[1], units, 0);
    if (!status)
        status = sl_keras_add(keras, SLUICE_LAYER_DENSE, &layer);
    if (status)
        return status;
    layer->units = keras->width = units;
    layer->has_bias = has_bias;
    layer->activation = activation;
    status = sl_keras_fill_matrix(keras, 0, SLUICE_TENSOR_WEIGHT, tensors[0]);
    if (!status && has_bias)
        status = sl_keras_fill_vector(keras, 0, SLUICE_TENSOR_BIAS, tensors[1]);
    return status;
}

/* Whether the axis of a layer, a number or a list of one, is the last one of what it reads. */
static bool is_last_axis(const sl_keras *keras, const sl_json *axis)
{
    const sl_json *value = axis && axis->kind == SL_JSON_LIST && !sl_json_at(axis, 1) ? sl_json_at(axis, 0) : axis;
    float number = -1;
    return !axis || (sl_json_number(value, &number) && (number == -1 || number == (keras->has_steps ? 2 : 1)));
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta, as scale and shift: in double, each rounded once. */
static sluice_status fold(sl_keras *keras, const sl_tensor *const tensors[4], double epsilon)
{
    float *of[4] = {NULL}, *folded[2]; /* gamma, beta, mean, variance; scale, shift */
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < 4; k++)
        if (tensors[k])
            status = sl_keras_read_values(keras, tensors[k], &of[k]);
    for (size_t k = 0; !status && k < 2; k++)
        status = sl_build_allocate(keras->build, keras->width, &folded[k], keras->error);
    for (size_t k = 0; !status && k < keras->width; k++) {
        const double scale = (of[0] ? of[0][k] : 1) / sqrt(of[3][k] + epsilon);
        folded[0][k] = (float)scale;
        folded[1][k] = (float)((of[1] ? of[1][k] : 0) - of[2][k] * scale);
    }
    for (size_t k = 0; !status && k < 2; k++) {
        const sl_fill fill = {.layer = sl_build_count(keras->build) - 1,
                              .tensor = k ? SLUICE_TENSOR_SHIFT : SLUICE_TENSOR_SCALE,
                              .from = {.rows = 1, .columns = keras->width},
                              .values = folded[k]};
        status = sl_build_fill(keras->build, &fill, keras->error);
    }
    return status;
}

static sluice_status add_batch_normalization(sl_keras *keras, const sl_keras_part *part)
{
    const bool has_scale = sl_keras_get_flag(part, "scale", true), has_center = sl_keras_get_flag(part, "center", true);
    const sl_tensor *taken[4] = {NULL}, *tensors[4] = {NULL};
    const size_t count = 2u + has_scale + has_center;
    sluice_layer *layer;
    float epsilon = 0.001f;
    const sl_json *stated = sl_json_get(part->options, "epsilon");
    if (stated && !sl_json_number(stated, &epsilon))
        return sl_keras_fail(keras, part, "its epsilon is no number that fits a float");
    if (!is_last_axis(keras, sl_json_get(part->options, "axis")))
        return sl_keras_fail(keras, part, "its axis is not the last one");
    if (keras->layer->model != SIZE_MAX && keras->weights->is_named)
        return sl_keras_fail(keras, part,
                             "it is in a model within the model, where .h5 does not keep the order of weights; write the "
                             "model as .keras");
    sluice_status status = sl_keras_take(keras, part->path, count, taken);
    if (!status && taken[0]->dims == 1)
        sl_keras_set_width(keras, taken[0]->shape[0]);
    for (size_t k = 0; !status && k < count; k++)
        status = sl_keras_check_shape(keras, taken[k], keras->width, 0);
    if (!status)
        status = sl_keras_add(keras, SLUICE_LAYER_AFFINE, &layer);
    size_t at = 0;
    for (size_t k = 0; k < 4; k++)
        if (k == 0 ? has_scale : k == 1 ? has_center : true)
            tensors[k] = taken[at++];
    return status ? status : fold(keras, tensors, epsilon);
}

static sluice_status add_function(sl_keras *keras, const sluice_activation *activation)
{
    sluice_layer *layer;
    if (activation->function == SLUICE_FUNCTION_LINEAR)
        return SLUICE_STATUS_OK;
    const sluice_status status = sl_keras_add(keras, SLUICE_LAYER_ACTIVATION, &layer);
    if (!status)
        layer->activation = *activation;
    return status;
}

static sluice_status add_activation(sl_keras *keras, const sl_keras_part *part)
{
    sluice_activation activation;
    const sluice_status status = sl_keras_read_activation(keras, part, "activation", SLUICE_FUNCTION_LINEAR, &activation);
    return status ? status : add_function(keras, &activation);
}

static sluice_status add_advanced_activation(sl_keras *keras, const sl_keras_part *part)
{
    sluice_activation activation;
    const char *option;
    if (!sl_keras_activation_read_layer(part->class_name, part->options, &activation, &option))
        return sl_keras_fail(keras, part, "its %s has a value that this library does not have", option);
    return add_function(keras, &activation);
}

/* ---- Shapes ---------------------------------------------------------------------------------------------------------------- */

static sluice_status add_flatten(sl_keras *keras, const sl_keras_part *part)
{
    return keras->has_steps ? sl_keras_fail(keras, part, "it makes one vector of all steps, which suits one number of steps only")
                            : SLUICE_STATUS_OK;
}

/* Allowed where it changes nothing: [width] of vectors, [any][width] of steps. */
static sluice_status add_reshape(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *shape = sl_json_get(part->options, "target_shape");
    const size_t last = keras->has_steps ? 1 : 0;
    size_t width = 0;
    if (sl_json_at(shape, last) && !sl_json_at(shape, last + 1) && sl_json_size(sl_json_at(shape, last), &width) &&
        width == keras->width && sl_build_count(keras->build))
        return SLUICE_STATUS_OK;
    return sl_keras_fail(keras, part, "it changes the shape, which this library cannot");
}

static sluice_status add_reduction(sl_keras *keras, const sl_keras_part *part)
{
    const bool is_mean = strncmp(part->class_name, "GlobalAverage", strlen("GlobalAverage")) == 0;
    const char *format = sl_json_text(sl_json_get(part->options, "data_format"));
    sluice_layer *layer;
    if (!keras->has_steps)
        return sl_keras_fail(keras, part, "the layer before it gives one vector for a row, not steps");
    if ((format && strcmp(format, "channels_last") != 0) || sl_keras_get_flag(part, "keepdims", false))
        return sl_keras_fail(keras, part, "expected data_format channels_last, without keepdims");
    if (!is_mean && keras->has_mask)
        return sl_keras_fail(keras, part, "it takes the maximum of masked steps too, which this library does not");
    const sluice_status status = sl_keras_add(keras, SLUICE_LAYER_REDUCE, &layer);
    if (status)
        return status;
    layer->steps = is_mean ? SLUICE_STEPS_MEAN : SLUICE_STEPS_MAX;
    keras->has_steps = false;
    return SLUICE_STATUS_OK;
}

/* ---- The table ------------------------------------------------------------------------------------------------------------- */

static adder add_time_distributed;

typedef struct layer_class {
    const char *name;
    adder *add;
    bool of_steps; /* it may stand in TimeDistributed, where it computes each step by itself */
} layer_class;

static const layer_class classes[] = {
    {"InputLayer", add_input, false},
    {"Embedding", add_embedding, false},
    {"Masking", add_masking, false},
    {"LSTM", sl_keras_add_lstm, false},
    {"CuDNNLSTM", sl_keras_add_lstm, false},
    {"Bidirectional", sl_keras_add_bidirectional, false},
    {"RNN", sl_keras_add_rnn, false},
    {"Dense", add_dense, true},
    {"TimeDistributed", add_time_distributed, false},
    {"Activation", add_activation, true},
    {"LeakyReLU", add_advanced_activation, true},
    {"ReLU", add_advanced_activation, true},
    {"ELU", add_advanced_activation, true},
    {"ThresholdedReLU", add_advanced_activation, true},
    {"Softmax", add_advanced_activation, true},
    {"BatchNormalization", add_batch_normalization, false},
    {"Flatten", add_flatten, false},
    {"Reshape", add_reshape, false},
    {"GlobalAveragePooling1D", add_reduction, false},
    {"GlobalMaxPooling1D", add_reduction, false},
    {"Dropout", add_nothing, true},
    {"SpatialDropout1D", add_nothing, false},
    {"GaussianNoise", add_nothing, true},
    {"GaussianDropout", add_nothing, true},
    {"AlphaDropout", add_nothing, true},
    {"ActivityRegularization", add_nothing, true},
    {"Identity", add_nothing, true},
};

static const layer_class *find_class(const char *name)
{
    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++)
        if (strcmp(classes[k].name, name) == 0)
            return &classes[k];
    return NULL;
}

static sluice_status add_time_distributed(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *inner = sl_json_get(part->options, "layer");
    const char *class_name = sl_json_text(sl_json_get(inner, "class_name"));
    const layer_class *found = class_name ? find_class(class_name) : NULL;
    const sl_keras_part of = {class_name, sl_json_get(inner, "config"), "layer"};
    if (found && found->of_steps)
        return found->add(keras, &of);
    return sl_keras_fail(keras, part, "a layer of class \"%s\" in it is not run by this library",
                         class_name ? sl_label_get(class_name).text : "");
}

/* Classes that are worth another word than that they are unknown. */
static const char *get_reason(const char *class_name)
{
    static const char *const reasons[][2] = {
        {"Lambda", "its Python code is not run; write the model without it"},
        {"GRU", "it is no LSTM, and this library computes LSTMs only"},
        {"CuDNNGRU", "it is no LSTM, and this library computes LSTMs only"},
        {"SimpleRNN", "it is no LSTM, and this library computes LSTMs only"},
        {"RepeatVector", "this library cannot make steps of one vector"},
    };
    for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++)
        if (strcmp(reasons[k][0], class_name) == 0)
            return reasons[k][1];
    return "this library does not run layers of this class; a part of the model before it can be run alone: names.to (--to)";
}

/* A class of the user's own has a name like "package>LSTM", whatever its class_name. */
static bool is_custom(const sl_keras_layer *layer)
{
    const char *registered = sl_json_text(sl_json_get(layer->entry, "registered_name"));
    return registered && strchr(registered, '>');
}

static sluice_status add_layer(sl_keras *keras, size_t index)
{
    const sl_keras_layer *layer = &keras->config->layers[index];
    const sl_keras_part part = {layer->class_name, layer->config, ""};
    const layer_class *found = find_class(layer->class_name);
    keras->layer = layer;
    if (!found)
        return sl_keras_fail(keras, &part, "%s", get_reason(layer->class_name));
    if (is_custom(layer))
        return sl_keras_fail(keras, &part, "it is of a class of its author's own, whose Python code is not run");
    read_input_shape(keras, &part);
    sluice_status status = sl_keras_weights_begin(keras->weights, keras->config, index, keras->error);
    if (!status)
        status = found->add(keras, &part);
    return status ? status : sl_keras_weights_end(keras->weights, keras->error);
}

sluice_status sl_keras_add_layers(sl_keras *keras)
{
    sluice_status status = SLUICE_STATUS_OK;
    keras->has_steps = true;
    for (size_t k = 0; !status && k < keras->config->chain_count; k++)
        status = add_layer(keras, keras->config->chain[k]);
    for (size_t k = 0; !status && k < sl_build_count(keras->build); k++)
        if (sl_build_get(keras->build, k)->kind == SLUICE_LAYER_LSTM)
            return SLUICE_STATUS_OK;
    return status ? status
                  : sl_fail(keras->error, SLUICE_STATUS_UNSUPPORTED,
                            "%s: none of the layers that run is an LSTM, and this library computes networks of LSTMs", keras->name);
}
