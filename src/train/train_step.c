/* A trainer's step and its evaluation: forward, loss and, of a step, backward and update. */
#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "engine/check.h"
#include "engine/schedule/limits.h"
#include "model/model.h"
#include "train/loss.h"
#include "train/train_step.h"

#include <stdbool.h>
#include <string.h>

sluice_status sl_buffer_fit(sl_buffer *buffer, size_t a, size_t b, size_t c, const char *what, sluice_error *error)
{
    size_t count;
    if (!sl_size_mul(a, b, &count) || !sl_size_mul(count, c, &count) || count > SIZE_MAX / 2 / sizeof(float))
        return sl_fail_size(error, what);
    if (count <= buffer->count)
        return SLUICE_STATUS_OK;
    float *floats = sl_alloc_array(count, sizeof *floats);
    if (!floats)
        return sl_fail_memory(error, what, count * sizeof *floats);
    sl_free(buffer->floats);
    *buffer = (sl_buffer){floats, count};
    return SLUICE_STATUS_OK;
}

/* Make the buffer large enough for outputs of the batch. */
static sluice_status fit(sl_buffer *buffer, size_t rows, size_t steps, size_t width, sluice_error *error)
{
    return sl_buffer_fit(buffer, rows, steps, width, "the outputs of a batch", error);
}

/* Whether y has the layout that a loss reads. */
static bool is_contiguous(const sluice_batch *batch, size_t width)
{
    const sl_layout y = sl_layout_fill(sl_layout_of_y(batch), batch->steps, width);
    return sl_layout_has_padding(y) && y.row_stride == batch->steps * width && y.step_stride == width;
}

/* Have y, if there is one, in a contiguous array of the trainer's. */
static void place_y(sluice_batch *batch)
{
    batch->y_row_stride = batch->y_step_stride = 0;
    batch->y_offsets = batch->y_step_offsets = NULL;
}

size_t sl_train_targets(const sluice_trainer *trainer, const sl_train_call *call)
{
    return trainer->options.every_step ? call->given.steps : 1;
}

size_t sl_train_width(const sluice_trainer *trainer)
{
    return trainer->model->shape.classes ? trainer->model->shape.classes : trainer->model->network->outputs;
}

size_t sl_train_value_width(const sluice_trainer *trainer)
{
    const size_t quantiles = trainer->options.quantile_count;
    return sl_train_width(trainer) / (quantiles ? quantiles : 1);
}

/* The loss of the given rows, without their outputs. */
static sluice_loss make_loss(const sluice_trainer *trainer, const sl_train_call *call)
{
    const sluice_trainer_options *options = &trainer->options;
    return (sluice_loss){.struct_size = sizeof call->loss,
                         .kind = options->loss,
                         .rows = call->given.rows,
                         .steps = sl_train_targets(trainer, call),
                         .width = sl_train_width(trainer),
                         .lengths = options->every_step ? call->given.lengths : NULL,
                         .labels = call->labels,
                         .values = call->values,
                         .ignore = options->ignore,
                         .label_smoothing = options->label_smoothing,
                         .class_weights = options->class_weights,
                         .total_weight = call->total_weight,
                         .sample_weights = call->given.sample_weights,
                         .delta = options->delta,
                         .quantiles = options->quantiles,
                         .quantile_count = options->quantile_count};
}

sluice_status sl_train_check_targets(const sluice_trainer *trainer, const sl_train_call *call, sluice_error *error)
{
    const bool by_label = trainer->options.loss == SLUICE_LOSS_CROSS_ENTROPY;
    const bool has_targets = call->given.rows && (call->given.steps || !trainer->options.every_step);
    if (!has_targets || (by_label ? (const void *)call->labels : call->values))
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %s", call->name,
                   by_label ? "labels is NULL; the loss is cross-entropy" : "values is NULL; the loss is one of values");
}

sluice_status sl_train_count(const sluice_trainer *trainer, sl_train_call *call, sluice_error *error)
{
    call->loss = make_loss(trainer, call);
    return sl_loss_count(&call->loss, error);
}

