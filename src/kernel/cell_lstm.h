/*
 * The LSTM cell over register tiles, written once over the verbs of a simd_*.h. An isa_*.c file includes the verbs, then this,
 * and gets the kernels that table.h names.
 *
 * A tile is up to V_TILE_ROWS rows x one block of columns (4 gates x V_LANES units). Its accumulators stay in registers up to
 * the activated gates: no gate buffer exists. A pre-activation is (b + W x) + U h', where each product is a chain of fused
 * multiply-adds from zero in index order. SIMD runs across units, the tile across rows, never across terms, and so neither
 * changes a bit.
 *
 * Why two chains and not one from b through x and h: two are what a framework's two matrix products do, and as accurate. A
 * single one carries the sum of all that went before through every later rounding; its error (root of the mean square against
 * float64) was 1.4 to 2.0 times torch's in float32 where two chains' is 0.7 to 0.98 times. The price is 1.5 % of the time at H
 * = 256.
 */
#ifndef SLUICE_KERNEL_CELL_LSTM_H
#define SLUICE_KERNEL_CELL_LSTM_H

#include "kernel/activation.h"
#include "kernel/kernel.h"

#include <float.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "-ffast-math would break the numeric contract of sluice.h"
#endif
_Static_assert(FLT_EVAL_METHOD == 0, "float operations must round to float, or instruction sets differ");

#define TILE static inline __attribute__((always_inline)) void

/* Loops over a tile's accumulators must be unrolled to the last, or the compiler keeps the accumulators in memory: half the
 * speed. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

enum { BLOCK_FLOATS = SL_BLOCK_VECTORS * V_LANES, HALF_FLOATS = BLOCK_FLOATS / 2 };

/* What to bring near along the loop over terms: `step` bytes a term from `at` on. Nothing is read, so any address will do. */
typedef struct ahead {
    const char *at;
    size_t step;
} ahead;

/* The next panel's share of a tile of `rows` of all rows: by the block's last tile the whole panel has come from the far cache.
 * With few rows the far cache has no time to spare for it, and the hardware's own prefetching of the present panel does better. */
static inline ahead ahead_of(const float *weights, size_t panel_stride, size_t block, size_t blocks, size_t terms, size_t row,
                             size_t rows, size_t all_rows)
{
    enum { LEAST_ROWS = 7, TERM_BYTES = BLOCK_FLOATS * sizeof(float) };
    if (all_rows < LEAST_ROWS)
        return (ahead){(const char *)weights, 0};
    const size_t next = block + 1 < blocks ? block + 1 : 0; /* after the last panel comes the next step's first */
    return (ahead){(const char *)(weights + next * panel_stride) + row * terms * TERM_BYTES / all_rows,
                   rows * TERM_BYTES / all_rows};
}

/* acc[b*rows + r] += x[r] w[b] over `terms` terms, w[b] a panel. rows and blocks are constants in every caller. */
TILE multiply(vf acc[][SL_BLOCK_VECTORS], size_t rows, size_t blocks, size_t terms, const float *w, size_t panel_stride,
              const float *const *x, ahead next)
{
    const size_t half = terms * HALF_FLOATS;
    for (size_t k = 0; k < terms; k++, w += HALF_FLOATS, next.at += next.step) {
        vf xk[V_TILE_ROWS];
        __builtin_prefetch(next.at);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            xk[r] = v_broadcast(x[r] + k);
        UNROLL
        for (size_t b = 0; b < blocks; b++) {
            UNROLL
            for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
                const vf wk = v_in_register(v_load(w + b * panel_stride + g / 2 * half + g % 2 * V_LANES));
                UNROLL
                for (size_t r = 0; r < rows; r++)
                    acc[b * rows + r][g] = v_fma(xk[r], wk, acc[b * rows + r][g]);
            }
        }
    }
}

