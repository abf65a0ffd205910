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
#include "train/trainer.h"

#include <stdbool.h>
#include <string.h>

/* One call. */
typedef struct request {
    const char *name;
    sluice_batch given; /* as far as this library knows its fields */
    sluice_batch batch; /* as given, and what the loss needs */
    sluice_loss loss;
    bool trains;
    bool copies_y; /* to the given y, whose layout the loss does not know */
} request;

static sluice_status refuse(const request *call, const char *what, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %s", call->name, what);
}

static sluice_status check(const sluice_trainer *trainer, const request *call, const int32_t *labels, const float *values,
                           sluice_error *error)
{
    const sluice_batch *batch = &call->given;
    if (batch->tape || batch->dropout != 0)
        return refuse(call, "the batch has a tape or dropout; these are the trainer's own: leave them NULL and 0", error);
    if (call->trains && (batch->logits || batch->step_logits))
        return refuse(call,
                      "the batch asks for logits or step_logits, which are the trainer's own here; sluice_trainer_evaluate "
                      "gives them",
                      error);
    const bool by_label = trainer->options.loss == SLUICE_LOSS_CROSS_ENTROPY;
    const bool wants = batch->rows && (batch->steps || !trainer->options.every_step);
    if (wants && !(by_label ? (const void *)labels : values))
        return refuse(call, by_label ? "labels is NULL; the loss is cross-entropy" : "values is NULL; the loss is squared error",
                      error);
    if (by_label ? (const void *)values : labels)
        return refuse(call,
                      by_label ? "values are given; the loss is cross-entropy, of labels"
                               : "labels are given; the loss is squared error, of values",
                      error);
    return SLUICE_STATUS_OK;
}

/* Make the buffer large enough for the outputs; what it held is lost if it grows. */
static sluice_status fit(sl_buffer *buffer, size_t rows, size_t steps, size_t width, sluice_error *error)
{
    size_t count;
    if (!sl_size_mul(rows, steps, &count) || !sl_size_mul(count, width, &count) || count > SIZE_MAX / 2 / sizeof(float))
        return sl_fail_size(error, "the outputs of a batch");
    if (count <= buffer->count)
        return SLUICE_STATUS_OK;
    float *floats = sl_alloc_array(count, sizeof *floats);
    if (!floats)
        return sl_fail_memory(error, "the outputs of a batch", count * sizeof *floats);
    sl_free(buffer->floats);
    *buffer = (sl_buffer){floats, count};
    return SLUICE_STATUS_OK;
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

/* Have the forward pass compute what the loss reads: in a buffer of the trainer, unless the caller asks for it too. */
static sluice_status prepare(sluice_trainer *trainer, request *call, const int32_t *labels, const float *values,
                             sluice_error *error)
{
    const sluice_trainer_options *options = &trainer->options;
    const sluice_shape *shape = &trainer->model->shape;
    const size_t y_width = trainer->model->network->outputs, width = shape->classes ? shape->classes : y_width;
    sluice_batch *batch = &call->batch;
    const size_t steps = options->every_step ? batch->steps : 1;
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
    call->loss = (sluice_loss){.struct_size = sizeof call->loss,
                               .kind = options->loss,
                               .rows = batch->rows,
                               .steps = steps,
                               .width = width,
                               .lengths = options->every_step ? batch->lengths : NULL,
                               .outputs = *outputs,
                               .labels = labels,
                               .values = values,
                               .ignore = options->ignore,
                               .label_smoothing = options->label_smoothing,
                               .class_weights = options->class_weights,
                               .gradient = call->trains ? trainer->output_gradients.floats : NULL};
    return SLUICE_STATUS_OK;
}

/* Copy y, which was computed in the trainer's buffer, to the caller's array. */
static void copy_y(const request *call)
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
static sluice_status find_nonfinite(const sluice_trainer *trainer, const request *call, size_t row, sluice_error *error)
{
    const sluice_status status = sl_batch_check_finite(trainer->model->network, &call->given, row, row + 1, error);
    if (status)
        return status;
    return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                       "its outputs are NaN or infinite, though its data is finite%s: training has diverged after %llu updates; "
                       "lower the rate or clip the gradient, and begin anew or from a checkpoint",
                       call->given.streams ? "; if its stream's state is, too" : "", (unsigned long long)trainer->step);
}

/* Forward and loss. */
static sluice_status run(sluice_trainer *trainer, request *call, const sluice_batch *batch, const int32_t *labels,
                         const float *values, sluice_error *error)
{
    if (!trainer)
        return refuse(call, "trainer is NULL", error);
    sluice_status status = sl_struct_take(&call->given, batch, SL_STRUCT(sluice_batch), call->name, error);
    if (!status)
        status = check(trainer, call, labels, values, error);
    if (status)
        return status;
    call->batch = call->given;
    status = prepare(trainer, call, labels, values, error);
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

/* Compute the gradient of the weights. It is zero if no target counts, or only targets of classes whose weight is 0. */
static sluice_status compute_gradient(sluice_trainer *trainer, const request *call, sluice_error *error)
{
    if (call->loss.weight == 0) {
        memset(trainer->gradients, 0, trainer->floats * sizeof(float));
        return SLUICE_STATUS_OK;
    }
    sluice_gradient gradient = trainer->gradient;
    if (!trainer->options.every_step)
        gradient.dlogits = call->loss.gradient;
    else if (trainer->model->shape.classes)
        gradient.dstep_logits = call->loss.gradient;
    else
        gradient.dy = call->loss.gradient;
    return sluice_backward(trainer->tape, &gradient, error);
}

static sluice_report make_report(const sluice_trainer *trainer, const request *call)
{
    return (sluice_report){.loss = call->loss.loss,
                           .counted = call->loss.counted,
                           .right = call->loss.right,
                           .step = trainer->step,
                           .weight = call->loss.weight};
}

sluice_status sluice_trainer_step(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels, const float *values,
                                  sluice_report *report, sluice_error *error)
{
    request call = {.name = "sluice_trainer_step", .trains = true};
    sluice_status status = sl_report_check(report, call.name, error);
    if (!status)
        status = run(trainer, &call, batch, labels, values, error);
    if (!status)
        status = compute_gradient(trainer, &call, error);
    if (status)
        return status;
    sluice_report found = make_report(trainer, &call);
    status = sl_trainer_apply(trainer, &found, error);
    if (status == SLUICE_STATUS_BAD_DATA) { /* the outputs were finite, but an infinite input may have saturated the gates */
        const sluice_status data = sl_batch_check_finite(trainer->model->network, &call.given, 0, call.given.rows, error);
        return data ? data : status;
    }
    if (!status && report)
        sl_struct_give(report, &found, SL_STRUCT(sluice_report));
    return status;
}

sluice_status sluice_trainer_evaluate(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels,
                                      const float *values, sluice_report *report, sluice_error *error)
{
    request call = {.name = "sluice_trainer_evaluate"};
    sluice_status status = sl_report_check(report, call.name, error);
    if (!status)
        status = run(trainer, &call, batch, labels, values, error);
    if (!status && report) {
        const sluice_report found = make_report(trainer, &call);
        sl_struct_give(report, &found, SL_STRUCT(sluice_report));
    }
    return status;
}
