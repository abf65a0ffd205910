#include "io/onnx/onnx_layers.h"

#include "base/error.h"
#include "base/size.h"
#include "io/label.h"
#include "io/onnx/onnx_activation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Failures -------------------------------------------------------------------------------------------------------------- */

static void list_lstms(const sl_onnx_graph *graph, sl_label_list *list)
{
    for (const sl_onnx_node *node = graph->nodes; node; node = node->next) {
        if (sl_onnx_is_lstm(node))
            sl_label_list_add(list, sl_onnx_get_name(node), strlen(sl_onnx_get_name(node)), "");
        for (const sl_onnx_attribute *of = node->attributes; of; of = of->next)
            if (of->graph)
                list_lstms(of->graph, list);
    }
}

void sl_onnx_list_lstms(const sl_onnx_graph *graph, sl_onnx_names *names)
{
    sl_label_list list = {.count = 0};
    list_lstms(graph, &list);
    names->count = list.count;
    snprintf(names->text, sizeof names->text, "%s", list.text);
}

sluice_status sl_onnx_stuck(const sl_onnx_chain *chain, const sl_onnx_node *node, const char *format, ...)
{
    char reason[300];
    sl_onnx_names names;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    sl_onnx_list_lstms(chain->reader->model->graph, &names);
    return sl_onnx_fail(chain->reader, SLUICE_STATUS_UNSUPPORTED, node,
                        "%s; name the last node to run before it (to, --to), or one LSTM to run alone (lstm, --lstm): %s", reason,
                        names.text);
}

/* ---- The network's layers -------------------------------------------------------------------------------------------------- */

sluice_status sl_onnx_add_layer(sl_onnx_chain *chain, const sl_onnx_node *node, sluice_layer_kind kind, sluice_layer **layer)
{
    const char *name = sl_onnx_get_name(node);
    chain->is_open = false;
    return sl_build_add(chain->reader->build, kind, name, strlen(name), layer, chain->reader->error);
}

size_t sl_onnx_get_size(const sl_onnx_chain *chain, const sl_onnx_axes *axes, size_t at)
{
    const sl_onnx_axis axis = at < axes->count ? axes->axis[at] : SL_AXIS_ONE;
    if (axis == SL_AXIS_FEATURES)
        return sl_onnx_axes_get_width(axes);
    return chain->input && axis == SL_AXIS_INPUT + (sl_onnx_axis)chain->input_count - 1 ? chain->input->last : axis == SL_AXIS_ONE;
}

sluice_status sl_onnx_set_inputs(sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes, size_t inputs)
{
    const size_t width = sl_onnx_get_size(chain, axes, axes->count - 1);
    if (width && width != inputs)
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "expected weights for %zu features, found them for %zu",
                            width, inputs);
    if (!chain->has_inputs)
        sl_build_set_inputs(chain->reader->build, inputs);
    chain->has_inputs = true;
    return SLUICE_STATUS_OK;
}

sluice_status sl_onnx_flush(sl_onnx_chain *chain, const sl_onnx_axes *axes)
{
    if (!chain->is_waiting)
        return SLUICE_STATUS_OK;
    const sl_onnx_lstm_use use = {.steps = axes->steps, .merge = axes->merge, .only = axes->only};
    chain->is_waiting = false;
    chain->is_open = false;
    return sl_onnx_lstm_add(chain->reader, &chain->lstm, &use);
}

static sluice_status check_joined(const sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes)
{
    for (size_t k = 0; k < axes->count; k++)
        if (axes->axis[k] == SL_AXIS_DIRECTIONS && axes->directions > 1)
            return sl_onnx_stuck(chain, node, "it reads the two directions of an LSTM without their being joined");
    return SLUICE_STATUS_OK;
}

/* The same before a layer that reads all features of a step, which have to be the last axis. */
static sluice_status flush_features(sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes)
{
    const sluice_status status = check_joined(chain, node, axes);
    if (status)
        return status;
    const sl_onnx_axis last = axes->count ? axes->axis[axes->count - 1] : SL_AXIS_ONE;
    if (last != SL_AXIS_FEATURES && last < SL_AXIS_INPUT && !(last == SL_AXIS_ONE && !chain->lstm_count))
        return sl_onnx_stuck(chain, node, "its input is %s, expected features last", sl_onnx_axes_get_text(axes).text);
    return sl_onnx_flush(chain, axes);
}

