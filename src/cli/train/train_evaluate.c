/* Trying a model: its loss over rows that it has not learnt, and what became of each class. */
#include "cli/train/train.h"

#include "base/clock.h"
#include "program/interrupt.h"

#include <stdlib.h>
#include <string.h>

/* Have the batch leave its outputs in train->outputs. */
static sl_exit ask_for_outputs(sl_train *train)
{
    sluice_batch *batch = &train->feed.batch;
    size_t room = train->tallies;
    bool fits = !__builtin_mul_overflow(room, batch->rows, &room);
    fits = fits && (!train->feed.every_step || !__builtin_mul_overflow(room, batch->steps, &room));
    if (fits && room > train->outputs_room) {
        free(train->outputs);
        train->outputs = calloc(room, sizeof *train->outputs);
        train->outputs_room = train->outputs ? room : 0;
    }
    if (!fits || room > train->outputs_room)
        return sl_report(SL_EXIT_FAILURE, "out of memory for the outputs of a batch; use a smaller --batch, or raise the limit");
    if (!train->shape.classes)
        batch->y = train->outputs;
    else if (train->feed.every_step)
        batch->step_logits = train->outputs;
    else
        batch->logits = train->outputs;
    return SL_EXIT_OK;
}

static void count_label(sl_tally *tally, size_t classes, const float *outputs, int32_t label)
{
    size_t largest = 0;
    for (size_t k = 1; k < classes; k++)
        if (outputs[k] > outputs[largest])
            largest = k;
    if (label < 0)
        return;
    tally[label].counted++;
    tally[label].right += largest == (size_t)label;
}

static void count_values(sl_tally *tally, size_t count, const float *outputs, const float *values)
{
    for (size_t k = 0; k < count; k++) {
        const double error = (double)outputs[k] - (double)values[k];
        tally[k].counted++;
        tally[k].squares += error * error;
    }
}

static void count_outputs(sl_train *train)
{
    const sl_minibatch *feed = &train->feed;
    const size_t width = train->tallies, apart = feed->every_step ? feed->batch.steps : 1;
    for (size_t n = 0; n < feed->batch.rows; n++) {
        const size_t targets = feed->every_step ? (size_t)feed->lengths[n] : 1;
        for (size_t at = n * apart; at < n * apart + targets; at++)
            if (feed->data->labels)
                count_label(train->tally, width, train->outputs + at * width, feed->labels[at]);
            else
                count_values(train->tally, width, train->outputs + at * width, feed->values + at * width);
    }
}

static sl_exit try_batch(sl_train *train, const sl_span *span, sl_score *score)
{
    sl_minibatch *feed = &train->feed;
    sl_minibatch_take(feed, train->tried, train->trial.rows + span->begin, span->end - span->begin,
                      train->options->train.every_step);
    sl_exit code = sl_minibatch_make(feed, 0, SIZE_MAX);
    if (!code)
        code = ask_for_outputs(train);
    if (code)
        return code;
    sluice_report report = {.struct_size = sizeof report};
    sluice_error error;
    if (sluice_trainer_evaluate(train->trainer, &feed->batch, feed->labels, feed->values, &report, &error))
        return sl_train_fail(train, &error);
    score->loss += report.loss * report.weight;
    score->weight += report.weight;
    score->counted += report.counted;
    score->right += report.right;
    count_outputs(train);
    return SL_EXIT_OK;
}

sl_exit sl_train_evaluate(sl_train *train, sl_score *score)
{
    const double started = sl_clock_get();
    *score = (sl_score){0};
    memset(train->tally, 0, train->tallies * sizeof *train->tally);
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < train->trial.batches; k++)
        code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : try_batch(train, &train->trial.spans[k], score);
    score->loss /= score->weight > 0 ? score->weight : 1;
    train->stats.evaluate_seconds += sl_clock_get() - started;
    return code;
}
