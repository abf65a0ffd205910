/*
 * A time step of any kind of cell, over register tiles: a tile's pre-activations stay in registers until the cell has made gates, c
 * and h of them; no gate buffer exists. A pre-activation is (b + W x) + U h'.
 *
 * Why two chains and not one from b through x and h: two are what a framework's two matrix products do, and as accurate. A
 * single one carries the sum of all that went before through every later rounding; its error (root of the mean square against
 * float64) was 1.4 to 2.0 times torch's in float32 where two chains' is 0.7 to 0.98 times. The price is 1.5 % of the time at H
 * = 256.
 */
#ifndef SLUICE_KERNEL_STEP_H
#define SLUICE_KERNEL_STEP_H

#include "kernel/cell_equations.h"
#include "kernel/tile.h"

_Static_assert((int)SL_GATES == (int)SL_BLOCK_VECTORS, "a block of gate columns has one vector of each gate");

/* Prefetch the lines of the tape that finish_tile will write: they are in no cache, and the product takes long enough. */
TILE prefetch_kept(const sl_step *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    for (size_t q = 0; s->gates && q < rows * blocks; q++) {
        const size_t unit = (block + q / rows) * V_LANES;
        for (size_t g = 0; g < SL_GATES; g++)
            __builtin_prefetch(s->gates[row + q % rows] + g * s->gate_stride + unit, 1);
        __builtin_prefetch(s->c_kept[row + q % rows] + unit, 1);
    }
}

/* Units from `unit` on: fewer than V_LANES in the last block only. */
TILE store_gates(const sl_step *s, const vf gates[SL_GATES], size_t r, size_t unit)
{
    UNROLL
    for (size_t g = 0; g < SL_GATES; g++)
        store_units(s->gates[r] + g * s->gate_stride + unit, gates[g], s->units - unit);
}

/* From pre-activations to the next state, and to y and the tape where they are wanted. */
TILE finish_tile(vf acc[][SL_GATES], const sl_step *s, const cell_equations *cell, size_t block, size_t row, size_t blocks,
                 size_t rows)
{
    vf c[V_TILE_ROWS];
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        cell->begin(acc[q]);
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++) {
        const size_t r = row + q % rows, unit = (block + q / rows) * V_LANES;
        float *c_at = s->c + r * s->state_stride + unit;
        c[q] = v_load(c_at);
        cell->update(acc[q], &c[q]);
        if (s->gates)
            store_gates(s, acc[q], r, unit);
        v_store(c_at, c[q]);
        if (s->c_kept)
            store_units(s->c_kept[r] + unit, c[q], s->units - unit);
    }
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++) {
        const size_t r = row + q % rows, unit = (block + q / rows) * V_LANES;
        const vf h = cell->output(acc[q], c[q]);
        v_store(s->h_next + r * s->state_stride + unit, h);
        if (s->y)
            store_units(s->y[r] + unit, h, s->units - unit);
    }
}

