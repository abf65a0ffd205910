/*
 * The adjoint of step.h's step, over the same register tiles: a tile is some rows x one block of 4 vectors of units. Its product U'
 * da_after is accumulated in registers, and da is made of it at once.
 */
#ifndef SLUICE_KERNEL_STEP_GRAD_H
#define SLUICE_KERNEL_STEP_GRAD_H

#include "base/memory.h"
#include "kernel/cell_equations.h"
#include "kernel/tile.h"

/* One vector of units of a row, from dh's product to da and the next dc. `units` of them are there. */
TILE finish_units(const sl_step_grad *s, const cell_equations *cell, size_t row, size_t unit, vf product, vf activated_c,
                  size_t units)
{
    float *gates_at = s->gates[row] + unit, *dc_at = s->dc + row * s->dc_stride + unit;
    vf gates[SL_GATES], dc = v_load(dc_at);
    UNROLL
    for (size_t g = 0; g < SL_GATES; g++)
        gates[g] = load_units(gates_at + g * s->gate_stride, units);
    const vf c_before = load_units(s->c_before[row] + unit, units);
    const vf dh = v_add(load_units(s->dy[row] + unit, units), product);
    cell->grad(gates, c_before, activated_c, dh, &dc);
    UNROLL
    for (size_t g = 0; g < SL_GATES; g++)
        store_units(gates_at + g * s->gate_stride, gates[g], units);
    v_store(dc_at, dc);
}

/* The vectors of a tile, by one function for tiles of all sizes: the products are in memory. The activations of c come first for all
 * of them, since the chain of operations of each is as long as the rest, and a core looks ahead over several short iterations of a
 * loop, but not over two long ones. */
TILE finish_grad(const sl_step_grad *s, const cell_equations *cell, size_t block, size_t row, size_t blocks, size_t rows,
                 const float *products)
{
    float activated[V_TILE_ROWS * BLOCK_FLOATS];
    for (size_t q = 0; q < rows * blocks; q++)
        for (size_t v = 0, unit = (block + q / rows) * BLOCK_FLOATS; v < BLOCK_FLOATS && unit < s->units;
             v += V_LANES, unit += V_LANES)
            v_store(activated + q * BLOCK_FLOATS + v, cell->activate(load_units(s->c[row + q % rows] + unit, s->units - unit)));
    for (size_t q = 0; q < rows * blocks; q++)
        for (size_t v = 0, unit = (block + q / rows) * BLOCK_FLOATS; v < BLOCK_FLOATS && unit < s->units;
             v += V_LANES, unit += V_LANES) {
            const size_t at = q * BLOCK_FLOATS + v;
            if (s->units - unit >= V_LANES)
                finish_units(s, cell, row + q % rows, unit, v_load(products + at), v_load(activated + at), V_LANES);
            else
                finish_units(s, cell, row + q % rows, unit, v_load(products + at), v_load(activated + at), s->units - unit);
        }
}

/* Prefetch the tile's share of the tape, which is in L3 or DRAM, while the product is made. */
TILE prefetch_tape(const sl_step_grad *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    const size_t from = block * BLOCK_FLOATS, end = from + blocks * BLOCK_FLOATS, to = end < s->units ? end : s->units;
    for (size_t r = row; r < row + rows; r++)
        for (size_t unit = from; unit < to; unit += SL_LINE_FLOATS) {
            for (size_t g = 0; g < SL_GATES; g++)
                __builtin_prefetch(s->gates[r] + g * s->gate_stride + unit, 1);
            __builtin_prefetch(s->dy[r] + unit);
            __builtin_prefetch(s->c[r] + unit);
            __builtin_prefetch(s->c_before[r] + unit);
        }
}

/* The finish of a kind of cell, finish_grad with its equations. */
typedef void finish_function(const sl_step_grad *s, size_t block, size_t row, size_t blocks, size_t rows, const float *products);

TILE grad_tile(const sl_step_grad *s, finish_function *finish, size_t block, size_t row, size_t blocks, size_t rows)
{
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    prefetch_tape(s, block, row, blocks, rows);
    if (s->weights.words) {
        clear_tile(acc, rows * blocks);
        multiply(SL_WEIGHT_F32, acc, &s->weights, block, row, blocks, rows, s->rows, s->da_after + row);
    } else {
        UNROLL
        for (size_t q = 0; q < rows * blocks; q++)
            UNROLL
        for (size_t v = 0; v < SL_BLOCK_VECTORS; v++)
            acc[q][v] = v_set(-0.0f); /* dy + -0 is dy, bit for bit */
    }
    float products[V_TILE_ROWS * BLOCK_FLOATS];
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t v = 0; v < SL_BLOCK_VECTORS; v++)
        v_store(products + q * BLOCK_FLOATS + v * V_LANES, acc[q][v]);
    finish(s, block, row, blocks, rows, products);
}

/* step_grad_NAME, the kernel of the cell whose equations are cell_NAME, and its tiles of each size. */
#define GRAD_TILE(name, format, blocks, rows)                                                                                      \
    static void step_grad_##name##_##format##_##blocks##_##rows(const void *s, size_t block, size_t row)                           \
    {                                                                                                                              \
        grad_tile(s, finish_grad_##name, block, row, blocks, rows);                                                                \
    }
#define STEP_GRAD_OF(name)                                                                                                         \
    static __attribute__((noinline)) void finish_grad_##name(const sl_step_grad *s, size_t block, size_t row, size_t blocks,       \
                                                             size_t rows, const float *products)                                   \
    {                                                                                                                              \
        finish_grad(s, &cell_##name, block, row, blocks, rows, products);                                                          \
    }                                                                                                                              \
    FOR_EACH_SIZE(GRAD_TILE, name, F32)                                                                                            \
    static void step_grad_##name(const sl_step_grad *s)                                                                            \
    {                                                                                                                              \
        static const tile_table tiles = {.of = {FOR_EACH_SIZE(TILE_ENTRY, step_grad_##name, F32)}};                                \
        assert(s->weights.format == SL_WEIGHT_F32);                                                                                \
        const size_t blocks = (s->units + BLOCK_FLOATS - 1) / BLOCK_FLOATS;                                                        \
        for (tile t = first_tile(&tiles, &s->weights, blocks, s->rows, s->from_last); t.rows; next_tile(&t))                       \
            tiles.of[t.blocks][t.rows](s, t.block, t.row);                                                                         \
    }

#endif
