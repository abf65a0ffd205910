/*
 * The adjoint of cell.h's step, over the same register tiles: a tile is some rows x one block of 4 vectors of units, whose dh is
 * accumulated over all gates of the step after and goes on to da, from the accumulators, without a pass through memory of its own.
 * kernel.h has the equations.
 *
 * 1 - g^2 is (1 - g)(1 + g), and so for tanh(c): three roundings near 1 where 1 - g*g would lose all digits.
 */
#ifndef SLUICE_KERNEL_CELL_LSTM_GRAD_H
#define SLUICE_KERNEL_CELL_LSTM_GRAD_H

#include "kernel/cell_lstm.h"

static inline __attribute__((always_inline)) vf one_minus_square(vf a)
{
    const vf one = v_set(1.0f);
    return v_mul(v_sub(one, a), v_add(one, a));
}

static inline __attribute__((always_inline)) vf load_units(const float *from, size_t units)
{
    return units == V_LANES ? v_load(from) : v_load_first(from, units);
}

/* One vector of a row's cells, from dh's product to da and the next dc. `units` of them are there. */
TILE finish_cell(const sl_step_grad *s, size_t row, size_t unit, vf product, vf tanh_c, size_t units)
{
    const vf one = v_set(1.0f);
    float *gates = s->gates[row] + unit, *dc_at = s->dc + row * s->dc_stride + unit;
    const vf i = load_units(gates, units), f = load_units(gates + s->gate_stride, units),
             g = load_units(gates + 2 * s->gate_stride, units), o = load_units(gates + 3 * s->gate_stride, units);
    const vf c_before = load_units(s->c_before[row] + unit, units);
    const vf dh = v_add(load_units(s->dy[row] + unit, units), product);
    const vf dc = v_fma(v_mul(dh, o), one_minus_square(tanh_c), v_load(dc_at));
    const vf da_i = v_mul(v_mul(dc, g), v_mul(i, v_sub(one, i)));
    const vf da_f = v_mul(v_mul(dc, c_before), v_mul(f, v_sub(one, f)));
    const vf da_g = v_mul(v_mul(dc, i), one_minus_square(g));
    const vf da_o = v_mul(v_mul(dh, tanh_c), v_mul(o, v_sub(one, o)));
    store_units(gates, v_canonical(da_i), units);
    store_units(gates + s->gate_stride, v_canonical(da_f), units);
    store_units(gates + 2 * s->gate_stride, v_canonical(da_g), units);
    store_units(gates + 3 * s->gate_stride, v_canonical(da_o), units);
    v_store(dc_at, v_canonical(v_mul(dc, f)));
}

/* The vectors of a tile, once for tiles of all sizes: products has left the registers. tanh(c) comes first for all of them, since
 * its chain is as long as the rest, and a core looks ahead over several short turns of a loop, but not over two long ones. */
static __attribute__((noinline)) void finish_grad(const sl_step_grad *s, size_t block, size_t row, size_t blocks, size_t rows,
                                                  const float *products)
{
    float tanh_c[V_TILE_ROWS * BLOCK_FLOATS];
    for (size_t q = 0; q < rows * blocks; q++)
        for (size_t v = 0, unit = (block + q / rows) * BLOCK_FLOATS; v < BLOCK_FLOATS && unit < s->hidden;
             v += V_LANES, unit += V_LANES) {
            const float *c = s->c[row + q % rows] + unit;
            v_store(tanh_c + q * BLOCK_FLOATS + v,
                    v_tanh(s->hidden - unit >= V_LANES ? v_load(c) : v_load_first(c, s->hidden - unit)));
        }
    for (size_t q = 0; q < rows * blocks; q++)
        for (size_t v = 0, unit = (block + q / rows) * BLOCK_FLOATS; v < BLOCK_FLOATS && unit < s->hidden;
             v += V_LANES, unit += V_LANES) {
            const size_t at = q * BLOCK_FLOATS + v;
            if (s->hidden - unit >= V_LANES)
                finish_cell(s, row + q % rows, unit, v_load(products + at), v_load(tanh_c + at), V_LANES);
            else
                finish_cell(s, row + q % rows, unit, v_load(products + at), v_load(tanh_c + at), s->hidden - unit);
        }
}

