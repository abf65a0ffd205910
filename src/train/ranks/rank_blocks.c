#include "train/ranks/rank_blocks.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <string.h>

/* The most nodes that a rank's tree has at one time: its buffers. */
static size_t count_buffers(const sl_ranks *ranks)
{
    sl_tree tree = {.shards = ranks->shards};
    size_t most = 1;
    for (size_t shard = ranks->first; shard < ranks->end; shard++) {
        most = sl_size_max(most, tree.count + 1);
        sl_tree_put(&tree, (sl_tree_node){0, shard, NULL});
    }
    return most;
}

static sluice_status allocate(const sluice_trainer *trainer, sl_ranks *ranks, sluice_error *error)
{
    const size_t count = ranks->exchange.ranks, most = sl_size_div_up(ranks->shards, count), buffers = count_buffers(ranks);
    size_t floats, bytes = 0;
    ranks->block_bytes = sizeof *ranks->block + most * sizeof *ranks->block->of_shards;
    if (!sl_size_mul(buffers, trainer->floats, &floats) || floats > SIZE_MAX / 2 / sizeof(float) ||
        !sl_size_mul(count, ranks->block_bytes, &bytes))
        return sl_fail_size(error, "the gradients of shards");
    floats -= trainer->floats;
    ranks->bounds = sl_alloc_array(ranks->shards + 1, sizeof *ranks->bounds);
    ranks->numbers = sl_alloc_array(ranks->shards, sizeof *ranks->numbers);
    ranks->block = sl_alloc(ranks->block_bytes);
    ranks->blocks = sl_alloc_array(count, ranks->block_bytes);
    ranks->floats = sl_alloc_array(floats, sizeof *ranks->floats);
    if (!ranks->bounds || !ranks->numbers || !ranks->block || !ranks->blocks || !ranks->floats)
        return sl_fail_memory(error, "the gradients of shards", bytes + floats * sizeof(float));
    ranks->buffers[0] = trainer->gradients;
    for (size_t k = 1; k < buffers; k++)
        ranks->buffers[k] = ranks->floats + (k - 1) * trainer->floats;
    return sl_gradient_exchange_create(trainer, &ranks->exchange, &ranks->gradient_exchange, error);
}

sluice_status sl_ranks_create(const sluice_trainer *trainer, const sluice_exchange *exchange, sl_ranks **ranks, sluice_error *error)
{
    sl_ranks *made = sl_alloc(sizeof *made);
    *ranks = NULL;
    if (!made)
        return sl_fail_memory(error, "the shards of a trainer", sizeof *made);
    made->exchange = *exchange;
    made->shards = trainer->options.shards;
    sluice_shards_of_rank(made->shards, exchange->rank, exchange->ranks, &made->first, &made->end);
    const sluice_status status = allocate(trainer, made, error);
    if (status)
        sl_ranks_destroy(made);
    else
        *ranks = made;
    return status;
}

void sl_ranks_destroy(sl_ranks *ranks)
{
    if (!ranks)
        return;
    sl_free(ranks->bounds);
    sl_free(ranks->numbers);
    sl_free(ranks->block);
    sl_free(ranks->blocks);
    sl_free(ranks->floats);
    sl_gradient_exchange_destroy(ranks->gradient_exchange);
    sl_shard_batch_free(&ranks->part);
    sl_free(ranks);
}

const sl_rank_block *sl_ranks_block(const sl_ranks *ranks, size_t rank)
{
    return (const void *)(ranks->blocks + rank * ranks->block_bytes);
}

sluice_status sl_ranks_gather(sl_ranks *ranks, const sluice_error *own, sluice_error *error)
{
    const sluice_status status = sl_exchange_gather(&ranks->exchange, ranks->block, ranks->block_bytes, ranks->blocks, error);
    for (size_t rank = 0; !status && rank < ranks->exchange.ranks; rank++)
        if (sl_ranks_block(ranks, rank)->status)
            return sl_exchange_agree(&ranks->exchange, own, error);
    return status;
}

double sl_ranks_sum(sl_ranks *ranks, size_t *count)
{
    *count = 0;
    for (size_t rank = 0; rank < ranks->exchange.ranks; rank++) {
        size_t first, end;
        sluice_shards_of_rank(ranks->shards, rank, ranks->exchange.ranks, &first, &end);
        for (size_t shard = first; shard < end; shard++) {
            const sl_shard_figures *of = &sl_ranks_block(ranks, rank)->of_shards[shard - first];
            ranks->numbers[shard] = of->number;
            *count += (size_t)of->count;
        }
    }
    return sl_tree_sum(ranks->numbers, ranks->shards);
}
