/* The gradients of a projection h = W_p m + b_p, or of that limited: of its parameters, and of the units m = o tanh(c). */
#include "engine/backward/grad_dense.h"
#include "engine/backward/row_steps.h"
#include "engine/tape/partial_sums.h"

#include <math.h>
#include <string.h>

static size_t segment_row_step(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    return tape->first_row_step[iteration] - tape->first_row_step[layer_dir->from] + sorted;
}

float *sl_grad_dh(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    return tape->dh + segment_row_step(tape, layer_dir, iteration, sorted) * layer_dir->dir->h_width;
}

float *sl_grad_m(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    const size_t row_step = segment_row_step(tape, layer_dir, iteration, sorted);
    return tape->layer_dirs[layer_dir->k].m + row_step * layer_dir->dir->hidden;
}

void sl_grad_clip(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted, size_t from,
                  size_t count, float *dh)
{
    const float limit = layer_dir->packed->cell.projection_clip;
    const float *h = sl_tape_h_before(tape, layer_dir->k, iteration + 1, sorted) + from;
    for (size_t k = 0; limit > 0 && k < count; k++)
        dh[k] = fabsf(h[k]) >= limit ? 0.0f : dh[k];
}

/* ---- dW_p and db_p --------------------------------------------------------------------------------------------------------- */

static float *wanted(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, sluice_tensor tensor)
{
    return sl_grad_wanted_of_dir(thread->tape, layer_dir->k, tensor);
}

static bool wants_sums(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    return layer_dir->packed->projection_width > 0 &&
           (wanted(thread, layer_dir, SLUICE_TENSOR_PROJECTION) || wanted(thread, layer_dir, SLUICE_TENSOR_PROJECTION_BIAS));
}

static sl_dense_sums sums_of(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir)
{
    const sl_layer_dir *dir = layer_dir->dir;
    const size_t partial_sums = sl_partial_sum_count(dir->h_width, tape->time_blocks);
    return (sl_dense_sums){.at = tape->projection_sums,
                           .units = dir->h_width,
                           .inputs = dir->hidden,
                           .partial_sums = tape->time_blocks ? partial_sums : 0,
                           .tiles = sl_partial_sum_tiles(dir->h_width, partial_sums)};
}

/* Add a segment's row-steps to a tile of a partial sum. */
static void sum_tile(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, const sl_dense_sums *sums, size_t index)
{
    const sluice_tape *tape = thread->tape;
    const sl_dense_tile tile = sl_dense_tile_at(sums, index);
    if (layer_dir->segment + 1 == tape->segments)
        sl_dense_clear(sums, &tile);
    sl_row_steps chunk = {0};
    for (size_t block = tape->segment[layer_dir->segment + 1];
         sl_next_block(tape, layer_dir, sums->partial_sums, tile.partial, &block);)
        for (size_t k = 0; sl_next_chunk(tape, block, k, &chunk); k++)
            sl_dense_add(thread, sums, &tile, chunk.count, sl_grad_dh(tape, layer_dir, chunk.iteration, chunk.sorted) + tile.from,
                         sums->units, sl_grad_m(tape, layer_dir, chunk.iteration, chunk.sorted));
}

void sl_grad_projection_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    if (!wants_sums(thread, layer_dir))
        return;
    const sl_dense_sums sums = sums_of(thread->tape, layer_dir);
    for (size_t task; (task = sl_task_next(&thread->tasks)) < sums.partial_sums * sums.tiles;)
        sum_tile(thread, layer_dir, &sums, task);
    sl_task_end_phase(&thread->tasks);
}

void sl_grad_end_projection(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir)
{
    if (!wants_sums(thread, layer_dir))
        return;
    const sl_dense_sums sums = sums_of(thread->tape, layer_dir);
    for (size_t unit; (unit = sl_task_next(&thread->tasks)) < sums.units;)
        sl_dense_finish_unit(&sums, unit, thread->scratch->product, wanted(thread, layer_dir, SLUICE_TENSOR_PROJECTION),
                             wanted(thread, layer_dir, SLUICE_TENSOR_PROJECTION_BIAS), thread->gradient->accumulate);
    sl_task_end_phase(&thread->tasks);
}
