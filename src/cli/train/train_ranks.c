/* What the ranks of a training compare before it begins, and what only several ranks do. */
#include "cli/train/training.h"

#include "base/size.h"
#include "cli/state_sizes.h"
#include "cli/train/train_record.h"
#include "program/ranks/rank_group.h"

#include <stdlib.h>

/* ---- Before the first update ------------------------------------------------------------------------------------------------- */

sl_exit sl_train_compare_options(const sl_training *train)
{
    if (sl_group_count() == 1)
        return SL_EXIT_OK;
    char *own = sl_record_get_text(train->options, train->options->engine.gemm), *first = NULL;
    sl_exit code = sl_group_agree(own ? SL_EXIT_OK : sl_report_memory("the options"));
    code = code ? code : sl_group_share_text(own, &first);
    code = code ? code : sl_record_compare_ranks(own, first);
    free(own);
    free(first);
    return sl_group_agree(code);
}

sl_exit sl_train_compare_data(const sl_training *train)
{
    if (sl_group_count() == 1)
        return SL_EXIT_OK;
    uint64_t *digests = calloc(sl_group_count(), sizeof *digests);
    sl_exit code = sl_group_agree(digests ? SL_EXIT_OK : sl_report_memory("the ranks"));
    code = code ? code : sl_group_gather(&train->dataset.digest, sizeof *digests, digests);
    if (!code && digests[sl_group_get_own()] != digests[0])
        code = sl_report(SL_EXIT_DATA, "%s: the data differ from those of rank 0; give all ranks the same",
                         sl_report_input(train->dataset.data.path));
    free(digests);
    return sl_group_agree(code);
}

sl_exit sl_train_join_ranks(const sl_training *train)
{
    const size_t ranks = sl_group_count(), shards = train->minibatch.shards;
    sluice_error error;
    if (ranks == 1)
        return SL_EXIT_OK;
    sl_exit code = sl_group_agree(SL_EXIT_OK);
    if (!code && sluice_trainer_set_exchange(train->trainer, sl_group_get_exchange(), &error))
        code = sl_report_error(&error);
    if (!code && ranks > shards)
        sl_report_note(
            "%zu of the %zu ranks %s nothing to do, as a batch has %zu shard%s; start %zu rank%s, or train with --shards %zu",
            ranks - shards, ranks, ranks - shards == 1 ? "has" : "have", shards, shards == 1 ? "" : "s", shards,
            shards == 1 ? "" : "s", ranks);
    return code;
}

/* ---- The states of truncated back-propagation --------------------------------------------------------------------------------- */

/* Most rows of any rank in the selected batch. */
static size_t find_most_rows(const sl_minibatch *minibatch)
{
    size_t most = 0;
    for (size_t r = 0; r < sl_group_count(); r++) {
        size_t first, end;
        sluice_shards_of_rank(minibatch->shards, r, sl_group_count(), &first, &end);
        const size_t rows = minibatch->cut[end] - minibatch->cut[first];
        most = rows > most ? rows : most;
    }
    return most;
}

/* Of a rank's rows, get the states, h and then c of each, from their slots, or set the slots to them. */
static sl_exit copy_states(const sl_training *train, size_t rank, bool is_set, float *states)
{
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    const size_t h = sl_state_sizes_get(model, SL_STATE_H).floats, c = sl_state_sizes_get(model, SL_STATE_C).floats;
    sluice_error error;
    size_t first, end;
    sluice_shards_of_rank(train->minibatch.shards, rank, sl_group_count(), &first, &end);
    sl_exit code = SL_EXIT_OK;
    for (size_t n = train->minibatch.cut[first]; !code && n < train->minibatch.cut[end]; n++, states += h + c)
        code = sl_report_status(is_set ? sluice_streams_set(train->streams, n, states, states + h, &error)
                                       : sluice_streams_get(train->streams, n, states, states + h, &error),
                                &error);
    return code;
}

sl_exit sl_train_gather_states(const sl_training *train)
{
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    const size_t ranks = sl_group_count(),
                 row = sl_state_sizes_get(model, SL_STATE_H).floats + sl_state_sizes_get(model, SL_STATE_C).floats;
    size_t block, all;
    if (ranks == 1)
        return SL_EXIT_OK;
    const bool fits = sl_size_mul(find_most_rows(&train->minibatch), row, &block) && sl_size_mul(block, ranks, &all);
    float *own = fits ? calloc(block + 1, sizeof *own) : NULL, *states = fits ? calloc(all + 1, sizeof *states) : NULL;
    sl_exit code = own && states ? copy_states(train, sl_group_get_own(), false, own) : sl_report_memory("the states of all ranks");
    code = sl_group_agree(code);
    code = code ? code : sl_group_gather(own, block * sizeof *own, states);
    for (size_t r = 1; !code && sl_group_is_first() && r < ranks; r++)
        code = copy_states(train, r, true, states + r * block);
    free(own);
    free(states);
    return code;
}
