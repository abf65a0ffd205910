/* sluice_backward: all checks of its arguments, after which nothing fails. */
#include "engine/api/backward_call.h"

#include "base/error.h"
#include "base/struct_size.h"
#include "engine/check.h"
#include "model/model.h"

#include <string.h>

#define CALL "sluice_backward: "

/* Arrays that the model has no counterpart of. */
static sluice_status check_counterparts(const sluice_engine *engine, const sluice_gradient *gradient, sluice_error *error)
{
    const sluice_shape *shape = &engine->shape;
    const bool reduces = engine->steps.reduces != SLUICE_STEPS_ALL, is_shape = engine->network->is_shape;
    const sluice_network *description = &engine->network->description;
    const bool has_head = description->layers[description->layer_count - 1].kind == SLUICE_LAYER_DENSE;
    const char *what = NULL;
    if (!shape->classes && (gradient->dlogits || gradient->dstep_logits || gradient->head_weight || gradient->head_bias))
        what = "dlogits, dstep_logits, head_weight or head_bias is given, but the model has no head";
    else if (!has_head && (gradient->head_weight || gradient->head_bias))
        what = "head_weight or head_bias is asked for, but the last layer is not dense";
    else if (!is_shape && reduces && gradient->dstep_logits)
        what = "dstep_logits is given, but the network gives one vector for each row; give dlogits";
    else if (!is_shape && !reduces && gradient->dlogits)
        what = "dlogits is given, but the network gives outputs at every step; give dstep_logits";
    else if (shape->vocabulary && gradient->dx)
        what = "dx is asked for, but the model has an embedding and reads tokens; ask for embedding";
    else if (!shape->vocabulary && gradient->embedding)
        what = "embedding is asked for, but the model has none and reads x; ask for dx";
    else if (gradient->parameter_count && !gradient->parameters)
        what = "parameters is NULL, but parameter_count is not 0";
    return what ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "%s", what) : SLUICE_STATUS_OK;
}

/* ---- Parameters ------------------------------------------------------------------------------------------------------------ */

/* A parameter that is asked for. */
static sluice_status want(const sluice_tape *tape, const sluice_parameter_gradient *parameter, sluice_error *error)
{
    const sl_network *network = tape->engine->network;
    const size_t layers = network->description.layer_count;
    if (parameter->layer >= layers)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "a parameter's gradient is of layer %zu; the network has %zu",
                       parameter->layer, layers);
    const char *layer = network->description.layers[parameter->layer].name, *name = sl_parameter_get_name(parameter->tensor);
    const sl_parameter_shape shape =
        parameter->direction < 2 && name
            ? sl_parameter_shape_get(network, parameter->layer, parameter->direction, parameter->tensor)
            : (sl_parameter_shape){0};
    if (!shape.rows || shape.optional)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       CALL "layer %zu \"%s\": %s (tensor %d, direction %zu) is asked for, but the model has none",
                       parameter->layer, layer, name ? name : "tensor", (int)parameter->tensor, parameter->direction);
    if (parameter->count != shape.rows * shape.columns)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "layer %zu \"%s\": %s: expected %zu floats, found %zu",
                       parameter->layer, layer, name, shape.rows * shape.columns, parameter->count);
    float **to = &tape->wanted[parameter->layer].of[parameter->direction][parameter->tensor];
    if (*to && parameter->values)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "layer %zu \"%s\": %s is asked for twice", parameter->layer, layer,
                       name);
    *to = parameter->values ? parameter->values : *to;
    return SLUICE_STATUS_OK;
}

/* A parameter that an array of the gradient is for; NULL: it is not wanted. */
static sluice_status want_array(const sluice_tape *tape, size_t layer, size_t direction, sluice_tensor tensor, float *values,
                                sluice_error *error)
{
    const sl_parameter_shape shape = sl_parameter_shape_get(tape->engine->network, layer, direction, tensor);
    const sluice_parameter_gradient parameter = {layer, direction, tensor, shape.rows * shape.columns, values};
    return values ? want(tape, &parameter, error) : SLUICE_STATUS_OK;
}