TILE step_tile(sl_weight_format format, const sl_step *s, const cell_equations *cell, size_t block, size_t row, size_t blocks,
               size_t rows)
{
    const size_t cells = rows * blocks;
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    prefetch_kept(s, block, row, blocks, rows);
    clear_tile(acc, cells);
    if (s->weights_hh.words) {
        const float *h[V_TILE_ROWS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            h[r] = s->h + (row + r) * s->h_stride;
        multiply(format, acc, &s->weights_hh, block, row, blocks, rows, s->rows, h);
    }
    if (s->weights_ih.words) {
        vf of_h[V_TILE_ROWS][SL_BLOCK_VECTORS];
        UNROLL
        for (size_t q = 0; q < cells; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            of_h[q][g] = acc[q][g];
        clear_tile(acc, cells);
        multiply(format, acc, &s->weights_ih, block, row, blocks, rows, s->rows, s->x + row);
        add_start(acc, rows, blocks, s->start + row, block);
        UNROLL
        for (size_t q = 0; q < cells; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            acc[q][g] = v_add(acc[q][g], of_h[q][g]);
    } else {
        add_start(acc, rows, blocks, s->start + row, block);
    }
    finish_tile(acc, s, cell, block, row, blocks, rows);
}

TILE add_zero(vf acc[][SL_BLOCK_VECTORS], size_t cells)
{
    UNROLL
    for (size_t q = 0; q < cells; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[q][g] = v_add(acc[q][g], v_set(0.0f));
}

/* The same with sums of integers: of any size of tile, since a half of a panel is multiplied at a time. Its rows are finished some at
 * a time, as many as registers hold. */
TILE integer_tile(sl_weight_format format, const sl_step *s, const cell_equations *cell, size_t block, size_t row, size_t blocks,
                  size_t rows)
{
    const size_t some = rows > V_TILE_ROWS ? (rows + 1) / 2 : rows;
    const bool multiplies_x = s->weights_ih.words > 0, multiplies_h = s->weights_hh.words > 0;
    vf of_h[MOST_TILE_ROWS][SL_BLOCK_VECTORS], of_x[MOST_TILE_ROWS][SL_BLOCK_VECTORS];
    const float *h[MOST_TILE_ROWS], *const *x = s->x + row;
    prefetch_kept(s, block, row, blocks, rows);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        h[r] = s->h + (row + r) * s->h_stride;
    if (multiplies_h)
        multiply_integers(format, of_h, &s->weights_hh, block, row, blocks, rows, s->rows, h);
    else
        clear_tile(of_h, rows * blocks);
    if (multiplies_x)
        multiply_integers(format, of_x, &s->weights_ih, block, row, blocks, rows, s->rows, x);
    else
        clear_tile(of_x, rows * blocks);
    UNROLL
    for (size_t first = 0; first < rows; first += some) {
        const size_t count = rows - first < some ? rows - first : some;
        vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
        clear_tile(acc, count * blocks);
        add_start(acc, count, blocks, s->start + row + first, block);
        if (multiplies_x)
            scale_integers(format, acc, &s->weights_ih, block, count, blocks, x + first, of_x + first);
        if (multiplies_h)
            scale_integers(format, acc, &s->weights_hh, block, count, blocks, h + first, of_h + first);
        else
            add_zero(acc, count * blocks); /* as the product of an h of zeros would */
        finish_tile(acc, s, cell, block, row + first, blocks, count);
    }
}

#if V_TALL_ROWS
/* A tile of more rows than registers hold all gates of: one half of the panel after the other. So all rows of a small batch share
 * one pass over a panel that does not stay in L1, where two tiles would each take it from L2. Zen 3, one thread, 100,4,256: 0.67 to
 * 0.79 of the peak; 100,4,512: 0.71 to 0.85. With many rows, storing the sums and loading them again costs what is gained. */
TILE tall_tile(sl_weight_format format, const sl_step *s, const cell_equations *cell, size_t block, size_t row, size_t rows)
{
    vf of_h[V_TALL_ROWS][SL_BLOCK_VECTORS], of_x[V_TALL_ROWS][SL_BLOCK_VECTORS];
    const float *h[V_TALL_ROWS];
    prefetch_kept(s, block, row, 1, rows);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        h[r] = s->h + (row + r) * s->h_stride;
    multiply_tall(format, of_h, &s->weights_hh, block, row, rows, s->rows, h);
    if (s->weights_ih.words)
        multiply_tall(format, of_x, &s->weights_ih, block, row, rows, s->rows, s->x + row);
    UNROLL
    for (size_t first = 0; first < rows; first += V_TILE_ROWS) {
        const size_t some = rows - first < V_TILE_ROWS ? rows - first : V_TILE_ROWS;
        vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
        UNROLL
        for (size_t q = 0; q < some; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
            const vf start = v_load(s->start[row + first + q] + block * BLOCK_FLOATS + g * V_LANES);
            const vf with_x = s->weights_ih.words ? v_add(start, of_x[first + q][g]) : start;
            acc[q][g] = v_add(with_x, of_h[first + q][g]);
        }
        finish_tile(acc, s, cell, block, row + first, 1, some);
    }
}
#endif

/* The tiles of a step of each size, whose cell has the equations cell_NAME, for a format of weights. */
#define STEP_TILE(name, format, blocks, rows)                                                                                      \
    static void step_##name##_##format##_##blocks##_##rows(const void *s, size_t block, size_t row)                                \
    {                                                                                                                              \
        if (SL_WEIGHT_IS_INTEGER(SL_WEIGHT_##format))                                                                              \
            integer_tile(SL_WEIGHT_##format, s, &cell_##name, block, row, blocks, rows);                                           \
        else                                                                                                                       \
            step_tile(SL_WEIGHT_##format, s, &cell_##name, block, row, blocks, rows);                                              \
    }
#define TALL_STEP_TILE(name, format, rows)                                                                                         \
    static void step_##name##_##format##_1_##rows(const void *s, size_t block, size_t row)                                         \
    {                                                                                                                              \
        if (SL_WEIGHT_IS_INTEGER(SL_WEIGHT_##format))                                                                              \
            integer_tile(SL_WEIGHT_##format, s, &cell_##name, block, row, 1, rows);                                                \
        else                                                                                                                       \
            tall_tile(SL_WEIGHT_##format, s, &cell_##name, block, row, rows);                                                      \
    }
#define STEP_TILES_OF(name, format) FOR_EACH_SIZE(STEP_TILE, name, format) FOR_EACH_TALL_SIZE(TALL_STEP_TILE, name, format)
#define STEP_TABLE_OF(name, format)                                                                                                \
    {                                                                                                                              \
        ALL_SIZES_OF(step_##name, format)                                                                                          \
    }

#endif
