/* sluice_forward: all checks of arguments are here, and nothing below checks again. */
#include "engine/check.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/threads.h"
#include "engine/batch_row.h"
#include "engine/forward/forward.h"
#include "engine/forward/mask_rule.h"
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
    if (batch->tokens && batch->byte_tokens)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: both tokens and byte_tokens are given; give one of them");
    if (!wants_tokens && (batch->tokens || batch->byte_tokens))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: tokens are given, but the model has no embedding and reads x");
    if (batch->rows && batch->steps && !batch->x && !batch->tokens && !batch->byte_tokens)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: %s is NULL, but there are %zu rows of up to %zu steps",
                       wants_tokens ? "tokens" : "x", batch->rows, batch->steps);
    return SLUICE_STATUS_OK;
}

/* The mask's strides are filled in. */
static sluice_status check_mask(sluice_batch *batch, sluice_error *error)
{
    if (!batch->mask)
        return SLUICE_STATUS_OK;
    if (batch->tape)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "sluice_forward: a mask with a tape; train without masked steps");
    if (batch->steps > UINT32_MAX)
        return sl_fail_size(error, "a batch with a mask");
    if (!batch->mask_row_stride && !batch->mask_step_stride) {
        batch->mask_step_stride = 1;
        batch->mask_row_stride = batch->steps;
    }
    return sl_strides_fit(batch->rows, batch->mask_row_stride, batch->steps, batch->mask_step_stride, 1)
               ? SLUICE_STATUS_OK
               : sl_fail_size(error, "the mask");
}

/* Whether the network's own rule masks a step. The mask itself is made when the call has its workspace. */
static sluice_status check_mask_rule(const sluice_engine *engine, const sluice_batch *batch, bool *masks, sluice_error *error)
{
    size_t row, step;
    *masks = !batch->mask && sl_mask_rule_find(engine->network, batch, &row, &step);
    if (*masks && batch->tape)
        return sl_fail_row(error, SLUICE_STATUS_UNSUPPORTED, row, step,
                           "is masked by the network's own rule, together with a tape; train without masked steps");
    return *masks && batch->steps > UINT32_MAX ? sl_fail_size(error, "a batch with masked steps") : SLUICE_STATUS_OK;
}

/* A wanted output of a layer. */
static sluice_status check_output(const sluice_engine *engine, const sluice_batch *batch, const sluice_output *output,
                                  sluice_error *error)
{
    const sl_network *network = engine->network;
    const size_t layers = network->description.layer_count;
    if (output->layer >= layers || !output->at)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: outputs of layer %zu%s; the network has %zu layers",
                       output->layer, output->at ? "" : ", whose array is NULL", layers);
    const sluice_layer *layer = &network->description.layers[output->layer];
    const size_t width = network->widths[output->layer], steps = output->layer < network->reducing_layer ? batch->steps : 1;
    if (layer->kind == SLUICE_LAYER_EMBEDDING && !engine->embedding)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "sluice_forward: outputs of layer %zu \"%s\", an embedding, are rows of its table: "
                       "sluice_model_get_parameter",
                       output->layer, layer->name);
    if (network->is_shape && output->layer + 1 == layers && network->ends)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "sluice_forward: outputs of layer %zu \"%s\", the head: ask for logits or step_logits", output->layer,
                       layer->name);
    if (batch->tape)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "sluice_forward: outputs of layers with a tape; ask for y");
    if (!sl_strides_fit(batch->rows, output->row_stride, steps, output->step_stride, width))
        return sl_fail_size(error, "outputs of a layer");
    if (batch->rows && steps && sl_strides_overlap(batch->rows, output->row_stride, steps, output->step_stride, width))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: strides (row %zu, step %zu) make outputs of layer %zu \"%s\" overlap", output->row_stride,
                       output->step_stride, output->layer, layer->name);
    return SLUICE_STATUS_OK;
}

/* Whether an output has to stand for y: where no buffer holds the last LSTM layer's outputs, they are in y or nowhere. */
static bool makes_y(const sluice_engine *engine, const sluice_batch *batch, const sluice_output *output)
{
    const sl_network *network = engine->network;
    return !batch->y && !sl_engine_may_keep(engine) && output->layer == network->lstm[network->lstm_layers - 1].layer &&
           output->layer < network->reducing_layer;
}

/* Copy the wanted outputs of layers into `known`, and fill in their strides; the batch has the copies then. */
static sluice_status check_outputs(const sluice_engine *engine, sluice_batch *batch, sluice_output known[SLUICE_MAX_OUTPUTS],
                                   sluice_error *error)
{
    const sl_network *network = engine->network;
    if (batch->output_count > SLUICE_MAX_OUTPUTS || (batch->output_count && !batch->outputs))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: %zu outputs of layers%s; expected at most %d",
                       batch->output_count, batch->outputs ? "" : ", but outputs is NULL", SLUICE_MAX_OUTPUTS);
    for (size_t k = 0; k < batch->output_count; k++) {
        known[k] = batch->outputs[k];
        if (!known[k].row_stride && !known[k].step_stride && known[k].layer < network->description.layer_count) {
            known[k].step_stride = network->widths[known[k].layer];
            known[k].row_stride = known[k].step_stride * (known[k].layer < network->reducing_layer ? batch->steps : 1);
        }
        const sluice_status status = check_output(engine, batch, &known[k], error);
        if (status)
            return status;
        if (makes_y(engine, batch, &known[k])) {
            batch->y = known[k].at;
            batch->y_row_stride = known[k].row_stride;
            batch->y_step_stride = known[k].step_stride;
            batch->y_offsets = batch->y_step_offsets = NULL;
        }
    }
    batch->outputs = known;
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

