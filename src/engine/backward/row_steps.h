/*
 * Row-steps in the order in which they are summed. They come in time blocks, from the last to the first, and within a time block in
 * chunks; a chunk is one product. A sum has a fixed number P of partial sums: time block b, counted from the last, belongs to
 * partial sum b mod P.
 */
#ifndef SLUICE_ENGINE_BACKWARD_ROW_STEPS_H
#define SLUICE_ENGINE_BACKWARD_ROW_STEPS_H

#include "engine/backward/grad.h"

/** `count` row-steps of a layer-direction, from this one on. */
typedef struct sl_row_steps {
    size_t iteration, sorted, count;
} sl_row_steps;

/** The one after it, with the same count. */
static inline sl_row_steps sl_row_steps_next(const sluice_tape *tape, sl_row_steps at)
{
    if (++at.sorted == sl_tape_running(tape, at.iteration)) {
        at.iteration++;
        at.sorted = 0;
    }
    return at;
}

/** The row-steps of a time block. */
static inline size_t sl_block_row_steps(const sluice_tape *tape, size_t block)
{
    return tape->first_row_step[tape->time_block[block + 1]] - tape->first_row_step[tape->time_block[block]];
}

/** Find the time block's chunk with this index; *chunk is the one before it. false: there is none. */
static inline bool sl_next_chunk(const sluice_tape *tape, size_t block, size_t index, sl_row_steps *chunk)
{
    const size_t all = sl_block_row_steps(tape, block), chunks = sl_size_div_up(all, tape->chunk_row_steps);
    if (index == chunks)
        return false;
    if (index == 0)
        *chunk = (sl_row_steps){.iteration = tape->time_block[block]};
    else
        for (size_t k = 0, count = chunk->count; k < count; k++)
            *chunk = sl_row_steps_next(tape, *chunk);
    chunk->count = all * (index + 1) / chunks - all * index / chunks;
    return true;
}

/** Find the segment's last time block below *block that belongs to a partial sum. false: there is none. */
static inline bool sl_next_block(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t partial_sums, size_t partial,
                                 size_t *block)
{
    while (*block > tape->segment[layer_dir->segment])
        if ((tape->time_blocks - 1 - --*block) % partial_sums == partial)
            return true;
    return false;
}

#endif
