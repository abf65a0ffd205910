/* The epochs of `sluice train`: batches learnt one after the other, the model tried after each epoch, the best one kept. */
#include "cli/train/train.h"

#include "base/clock.h"
#include "cli/digest.h"
#include "program/interrupt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Telling ---------------------------------------------------------------------------------------------------------------- */

/* The row of the batch that a message of the library's names; SIZE_MAX if it names none. */
static size_t find_row(const char *message)
{
    const char *row = strstr(message, "row ");
    return row && isdigit((unsigned char)row[4]) ? (size_t)strtoull(row + 4, NULL, 10) : SIZE_MAX;
}

sl_exit sl_train_fail(const sl_train *train, const sluice_error *error)
{
    const sl_minibatch *feed = &train->feed;
    if (error->status != SLUICE_STATUS_BAD_DATA)
        return sl_report_error(error);
    /* The data have been looked through, so what is not finite comes of the weights. */
    const size_t row = find_row(error->message);
    char where[64] = "";
    if (row < feed->batch.rows)
        snprintf(where, sizeof where, "%s %zu: ", feed->data->row_name, sl_minibatch_get_number(feed, row));
    return sl_report(SL_EXIT_FAILURE,
                     "%s: %sepoch %llu, step %llu: training has diverged, its numbers are no longer finite; lower --rate, or set "
                     "--clip 1",
                     sl_report_input(feed->data->path), where, (unsigned long long)train->epoch + 1,
                     (unsigned long long)train->step + 1);
}

static void tell_progress(sl_train *train)
{
    const sl_score *sum = &train->sum;
    const double loss = sum->weight > 0 ? sum->loss / sum->weight : 0;
    snprintf(train->words, sizeof train->words, "epoch %llu/%zu loss %.4g rate %.3g", (unsigned long long)train->epoch + 1,
             train->options->train.epochs, loss, train->rate);
    sl_progress_update(train->stats.rows, train->stats.rows);
}

/* ---- A batch ---------------------------------------------------------------------------------------------------------------- */

static sl_exit learn_piece(sl_train *train)
{
    sluice_report report = {.struct_size = sizeof report};
    sluice_error error;
    const double started = sl_clock_get();
    if (sluice_trainer_step(train->trainer, &train->feed.batch, train->feed.labels, train->feed.values, &report, &error))
        return sl_train_fail(train, &error);
    train->stats.run_seconds += sl_clock_get() - started;
    train->stats.steps += train->feed.steps;
    train->sum.loss += report.loss * report.weight;
    train->sum.weight += report.weight;
    train->sum.counted += report.counted;
    train->sum.right += report.right;
    train->rate = report.rate;
    train->step = report.step;
    return SL_EXIT_OK;
}

/* Put the slots of the batch's rows back to the beginning of a sequence. */
static sl_exit reset_slots(const sl_train *train, size_t rows)
{
    sluice_error error;
    for (size_t n = 0; n < rows; n++)
        if (sluice_streams_set(train->streams, n, NULL, NULL, &error))
            return sl_report_error(&error);
    return SL_EXIT_OK;
}

/* Between two updates: stop if a signal has come, or write a checkpoint if it is time. */
static sl_exit pause_learning(sl_train *train)
{
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    const sl_exit code = sl_checkpoint_is_due(train) ? sl_checkpoint_save(train) : SL_EXIT_OK;
    tell_progress(train);
    return code;
}

/* All steps at once; with --truncate one update for each piece of so many steps, the states carried on from one to the next. It
 * begins with the piece that train->piece tells, which is not the first where a run goes on that stopped within a batch. */
static sl_exit learn_batch(sl_train *train, const sl_span *span)
{
    const sl_train_options *options = &train->options->train;
    sl_minibatch *feed = &train->feed;
    const size_t most = options->truncate ? options->truncate : SIZE_MAX;
    sl_minibatch_take(feed, &train->data, train->order.rows + span->begin, span->end - span->begin, options->every_step);
    sl_exit code = SL_EXIT_OK;
    if (train->streams && !train->piece)
        code = reset_slots(train, feed->count);
    for (size_t begin = train->piece; !code && (begin == train->piece || begin < feed->longest);) {
        code = sl_minibatch_make(feed, begin, most);
        feed->batch.streams = train->streams;
        feed->batch.slots = train->streams ? feed->numbers : NULL;
        if (!code)
            code = learn_piece(train);
        begin += feed->batch.steps ? feed->batch.steps : 1;
        if (!code && begin < feed->longest) {
            train->piece = begin;
            code = pause_learning(train);
        }
    }
    if (code)
        return code;
    train->piece = 0;
    train->stats.rows += feed->count;
    return SL_EXIT_OK;
}

/* ---- An epoch --------------------------------------------------------------------------------------------------------------- */

