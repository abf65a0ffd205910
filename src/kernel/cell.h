/*
 * The LSTM cell over register tiles, written once over the verbs of a simd_*.h. An isa_*.c file includes the verbs, then this,
 * and gets its table of kernels under the name SL_KERNEL.
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
#ifndef SLUICE_KERNEL_CELL_H
#define SLUICE_KERNEL_CELL_H

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

enum { BLOCK_FLOATS = SL_BLOCK_VECTORS * V_LANES };

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
    enum { LEAST_ROWS = 24, TERM_BYTES = BLOCK_FLOATS * sizeof(float) };
    if (all_rows < LEAST_ROWS)
        return (ahead){(const char *)weights, 0};
    const size_t next = block + 1 < blocks ? block + 1 : 0; /* after the last panel comes the next step's first */
    return (ahead){(const char *)(weights + next * panel_stride) + row * terms * TERM_BYTES / all_rows,
                   rows * TERM_BYTES / all_rows};
}

/* acc[r] += x[r] w over `terms` terms, w [terms][4][V_LANES]. rows is a constant in every caller. */
TILE multiply(vf acc[][SL_BLOCK_VECTORS], size_t rows, size_t terms, const float *w, const float *const *x, ahead next)
{
    for (size_t k = 0; k < terms; k++, w += BLOCK_FLOATS, next.at += next.step) {
        vf xk[V_TILE_ROWS];
        __builtin_prefetch(next.at);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            xk[r] = v_broadcast(x[r] + k);
        UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
            const vf wk = v_in_register(v_load(w + g * V_LANES));
            UNROLL
            for (size_t r = 0; r < rows; r++)
                acc[r][g] = v_fma(xk[r], wk, acc[r][g]);
        }
    }
}

TILE clear_tile(vf acc[][SL_BLOCK_VECTORS], size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[r][g] = v_set(0.0f);
}

/* acc[r] += start[r]'s block */
TILE add_start(vf acc[][SL_BLOCK_VECTORS], size_t rows, const float *const *start, size_t block)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[r][g] = v_add(v_load(start[r] + block * BLOCK_FLOATS + g * V_LANES), acc[r][g]);
}

TILE product_tile(const sl_product *p, size_t block, size_t row, size_t rows)
{
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    clear_tile(acc, rows);
    multiply(acc, rows, p->terms, p->weights + block * p->panel_stride, p->x + row,
             ahead_of(p->weights, p->panel_stride, block, p->blocks, p->terms, row, rows, p->rows));
    add_start(acc, rows, p->start + row, block);
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        v_store(p->out + (row + r) * p->out_stride + block * BLOCK_FLOATS + g * V_LANES, acc[r][g]);
}

