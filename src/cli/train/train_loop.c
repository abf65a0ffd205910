/* The epochs of `sluice train`: train on one batch after the other, evaluate the model after each epoch, and keep the best one. */
#include "cli/train/training.h"

#include "base/clock.h"
#include "program/interrupt.h"
#include "program/progress.h"
#include "program/ranks/rank_group.h"

#include <math.h>
#include <stdio.h>

static void show_progress(sl_training *train)
{
    const sl_score *sum = &train->position.sum;
    const double loss = sum->weight > 0 ? sum->loss / sum->weight : 0;
    snprintf(train->progress_text, sizeof train->progress_text, "epoch %llu/%zu loss %.4g rate %.3g",
             (unsigned long long)train->position.epoch + 1, train->options->train.epochs, loss, train->position.rate);
    sl_progress_update(train->stats.rows, train->stats.rows);
}

/* ---- A batch ---------------------------------------------------------------------------------------------------------------- */

static sl_exit train_part(sl_training *train)
{
    sluice_report report = {.struct_size = sizeof report};
    sluice_error error;
    const double started = sl_clock_get();
    if (sluice_trainer_step(train->trainer, &train->minibatch.batch, train->minibatch.labels, train->minibatch.values, &report,
                            &error))
        return sl_train_report_failure(train, &error);
    train->stats.run_seconds += sl_clock_get() - started;
    train->stats.exchange_seconds += report.exchange_seconds;
    train->stats.wait_seconds += report.wait_seconds;
    train->stats.steps += train->minibatch.steps;
    train->position.sum.loss += report.loss * report.weight;
    train->position.sum.weight += report.weight;
    train->position.sum.counted += report.counted;
    train->position.sum.right += report.right;
    train->position.rate = report.rate;
    train->position.step = report.step;
    return SL_EXIT_OK;
}

/* Reset the states to zeros, the beginning of a sequence; also those that this batch does not use, so that a checkpoint does not depend
 * on which rank used them before. */
static sl_exit reset_slots(const sl_training *train)
{
    sluice_error error;
    for (size_t n = 0; n < sluice_streams_get_slots(train->streams); n++)
        if (sluice_streams_set(train->streams, n, NULL, NULL, &error))
            return sl_report_error(&error);
    return SL_EXIT_OK;
}

/* After an update: stop if a signal has arrived, and write a checkpoint if one is due by the first rank's clock. */
static sl_exit finish_update(sl_training *train)
{
    bool is_due = sl_checkpoint_is_due(train);
    sl_exit code = sl_group_agree_on(sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : SL_EXIT_OK, &is_due);
    if (!code && is_due)
        code = sl_checkpoint_save(train);
    show_progress(train);
    return code;
}

/* Without --truncate, one update for all steps. With it, one update for each part of so many steps, where a part starts with the states
 * at the end of the part before. A resumed run that stopped within a batch continues at position.begin. */
static sl_exit train_batch(sl_training *train, const sl_batch_range *range)
{
    const sl_train_options *options = &train->options->train;
    sl_minibatch *minibatch = &train->minibatch;
    const size_t most = options->truncate ? options->truncate : SIZE_MAX;
    sl_minibatch_select(minibatch, &train->dataset.data, train->dataset.order.rows + range->begin, range->end - range->begin,
                        options->every_step);
    sl_exit code = sl_minibatch_cut(minibatch);
    if (!code && train->streams && !train->position.begin)
        code = reset_slots(train);
    for (size_t begin = train->position.begin; !code && (begin == train->position.begin || begin < minibatch->longest);) {
        code = sl_group_agree(sl_minibatch_make(minibatch, begin, most));
        minibatch->batch.streams = train->streams;
        minibatch->batch.slots = train->streams ? minibatch->numbers + minibatch->first : NULL;
        code = code ? code : train_part(train);
        begin += minibatch->batch.steps ? minibatch->batch.steps : 1;
        if (!code && begin < minibatch->longest) {
            train->position.begin = begin;
            code = finish_update(train);
        }
    }
    if (code)
        return code;
    train->position.begin = 0;
    train->stats.rows += minibatch->count;
    return SL_EXIT_OK;
}

/* ---- An epoch --------------------------------------------------------------------------------------------------------------- */

/* After a signal: write a checkpoint, and report how to continue. */
static sl_exit stop(sl_training *train)
{
    const sl_options *options = train->options;
    const unsigned long long epoch = train->position.epoch + 1, step = train->position.step;
    if (train->options->train.checkpoint) {
        const sl_exit code = sl_checkpoint_save(train);
        return code ? code
                    : sl_report(SL_EXIT_INTERRUPTED,
                                "interrupted in epoch %llu, after step %llu; continue with sluice train --resume %s", epoch, step,
                                options->train.checkpoint);
    }
    if (train->best.epoch)
        return sl_report(
            SL_EXIT_INTERRUPTED,
            "interrupted in epoch %llu, after step %llu; %s holds the model of epoch %llu; without --checkpoint the run cannot be "
            "continued",
            epoch, step, options->output, (unsigned long long)train->best.epoch);
    return sl_report(SL_EXIT_INTERRUPTED, "interrupted in epoch %llu, after step %llu; nothing is written without --checkpoint",
                     epoch, step);
}