/* Have the forward pass compute what the loss reads: in a buffer of the trainer, unless the caller asks for it too. */
static sluice_status prepare(sluice_trainer *trainer, sl_train_call *call, sluice_error *error)
{
    const sluice_trainer_options *options = &trainer->options;
    const sluice_shape *shape = &trainer->model->shape;
    const size_t y_width = trainer->model->network->outputs, width = sl_train_width(trainer);
    sluice_batch *batch = &call->batch;
    const size_t steps = sl_train_targets(trainer, call);
    float **outputs = !options->every_step ? &batch->logits : shape->classes ? &batch->step_logits : &batch->y;

    sluice_status status = fit(&trainer->outputs, batch->rows, steps, width, error);
    if (!status && call->trains)
        status = fit(&trainer->output_gradients, batch->rows, steps, width, error);
    const bool reads_y = outputs == &batch->step_logits && trainer->model->network->is_shape;
    if (!status && !call->trains && reads_y && !batch->y) { /* without a tape they are made from y */
        status = fit(&trainer->y, batch->rows, steps, y_width, error);
        batch->y = trainer->y.floats;
        place_y(batch);
    }
    if (status)
        return status;
    call->copies_y = outputs == &batch->y && batch->y && !is_contiguous(batch, y_width);
    const sl_array_use y = {
        call->name, "y", batch->rows, batch->steps, y_width, true, &call->given.y_row_stride, &call->given.y_step_stride};
    if (call->copies_y)
        status = sl_layout_check(&y, sl_layout_of_y(batch), error);
    if (status)
        return status;
    if (!*outputs || call->copies_y)
        *outputs = trainer->outputs.floats;
    if (call->copies_y || !call->given.y)
        place_y(batch);
    call->loss = make_loss(trainer, call);
    call->loss.outputs = *outputs;
    call->loss.gradient = call->trains ? trainer->output_gradients.floats : NULL;
    return SLUICE_STATUS_OK;
}

/* Copy y, which was computed in the trainer's buffer, to the caller's array. */
static void copy_y(const sl_train_call *call)
{
    const sluice_batch *given = &call->given;
    const sl_layout y = sl_layout_of_y(given);
    const size_t width = call->loss.width;
    for (size_t row = 0; row < given->rows; row++) {
        const size_t steps = sl_layout_has_padding(y) ? given->steps : sl_row_length(given->lengths, given->steps, row);
        for (size_t step = 0; step < steps; step++)
            memcpy(given->y + sl_layout_place(y, row, step), call->loss.outputs + (row * given->steps + step) * width,
                   width * sizeof(float));
    }
}

/* Find out why the outputs of a row are not finite: its data, or the weights. */
static sluice_status find_nonfinite(const sluice_trainer *trainer, const sl_train_call *call, size_t row, sluice_error *error)
{
    const sluice_status status = sl_batch_check_finite(trainer->model->network, &call->given, row, row + 1, error);
    if (status)
        return status;
    return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                       "its outputs are NaN or infinite, though its data is finite%s: training has diverged after %llu updates; "
                       "lower the rate or clip the gradient, and begin anew or from a checkpoint",
                       call->given.streams ? "; if its stream's state is, too" : "", (unsigned long long)trainer->step);
}

sluice_status sl_train_forward(sluice_trainer *trainer, sl_train_call *call, sluice_error *error)
{
    call->batch = call->given;
    sluice_status status = prepare(trainer, call, error);
    if (!status && call->trains) {
        call->batch.tape = trainer->tape;
        call->batch.dropout = trainer->options.dropout;
        /* Mixed before the step is added; otherwise seed s at step t + 1 would have the key of seed s + 1 at step t. */
        call->batch.dropout_key = sl_random_mix(sl_random_mix(trainer->options.seed + SL_RANDOM_STEP) + trainer->step);
    }
    if (!status)
        status = sluice_forward(trainer->engine, NULL, &call->batch, error);
    if (status)
        return status;
    if (call->copies_y)
        copy_y(call);
    sl_fault_place place;
    status = sl_loss_compute(&call->loss, sl_workers(trainer->engine), &place, error);
    return place.fault == SL_FAULT_OUTPUT ? find_nonfinite(trainer, call, place.row, error) : status;
}

sluice_status sl_train_backward(sluice_trainer *trainer, const sl_train_call *call, float *gradients, sluice_error *error)
{
    if (call->loss.counted == 0 || (call->total_weight > 0 ? call->total_weight : call->loss.weight) == 0) {
        memset(gradients, 0, trainer->floats * sizeof(float));
        return SLUICE_STATUS_OK;
    }
    sluice_gradient gradient = trainer->gradient;
    if (!trainer->options.every_step)
        gradient.dlogits = call->loss.gradient;
    else if (trainer->model->shape.classes)
        gradient.dstep_logits = call->loss.gradient;
    else
        gradient.dy = call->loss.gradient;
    return sl_backward_call(trainer->tape, &gradient, call->watch, error);
}
