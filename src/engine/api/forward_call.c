/* sluice_forward: all checks of arguments are here, and nothing below checks again. */
#include "engine/check.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "engine/forward/forward.h"
#include "engine/streams.h"
#include "engine/forward/tape.h"

bool sl_strides_fit(size_t rows, size_t row_stride, size_t steps, size_t step_stride, size_t width)
{
    size_t a, b, sum;
    return sl_size_mul(rows, row_stride, &a) && sl_size_mul(steps, step_stride, &b) && sl_size_add(a, b, &sum) &&
           sl_size_add(sum, width, &sum) && sum <= SIZE_MAX / 2 / sizeof(float);
}

bool sl_strides_overlap(size_t rows, size_t row, size_t steps, size_t step, size_t width)
{
    const bool steps_apart = steps == 1 || step >= width, rows_apart = rows == 1 || row >= width;
    const bool nested = steps == 1 || rows == 1 || row >= (steps - 1) * step + width || step >= (rows - 1) * row + width;
    return !steps_apart || !rows_apart || !nested;
}

bool sl_floats_fit(size_t a, size_t b, size_t c)
{
    size_t floats;
    return sl_size_mul(a, b, &floats) && sl_size_mul(floats, c, &floats) && floats <= SIZE_MAX / 2 / sizeof(float);
}

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
    if ((batch->logits || batch->step_logits) && !engine->shape.classes)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: %s are asked for, but the model has no head",
                       batch->logits ? "logits" : "step_logits");
    if (batch->step_logits && !batch->y && !batch->tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: step_logits are made of y; give y, or a tape, which holds it");
    return SLUICE_STATUS_OK;
}

static sluice_status check_tape(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    if (batch->tape && batch->tape->engine != engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the tape was made for another engine; make one for this");
    if (!(batch->dropout >= 0 && batch->dropout < 1))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: dropout is %g; expected 0 <= dropout < 1",
                       batch->dropout);
    if (batch->dropout > 0 && !batch->tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: dropout without a tape; outside training leave it 0");
    return SLUICE_STATUS_OK;
}

/* Fill in the strides of contiguous arrays and refuse those by which steps or rows of y would lie on each other. */
static sluice_status check_strides(const sluice_engine *engine, sluice_batch *batch, sluice_error *error)
{
    const size_t inputs = batch->tokens ? 1 : engine->shape.inputs, outputs = engine->shape.directions * engine->shape.hidden;
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
        !sl_strides_fit(batch->rows, engine->shape.layers * engine->shape.directions * engine->shape.hidden, batch->rows,
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

sluice_status sl_batch_check_lengths(size_t rows, size_t steps, const int64_t *lengths, sluice_error *error)
{
    for (size_t row = 0; lengths && row < rows; row++)
        if (lengths[row] < 0 || (uint64_t)lengths[row] > steps)
            return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX, "length %lld; expected 0..%zu, the batch's steps",
                               (long long)lengths[row], steps);
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
    if (batch->streams && !sl_streams_fit(batch->streams, &engine->shape))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the streams were made for another network; make a set for one of %zu layers and %zu units",
                       engine->shape.layers, engine->shape.hidden);
    return SLUICE_STATUS_OK;
}

/* The batch's slots are its own for the time of the call. */
static sluice_status run(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch, sluice_error *error)
{
    if (batch->streams) {
        const sluice_status status = sl_streams_take(batch->streams, batch->slots, batch->rows, error);
        if (status)
            return status;
    }
    sl_forward(engine, workspace, batch);
    if (batch->streams)
        sl_streams_give_back(batch->streams, batch->slots, batch->rows);
    return SLUICE_STATUS_OK;
}

sluice_status sluice_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                             sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: engine is NULL");
    if (workspace && workspace->engine != engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the workspace was made for another engine; make one for this");
    sluice_batch checked;
    sluice_status status = sl_struct_take(&checked, batch, SL_STRUCT(sluice_batch), "sluice_forward", error);
    if (!status)
        status = check_input(engine, &checked, error);
    if (!status)
        status = check_strides(engine, &checked, error);
    if (!status)
        status = sl_batch_check_lengths(checked.rows, checked.steps, checked.lengths, error);
    if (!status)
        status = check_tokens(engine, &checked, error);
    if (!status)
        status = check_streams(engine, &checked, error);
    if (!status)
        status = check_tape(engine, &checked, error);
    if (!status && checked.tape)
        status = sl_tape_fit(checked.tape, &checked, error);
    if (status)
        return status;
    if (checked.rows == 0) {
        if (checked.tape)
            checked.tape->holds = true;
        return SLUICE_STATUS_OK;
    }
    const size_t longest = sl_longest_row(checked.rows, checked.steps, checked.lengths);
    if (workspace)
        status = sl_workspace_fit(workspace, checked.rows, longest, error);
    sluice_workspace *borrowed = NULL;
    if (!workspace)
        status = sl_pool_take(engine->pool, engine, checked.rows, longest, &borrowed, error);
    if (!status)
        status = run(engine, workspace ? workspace : borrowed, &checked, error);
    if (borrowed)
        sl_pool_give_back(engine->pool, borrowed);
    if (checked.tape)
        checked.tape->holds = !status;
    return status;
}
