/* A trainer's step and its evaluation as public calls, whose arguments are checked here. */
#include "base/error.h"
#include "base/struct_size.h"
#include "train/ranks/shared_step.h"

static sluice_status refuse(const sl_train_call *call, const char *what, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %s", call->name, what);
}

static sluice_status check(const sluice_trainer *trainer, const sl_train_call *call, sluice_error *error)
{
    const sluice_batch *batch = &call->given;
    const int32_t *labels = call->labels;
    const float *values = call->values;
    if (batch->tape || batch->dropout != 0)
        return refuse(call, "the batch has a tape or dropout; these are the trainer's own: leave them NULL and 0", error);
    if (call->trains && (batch->logits || batch->step_logits))
        return refuse(call,
                      "the batch asks for logits or step_logits, which are the trainer's own here; sluice_trainer_evaluate "
                      "gives them",
                      error);
    const bool by_label = trainer->options.loss == SLUICE_LOSS_CROSS_ENTROPY;
    if (by_label ? (const void *)values : labels)
        return refuse(call,
                      by_label ? "values are given; the loss is cross-entropy, of labels"
                               : "labels are given; the loss is one of values",
                      error);
    return SLUICE_STATUS_OK;
}

/* The checked arguments of a call. */
static sluice_status take(const sluice_trainer *trainer, sl_train_call *call, const sluice_batch *batch,
                          const sluice_report *report, sluice_error *error)
{
    sluice_status status = sl_report_check(report, call->name, error);
    if (!status)
        status = sl_struct_take(&call->given, batch, SL_STRUCT(sluice_batch), call->name, error);
    return status ? status : check(trainer, call, error);
}

/* A step or an evaluation of a batch that is not cut. */
static sluice_status run(sluice_trainer *trainer, sl_train_call *call, sluice_report *found, sluice_error *error)
{
    sluice_status status = sl_train_check_targets(trainer, call, error);
    if (!status)
        status = sl_train_forward(trainer, call, error);
    if (!status && call->trains)
        status = sl_train_backward(trainer, call, trainer->gradients, error);
    if (status)
        return status;
    *found = (sluice_report){.loss = call->loss.loss,
                             .counted = call->loss.counted,
                             .right = call->loss.right,
                             .step = trainer->step,
                             .weight = call->loss.weight};
    if (call->trains)
        status = sl_trainer_apply(trainer, found, error);
    if (status == SLUICE_STATUS_BAD_DATA && call->trains) {
        /* the outputs were finite, but an infinite input may have saturated the gates */
        const sluice_status data = sl_batch_check_finite(trainer->model->network, &call->given, 0, call->given.rows, error);
        return data ? data : status;
    }
    return status;
}

static sluice_status step_or_evaluate(sluice_trainer *trainer, sl_train_call *call, const sluice_batch *batch,
                                      sluice_report *report, sluice_error *error)
{
    if (!trainer)
        return refuse(call, "trainer is NULL", error);
    sluice_error own = {0};
    sluice_report found = {0};
    sluice_status status = take(trainer, call, batch, report, trainer->ranks ? &own : error);
    if (trainer->ranks)
        status = sl_shared_run(trainer, call, status, &own, &found, error);
    else if (!status)
        status = run(trainer, call, &found, error);
    if (!status && report)
        sl_struct_give(report, &found, SL_STRUCT(sluice_report));
    return status;
}

sluice_status sluice_trainer_step(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels, const float *values,
                                  sluice_report *report, sluice_error *error)
{
    sl_train_call call = {.name = "sluice_trainer_step", .labels = labels, .values = values, .trains = true};
    return step_or_evaluate(trainer, &call, batch, report, error);
}

sluice_status sluice_trainer_evaluate(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels,
                                      const float *values, sluice_report *report, sluice_error *error)
{
    sl_train_call call = {.name = "sluice_trainer_evaluate", .labels = labels, .values = values};
    return step_or_evaluate(trainer, &call, batch, report, error);
}