/* The tile's share of the tape comes from the far cache, or memory, while the product is made. */
TILE fetch_cells(const sl_step_grad *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    enum { LINE_FLOATS = 16 };
    const size_t from = block * BLOCK_FLOATS, end = from + blocks * BLOCK_FLOATS, to = end < s->hidden ? end : s->hidden;
    for (size_t r = row; r < row + rows; r++)
        for (size_t unit = from; unit < to; unit += LINE_FLOATS) {
            for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
                __builtin_prefetch(s->gates[r] + g * s->gate_stride + unit, 1);
            __builtin_prefetch(s->dy[r] + unit);
            __builtin_prefetch(s->c[r] + unit);
            __builtin_prefetch(s->c_before[r] + unit);
        }
}

TILE grad_tile(const sl_step_grad *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    const size_t all_blocks = (s->hidden + BLOCK_FLOATS - 1) / BLOCK_FLOATS;
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    fetch_cells(s, block, row, blocks, rows);
    if (s->terms) {
        clear_tile(acc, rows * blocks);
        multiply(acc, rows, blocks, s->terms, s->weights + block * s->panel_stride, s->panel_stride, s->da_after + row,
                 ahead_of(s->weights, s->panel_stride, block, all_blocks, s->terms, row, rows, s->rows));
    } else {
        UNROLL
        for (size_t q = 0; q < rows * blocks; q++)
            UNROLL
        for (size_t v = 0; v < SL_BLOCK_VECTORS; v++)
            acc[q][v] = v_set(-0.0f); /* added, it leaves dy as it is */
    }
    float products[V_TILE_ROWS * BLOCK_FLOATS];
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t v = 0; v < SL_BLOCK_VECTORS; v++)
        v_store(products + q * BLOCK_FLOATS + v * V_LANES, acc[q][v]);
    finish_grad(s, block, row, blocks, rows, products);
}

typedef void grad_function(const sl_step_grad *s, size_t block, size_t row);

#define GRAD_TILE_OF(blocks, rows)                                                                                                 \
    static void grad_tile_##blocks##_##rows(const sl_step_grad *s, size_t block, size_t row)                                       \
    {                                                                                                                              \
        grad_tile(s, block, row, blocks, rows);                                                                                    \
    }
#define ROW_OF_GRADS(blocks, rows) [blocks][rows] = grad_tile_##blocks##_##rows,

FOR_EACH_SIZE(GRAD_TILE_OF)
static grad_function *const grad_tiles[V_TILE_ROWS + 1][V_TILE_ROWS + 1] = {FOR_EACH_SIZE(ROW_OF_GRADS)};

static void run_step_grad(const sl_step_grad *s)
{
    const size_t all_blocks = (s->hidden + BLOCK_FLOATS - 1) / BLOCK_FLOATS;
    if (s->rows)
        FOR_EACH_TILE(grad_tiles, s, all_blocks, s->rows);
}

/* Columns outside, rows inside: the sums stay in registers. */
static void add_rows(size_t rows, size_t n, const float *x, size_t x_stride, float *sum)
{
    enum { SUMS = 8, SPAN = SUMS * V_LANES };
    size_t k = 0;
    for (; k + SPAN <= n; k += SPAN) {
        vf acc[SUMS];
        UNROLL
        for (size_t v = 0; v < SUMS; v++)
            acc[v] = v_load(sum + k + v * V_LANES);
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t v = 0; v < SUMS; v++)
            acc[v] = v_add(acc[v], v_load(x + r * x_stride + k + v * V_LANES));
        UNROLL
        for (size_t v = 0; v < SUMS; v++)
            v_store(sum + k + v * V_LANES, acc[v]);
    }
    for (; k < n; k += V_LANES) {
        const size_t lanes = n - k < V_LANES ? n - k : V_LANES;
        vf acc = v_load_first(sum + k, lanes);
        for (size_t r = 0; r < rows; r++)
            acc = v_add(acc, v_load_first(x + r * x_stride + k, lanes));
        v_store_first(sum + k, acc, lanes);
    }
}

#endif
