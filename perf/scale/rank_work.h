/* What a rank computes: its rows of a batch, its shards of a training step, or its part of an exchange. */
#ifndef SLUICE_PERF_SCALE_RANK_WORK_H
#define SLUICE_PERF_SCALE_RANK_WORK_H

#include "perf/cases/case.h"
#include "sluice_train.h"

/** What all ranks do together. */
typedef struct sl_rank_job {
    sl_case shape;    /* inference, or with `train` updates of a model; batch: the rows of all ranks */
    size_t floats;    /* > 0: instead, the sum of vectors of so many, one for each shard */
    size_t shards;    /* into which the batch is cut */
    unsigned threads; /* of each rank */
} sl_rank_job;

typedef struct sl_rank_work sl_rank_work;

/** Make what this rank needs: an engine or a trainer, and the rows of its shards. Nothing is sent. `work` is to be destroyed whatever is
 *  returned. NO_MEMORY, TOO_LARGE, as sluice_engine_create. */
SLUICE_WARN_UNUSED sluice_status sl_rank_work_create(const sl_rank_job *job, const sluice_exchange *exchange, sl_rank_work **work,
                                                     sluice_error *error);

/**
 * Do it a few times for the digest, which is the same on any number of ranks: of the outputs of all rows, of the weights after these
 * updates, or of the sum. All ranks call this. `digest` receives this rank's part, which is added to the others' as whole numbers.
 * @retval BAD_DATA a sum is wrong. As sluice_trainer_set_exchange and sl_rank_work_call.
 */
SLUICE_WARN_UNUSED sluice_status sl_rank_work_check(sl_rank_work *work, uint64_t *digest, sluice_error *error);

/** Do it once: what is timed. */
SLUICE_WARN_UNUSED sluice_status sl_rank_work_call(sl_rank_work *work, sluice_error *error);

/** Real steps of the batch, of all ranks; seconds that this rank has waited and exchanged in a training call, on average. */
uint64_t sl_rank_work_steps(const sl_rank_work *work);
double sl_rank_work_waited(const sl_rank_work *work);
double sl_rank_work_exchanged(const sl_rank_work *work);

/** NULL is allowed. */
void sl_rank_work_destroy(sl_rank_work *work);

#endif
