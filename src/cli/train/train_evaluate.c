#include "cli/train/training.h"

#include "base/clock.h"
#include "base/size.h"
#include "program/interrupt.h"

#include <stdlib.h>
#include <string.h>

/* Direct the outputs of the batch to evaluation.outputs. */
static sl_exit set_outputs(sl_training *train)
{
    sluice_batch *batch = &train->minibatch.batch;
    size_t room = train->evaluation.count;
    bool fits = sl_size_mul(room, batch->rows, &room);
    fits = fits && (!train->minibatch.every_step || sl_size_mul(room, batch->steps, &room));
    if (fits && room > train->evaluation.outputs_room) {
        free(train->evaluation.outputs);
        train->evaluation.outputs = calloc(room, sizeof *train->evaluation.outputs);
        train->evaluation.outputs_room = train->evaluation.outputs ? room : 0;
    }
    if (!fits || room > train->evaluation.outputs_room)
        return sl_report(SL_EXIT_FAILURE, "out of memory for the outputs of a batch; use a smaller --batch, or raise the limit");
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
    size_t largest = 0;
    for (size_t k = 1; k < classes; k++)
        if (outputs[k] > outputs[largest])
            largest = k;
    if (label < 0)
        return;
    scores[label].counted++;
    scores[label].right += largest == (size_t)label;
}

static void count_values(sl_output_score *scores, size_t count, const float *outputs, const float *values)
{
    for (size_t k = 0; k < count; k++) {
        const double error = (double)outputs[k] - (double)values[k];
        scores[k].counted++;
        scores[k].squares += error * error;
    }
}

static void count_outputs(sl_training *train)
{
    const sl_minibatch *minibatch = &train->minibatch;
    const size_t width = train->evaluation.count, stride = minibatch->every_step ? minibatch->batch.steps : 1;
    for (size_t n = 0; n < minibatch->batch.rows; n++) {
        const size_t targets = minibatch->every_step ? (size_t)minibatch->lengths[n] : 1;
        for (size_t at = n * stride; at < n * stride + targets; at++)
            if (minibatch->data->labels)
                count_label(train->evaluation.scores, width, train->evaluation.outputs + at * width, minibatch->labels[at]);
            else
                count_values(train->evaluation.scores, width, train->evaluation.outputs + at * width,
                             minibatch->values + at * width);
    }
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
    if (sluice_trainer_evaluate(train->trainer, &minibatch->batch, minibatch->labels, minibatch->values, &report, &error))
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
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < train->dataset.validation_order.batches; k++)
        code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : evaluate_batch(train, &train->dataset.validation_order.ranges[k], score);
    score->loss /= score->weight > 0 ? score->weight : 1;
    train->stats.evaluate_seconds += sl_clock_get() - started;
    return code;
}