/* Fill in the strides of contiguous arrays, and refuse those of y by which steps would share memory. */
static sluice_status check_strides(const sluice_engine *engine, sluice_batch *batch, sluice_error *error)
{
    const size_t inputs = engine->network->step_inputs, outputs = engine->network->outputs;
    size_t whole;
    if (!sl_size_mul(batch->steps, outputs, &whole) || !sl_size_mul(batch->steps, inputs, &whole))
        return sl_fail_size(error, "a row of the batch");
    if (!sl_strides_fit(batch->rows, sl_size_max(engine->network->h_floats, engine->network->c_floats), batch->rows,
                        engine->shape.classes, 0) ||
        (batch->step_logits && !sl_floats_fit(batch->rows, batch->steps, engine->shape.classes)))
        return sl_fail_size(error, "the batch");
    const sl_array_use x = {"sluice_forward", "x",   batch->rows,          batch->steps,
                            inputs,           false, &batch->x_row_stride, &batch->x_step_stride},
                       y = {"sluice_forward",     "y", batch->rows, batch->steps, outputs, batch->y != NULL, &batch->y_row_stride,
                            &batch->y_step_stride};
    const sluice_status status = sl_layout_check(&x, sl_layout_of_x(batch), error);
    return status ? status : sl_layout_check(&y, sl_layout_of_y(batch), error);
}

static sluice_status check_tokens(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    const size_t vocabulary = engine->shape.vocabulary;
    if (!batch->tokens && (!batch->byte_tokens || vocabulary > UINT8_MAX))
        return SLUICE_STATUS_OK;
    for (size_t row = 0; row < batch->rows; row++) {
        const size_t steps = sl_row_length(batch->lengths, batch->steps, row), first = sl_layout_row(sl_layout_of_x(batch), row);
        for (size_t t = 0; t < steps; t++) {
            const size_t at = first + sl_layout_step(sl_layout_of_x(batch), t);
            if (sl_batch_token(batch, at) >= vocabulary) /* negative ones are large */
                return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, t, "token %d; expected 0..%zu, the model's vocabulary",
                                   batch->tokens ? (int)batch->tokens[at] : batch->byte_tokens[at], vocabulary - 1);
        }
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

/* Check a batch, the caller's copied, and fill in its strides. *masks: the network's own rule masks a step. */
static sluice_status check_batch(const sluice_engine *engine, sluice_batch *batch, sluice_output known[SLUICE_MAX_OUTPUTS],
                                 bool *masks, sluice_error *error)
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
    if (!status)
        status = check_mask(batch, error);
    if (!status)
        status = check_mask_rule(engine, batch, masks, error);
    if (!status)
        status = check_outputs(engine, batch, known, error);
    return status;
}

/* Take a workspace that fits, the caller's or, where *workspace is NULL, one of the pool, and the slots of the batch's streams. */
static sluice_status acquire(const sluice_engine *engine, const sluice_batch *batch, bool masks, sluice_workspace **workspace,
                             sluice_error *error)
{
    const sl_batch_size size = {batch->rows, sl_longest_row(batch->rows, batch->steps, batch->lengths), masks || batch->mask};
    const bool borrows = !*workspace;
    sluice_status status =
        borrows ? sl_pool_take(engine->pool, engine, &size, workspace, error) : sl_workspace_fit(*workspace, &size, error);
    if (status || !batch->streams)
        return status;
    status = sl_streams_take(batch->streams, batch->slots, batch->rows, error);
    if (status && borrows)
        sl_pool_give_back(engine->pool, *workspace);
    return status;
}

/* Give the batch the mask that the network's own rule makes. */
static void make_mask(const sluice_workspace *workspace, sluice_batch *batch)
{
    batch->mask = workspace->mask;
    batch->mask_step_stride = 1;
    batch->mask_row_stride = sl_longest_row(batch->rows, batch->steps, batch->lengths);
    sl_mask_rule_write(workspace->engine->network, batch, workspace->mask, batch->mask_row_stride);
}

sluice_status sluice_forward(const sluice_engine *engine, sluice_workspace *workspace, const sluice_batch *batch,
                             sluice_error *error)
{
    sluice_batch checked;
    sluice_output outputs[SLUICE_MAX_OUTPUTS];
    bool masks = false;
    sluice_status status = check_objects(engine, workspace, error);
    if (!status)
        status = sl_struct_take(&checked, batch, SL_STRUCT(sluice_batch), "sluice_forward", error);
    if (!status)
        status = check_batch(engine, &checked, outputs, &masks, error);
    if (!status)
        status = sl_tape_record_begin(engine, &checked, error);
    if (status)
        return status;
    if (checked.rows > 0) {
        sluice_workspace *used = workspace;
        status = acquire(engine, &checked, masks, &used, error);
        if (status)
            return status;
        if (masks)
            make_mask(used, &checked);
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
