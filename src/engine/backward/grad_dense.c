#include "engine/backward/grad_dense.h"

#include "engine/backward/grad_product.h"
#include "engine/tape/partial_sums.h"

#include <string.h>

sl_dense_sums sl_dense_sums_of(const sluice_tape *tape, size_t units, size_t inputs)
{
    const size_t partial_sums = sl_partial_sum_count(units, SIZE_MAX);
    return (sl_dense_sums){.at = tape->dense_sums,
                           .units = units,
                           .inputs = inputs,
                           .partial_sums = partial_sums,
                           .tiles = sl_partial_sum_tiles(units, partial_sums)};
}

static float *partial_sum(const sl_dense_sums *sums, size_t partial)
{
    return sums->at + partial * sums->units * (sums->inputs + 1);
}

sl_dense_tile sl_dense_tile_at(const sl_dense_sums *sums, size_t index)
{
    const size_t tile = index % sums->tiles, from = sums->units * tile / sums->tiles;
    return (sl_dense_tile){index / sums->tiles, from, sums->units * (tile + 1) / sums->tiles - from};
}

void sl_dense_clear(const sl_dense_sums *sums, const sl_dense_tile *tile)
{
    float *sum = partial_sum(sums, tile->partial);
    memset(sum + tile->from * sums->inputs, 0, tile->units * sums->inputs * sizeof *sum);
    memset(sum + sums->units * sums->inputs + tile->from, 0, tile->units * sizeof *sum);
}

void sl_dense_add(const sl_grad_thread *thread, const sl_dense_sums *sums, const sl_dense_tile *tile, size_t count, const float *d,
                  size_t d_stride, const float *x)
{
    float *sum = partial_sum(sums, tile->partial);
    sl_grad_multiply(thread, (sl_bulk_product){.rows = tile->units,
                                               .columns = sums->inputs,
                                               .terms = count,
                                               .a = d,
                                               .a_stride = d_stride,
                                               .a_transposed = true,
                                               .b = x,
                                               .b_stride = sums->inputs,
                                               .adds = true,
                                               .c = sum + tile->from * sums->inputs,
                                               .c_stride = sums->inputs});
    thread->tape->engine->kernel->add_rows(count, tile->units, d, d_stride, sum + sums->units * sums->inputs + tile->from);
}

void sl_dense_finish_unit(const sl_dense_sums *sums, size_t unit, float *sum, float *weight, float *bias, bool accumulate)
{
    const size_t inputs = sums->inputs;
    float total = 0;
    memset(sum, 0, inputs * sizeof *sum);
    for (size_t partial = 0; partial < sums->partial_sums; partial++) {
        sl_grad_store(sum, partial_sum(sums, partial) + unit * inputs, inputs, partial > 0);
        total += partial_sum(sums, partial)[sums->units * inputs + unit];
    }
    if (weight)
        sl_grad_store(weight + unit * inputs, sum, inputs, accumulate);
    if (bias)
        sl_grad_store(bias + unit, &total, 1, accumulate);
}