/* ---- Activations ----------------------------------------------------------------------------------------------------------- */

/* Softmax is over the last axis alone, the features; the others take each number by itself. */
static sluice_status check_function(sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes,
                                    sluice_function *function)
{
    const sl_onnx_attribute *approximate = sl_onnx_get_attribute(node, "approximate");
    if (*function == SLUICE_FUNCTION_GELU && approximate && strcmp(approximate->s, "tanh") == 0)
        *function = SLUICE_FUNCTION_GELU_TANH;
    if (*function == SLUICE_FUNCTION_SELU && (sl_onnx_get_attribute(node, "alpha") || sl_onnx_get_attribute(node, "gamma")))
        return sl_onnx_stuck(chain, node, "it has an alpha or gamma of its own");
    if (*function != SLUICE_FUNCTION_SOFTMAX)
        return SLUICE_STATUS_OK;
    size_t axis;
    if (!sl_onnx_get_axis(sl_onnx_get_int(node, "axis", chain->reader->model->opset < 13 ? 1 : -1), axes->count, &axis) ||
        axis + 1 != axes->count || axes->axis[axis] != SL_AXIS_FEATURES)
        return sl_onnx_stuck(chain, node, "it is not over the features alone");
    return flush_features(chain, node, axes);
}

static sluice_status add_function(sl_onnx_chain *chain, const sl_onnx_node *node, const sl_onnx_axes *axes,
                                  const sl_onnx_activation *known)
{
    sluice_layer *layer;
    sluice_activation made = {.function = known->function};
    sluice_status status = check_function(chain, node, axes, &made.function);
    if (!status)
        status = sl_onnx_flush(chain, axes);
    if (status)
        return status;
    if (known->has_alpha)
        made.alpha = sl_onnx_get_float(node, "alpha", known->alpha);
    if (known->has_beta)
        made.beta = sl_onnx_get_float(node, "beta", known->beta);
    if (chain->is_open) {
        sl_build_get(chain->reader->build, sl_build_count(chain->reader->build) - 1)->activation = made;
        chain->is_open = false;
        return SLUICE_STATUS_OK;
    }
    status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_ACTIVATION, &layer);
    if (!status)
        layer->activation = made;
    return status;
}

/* ---- Dense layers ---------------------------------------------------------------------------------------------------------- */

/* Add a dense layer of weights that are in the scratch, as [units][inputs]. */
static sluice_status add_dense(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, float scale)
{
    const sl_onnx_constant *weights = &chain->scratch;
    const size_t units = weights->shape[0], inputs = weights->shape[1];
    sluice_layer *layer;
    if (!units || !inputs)
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "expected weights, found %zu for each of %zu outputs",
                            inputs, units);
    sluice_status status = flush_features(chain, node, axes);
    if (!status)
        status = sl_onnx_set_inputs(chain, node, axes, inputs);
    if (!status)
        status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_DENSE, &layer);
    if (status)
        return status;
    layer->units = units;
    axes->features = units;
    axes->is_joined = false;
    axes->axis[axes->count - 1] = SL_AXIS_FEATURES;
    chain->is_open = chain->may_have_bias = true;
    const sl_fill fill = {.layer = sl_build_count(chain->reader->build) - 1,
                          .tensor = SLUICE_TENSOR_WEIGHT,
                          .pitch = inputs,
                          .scale = scale == 1 ? 0 : scale};
    return sl_onnx_fill(chain->reader, weights, (sl_onnx_part){.rows = units}, &fill);
}