TILE step_tile(const sl_step *s, size_t block, size_t row, size_t rows)
{
    const size_t blocks = (s->hidden + V_LANES - 1) / V_LANES;
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    clear_tile(acc, rows);
    if (s->recurrent) {
        const float *h[V_TILE_ROWS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            h[r] = s->h + (row + r) * s->state_stride;
        multiply(acc, rows, s->recurrent, s->weights_hh + block * s->panel_stride, h,
                 ahead_of(s->weights_hh, s->panel_stride, block, blocks, s->recurrent, row, rows, s->rows));
    }
    if (s->inputs) {
        vf of_h[V_TILE_ROWS][SL_BLOCK_VECTORS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            of_h[r][g] = acc[r][g];
        clear_tile(acc, rows);
        multiply(acc, rows, s->inputs, s->weights_ih + block * s->panel_stride, s->x + row,
                 ahead_of(s->weights_ih, s->panel_stride, block, blocks, s->inputs, row, rows, s->rows));
        add_start(acc, rows, s->start + row, block);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
            acc[r][g] = v_add(acc[r][g], of_h[r][g]);
    } else {
        add_start(acc, rows, s->start + row, block);
    }
    const size_t unit = block * V_LANES;
    const size_t units = s->hidden - unit; /* V_LANES or more, but in the last block */
    UNROLL
    for (size_t r = 0; r < rows; r++)
        acc[r][2] = v_tanh(acc[r][2]);
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        const size_t at = (row + r) * s->state_stride + unit;
        vf3 ifo = {{acc[r][0], acc[r][1], acc[r][3]}};
        ifo = v_sigmoid3(ifo);
        acc[r][3] = ifo.v[2];
        acc[r][0] = v_canonical(v_fma(ifo.v[1], v_load(s->c + at), v_mul(ifo.v[0], acc[r][2])));
        v_store(s->c + at, acc[r][0]);
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        const size_t at = (row + r) * s->state_stride + unit;
        const vf h = v_canonical(v_mul(acc[r][3], v_tanh(acc[r][0])));
        v_store(s->h_next + at, h);
        if (s->y) {
            if (units >= V_LANES)
                v_store(s->y[row + r] + unit, h);
            else
                v_store_first(s->y[row + r] + unit, h, units);
        }
    }
}

/* The tiles for each number of rows, as functions: run_step and run_product pick one a tile. */
typedef void product_function(const sl_product *p, size_t block, size_t row);
typedef void step_function(const sl_step *s, size_t block, size_t row);

#define TILES_OF(rows)                                                                                                             \
    static void product_tile_##rows(const sl_product *p, size_t block, size_t row)                                                 \
    {                                                                                                                              \
        product_tile(p, block, row, rows);                                                                                         \
    }                                                                                                                              \
    static void step_tile_##rows(const sl_step *s, size_t block, size_t row)                                                       \
    {                                                                                                                              \
        step_tile(s, block, row, rows);                                                                                            \
    }

TILES_OF(1)
TILES_OF(2)
#if V_TILE_ROWS >= 3
TILES_OF(3)
#endif
#if V_TILE_ROWS >= 4
TILES_OF(4)
TILES_OF(5)
TILES_OF(6)
#endif

static product_function *const product_tiles[V_TILE_ROWS + 1] = {
    NULL,           product_tile_1, product_tile_2,
#if V_TILE_ROWS >= 3
    product_tile_3,
#endif
#if V_TILE_ROWS >= 4
    product_tile_4, product_tile_5, product_tile_6,
#endif
};

static step_function *const step_tiles[V_TILE_ROWS + 1] = {
    NULL,        step_tile_1, step_tile_2,
#if V_TILE_ROWS >= 3
    step_tile_3,
#endif
#if V_TILE_ROWS >= 4
    step_tile_4, step_tile_5, step_tile_6,
#endif
};

/* Blocks outside, rows inside: a panel comes from the far cache once a step. Rows are divided evenly over the least number of
 * tiles, since a lone row at the end would leave the FMA units waiting for its four chains. */
#define FOR_EACH_TILE(tiles_by_rows, argument, blocks, total_rows)                                                                 \
    do {                                                                                                                           \
        const size_t tiles = ((total_rows) + V_TILE_ROWS - 1) / V_TILE_ROWS;                                                       \
        const size_t least = (total_rows) / tiles, larger = (total_rows) % tiles;                                                  \
        for (size_t block = 0; block < (blocks); block++)                                                                          \
            for (size_t t = 0, row = 0; t < tiles; t++) {                                                                          \
                const size_t rows = least + (t < larger);                                                                          \
                tiles_by_rows[rows](argument, block, row);                                                                         \
                row += rows;                                                                                                       \
            }                                                                                                                      \
    } while (0)

static void run_product(const sl_product *p)
{
    if (p->rows)
        FOR_EACH_TILE(product_tiles, p, p->blocks, p->rows);
}

static void run_step(const sl_step *s)
{
    if (s->rows)
        FOR_EACH_TILE(step_tiles, s, (s->hidden + V_LANES - 1) / V_LANES, s->rows);
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

const sl_kernel SL_KERNEL = {
    .isa = SL_ISA,
    .lanes = V_LANES,
    .tile_rows = V_TILE_ROWS,
    .product = run_product,
    .step = run_step,
    .sigmoid = map_sigmoid,
    .tanh = map_tanh,
    .peak = run_peak,
};

#endif