TILE clear_tile(vf acc[][SL_BLOCK_VECTORS], size_t cells)
{
    UNROLL
    for (size_t q = 0; q < cells; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[q][g] = v_set(0.0f);
}

/* acc[b*rows + r] += start[r]'s block b from `block` on */
TILE add_start(vf acc[][SL_BLOCK_VECTORS], size_t rows, size_t blocks, const float *const *start, size_t block)
{
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[q][g] = v_add(v_load(start[q % rows] + (block + q / rows) * BLOCK_FLOATS + g * V_LANES), acc[q][g]);
}

TILE product_tile(const sl_product *p, size_t block, size_t row, size_t blocks, size_t rows)
{
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    clear_tile(acc, rows * blocks);
    multiply(acc, rows, blocks, p->terms, p->weights + block * p->panel_stride, p->panel_stride, p->x + row,
             ahead_of(p->weights, p->panel_stride, block, p->blocks, p->terms, row, rows, p->rows));
    add_start(acc, rows, blocks, p->start + row, block);
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        v_store(p->out + (row + q % rows) * p->out_stride + (block + q / rows) * BLOCK_FLOATS + g * V_LANES, acc[q][g]);
}

TILE store_units(float *to, vf value, size_t units)
{
    if (units >= V_LANES)
        v_store(to, value);
    else
        v_store_first(to, value, units);
}

/* Have the lines near that finish_tile will keep a step in: they are in no cache, and the product takes long enough. */
TILE fetch_kept(const sl_step *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    for (size_t q = 0; s->gates && q < rows * blocks; q++) {
        const size_t unit = (block + q / rows) * V_LANES;
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            __builtin_prefetch(s->gates[row + q % rows] + g * s->gate_stride + unit, 1);
        __builtin_prefetch(s->c_kept[row + q % rows] + unit, 1);
    }
}

/* From pre-activations to the next state and y. */
TILE finish_tile(vf acc[][SL_BLOCK_VECTORS], const sl_step *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    const size_t cells = rows * blocks;
    UNROLL
    for (size_t q = 0; q < cells; q++)
        acc[q][2] = v_tanh(acc[q][2]);
    UNROLL
    for (size_t q = 0; q < cells; q++) {
        const size_t at = (row + q % rows) * s->state_stride + (block + q / rows) * V_LANES;
        vf3 ifo = {{acc[q][0], acc[q][1], acc[q][3]}};
        ifo = v_sigmoid3(ifo);
        acc[q][3] = ifo.v[2];
        const size_t unit = (block + q / rows) * V_LANES, units = s->hidden - unit;
        if (s->gates) {
            float *gates = s->gates[row + q % rows] + unit;
            store_units(gates, ifo.v[0], units);
            store_units(gates + s->gate_stride, ifo.v[1], units);
            store_units(gates + 2 * s->gate_stride, acc[q][2], units);
            store_units(gates + 3 * s->gate_stride, ifo.v[2], units);
        }
        acc[q][0] = v_canonical(v_fma(ifo.v[1], v_load(s->c + at), v_mul(ifo.v[0], acc[q][2])));
        v_store(s->c + at, acc[q][0]);
        if (s->c_kept)
            store_units(s->c_kept[row + q % rows] + unit, acc[q][0], units);
    }
    UNROLL
    for (size_t q = 0; q < cells; q++) {
        const size_t unit = (block + q / rows) * V_LANES;
        const size_t units = s->hidden - unit; /* V_LANES or more, but in the last block */
        const vf h = v_canonical(v_mul(acc[q][3], v_tanh(acc[q][0])));
        v_store(s->h_next + (row + q % rows) * s->state_stride + unit, h);
        if (s->y)
            store_units(s->y[row + q % rows] + unit, h, units);
    }
}

TILE step_tile(const sl_step *s, size_t block, size_t row, size_t blocks, size_t rows)
{
    const size_t all_blocks = (s->hidden + V_LANES - 1) / V_LANES, cells = rows * blocks;
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    fetch_kept(s, block, row, blocks, rows);
    clear_tile(acc, cells);
    if (s->recurrent) {
        const float *h[V_TILE_ROWS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            h[r] = s->h + (row + r) * s->state_stride;
        multiply(acc, rows, blocks, s->recurrent, s->weights_hh + block * s->panel_stride, s->panel_stride, h,
                 ahead_of(s->weights_hh, s->panel_stride, block, all_blocks, s->recurrent, row, rows, s->rows));
    }
    if (s->inputs) {
        vf of_h[V_TILE_ROWS][SL_BLOCK_VECTORS];
        UNROLL
        for (size_t q = 0; q < cells; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            of_h[q][g] = acc[q][g];
        clear_tile(acc, cells);
        multiply(acc, rows, blocks, s->inputs, s->weights_ih + block * s->panel_stride, s->panel_stride, s->x + row,
                 ahead_of(s->weights_ih, s->panel_stride, block, all_blocks, s->inputs, row, rows, s->rows));
        add_start(acc, rows, blocks, s->start + row, block);
        UNROLL
        for (size_t q = 0; q < cells; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            acc[q][g] = v_add(acc[q][g], of_h[q][g]);
    } else {
        add_start(acc, rows, blocks, s->start + row, block);
    }
    finish_tile(acc, s, block, row, blocks, rows);
}

#if V_TALL_ROWS
/* acc[r][0..1] += x[r] w over `terms` terms, w half a panel. Each x is broadcast for its two multiply-adds only: of registers there
 * are enough for that. */
TILE multiply_half(vf acc[][2], size_t rows, size_t terms, const float *w, const float *const *x, ahead next)
{
    for (size_t k = 0; k < terms; k++, w += HALF_FLOATS, next.at += next.step) {
        const vf first = v_in_register(v_load(w)), second = v_in_register(v_load(w + V_LANES));
        __builtin_prefetch(next.at);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vf xr = v_in_register(v_broadcast(x[r] + k));
            acc[r][0] = v_fma(xr, first, acc[r][0]);
            acc[r][1] = v_fma(xr, second, acc[r][1]);
        }
    }
}

/* The half of a product's sums that `half` of the panels makes, into sums[r][2*half..]. */
TILE tall_product(vf sums[][SL_BLOCK_VECTORS], const float *weights, size_t panel_stride, size_t terms, const float *const *x,
                  const sl_step *s, size_t block, size_t row, size_t rows, size_t half)
{
    const size_t blocks = (s->hidden + V_LANES - 1) / V_LANES;
    ahead next = ahead_of(weights, panel_stride, block, blocks, terms, row, rows, s->rows);
    next.step /= 2;
    next.at += half * terms * next.step;
    vf acc[V_TALL_ROWS][2];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = v_set(0.0f);
    multiply_half(acc, rows, terms, weights + block * panel_stride + half * terms * HALF_FLOATS, x, next);
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        sums[r][2 * half] = acc[r][0];
        sums[r][2 * half + 1] = acc[r][1];
    }
}

/* A tile of more rows than registers hold all gates of: one half of the panel after the other. So all rows of a small batch share
 * one pass over a panel that does not stay in L1, where two tiles would each take it from L2. Zen 3, one thread, 100,4,256: 0.67 to
 * 0.79 of the peak; 100,4,512: 0.71 to 0.85. With many rows the sums' way through memory costs what is gained. */
TILE tall_tile(const sl_step *s, size_t block, size_t row, size_t rows)
{
    vf of_h[V_TALL_ROWS][SL_BLOCK_VECTORS], of_x[V_TALL_ROWS][SL_BLOCK_VECTORS];
    const float *h[V_TALL_ROWS];
    fetch_kept(s, block, row, 1, rows);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        h[r] = s->h + (row + r) * s->state_stride;
    for (size_t half = 0; half < 2; half++) {
        tall_product(of_h, s->weights_hh, s->panel_stride, s->recurrent, h, s, block, row, rows, half);
        if (s->inputs)
            tall_product(of_x, s->weights_ih, s->panel_stride, s->inputs, s->x + row, s, block, row, rows, half);
    }
    UNROLL
    for (size_t first = 0; first < rows; first += V_TILE_ROWS) {
        const size_t some = rows - first < V_TILE_ROWS ? rows - first : V_TILE_ROWS;
        vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
        UNROLL
        for (size_t q = 0; q < some; q++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
            const vf start = v_load(s->start[row + first + q] + block * BLOCK_FLOATS + g * V_LANES);
            const vf with_x = s->inputs ? v_add(start, of_x[first + q][g]) : start;
            acc[q][g] = v_add(with_x, of_h[first + q][g]);
        }
        finish_tile(acc, s, block, row + first, 1, some);
    }
}
#endif

/* The tiles of each size, as functions: run_step and run_product pick one a tile. */
typedef void product_function(const sl_product *p, size_t block, size_t row);
typedef void step_function(const sl_step *s, size_t block, size_t row);

#define TILES_OF(blocks, rows)                                                                                                     \
    static void product_tile_##blocks##_##rows(const sl_product *p, size_t block, size_t row)                                      \
    {                                                                                                                              \
        product_tile(p, block, row, blocks, rows);                                                                                 \
    }                                                                                                                              \
    static void step_tile_##blocks##_##rows(const sl_step *s, size_t block, size_t row)                                            \
    {                                                                                                                              \
        step_tile(s, block, row, blocks, rows);                                                                                    \
    }

/* A tile has at most V_TILE_ROWS cells: rows x blocks. */
#if V_TILE_ROWS == 2
#define FOR_EACH_SIZE(X) X(1, 1) X(2, 1) X(1, 2)
#elif V_TILE_ROWS == 3
#define FOR_EACH_SIZE(X) X(1, 1) X(2, 1) X(3, 1) X(1, 2) X(1, 3)
#elif V_TILE_ROWS == 6
#define FOR_EACH_SIZE(X)                                                                                                           \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(1, 2) X(2, 2) X(3, 2) X(1, 3) X(2, 3) X(1, 4) X(1, 5) X(1, 6)
#else
#error "list the sizes of tiles"
#endif
#define ROW_OF_PRODUCTS(blocks, rows) [blocks][rows] = product_tile_##blocks##_##rows,
#define ROW_OF_STEPS(blocks, rows) [blocks][rows] = step_tile_##blocks##_##rows,

#if V_TALL_ROWS
#define TALL_TILE_OF(rows)                                                                                                         \
    static void tall_tile_##rows(const sl_step *s, size_t block, size_t row)                                                       \
    {                                                                                                                              \
        tall_tile(s, block, row, rows);                                                                                            \
    }
TALL_TILE_OF(4)
TALL_TILE_OF(5)
TALL_TILE_OF(6)
static step_function *const tall_tiles[V_TALL_ROWS + 1] = {[4] = tall_tile_4, [5] = tall_tile_5, [6] = tall_tile_6};
#endif

FOR_EACH_SIZE(TILES_OF)
static product_function *const product_tiles[V_TILE_ROWS + 1][V_TILE_ROWS + 1] = {FOR_EACH_SIZE(ROW_OF_PRODUCTS)};
static step_function *const step_tiles[V_TILE_ROWS + 1][V_TILE_ROWS + 1] = {FOR_EACH_SIZE(ROW_OF_STEPS)};

/* An even division of a number of things over tiles of `most` at most: `least` in each, and one more in the first `larger`. */
typedef struct division {
    size_t tiles, least, larger;
} division;

static inline division divide(size_t total, size_t most)
{
    const size_t tiles = (total + most - 1) / most;
    return (division){tiles, total / tiles, total % tiles};
}

/* Blocks outside, rows inside: a panel comes from the far cache once a step. Rows are divided evenly over the least number of
 * tiles, since a lone row at the end would leave the FMA units waiting for its four chains; and where all rows fill no more than
 * half a tile, several blocks make up the rest of it. */
#define FOR_EACH_TILE(tiles_by_size, argument, all_blocks, all_rows)                                                               \
    do {                                                                                                                           \
        const division rows = divide(all_rows, V_TILE_ROWS);                                                                       \
        const division blocks = divide(all_blocks, (all_rows) > V_TILE_ROWS ? 1 : V_TILE_ROWS / (all_rows));                       \
        for (size_t b = 0, block = 0; b < blocks.tiles; b++) {                                                                     \
            const size_t tile_blocks = blocks.least + (b < blocks.larger);                                                         \
            for (size_t t = 0, row = 0; t < rows.tiles; t++) {                                                                     \
                const size_t tile_rows = rows.least + (t < rows.larger);                                                           \
                tiles_by_size[tile_blocks][tile_rows](argument, block, row);                                                       \
                row += tile_rows;                                                                                                  \
            }                                                                                                                      \
            block += tile_blocks;                                                                                                  \
        }                                                                                                                          \
    } while (0)

static void run_product(const sl_product *p)
{
    if (p->rows && p->blocks)
        FOR_EACH_TILE(product_tiles, p, p->blocks, p->rows);
}

static void run_step(const sl_step *s)
{
    const size_t all_blocks = (s->hidden + V_LANES - 1) / V_LANES;
#if V_TALL_ROWS
    if (s->rows > V_TILE_ROWS && s->rows <= 2 * V_TALL_ROWS) {
        const division rows = divide(s->rows, V_TALL_ROWS);
        for (size_t block = 0; block < all_blocks; block++)
            for (size_t t = 0, row = 0; t < rows.tiles; t++) {
                const size_t tile_rows = rows.least + (t < rows.larger);
                (tile_rows > V_TILE_ROWS ? tall_tiles[tile_rows] : step_tiles[1][tile_rows])(s, block, row);
                row += tile_rows;
            }
        return;
    }
#endif
    if (s->rows)
        FOR_EACH_TILE(step_tiles, s, all_blocks, s->rows);
}

TILE apply_three(vf3 (*function)(vf3), const float *x, float *out)
{
    vf3 values = {{v_load(x), v_load(x + V_LANES), v_load(x + 2 * V_LANES)}};
    values = function(values);
    v_store(out, values.v[0]);
    v_store(out + V_LANES, values.v[1]);
    v_store(out + 2 * V_LANES, values.v[2]);
}

/* The last vectors go through a buffer, so that nothing past x[n-1] is touched. */
TILE apply(vf3 (*function)(vf3), size_t n, const float *x, float *out)
{
    enum { THREE = 3 * V_LANES };
    size_t k = 0;
    for (; k + THREE <= n; k += THREE)
        apply_three(function, x + k, out + k);
    if (k < n) {
        float last[THREE] = {0};
        memcpy(last, x + k, (n - k) * sizeof *last);
        apply_three(function, last, last);
        memcpy(out + k, last, (n - k) * sizeof *last);
    }
}

static void map_sigmoid(size_t n, const float *x, float *out)
{
    apply(v_sigmoid3, n, x, out);
}

static void map_tanh(size_t n, const float *x, float *out)
{
    apply(v_tanh3, n, x, out);
}

static float run_peak(size_t rounds)
{
    vf acc[SL_PEAK_CHAINS];
    UNROLL
    for (size_t i = 0; i < SL_PEAK_CHAINS; i++)
        acc[i] = v_set((float)i);
    const vf half = v_set(0.5f);
    for (size_t k = 0; k < rounds; k++) {
        UNROLL
        for (size_t i = 0; i < SL_PEAK_CHAINS; i++)
            acc[i] = v_fma(acc[i], half, half);
    }
    vf sum = acc[0];
    UNROLL
    for (size_t i = 1; i < SL_PEAK_CHAINS; i++)
        sum = v_add(sum, acc[i]);
    float lanes[V_LANES];
    v_store(lanes, sum);
    return lanes[0];
}

#endif