/* Add the scratch, a vector or one number for all, as the bias of the dense layer before. */
static sluice_status add_bias(sl_onnx_chain *chain, const sl_onnx_node *node, float scale)
{
    const size_t layer = sl_build_count(chain->reader->build) - 1;
    sluice_layer *dense = sl_build_get(chain->reader->build, layer);
    sl_onnx_constant *bias = &chain->scratch;
    if (bias->dims > 1 && !sl_onnx_drop_dims(bias, bias->dims - 1))
        return sl_onnx_stuck(chain, node, "its bias is %s", sl_shape_get_text(bias->shape, bias->dims).text);
    const bool is_one = bias->shape[0] == 1;
    if (!is_one && bias->shape[0] != dense->units)
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "bias: expected %zu numbers, found %zu", dense->units,
                            bias->shape[0]);
    dense->has_bias = 1;
    chain->may_have_bias = false;
    sl_fill fill = {.layer = layer, .tensor = SLUICE_TENSOR_BIAS, .pitch = 1, .scale = scale == 1 ? 0 : scale};
    if (!is_one || dense->units == 1)
        return sl_onnx_fill(chain->reader, bias, (sl_onnx_part){.rows = dense->units}, &fill);
    float *values, one;
    size_t count;
    sluice_status status = sl_onnx_read_constant(chain->reader, node, "bias", bias, &one, 1, &count);
    if (!status)
        status = sl_onnx_allocate(chain->reader, node, dense->units, &values);
    if (status)
        return status;
    for (size_t k = 0; k < dense->units; k++)
        values[k] = one * scale;
    fill.scale = 0;
    fill.pitch = 0;
    fill.values = values;
    fill.from = (sl_view){.rows = 1, .columns = dense->units};
    return sl_build_fill(chain->reader->build, &fill, chain->reader->error);
}

static sluice_status add_matmul(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    sl_onnx_constant *weights = &chain->scratch;
    const sluice_status status = sl_onnx_get_constant(chain->reader, node, 1, "weights", weights);
    if (status)
        return status;
    if (weights->dims < 2 || !sl_onnx_drop_dims(weights, weights->dims - 2))
        return sl_onnx_stuck(chain, node, "its weights are %s", sl_shape_get_text(weights->shape, weights->dims).text);
    sl_onnx_swap(weights, 0, 1);
    return add_dense(chain, node, axes, 1);
}

static sluice_status add_gemm(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    const float alpha = sl_onnx_get_float(node, "alpha", 1), beta = sl_onnx_get_float(node, "beta", 1);
    sluice_status status = sl_onnx_get_constant(chain->reader, node, 1, "weights", &chain->scratch);
    if (status)
        return status;
    if (chain->scratch.dims != 2 || sl_onnx_get_int(node, "transA", 0) || alpha == 0 || beta == 0)
        return sl_onnx_stuck(chain, node, "it is no layer of weights and a bias");
    if (!sl_onnx_get_int(node, "transB", 0))
        sl_onnx_swap(&chain->scratch, 0, 1);
    status = add_dense(chain, node, axes, alpha);
    if (status || !*sl_onnx_get_input(node, 2))
        return status;
    status = sl_onnx_get_constant(chain->reader, node, 2, "bias", &chain->scratch);
    return status ? status : add_bias(chain, node, beta);
}

/* ---- Affine layers --------------------------------------------------------------------------------------------------------- */

/* Add y = scale x + shift, both of `width` numbers that live as long as the build. */
static sluice_status add_affine(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, const float *scale,
                                const float *shift, size_t width)
{
    sluice_layer *layer;
    sluice_status status = sl_onnx_set_inputs(chain, node, axes, width);
    if (!status)
        status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_AFFINE, &layer);
    for (size_t k = 0; !status && k < 2; k++) {
        const sl_fill fill = {.layer = sl_build_count(chain->reader->build) - 1,
                              .tensor = k ? SLUICE_TENSOR_SHIFT : SLUICE_TENSOR_SCALE,
                              .values = k ? shift : scale,
                              .from = {.rows = 1, .columns = width}};
        status = sl_build_fill(chain->reader->build, &fill, chain->reader->error);
    }
    return status;
}

/* Read a constant input of a number for each of `width` features, or one for all, into values of the build. */
static sluice_status read_vector(sl_onnx_chain *chain, const sl_onnx_node *node, size_t input, size_t width, float **values)
{
    size_t count;
    sluice_status status = sl_onnx_get_constant(chain->reader, node, input, "operand", &chain->scratch);
    if (!status && chain->scratch.dims > 1 && !sl_onnx_drop_dims(&chain->scratch, chain->scratch.dims - 1))
        return sl_onnx_stuck(chain, node, "its constant differs from step to step");
    if (!status)
        status = sl_onnx_allocate(chain->reader, node, width, values);
    if (!status)
        status = sl_onnx_read_constant(chain->reader, node, "operand", &chain->scratch, *values, width, &count);
    if (!status && count != width && count != 1)
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "expected %zu numbers, found %zu", width, count);
    for (size_t k = 1; !status && count == 1 && k < width; k++)
        (*values)[k] = (*values)[0];
    return status;
}

