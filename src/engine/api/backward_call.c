/* sluice_backward: all checks of its arguments, after which nothing fails. */
#include "base/error.h"
#include "base/struct_size.h"
#include "engine/backward/backward.h"
#include "engine/check.h"

#define CALL "sluice_backward: "

static bool has_any(float *const *arrays, size_t count)
{
    for (size_t k = 0; arrays && k < count; k++)
        if (arrays[k])
            return true;
    return false;
}

/* Arrays that the model has no counterpart of. */
static sluice_status check_counterparts(const sluice_engine *engine, const sluice_gradient *gradient, sluice_error *error)
{
    const sluice_shape *shape = &engine->shape;
    const char *what = NULL;
    if (!shape->classes && (gradient->dlogits || gradient->dstep_logits || gradient->head_weight || gradient->head_bias))
        what = "dlogits, dstep_logits, head_weight or head_bias is given, but the model has no head";
    else if (shape->vocabulary && gradient->dx)
        what = "dx is asked for, but the model has an embedding and reads tokens; ask for embedding";
    else if (!shape->vocabulary && gradient->embedding)
        what = "embedding is asked for, but the model has none and reads x; ask for dx";
    else if (!shape->has_bias && has_any(gradient->bias, engine->network->layer_dirs))
        what = "bias is asked for, but the model has none";
    return what ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "%s", what) : SLUICE_STATUS_OK;
}

static sluice_status check_strides(const sluice_tape *tape, sluice_gradient *gradient, sluice_error *error)
{
    const sluice_shape *shape = &tape->engine->shape;
    const size_t steps = tape->batch.steps, rows = tape->rows, outputs = tape->engine->network->outputs;
    if (!gradient->dy_row_stride && !gradient->dy_step_stride) {
        gradient->dy_step_stride = outputs;
        gradient->dy_row_stride = steps * outputs;
    }
    if (!gradient->dx_row_stride && !gradient->dx_step_stride) {
        gradient->dx_step_stride = shape->inputs;
        gradient->dx_row_stride = steps * shape->inputs;
    }
    if ((gradient->dy && !sl_strides_fit(rows, gradient->dy_row_stride, steps, gradient->dy_step_stride, outputs)) ||
        (gradient->dx && !sl_strides_fit(gradient->dx_offsets ? 0 : rows, gradient->dx_row_stride, steps, gradient->dx_step_stride,
                                         shape->inputs)) ||
        (gradient->dstep_logits && !sl_floats_fit(rows, steps, shape->classes)))
        return sl_fail_size(error, "the gradient");
    if (!gradient->dx || !rows || !steps)
        return SLUICE_STATUS_OK;
    const size_t row = gradient->dx_offsets ? SIZE_MAX : gradient->dx_row_stride, step = gradient->dx_step_stride;
    if (sl_strides_overlap(gradient->dx_offsets ? 1 : rows, row, steps, step, shape->inputs))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       CALL "dx strides (row %zu, step %zu) make gradients overlap; %zu rows of %zu steps of %zu floats need more",
                       gradient->dx_row_stride, step, rows, steps, shape->inputs);
    return SLUICE_STATUS_OK;
}

sluice_status sluice_backward(sluice_tape *tape, const sluice_gradient *gradient, sluice_error *error)
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
    if (status)
        return status;
    tape->holds = false;
    sl_backward(tape, &checked);
    return SLUICE_STATUS_OK;
}
