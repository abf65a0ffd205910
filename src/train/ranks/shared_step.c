/*
 * Ranks exchange figures twice, and if one of them fails its error besides: before the forward pass, when each knows the weight of its
 * shards' targets, and with the gradients, when each has its shards' losses. A rank that fails goes on to these exchanges, so that no
 * other waits for it in vain.
 */
#include "train/ranks/shared_step.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "engine/check.h"
#include "engine/schedule/limits.h"
#include "engine/streams.h"
#include "model/model.h"
#include "train/ranks/rank_blocks.h"

#include <string.h>

/* What ranks have to agree on before a batch. */
static const char *const subjects[] = {"the calls", "the updates made", "rows", "steps", "lengths", "shards"};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static uint64_t add_number(uint64_t hash, uint64_t number)
{
    return sl_random_mix(hash + number + SL_RANDOM_STEP);
}

/* An error about a row of some rows is one about a row of the batch. */
static void shift_row(sluice_error *error, size_t first)
{
    if (error->row == SIZE_MAX || !first)
        return;
    const sluice_error of_part = *error;
    const char *what = strstr(of_part.message, ": ");
    sl_fail_row(error, of_part.status, of_part.row + first, of_part.step, "%s", what ? what + 2 : of_part.message);
}

/* The batch's rows that this rank has begin with this one. */
static size_t first_row(const sl_ranks *ranks)
{
    return ranks->bounds[ranks->first];
}

/* Use the batch's own shards. */
static sluice_status take_bounds(sl_ranks *ranks, const sl_train_call *call, sluice_error *error)
{
    const size_t *given = call->given.shards, shards = ranks->shards;
    bool is_right = given[0] == 0 && given[shards] == call->given.rows;
    for (size_t k = 0; k < shards; k++)
        is_right = is_right && given[k] <= given[k + 1];
    if (!is_right)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: the batch's shards have to begin with 0, end with %zu, its rows, and not to fall", call->name,
                       call->given.rows);
    memcpy(ranks->bounds, given, (shards + 1) * sizeof *given);
    return SLUICE_STATUS_OK;
}

/* Cut the batch, and have call->given be this rank's rows. */
static sluice_status cut(sl_ranks *ranks, sl_train_call *call, sluice_error *error)
{
    sluice_batch *batch = &call->given;
    uint64_t *about = ranks->block->about, lengths = 0, bounds = 0;
    sluice_status status = sluice_shards_cut(batch->rows, batch->steps, batch->lengths, ranks->shards, ranks->bounds, error);
    if (!status && batch->shards)
        status = take_bounds(ranks, call, error);
    if (status)
        return status;
    for (size_t row = 0; batch->lengths && row < batch->rows; row++)
        if ((size_t)batch->lengths[row] < batch->steps) /* lengths that are all the steps are as none */
            lengths = add_number(add_number(lengths, row), (uint64_t)batch->lengths[row]);
    for (size_t k = 0; k <= ranks->shards; k++)
        bounds = add_number(bounds, ranks->bounds[k]);
    const uint64_t found[] = {batch->rows, batch->steps, lengths, bounds};
    memcpy(about + 2, found, sizeof found);
    batch->lengths = batch->lengths ? batch->lengths + first_row(ranks) : NULL;
    batch->rows = ranks->bounds[ranks->end] - first_row(ranks);
    batch->dropout_row += first_row(ranks);
    return SLUICE_STATUS_OK;
}

/* Make *part the call for a shard of this rank's. */
static sluice_status begin_part(const sluice_trainer *trainer, const sl_train_call *call, size_t shard, sl_train_call *part,
                                sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    const size_t first = ranks->bounds[shard] - first_row(ranks), targets = first * sl_train_targets(trainer, call);
    *part = *call;
    part->labels = call->labels ? call->labels + targets : NULL;
    part->values = call->values ? call->values + targets * sl_train_value_width(trainer) : NULL;
    const sluice_status status = sl_shard_batch_begin(&ranks->part, trainer->model->network, &call->given, first,
                                                      ranks->bounds[shard + 1] - ranks->bounds[shard], &part->given, error);
    part->given.sample_weights = call->given.sample_weights ? call->given.sample_weights + targets : NULL;
    return status;
}

/* Whether each row has a slot of its own: shards would not notice, nor know before some streams have gone on. */
static sluice_status check_slots(const sluice_batch *batch, sluice_error *error)
{
    if (!batch->streams)
        return SLUICE_STATUS_OK;
    const sluice_status status = sl_streams_take(batch->streams, batch->slots, batch->rows, error);
    if (!status)
        sl_streams_give_back(batch->streams, batch->slots, batch->rows);
    return status;
}

/* Check what no shard can for all, and count this rank's targets. */
static sluice_status count(const sluice_trainer *trainer, const sl_train_call *call, sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    if (!sl_floats_fit(call->given.rows, sl_train_targets(trainer, call), sl_train_width(trainer)))
        return sl_fail_size(error, "the outputs of a batch");
    sluice_status status = sl_train_check_targets(trainer, call, error);
    if (status)
        return status;
    status = check_slots(&call->given, error);
    if (status)
        shift_row(error, first_row(ranks));
    sl_train_call counted = *call;
    counted.given.h0 = counted.given.c0 = NULL; /* which would be copied, and say nothing of targets */
    for (size_t shard = ranks->first; !status && shard < ranks->end; shard++) {
        sl_train_call part;
        status = begin_part(trainer, &counted, shard, &part, error);
        if (!status)
            status = sl_train_count(trainer, &part, error);
        if (status)
            shift_row(error, ranks->bounds[shard]);
        ranks->block->of_shards[shard - ranks->first] = (sl_shard_figures){part.loss.weight, part.loss.counted};
    }
    return status;
}