static sluice_status add_batch_norm(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    float *values[4];
    size_t width = sl_onnx_axes_get_width(axes);
    if (axes->count < 2 || axes->axis[1] != SL_AXIS_FEATURES || sl_onnx_get_int(node, "training_mode", 0))
        return sl_onnx_stuck(chain, node, "its input is %s, expected the features as axis 1", sl_onnx_axes_get_text(axes).text);
    sluice_status status = check_joined(chain, node, axes);
    if (!status)
        status = sl_onnx_flush(chain, axes);
    for (size_t k = 0; !status && k < 4; k++)
        status = read_vector(chain, node, k + 1, width, &values[k]);
    const float epsilon = sl_onnx_get_float(node, "epsilon", 1e-5F);
    for (size_t k = 0; !status && k < width; k++) {
        const double scale = (double)values[0][k] / sqrt((double)values[3][k] + (double)epsilon);
        values[1][k] = (float)((double)values[1][k] - (double)values[2][k] * scale);
        values[0][k] = (float)scale;
    }
    return status ? status : add_affine(chain, node, axes, values[0], values[1], width);
}

/* Add, Sub, Mul and Div of features and constants. */
static sluice_status add_arithmetic(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    const size_t data = sl_onnx_get_data_input(chain, node);
    const bool is_sum = sl_onnx_is(node, "Add") || sl_onnx_is(node, "Sub");
    const bool is_inverse = sl_onnx_is(node, "Sub") || sl_onnx_is(node, "Div");
    const size_t width = axes->count ? sl_onnx_get_size(chain, axes, axes->count - 1) : 0;
    float *values, *others;
    const bool is_last = axes->count && axes->axis[axes->count - 1] == SL_AXIS_FEATURES;
    if (chain->is_open && chain->may_have_bias && is_last && sl_onnx_is(node, "Add")) {
        const sluice_status status = sl_onnx_get_constant(chain->reader, node, 1 - data, "bias", &chain->scratch);
        return status ? status : add_bias(chain, node, 1);
    }
    sluice_status status = flush_features(chain, node, axes);
    if (!status && (!width || (sl_onnx_is(node, "Div") && data == 1)))
        return sl_onnx_stuck(chain, node, width ? "it divides a constant by features" : "the number of features is not known");
    if (!status)
        status = read_vector(chain, node, 1 - data, width, &values);
    if (!status)
        status = sl_onnx_allocate(chain->reader, node, width, &others);
    for (size_t k = 0; !status && k < width; k++) {
        others[k] = is_sum ? data == 1 && is_inverse ? -1 : 1 : 0;
        if (is_inverse && data == 0)
            values[k] = is_sum ? -values[k] : 1 / values[k];
    }
    return status ? status : add_affine(chain, node, axes, is_sum ? others : values, is_sum ? values : others, width);
}

/* ---- All ------------------------------------------------------------------------------------------------------------------- */

size_t sl_onnx_get_data_input(sl_onnx_chain *chain, const sl_onnx_node *node)
{
    const bool has_order = sl_onnx_is(node, "Add") || sl_onnx_is(node, "Sub") || sl_onnx_is(node, "Mul") || sl_onnx_is(node, "Div");
    return has_order && sl_onnx_fold(node->graph, sl_onnx_get_input(node, 0), &chain->scratch, NULL);
}

sluice_status sl_onnx_add_step(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, bool *known)
{
    static const struct {
        const char *op;
        sluice_status (*add)(sl_onnx_chain *, const sl_onnx_node *, sl_onnx_axes *);
    } nodes[] = {{"MatMul", add_matmul},
                 {"Gemm", add_gemm},
                 {"Add", add_arithmetic},
                 {"Sub", add_arithmetic},
                 {"Mul", add_arithmetic},
                 {"Div", add_arithmetic},
                 {"BatchNormalization", add_batch_norm}};
    const sl_onnx_activation *function = sl_onnx_activation_of_node(node);
    *known = true;
    if (function)
        return add_function(chain, node, axes, function);
    for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++)
        if (sl_onnx_is(node, nodes[k].op))
            return nodes[k].add(chain, node, axes);
    *known = false;
    return SLUICE_STATUS_OK;
}
