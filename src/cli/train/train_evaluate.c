#include "cli/train/training.h"

#include "base/clock.h"
#include "base/size.h"
#include "base/value_loss.h"
#include "cli/class_order.h"
#include "program/interrupt.h"

#include <stdlib.h>
#include <string.h>

sl_exit sl_train_set_up_evaluation(sl_training *train)
{
    sluice_engine_options options = train->options->engine;
    sluice_error error;
    options.precision = train->options->train.precision;
    if (options.precision <= SLUICE_PRECISION_F32 || !train->dataset.validation)
        return SL_EXIT_OK;
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    return sl_report_status(sluice_engine_create(model, &options, &train->evaluation.engine, &error), &error);
}

/* Make an array large enough for `width` floats of each row, or step, of the batch; what it held is lost if it grows. */
static sl_exit fit(const sl_minibatch *minibatch, size_t width, float **array, size_t *room)
{
    size_t count;
    bool fits = sl_size_mul(width, minibatch->batch.rows, &count);
    fits = fits && (!minibatch->every_step || sl_size_mul(count, minibatch->batch.steps, &count));
    if (fits && count > *room) {
        free(*array);
        *array = calloc(count, sizeof **array);
        *room = *array ? count : 0;
    }
    return fits && count <= *room
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_FAILURE, "out of memory for the outputs of a batch; use a smaller --batch, or "
                                            "raise the limit");
}

/* Direct the outputs of the batch to evaluation.outputs. Without a trainer, the head of a shape makes those of every step from y. */
static sl_exit set_outputs(sl_training *train)
{
    sluice_batch *batch = &train->minibatch.batch;
    sl_evaluation *evaluation = &train->evaluation;
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    const bool reads_y = evaluation->engine && train->minibatch.every_step && train->shape.classes && sluice_model_is_shape(model);
    sl_exit code = fit(&train->minibatch, evaluation->count, &evaluation->outputs, &evaluation->outputs_room);
    if (!code && reads_y)
        code = fit(&train->minibatch, train->shape.directions * train->shape.hidden, &evaluation->y, &evaluation->y_room);
    if (code)
        return code;
    if (reads_y)
        batch->y = evaluation->y;
    if (!train->shape.classes)
        batch->y = train->evaluation.outputs;
    else if (train->minibatch.every_step)
        batch->step_logits = train->evaluation.outputs;
    else
        batch->logits = train->evaluation.outputs;
    return SL_EXIT_OK;
}

static void count_label(sl_output_score *scores, size_t classes, const float *outputs, int32_t label)
{
    if (label < 0)
        return;
    scores[label].counted++;
    scores[label].right += sl_class_find(outputs, classes) == (size_t)label;
}

static void count_values(const sl_training *train, const float *outputs, const float *values)
{
    const sl_train_loss *loss = &train->options->train.loss;
    const size_t each = loss->quantile_count ? loss->quantile_count : 1;
    for (size_t k = 0; k < train->evaluation.count; k++) {
        const double off = (double)outputs[k] - (double)values[k / each];
        train->evaluation.scores[k].counted++;
        train->evaluation.scores[k].losses += sl_loss_term(loss->kind, off, loss->delta, (double)loss->quantiles[k % each]);
    }
}

static void count_outputs(sl_training *train)
{
    const sl_minibatch *minibatch = &train->minibatch;
    const size_t width = train->evaluation.count, stride = minibatch->every_step ? minibatch->batch.steps : 1;
    for (size_t n = 0; n < minibatch->batch.rows; n++) {
        const size_t targets = minibatch->every_step ? (size_t)minibatch->lengths[n] : 1;
        for (size_t at = n * stride; at < n * stride + targets; at++)
            if (minibatch->batch.sample_weights && minibatch->batch.sample_weights[at] == 0)
                continue;
            else if (minibatch->data->labels)
                count_label(train->evaluation.scores, width, train->evaluation.outputs + at * width, minibatch->labels[at]);
            else
                count_values(train, train->evaluation.outputs + at * width, minibatch->values + at * minibatch->data->target_width);
    }
}

/* sluice_trainer_evaluate, by an engine that is not the trainer's. */
static sluice_status evaluate_by(const sluice_engine *engine, const sl_training *train, sluice_report *report, sluice_error *error)
{
    const sl_minibatch *minibatch = &train->minibatch;
    const sluice_batch *batch = &minibatch->batch;
    sluice_trainer_options options = {.struct_size = sizeof options};
    sluice_status status = sluice_trainer_get_options(train->trainer, &options);
    sluice_loss loss = {.struct_size = sizeof loss,
                        .kind = options.loss,
                        .rows = batch->rows,
                        .steps = minibatch->every_step ? batch->steps : 1,
                        .width = train->evaluation.count,
                        .lengths = minibatch->every_step ? batch->lengths : NULL,
                        .outputs = train->evaluation.outputs,
                        .labels = minibatch->labels,
                        .values = minibatch->values,
                        .ignore = options.ignore,
                        .label_smoothing = options.label_smoothing,
                        .class_weights = options.class_weights,
                        .sample_weights = batch->sample_weights,
                        .delta = options.delta,
                        .quantiles = options.quantiles,
                        .quantile_count = options.quantile_count};
    status = status ? status : sluice_forward(engine, NULL, batch, error);
    status = status ? status : sluice_loss_compute(&loss, error);
    *report = (sluice_report){.loss = loss.loss, .counted = loss.counted, .right = loss.right, .weight = loss.weight};
    return status;
}

static sl_exit evaluate_batch(sl_training *train, const sl_batch_range *range, sl_score *score)
{
    sl_minibatch *minibatch = &train->minibatch;
    sl_minibatch_select(minibatch, train->dataset.validation, train->dataset.validation_order.rows + range->begin,
                        range->end - range->begin, train->options->train.every_step);
    sl_exit code = sl_minibatch_make(minibatch, 0, SIZE_MAX);
    code = code ? code : set_outputs(train);
    if (code)
        return code;
    sluice_report report = {.struct_size = sizeof report};
    sluice_error error;
    const sluice_engine *engine = train->evaluation.engine;
    if (engine ? evaluate_by(engine, train, &report, &error)
               : sluice_trainer_evaluate(train->trainer, &minibatch->batch, minibatch->labels, minibatch->values, &report, &error))
        return sl_train_report_failure(train, &error);
    score->loss += report.loss * report.weight;
    score->weight += report.weight;
    score->counted += report.counted;
    score->right += report.right;
    count_outputs(train);
    return SL_EXIT_OK;
}

sl_exit sl_train_evaluate(sl_training *train, sl_score *score)
{
    const double started = sl_clock_get();
    *score = (sl_score){0};
    memset(train->evaluation.scores, 0, train->evaluation.count * sizeof *train->evaluation.scores);
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    if (train->evaluation.engine &&
        sluice_engine_set_model(train->evaluation.engine, sluice_trainer_get_model(train->trainer), &error))
        code = sl_report_error(&error);
    for (size_t k = 0; !code && k < train->dataset.validation_order.batches; k++)
        code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : evaluate_batch(train, &train->dataset.validation_order.ranges[k], score);
    score->loss /= score->weight > 0 ? score->weight : 1;
    train->stats.evaluate_seconds += sl_clock_get() - started;
    return code;
}
