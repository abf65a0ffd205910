#include "cli/train/training.h"

#include "base/clock.h"
#include "base/size.h"
#include "base/value_loss.h"
#include "cli/class_order.h"
#include "program/interrupt.h"
#include "program/ranks/rank_group.h"

#include <stdlib.h>
#include <string.h>

sl_exit sl_train_set_up_evaluation(sl_training *train)
{
    sl_evaluation *evaluation = &train->evaluation;
    sluice_engine_options options = train->options->engine;
    sluice_error error;
    const size_t ranks = sl_group_count();
    size_t parts, all;
    evaluation->shards = (train->minibatch.shards + ranks - 1) / ranks;
    evaluation->part_count = train->dataset.data.labels ? 1 : evaluation->shards;
    const bool fits = sl_size_mul(evaluation->part_count, evaluation->count, &parts) && sl_size_mul(parts, ranks, &all);
    evaluation->shard_scores = calloc(evaluation->shards, sizeof *evaluation->shard_scores);
    evaluation->parts = fits ? calloc(parts, sizeof *evaluation->parts) : NULL;
    if (!evaluation->shard_scores || !evaluation->parts)
        return sl_report_memory("the scores of the shards");
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
    bool fits = sl_size_mul(width, minibatch->own, &count);
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

static void count_values(const sl_training *train, sl_output_score *scores, const float *outputs, const float *values)
{
    const sl_train_loss *loss = &train->options->train.loss;
    const size_t each = loss->quantile_count ? loss->quantile_count : 1;
    for (size_t k = 0; k < train->evaluation.count; k++) {
        const double off = (double)outputs[k] - (double)values[k / each];
        scores[k].counted++;
        scores[k].losses += sl_loss_term(loss->kind, off, loss->delta, (double)loss->quantiles[k % each]);
    }
}

/* Count the outputs of this rank's rows of a shard in its part. */
static void count_outputs(sl_training *train, size_t shard)
{
    const sl_minibatch *minibatch = &train->minibatch;
    const sl_evaluation *evaluation = &train->evaluation;
    const size_t width = evaluation->count, part = evaluation->part_count == 1 ? 0 : shard - minibatch->first_shard;
    sl_output_score *scores = evaluation->parts + part * width;
    for (size_t n = minibatch->bounds[shard]; n < minibatch->bounds[shard + 1]; n++) {
        size_t first;
        const size_t targets = sl_minibatch_get_targets(minibatch, n - minibatch->first, &first);
        for (size_t at = first; at < first + targets; at++)
            if (minibatch->batch.sample_weights && minibatch->batch.sample_weights[at] == 0)
                continue;
            else if (minibatch->data->labels)
                count_label(scores, width, evaluation->outputs + at * width, minibatch->labels[at]);
            else
                count_values(train, scores, evaluation->outputs + at * width,
                             minibatch->values + at * minibatch->data->target_width);
    }
}

/* Add the loss of the outputs of a shard to its score. */
static sluice_status score_shard(const sl_training *train, const sluice_trainer_options *options, size_t shard, sluice_error *error)
{
    const sl_minibatch *minibatch = &train->minibatch;
    size_t first;
    (void)sl_minibatch_get_targets(minibatch, minibatch->bounds[shard] - minibatch->first, &first);
    sluice_loss loss = {.struct_size = sizeof loss,
                        .kind = options->loss,
                        .rows = minibatch->bounds[shard + 1] - minibatch->bounds[shard],
                        .steps = minibatch->every_step ? minibatch->batch.steps : 1,
                        .width = train->evaluation.count,
                        .lengths = minibatch->every_step ? minibatch->lengths + minibatch->bounds[shard] : NULL,
                        .outputs = train->evaluation.outputs + first * train->evaluation.count,
                        .labels = minibatch->labels ? minibatch->labels + first : NULL,
                        .values = minibatch->values ? minibatch->values + first * minibatch->data->target_width : NULL,
                        .ignore = options->ignore,
                        .label_smoothing = options->label_smoothing,
                        .class_weights = options->class_weights,
                        .sample_weights = minibatch->batch.sample_weights ? minibatch->batch.sample_weights + first : NULL,
                        .delta = options->delta,
                        .quantiles = options->quantiles,
                        .quantile_count = options->quantile_count};
    const sluice_status status = loss.rows ? sluice_loss_compute(&loss, error) : SLUICE_STATUS_OK;
    sl_score *score = &train->evaluation.shard_scores[shard - minibatch->first_shard];
    score->loss += loss.loss * loss.weight;
    score->weight += loss.weight;
    score->counted += loss.counted;
    score->right += loss.right;
    return status;
}

/* sluice_trainer_evaluate of this rank's rows, by an engine that is not the trainer's. */
static sluice_status evaluate_by(const sluice_engine *engine, const sl_training *train, sluice_error *error)
{
    const sl_minibatch *minibatch = &train->minibatch;
    sluice_batch batch = minibatch->batch;
    sluice_trainer_options options = {.struct_size = sizeof options};
    sluice_status status = sluice_trainer_get_options(train->trainer, &options);
    batch.rows = minibatch->own;
    batch.lengths += minibatch->first;
    status = status ? status : sluice_forward(engine, NULL, &batch, error);
    for (size_t shard = minibatch->first_shard; !status && shard < minibatch->shard_end; shard++)
        status = score_shard(train, &options, shard, error);
    error->row += minibatch->first;
    return status;
}

static sl_exit evaluate_batch(sl_training *train, const sl_batch_range *range, sl_score *score)
{
    sl_minibatch *minibatch = &train->minibatch;
    sl_minibatch_select(minibatch, train->dataset.validation, train->dataset.validation_order.rows + range->begin,
                        range->end - range->begin, train->options->train.every_step);
    sl_exit code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : sl_minibatch_cut(minibatch);
    code = code ? code : sl_minibatch_make(minibatch, 0, SIZE_MAX);
    code = sl_group_agree(code ? code : set_outputs(train));
    if (code)
        return code;
    sluice_report report = {.struct_size = sizeof report};
    sluice_error error;
    const sluice_engine *engine = train->evaluation.engine;
    if (engine ? evaluate_by(engine, train, &error)
               : sluice_trainer_evaluate(train->trainer, &minibatch->batch, minibatch->labels, minibatch->values, &report, &error))
        return sl_train_report_failure(train, &error);
    score->loss += report.loss * report.weight;
    score->weight += report.weight;
    score->counted += report.counted;
    score->right += report.right;
    for (size_t shard = minibatch->first_shard; shard < minibatch->shard_end; shard++)
        count_outputs(train, shard);
    return SL_EXIT_OK;
}

/* Add up the scores of all ranks, shard after shard. */
static sl_exit add_scores(const sl_training *train, sl_score *score)
{
    const sl_evaluation *evaluation = &train->evaluation;
    const size_t ranks = sl_group_count(), parts = evaluation->part_count * evaluation->count;
    sl_score *scores = calloc(ranks * evaluation->shards, sizeof *scores);
    sl_output_score *all = calloc(ranks * parts, sizeof *all);
    sl_exit code = sl_group_agree(scores && all ? SL_EXIT_OK : sl_report_memory("the scores of all ranks"));
    code = code ? code : sl_group_gather(evaluation->parts, parts * sizeof *all, all);
    for (size_t k = 0; !code && k < ranks * parts; k++) {
        sl_output_score *sum = &evaluation->scores[k % evaluation->count];
        sum->counted += all[k].counted;
        sum->right += all[k].right;
        sum->losses += all[k].losses;
    }
    if (!code && evaluation->engine)
        code = sl_group_gather(evaluation->shard_scores, evaluation->shards * sizeof *scores, scores);
    for (size_t k = 0; !code && k < ranks * evaluation->shards; k++) {
        score->loss += scores[k].loss;
        score->weight += scores[k].weight;
        score->counted += scores[k].counted;
        score->right += scores[k].right;
    }
    free(scores);
    free(all);
    return code;
}

sl_exit sl_train_evaluate(sl_training *train, sl_score *score)
{
    const double started = sl_clock_get();
    const sl_evaluation *evaluation = &train->evaluation;
    *score = (sl_score){0};
    memset(evaluation->scores, 0, evaluation->count * sizeof *evaluation->scores);
    memset(evaluation->parts, 0, evaluation->part_count * evaluation->count * sizeof *evaluation->parts);
    memset(evaluation->shard_scores, 0, evaluation->shards * sizeof *evaluation->shard_scores);
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    if (evaluation->engine && sluice_engine_set_model(evaluation->engine, sluice_trainer_get_model(train->trainer), &error))
        code = sl_report_error(&error);
    for (size_t k = 0; !code && k < train->dataset.validation_order.batches; k++)
        code = evaluate_batch(train, &train->dataset.validation_order.ranges[k], score);
    code = code ? code : add_scores(train, score);
    score->loss /= score->weight > 0 ? score->weight : 1;
    train->stats.evaluate_seconds += sl_clock_get() - started;
    return code;
}