/* Stop where a signal has come, with all that is done kept. */
static sl_exit stop(sl_train *train)
{
    const sl_options *options = train->options;
    const unsigned long long epoch = train->epoch + 1, step = train->step;
    if (train->options->train.checkpoint) {
        const sl_exit code = sl_checkpoint_save(train);
        return code ? code
                    : sl_report(SL_EXIT_INTERRUPTED,
                                "interrupted in epoch %llu, after step %llu; go on with sluice train --resume %s", epoch, step,
                                options->train.checkpoint);
    }
    if (train->best.epoch)
        return sl_report(
            SL_EXIT_INTERRUPTED,
            "interrupted in epoch %llu, after step %llu; %s holds the model of epoch %llu, and there is nothing to go on "
            "from without --checkpoint",
            epoch, step, options->output, (unsigned long long)train->best.epoch);
    return sl_report(SL_EXIT_INTERRUPTED, "interrupted in epoch %llu, after step %llu; nothing is written without --checkpoint",
                     epoch, step);
}

static sl_exit learn_rows(sl_train *train)
{
    tell_progress(train);
    sl_order_shuffle(&train->order, train->data.lengths, train->options->train.seed, train->epoch);
    sl_exit code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
    while (!code && train->batch < train->order.batches) {
        code = learn_batch(train, &train->order.spans[train->batch]);
        if (code)
            return code;
        train->batch++;
        code = train->batch < train->order.batches ? pause_learning(train) : SL_EXIT_OK;
    }
    return code;
}

bool sl_train_is_better(const sl_train *train, const sl_score *score, const sl_score *than)
{
    if (train->curve.has_classes && score->right != than->right)
        return score->right > than->right;
    return score->loss < than->loss;
}

/* Keep the model as the best one, if it is. */
static void judge(sl_train *train, const sl_score *score, bool *is_best)
{
    sl_best *best = &train->best;
    *is_best = !train->tried || !best->epoch || sl_train_is_better(train, score, &best->score);
    if (!*is_best)
        return;
    best->epoch = train->epoch;
    best->digest = sl_train_get_digest(sluice_trainer_get_model(train->trainer));
    best->score = *score;
    memcpy(best->tally, train->tally, train->tallies * sizeof *train->tally);
}

static sl_exit write_curves(const sl_train *train)
{
    const sl_train_options *options = &train->options->train;
    sl_exit code = SL_EXIT_OK;
    if (options->curve_csv)
        code = sl_curve_write_csv(&train->curve, options->curve_csv);
    if (!code && options->curve_svg)
        code = sl_curve_write_svg(&train->curve, options->curve_svg);
    return code;
}

/* The rows are learnt; a checkpoint written meanwhile tells that the trial is still to come. */
static sl_exit end_epoch(sl_train *train)
{
    sl_epoch epoch = {.step = train->step, .rate = train->rate, .training = train->sum};
    epoch.training.loss /= train->sum.weight > 0 ? train->sum.weight : 1;
    sl_exit code = train->tried ? sl_train_evaluate(train, &epoch.validation) : SL_EXIT_OK;
    if (!code)
        code = sl_curve_add(&train->curve, &epoch);
    if (code)
        return code;
    train->epoch++;
    train->batch = 0;
    train->sum = (sl_score){0};
    bool is_best;
    judge(train, train->tried ? &epoch.validation : &epoch.training, &is_best);
    /* First the checkpoint, from which the model can be had if this is as far as it goes; if it fails, the model all the same. */
    code = sl_checkpoint_save(train);
    const sl_exit kept = is_best ? sl_train_save_model(train) : SL_EXIT_OK;
    code = code ? code : kept;
    if (!code)
        code = write_curves(train);
    if (!code)
        sl_train_tell_epoch(train, is_best);
    return code;
}

bool sl_train_is_over(const sl_train *train)
{
    const sl_train_options *options = &train->options->train;
    return train->epoch >= options->epochs || (options->patience && train->epoch - train->best.epoch >= options->patience);
}

sl_exit sl_train_learn(sl_train *train)
{
    const uint64_t left = train->options->train.epochs > train->epoch ? train->options->train.epochs - train->epoch : 0;
    const uint64_t learnt = train->batch < train->order.batches ? train->batch * train->options->batch : train->order.count;
    sl_progress_start(train->options->progress, left ? left * train->order.count - learnt : 1);
    sl_progress_describe(train->words);
    train->saved_at = sl_clock_get();
    train->saved_step = train->step;
    /* A run that was killed may have left these an epoch behind its checkpoint. */
    sl_exit code = train->curve.count ? write_curves(train) : SL_EXIT_OK;
    while (!code && !sl_train_is_over(train)) {
        code = learn_rows(train);
        if (!code)
            code = end_epoch(train);
    }
    sl_progress_stop();
    return code == SL_EXIT_INTERRUPTED ? stop(train) : code;
}
