/* sluice_forward: all checks of arguments are here, and nothing below checks again. */
#include "engine/check.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/threads.h"
#include "engine/forward/forward.h"
#include "engine/forward/tape_record.h"
#include "engine/forward/workspace_pool.h"
#include "engine/schedule/batch_load.h"
#include "engine/streams.h"

static sluice_status check_input(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    const bool wants_tokens = engine->shape.vocabulary > 0;
    if (wants_tokens && batch->x)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: x is given, but the model has an embedding and reads tokens");
    if (!wants_tokens && batch->tokens)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: tokens are given, but the model has no embedding and reads x");
    if (batch->rows && batch->steps && !batch->x && !batch->tokens)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: %s is NULL, but there are %zu rows of up to %zu steps",
                       wants_tokens ? "tokens" : "x", batch->rows, batch->steps);
    return SLUICE_STATUS_OK;
}

/* Whether the network's end gives what is asked for. */
static sluice_status check_ends(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    const sl_network *network = engine->network;
    if ((batch->logits || batch->step_logits) && !network->ends)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: %s are asked for, but the model has no head",
                       batch->logits ? "logits" : "step_logits");
    const bool has_steps = engine->steps.reduces == SLUICE_STEPS_ALL;
    if (!network->is_shape && (has_steps ? batch->logits : batch->step_logits))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: the network gives %s; ask for %s instead of %s",
                       has_steps ? "outputs at every step" : "one vector for each row", has_steps ? "step_logits" : "logits",
                       has_steps ? "logits" : "step_logits");
    if (network->is_shape && batch->step_logits && !batch->y && !batch->tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: step_logits are made of y; give y, or a tape, which holds it");
    return SLUICE_STATUS_OK;
}

/* Fill in the strides of contiguous arrays. Refuse those by which two steps or rows of y would share memory. */
static sluice_status check_strides(const sluice_engine *engine, sluice_batch *batch, sluice_error *error)
{
    const size_t inputs = engine->network->step_inputs, outputs = engine->network->outputs;
    size_t whole;
    if (!sl_size_mul(batch->steps, outputs, &whole) || !sl_size_mul(batch->steps, inputs, &whole))
        return sl_fail_size(error, "a row of the batch");
    if (!batch->x_row_stride && !batch->x_step_stride) {
        batch->x_step_stride = inputs;
        batch->x_row_stride = batch->steps * inputs;
    }
    if (!batch->y_row_stride && !batch->y_step_stride) {
        batch->y_step_stride = outputs;
        batch->y_row_stride = batch->steps * outputs;
    }
    if (!sl_strides_fit(batch->x_offsets ? 0 : batch->rows, batch->x_row_stride, batch->steps, batch->x_step_stride, inputs) ||
        !sl_strides_fit(batch->rows, batch->y_row_stride, batch->steps, batch->y_step_stride, outputs) ||
        !sl_strides_fit(batch->rows, sl_size_max(engine->network->h_floats, engine->network->c_floats), batch->rows,
                        engine->shape.classes, 0) ||
        (batch->step_logits && !sl_floats_fit(batch->rows, batch->steps, engine->shape.classes)))
        return sl_fail_size(error, "the batch");
    if (!batch->y || !batch->rows || !batch->steps)
        return SLUICE_STATUS_OK;
    const size_t steps = batch->steps, rows = batch->rows, row = batch->y_row_stride, step = batch->y_step_stride;
    if (sl_strides_overlap(rows, row, steps, step, outputs))
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "sluice_forward: y strides (row %zu, step %zu) make outputs overlap; %zu rows of %zu steps of %zu floats need more",
            row, step, rows, steps, outputs);
    return SLUICE_STATUS_OK;
}

static sluice_status check_tokens(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    const uint32_t vocabulary = (uint32_t)engine->shape.vocabulary;
    for (size_t row = 0; batch->tokens && row < batch->rows; row++) {
        const int32_t *tokens = batch->tokens + (batch->x_offsets ? batch->x_offsets[row] : row * batch->x_row_stride);
        const size_t steps = batch->lengths ? (size_t)batch->lengths[row] : batch->steps;
        for (size_t t = 0; t < steps; t++)
            if ((uint32_t)tokens[t * batch->x_step_stride] >= vocabulary)
                return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, t, "token %d; expected 0..%u, the model's vocabulary",
                                   (int)tokens[t * batch->x_step_stride], (unsigned)vocabulary - 1);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status check_streams(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    if (batch->slots && !batch->streams)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: slots are given without streams");
    if (batch->streams && (batch->h0 || batch->c0))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: streams bring their own states; leave h0 and c0 NULL, or set the slots' states");
    if (batch->streams && !sl_streams_fit(batch->streams, engine->network))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the streams were made for another network; make a set for one of %zu layers and %zu units",
                       engine->shape.layers, engine->shape.hidden);
    return SLUICE_STATUS_OK;
}

static sluice_status check_objects(const sluice_engine *engine, const sluice_workspace *workspace, sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: engine is NULL");
    if (workspace && workspace->engine != engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the workspace was made for another engine; make one for this");
    return SLUICE_STATUS_OK;
}

/* Check a batch, the caller's copied, and fill in its strides. */
static sluice_status check_batch(const sluice_engine *engine, sluice_batch *batch, sluice_error *error)
{
    sluice_status status = check_input(engine, batch, error);
    if (!status)
        status = check_ends(engine, batch, error);
    if (!status)
        status = check_strides(engine, batch, error);
    if (!status)
        status = sl_batch_check_lengths(batch->rows, batch->steps, batch->lengths, error);
    if (!status)
        status = check_tokens(engine, batch, error);
    if (!status)
        status = check_streams(engine, batch, error);
    return status;
}

/* Take a workspace that fits, the caller's or, where *workspace is NULL, one of the pool, and the slots of the batch's streams. */
static sluice_status acquire(const sluice_engine *engine, const sluice_batch *batch, sluice_workspace **workspace,
                             sluice_error *error)
{
    const size_t steps = sl_longest_row(batch->rows, batch->steps, batch->lengths);
    const bool borrows = !*workspace;
    sluice_status status = borrows ? sl_pool_take(engine->pool, engine, batch->rows, steps, workspace, error)
                                   : sl_workspace_fit(*workspace, batch->rows, steps, error);
    if (status || !batch->streams)
        return status;
    status = sl_streams_take(batch->streams, batch->slots, batch->rows, error);
    if (status && borrows)
        sl_pool_give_back(engine->pool, *workspace);
    return status;
}

sluice_status sluice_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                             sluice_error *error)
{
    sluice_batch checked;
    sluice_status status = check_objects(engine, workspace, error);
    if (!status)
        status = sl_struct_take(&checked, batch, SL_STRUCT(sluice_batch), "sluice_forward", error);
    if (!status)
        status = check_batch(engine, &checked, error);
    if (!status)
        status = sl_tape_record_begin(engine, &checked, error);
    if (status)
        return status;
    if (checked.rows > 0) {
        sluice_workspace *used = workspace;
        status = acquire(engine, &checked, &used, error);
        if (status)
            return status;
        sl_forward_call call;
        sl_threads_run(sl_forward_begin(used, &checked, &call), sl_forward_run_thread, &call);
        sl_forward_end(&call);
        if (checked.streams)
            sl_streams_give_back(checked.streams, checked.slots, checked.rows);
        if (!workspace)
            sl_pool_give_back(engine->pool, used);
    }
    sl_tape_record_end(&checked);
    return SLUICE_STATUS_OK;
}