/* List all parameters that are asked for in tape->wanted. */
static sluice_status want_all(const sluice_tape *tape, const sluice_gradient *gradient, sluice_error *error)
{
    const sl_network *network = tape->engine->network;
    const size_t last = network->description.layer_count - 1;
    float *const *const arrays[] = {gradient->weight_ih, gradient->weight_hh, gradient->bias};
    const sluice_tensor tensors[] = {SLUICE_TENSOR_WEIGHT_IH, SLUICE_TENSOR_WEIGHT_HH, SLUICE_TENSOR_BIAS};
    sluice_status status = SLUICE_STATUS_OK;
    memset(tape->wanted, 0, (last + 1) * sizeof *tape->wanted);
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_lstm_layer *lstm = &network->lstm[network->dirs[k].layer];
        for (size_t j = 0; !status && j < sizeof arrays / sizeof *arrays; j++)
            status = want_array(tape, lstm->layer, k - lstm->first, tensors[j], arrays[j] ? arrays[j][k] : NULL, error);
    }
    if (!status)
        status = want_array(tape, 0, 0, SLUICE_TENSOR_EMBEDDING, gradient->embedding, error);
    if (!status)
        status = want_array(tape, last, 0, SLUICE_TENSOR_WEIGHT, gradient->head_weight, error);
    if (!status)
        status = want_array(tape, last, 0, SLUICE_TENSOR_BIAS, gradient->head_bias, error);
    for (size_t k = 0; !status && k < gradient->parameter_count; k++)
        status = want(tape, &gradient->parameters[k], error);
    return status;
}

/* ---- The call -------------------------------------------------------------------------------------------------------------- */

static sluice_status check_strides(const sluice_tape *tape, sluice_gradient *gradient, sluice_error *error)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t steps = tape->batch.steps, rows = tape->rows;
    if (gradient->dstep_logits && !sl_floats_fit(rows, steps, shape->classes))
        return sl_fail_size(error, "the gradient");
    const sl_array_use
        dy = {"sluice_backward",        "dy", rows, steps, tape->engine->network->outputs, false, &gradient->dy_row_stride,
              &gradient->dy_step_stride},
        dx = {"sluice_backward", "dx", rows, steps, shape->inputs, true, &gradient->dx_row_stride, &gradient->dx_step_stride};
    sluice_status status = gradient->dy ? sl_layout_check(&dy, sl_layout_of_dy(gradient), error) : SLUICE_STATUS_OK;
    if (!status && gradient->dx)
        status = sl_layout_check(&dx, sl_layout_of_dx(gradient), error);
    return status;
}

sluice_status sluice_backward(sluice_tape *tape, const sluice_gradient *gradient, sluice_error *error)
{
    return sl_backward_call(tape, gradient, NULL, error);
}

sluice_status sl_backward_call(sluice_tape *tape, const sluice_gradient *gradient, const sl_backward_watch *watch,
                               sluice_error *error)
{
    if (!tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "tape is NULL");
    sluice_gradient checked;
    sluice_status status = sl_struct_take(&checked, gradient, SL_STRUCT(sluice_gradient), "sluice_backward", error);
    if (status)
        return status;
    if (!tape->holds)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       CALL "the tape holds no batch, or one that is used up; run sluice_forward with it first");
    if (tape->models != tape->engine->models)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       CALL "the engine was given another model since the tape was written; run sluice_forward with it again");
    status = check_counterparts(tape->engine, &checked, error);
    if (!status)
        status = check_strides(tape, &checked, error);
    if (!status)
        status = want_all(tape, &checked, error);
    if (status)
        return status;
    tape->holds = tape->is_kept;
    sl_backward(tape, &checked, watch);
    return SLUICE_STATUS_OK;
}