/* Compare the batches of all ranks. */
static sluice_status compare(const sl_ranks *ranks, sluice_error *error)
{
    const uint64_t *first = sl_ranks_block(ranks, 0)->about;
    for (size_t rank = 1; rank < ranks->exchange.ranks; rank++)
        for (size_t k = 0; k < SUBJECTS; k++)
            if (sl_ranks_block(ranks, rank)->about[k] != first[k])
                return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                               "ranks disagree: %s of rank %zu are others than those of rank 0; give all ranks the same batches in "
                               "the same order",
                               subjects[k], rank);
    return SLUICE_STATUS_OK;
}

/* The first exchange: the weight of the batch. */
static sluice_status begin(sluice_trainer *trainer, sl_train_call *call, sluice_status status, sluice_error *own,
                           sluice_report *report, sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    memset(ranks->block, 0, ranks->block_bytes);
    ranks->block->about[0] = call->trains;
    ranks->block->about[1] = trainer->step;
    if (!status)
        status = cut(ranks, call, own);
    if (!status)
        status = count(trainer, call, own);
    ranks->block->status = status;
    const double start = sl_clock_get();
    status = sl_ranks_gather(ranks, own, error);
    report->wait_seconds = ranks->exchange.ranks > 1 ? sl_clock_get() - start : 0;
    if (!status)
        status = compare(ranks, error);
    if (!status)
        report->weight = call->total_weight = sl_ranks_sum(ranks, &report->counted);
    return status;
}

/* Forward, loss and, of a step, backward of a shard, its gradient into an array like trainer->gradients. */
static sluice_status run_shard(sluice_trainer *trainer, const sl_train_call *call, size_t shard, float *gradients,
                               sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    sl_train_call part;
    if (ranks->bounds[shard] == ranks->bounds[shard + 1]) { /* its figures are 0 already */
        if (call->trains)
            memset(gradients, 0, trainer->floats * sizeof *gradients);
        return SLUICE_STATUS_OK;
    }
    sluice_status status = begin_part(trainer, call, shard, &part, error);
    if (!status)
        status = sl_train_forward(trainer, &part, error);
    if (!status && call->trains) {
        sl_trainer_choose_gradients(trainer, gradients);
        status = sl_train_backward(trainer, &part, gradients, error);
    }
    if (status)
        shift_row(error, ranks->bounds[shard]);
    else
        sl_shard_batch_end(trainer->model->network, &call->given, ranks->bounds[shard] - first_row(ranks), &part.given);
    ranks->block->of_shards[shard - ranks->first] = (sl_shard_figures){part.loss.loss, part.loss.right};
    return status;
}

/* Run this rank's shards, and begin the sum with the last one's gradient: the ranks exchange that of a layer when it is complete. After a
 * failure the gradients are of no use, but the ranks exchange them all the same. */
static sluice_status run_shards(sluice_trainer *trainer, const sl_train_call *call, sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    sl_tree tree = {.shards = ranks->shards};
    const unsigned threads = sl_workers(trainer->engine);
    const sl_backward_watch watch = {ranks->gradient_exchange, sl_gradient_exchange_complete};
    sluice_status status = SLUICE_STATUS_OK;
    if (call->trains && ranks->first == ranks->end)
        sl_gradient_exchange_begin(ranks->gradient_exchange, &tree, 0);
    for (size_t shard = ranks->first; shard < ranks->end; shard++) {
        float *gradients = ranks->buffers[tree.count];
        const size_t additions = sl_tree_put(&tree, (sl_tree_node){0, shard, gradients});
        const bool is_last = call->trains && shard + 1 == ranks->end;
        sl_train_call watched = *call;
        watched.watch = is_last ? &watch : NULL;
        if (is_last)
            sl_gradient_exchange_begin(ranks->gradient_exchange, &tree, additions);
        if (!status)
            status = run_shard(trainer, &watched, shard, gradients, error);
        if (!status && call->trains && !is_last)
            sl_tree_add(&tree, additions, 0, trainer->floats, threads);
    }
    sl_trainer_choose_gradients(trainer, trainer->gradients);
    return status;
}

/* Where training has diverged, or because a rank's data are not finite: then the message says so. */
static sluice_status explain(const sluice_trainer *trainer, const sl_train_call *call, sluice_status diverged, sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    sluice_error own = {0}, of_data = {0};
    ranks->block->status = sl_batch_check_finite(trainer->model->network, &call->given, 0, call->given.rows, &own);
    shift_row(&own, first_row(ranks));
    const sluice_status status = sl_ranks_gather(ranks, &own, &of_data);
    if (status && error)
        *error = of_data;
    return status ? status : diverged;
}

sluice_status sl_shared_run(sluice_trainer *trainer, sl_train_call *call, sluice_status status, sluice_error *own,
                            sluice_report *report, sluice_error *error)
{
    sl_ranks *ranks = trainer->ranks;
    status = begin(trainer, call, status, own, report, error);
    if (status)
        return status;
    memset(ranks->block, 0, ranks->block_bytes);
    ranks->block->status = run_shards(trainer, call, own);
    const double start = sl_clock_get();
    if (call->trains)
        status = sl_gradient_exchange_end(ranks->gradient_exchange, error);
    report->exchange_seconds = ranks->exchange.ranks > 1 ? sl_clock_get() - start : 0;
    if (!status)
        status = sl_ranks_gather(ranks, own, error);
    if (status)
        return status;
    report->loss = sl_ranks_sum(ranks, &report->right);
    report->step = trainer->step;
    if (call->trains)
        status = sl_trainer_apply(trainer, report, error);
    return status == SLUICE_STATUS_BAD_DATA && call->trains ? explain(trainer, call, status, error) : status;
}