static sl_exit train_batches(sl_training *train)
{
    show_progress(train);
    sl_order_shuffle(&train->dataset.order, train->options->train.trainer.seed, train->position.epoch);
    sl_exit code = sl_group_agree(sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : SL_EXIT_OK);
    while (!code && train->position.batch < train->dataset.order.batches) {
        code = train_batch(train, &train->dataset.order.ranges[train->position.batch]);
        if (code)
            return code;
        train->position.batch++;
        code = train->position.batch < train->dataset.order.batches ? finish_update(train) : SL_EXIT_OK;
    }
    return code;
}

static sl_exit write_curves(const sl_training *train)
{
    const sl_train_options *options = &train->options->train;
    sl_exit code = SL_EXIT_OK;
    if (!sl_group_is_first())
        return code;
    if (options->curve_csv)
        code = sl_curve_write_csv(&train->curve, options->curve_csv);
    if (!code && options->curve_svg)
        code = sl_curve_write_svg(&train->curve, options->curve_svg);
    return code;
}

/* What --rate-schedule plateau multiplies the rate by: torch's ReduceLROnPlateau with the mode min and the threshold 1e-4, relative,
 * and its least change of a rate, 1e-8. All epochs are in the curve, so a resumed run finds the same. */
static double get_rate_factor(const sl_training *train)
{
    static const double THRESHOLD = 1e-4, LEAST_CHANGE = 1e-8;
    const sl_train_schedule *schedule = &train->options->train.rate_schedule;
    double best = INFINITY, factor = 1;
    size_t waited = 0;
    for (size_t k = 0; k < train->curve.count; k++) {
        const sl_epoch *epoch = &train->curve.epochs[k];
        const double loss = train->dataset.validation ? epoch->validation.loss : epoch->training.loss;
        const bool is_better = loss < best * (1 - THRESHOLD);
        best = is_better ? loss : best;
        waited = is_better ? 0 : waited + 1;
        if (waited <= schedule->patience)
            continue;
        const double change = train->options->train.trainer.rate * factor * (1 - schedule->factor);
        factor *= change > LEAST_CHANGE ? schedule->factor : 1;
        waited = 0;
    }
    return factor;
}

static sl_exit adjust_rate(const sl_training *train)
{
    sluice_error error;
    return train->options->train.rate_schedule.factor > 0
               ? sl_report_status(sluice_trainer_set_rate_factor(train->trainer, get_rate_factor(train), &error), &error)
               : SL_EXIT_OK;
}

/* All batches of the epoch are done. A checkpoint that is written before the evaluation has the position behind the last batch, so
 * that a resumed run evaluates first. */
static sl_exit end_epoch(sl_training *train)
{
    sl_epoch epoch = {.step = train->position.step, .rate = train->position.rate, .training = train->position.sum};
    epoch.training.loss /= train->position.sum.weight > 0 ? train->position.sum.weight : 1;
    sl_exit code = train->dataset.validation ? sl_train_evaluate(train, &epoch.validation) : SL_EXIT_OK;
    code = code ? code : sl_curve_add(&train->curve, &epoch);
    code = code ? code : adjust_rate(train);
    if (code)
        return code;
    train->position.epoch++;
    train->position.batch = 0;
    train->position.sum = (sl_score){0};
    bool is_best;
    code = sl_train_update_best(train, train->dataset.validation ? &epoch.validation : &epoch.training, &is_best);
    if (code)
        return code;
    /* The checkpoint comes first, because a resumed run can write the model from it. If it fails, write the model nevertheless. */
    code = sl_checkpoint_save(train);
    const sl_exit kept = is_best ? sl_train_save_model(train) : SL_EXIT_OK;
    code = code ? code : kept;
    code = sl_group_agree(code ? code : write_curves(train));
    if (!code)
        sl_train_report_epoch(train, is_best);
    return code;
}

sl_exit sl_train_run_epochs(sl_training *train)
{
    const uint64_t left =
        train->options->train.epochs > train->position.epoch ? train->options->train.epochs - train->position.epoch : 0;
    const uint64_t done = train->position.batch < train->dataset.order.batches ? train->position.batch * train->options->batch
                                                                               : train->dataset.order.count;
    sl_progress_start(train->options->progress, left ? left * train->dataset.order.count - done : 1);
    sl_progress_describe(train->progress_text);
    train->checkpoint.saved_at = sl_clock_get();
    train->checkpoint.saved_step = train->position.step;
    /* If the run was killed after it wrote its checkpoint, these files may lack the last epoch. */
    sl_exit code = train->curve.count ? write_curves(train) : SL_EXIT_OK;
    while (!code && !sl_train_is_over(train)) {
        code = train_batches(train);
        code = code ? code : end_epoch(train);
    }
    sl_progress_stop();
    return code == SL_EXIT_INTERRUPTED ? stop(train) : code;
}
