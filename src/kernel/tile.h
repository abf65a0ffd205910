/*
 * Register tiles, written once over the verbs of an isa/simd_*.h, which the including file has chosen.
 *
 * A tile is up to V_TILE_ROWS rows x one block of columns (4 vectors), or fewer rows x several blocks. Its sums stay in registers
 * until they are complete. Every product is a chain of fused multiply-adds from zero in index order. Vectors run across columns,
 * the tile across rows, never across terms, and so neither changes a bit.
 */
#ifndef SLUICE_KERNEL_TILE_H
#define SLUICE_KERNEL_TILE_H

#include "kernel/kernel.h"

#include <assert.h>
#include <float.h>

#ifdef __FAST_MATH__
#error "-ffast-math would break the numeric contract of sluice.h"
#endif
_Static_assert(FLT_EVAL_METHOD == 0, "float operations must round to float, or instruction sets differ");
_Static_assert((int)V_LANES <= (int)SL_MAX_LANES, "SL_MAX_LANES has to be the widest vector");

#define TILE static inline __attribute__((always_inline)) void

/* Loops over a tile's accumulators must be unrolled completely, or the compiler keeps the accumulators in memory: half the
 * speed. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#define UNROLL_TWICE _Pragma("GCC unroll 2") /* so that counting and addresses cost less beside a word's work */
#endif

enum { BLOCK_FLOATS = SL_BLOCK_VECTORS * V_LANES, HALF_FLOATS = BLOCK_FLOATS / 2 };
enum { MOST_TILE_ROWS = V_TALL_ROWS ? V_TALL_ROWS : V_TILE_ROWS };

/* ---- Products ---------------------------------------------------------------------------------------------------------------- */

/* Floats of a word's weights in half a panel. */
static inline __attribute__((always_inline)) size_t half_floats(sl_weight_format format)
{
    return HALF_FLOATS * sl_weight_bytes(format) / sizeof(float);
}

/* A call of fewer rows does not prefetch panels: prefetch_next. */
enum { PREFETCHING_ROWS = 7 };

/* What to prefetch along the loop over words: `step` bytes a word from `at` on. Prefetching never faults, so any address will do. */
typedef struct prefetch {
    const char *at;
    size_t step;
} prefetch;

/* The share of the next panel that a tile of `rows` of all rows prefetches: after the block's last tile, the whole panel has come
 * from L3 or DRAM. With few rows, L3 bandwidth is saturated by the present panel, and the hardware's own prefetching does better. */
static inline __attribute__((always_inline)) prefetch prefetch_next(sl_weight_format format, const sl_packed_matrix *w,
                                                                    size_t block, size_t row, size_t rows, size_t all_rows)
{
    if (all_rows < PREFETCHING_ROWS)
        return (prefetch){(const char *)w->panels, 0};
    const size_t word_bytes = 2 * half_floats(format) * sizeof(float);
    const size_t next = block + 1 < w->blocks ? block + 1 : 0; /* after the last panel comes the next step's first */
    return (prefetch){(const char *)(w->panels + next * w->panel_stride) + row * w->words * word_bytes / all_rows,
                      rows * word_bytes / all_rows};
}

/* A vector of a word's weights, 0 or 1 of half a block, as floats or for multiply_add. */
static inline __attribute__((always_inline)) vf load_weights(sl_weight_format format, const float *at, size_t vector)
{
    return v_in_register(format == SL_WEIGHT_BF16  ? v_load_bf16(at, vector)
                         : format == SL_WEIGHT_F16 ? v_load_f16(at, vector)
                                                   : v_load(at + vector * V_LANES));
}

static inline __attribute__((always_inline)) vf multiply_add(sl_weight_format format, vf x, vf w, vf sum)
{
#if defined(V_HAS_BF16_DOT)
    if (format == SL_WEIGHT_BF16_DOT)
        return v_add_bf16_pairs(sum, x, w);
#endif
    (void)format;
    return v_fma(x, w, sum);
}

/* acc[b*rows + r] += x[r] w over all words, w being the panel of block + b. rows and blocks are constants in every caller; the tile
 * begins at row `row` of all rows. */
TILE multiply(sl_weight_format format, vf acc[][SL_BLOCK_VECTORS], const sl_packed_matrix *weights, size_t block, size_t row,
              size_t blocks, size_t rows, size_t all_rows, const float *const *x)
{
    const size_t words = weights->words, panel_stride = weights->panel_stride, half = words * half_floats(format);
    const float *w = weights->panels + block * panel_stride;
    prefetch next = prefetch_next(format, weights, block, row, rows, all_rows);
    for (size_t k = 0; k < words; k++, w += half_floats(format), next.at += next.step) {
        vf xk[V_TILE_ROWS];
        __builtin_prefetch(next.at);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            xk[r] = v_broadcast(x[r] + k);
        UNROLL
        for (size_t b = 0; b < blocks; b++) {
            UNROLL
            for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
                const vf wk = load_weights(format, w + b * panel_stride + g / 2 * half, g % 2);
                UNROLL
                for (size_t r = 0; r < rows; r++)
                    acc[b * rows + r][g] = multiply_add(format, xk[r], wk, acc[b * rows + r][g]);
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

/* acc[b*rows + r] += block `block` + b of packed row start[r] */
TILE add_start(vf acc[][SL_BLOCK_VECTORS], size_t rows, size_t blocks, const float *const *start, size_t block)
{
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        acc[q][g] = v_add(v_load(start[q % rows] + (block + q / rows) * BLOCK_FLOATS + g * V_LANES), acc[q][g]);
}

#if V_TALL_ROWS
/* acc[r][0..1] += x[r] w over all words, w half a panel. Each x is broadcast just before its two multiply-adds, so that one
 * register is enough for it. */
TILE multiply_half(sl_weight_format format, vf acc[][2], size_t rows, size_t words, const float *w, const float *const *x,
                   prefetch next)
{
    for (size_t k = 0; k < words; k++, w += half_floats(format), next.at += next.step) {
        const vf first = load_weights(format, w, 0), second = load_weights(format, w, 1);
        __builtin_prefetch(next.at);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vf xr = v_in_register(v_broadcast(x[r] + k));
            acc[r][0] = multiply_add(format, xr, first, acc[r][0]);
            acc[r][1] = multiply_add(format, xr, second, acc[r][1]);
        }
    }
}

/* sums[r] = x[r] w over all words, w being the panel of `block`, one half after the other. */
TILE multiply_tall(sl_weight_format format, vf sums[][SL_BLOCK_VECTORS], const sl_packed_matrix *weights, size_t block, size_t row,
                   size_t rows, size_t all_rows, const float *const *x)
{
    const size_t words = weights->words;
    const float *w = weights->panels + block * weights->panel_stride;
    prefetch next = prefetch_next(format, weights, block, row, rows, all_rows);
    next.step /= 2;
    for (size_t half = 0; half < 2; half++, w += words * half_floats(format), next.at += words * next.step) {
        vf acc[V_TALL_ROWS][2];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            acc[r][0] = acc[r][1] = v_set(0.0f);
        multiply_half(format, acc, rows, words, w, x, next);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            sums[r][2 * half] = acc[r][0];
            sums[r][2 * half + 1] = acc[r][1];
        }
    }
}
#endif

/* ---- Products of integers ----------------------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) vi load_integers(sl_weight_format format, const float *at, size_t vector)
{
    return vi_in_register(format == SL_WEIGHT_INT8 ? vi_load_bytes(at, vector) : vi_load(at + vector * V_LANES));
}

static inline __attribute__((always_inline)) vsum add_products(sl_weight_format format, vsum sum, vi x, vi w)
{
#if defined(V_HAS_INT8_DOT)
    if (format == SL_WEIGHT_INT8_DOT)
        return vs_add_bytes(sum, x, w);
#endif
    (void)format;
    return vs_add_pairs(sum, x, w);
}

/* Factor `kind` of vector g of a panel's columns. */
static inline __attribute__((always_inline)) const float *factor_of(sl_weight_format format, const sl_packed_matrix *weights,
                                                                    size_t block, size_t kind, size_t g)
{
    return weights->panels + block * weights->panel_stride + 2 * weights->words * half_floats(format) + kind * BLOCK_FLOATS +
           g * V_LANES;
}

/* sums[b*rows + r] = x[r] w over all words as floats, w being the panel of block + b, one half after the other: the registers hold
 * no more. */
TILE multiply_integers(sl_weight_format format, vf sums[][SL_BLOCK_VECTORS], const sl_packed_matrix *weights, size_t block,
                       size_t row, size_t blocks, size_t rows, size_t all_rows, const float *const *x)
{
    const size_t words = weights->words, panel_stride = weights->panel_stride;
    const float *w = weights->panels + block * panel_stride;
    prefetch next = prefetch_next(format, weights, block, row, rows, all_rows);
    next.step /= 2;
    UNROLL
    for (size_t half = 0; half < 2; half++) {
        vsum acc[MOST_TILE_ROWS][2];
        UNROLL
        for (size_t q = 0; q < rows * blocks; q++)
            UNROLL
        for (size_t v = 0; v < 2; v++)
            acc[q][v] = vs_load(factor_of(format, weights, block + q / rows, SL_FACTOR_BEGIN, 2 * half + v));
        UNROLL_TWICE
        for (size_t k = 0; k < words; k++, w += half_floats(format), next.at += next.step) {
            __builtin_prefetch(next.at);
            UNROLL
            for (size_t b = 0; b < blocks; b++) {
                const vi first = load_integers(format, w + b * panel_stride, 0),
                         second = load_integers(format, w + b * panel_stride, 1);
                UNROLL
                for (size_t r = 0; r < rows; r++) {
                    const vi xr = vi_in_register(vi_broadcast(x[r] + k));
                    acc[b * rows + r][0] = add_products(format, acc[b * rows + r][0], xr, first);
                    acc[b * rows + r][1] = add_products(format, acc[b * rows + r][1], xr, second);
                }
            }
        }
        UNROLL
        for (size_t q = 0; q < rows * blocks; q++)
            UNROLL
        for (size_t v = 0; v < 2; v++)
            sums[q][2 * half + v] = vs_float(acc[q][v]);
    }
}

/* acc[b*rows + r] += its sum of products times the scales of row and column. */
TILE scale_integers(sl_weight_format format, vf acc[][SL_BLOCK_VECTORS], const sl_packed_matrix *weights, size_t block, size_t rows,
                    size_t blocks, const float *const *x, vf sums[][SL_BLOCK_VECTORS])
{
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++) {
        const float scale = x[q % rows][weights->words];
        const size_t kind = scale == 0.0f ? SL_FACTOR_UNIT_SCALE : SL_FACTOR_SCALE;
        const vf of_row = v_set(scale == 0.0f ? 1.0f : scale);
        UNROLL
        for (size_t g = 0; g < SL_BLOCK_VECTORS; g++) {
            const vf factor = v_mul(of_row, v_load(factor_of(format, weights, block + q / rows, kind, g)));
            acc[q][g] = v_fma(sums[q][g], factor, acc[q][g]);
        }
    }
}

/* ---- Vectors of units -------------------------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) vf load_units(const float *from, size_t units)
{
    return units >= V_LANES ? v_load(from) : v_load_first(from, units);
}

TILE store_units(float *to, vf value, size_t units)
{
    if (units >= V_LANES)
        v_store(to, value);
    else
        v_store_first(to, value, units);
}

/* ---- All tiles of a call ------------------------------------------------------------------------------------------------------ */

/* A tile's function, for constant numbers of blocks and rows. `call` describes what is computed; the tile begins at `block`, `row`. */
typedef void tile_function(const void *call, size_t block, size_t row);

/* The sizes of tiles that blocks_at_once gives, blocks before rows; each has at most V_TILE_ROWS of both's product. A tall tile has more rows than registers hold all sums of. */
#if V_TILE_ROWS == 2
#define FOR_EACH_SIZE(X, ...) X(__VA_ARGS__, 1, 1) X(__VA_ARGS__, 2, 1) X(__VA_ARGS__, 1, 2)
#elif V_TILE_ROWS == 3
#define FOR_EACH_SIZE(X, ...)                                                                                                      \
    X(__VA_ARGS__, 1, 1) X(__VA_ARGS__, 2, 1) X(__VA_ARGS__, 3, 1) X(__VA_ARGS__, 1, 2) X(__VA_ARGS__, 1, 3)
#elif V_TILE_ROWS == 6
#define FOR_EACH_SIZE(X, ...)                                                                                                      \
    X(__VA_ARGS__, 1, 1)                                                                                                           \
    X(__VA_ARGS__, 2, 1)                                                                                                           \
    X(__VA_ARGS__, 1, 2)                                                                                                           \
    X(__VA_ARGS__, 2, 2)                                                                                                           \
    X(__VA_ARGS__, 3, 2)                                                                                                           \
    X(__VA_ARGS__, 1, 3) X(__VA_ARGS__, 2, 3) X(__VA_ARGS__, 1, 4) X(__VA_ARGS__, 1, 5) X(__VA_ARGS__, 1, 6)
#else
#error "list the sizes of tiles"
#endif
#if V_TALL_ROWS == 0
#define FOR_EACH_TALL_SIZE(X, ...)
#elif V_TALL_ROWS == 6 && V_TILE_ROWS == 3
#define FOR_EACH_TALL_SIZE(X, ...) X(__VA_ARGS__, 4) X(__VA_ARGS__, 5) X(__VA_ARGS__, 6)
#else
#error "list the heights of tall tiles: V_TILE_ROWS + 1 to V_TALL_ROWS"
#endif

/* What is computed, by the size of a tile: FOR_EACH_SIZE's, and FOR_EACH_TALL_SIZE's where the call has tall tiles. */
typedef struct tile_table {
    tile_function *of[V_TILE_ROWS + 1][MOST_TILE_ROWS + 1]; /* [blocks][rows] */
    size_t most_tall_rows; /* tall tiles are for calls of so many rows at most; 0: there are none */
} tile_table;

/* The entries of a table: functions NAME_FORMAT_BLOCKS_ROWS. */
#define TILE_ENTRY(name, format, blocks, rows) [blocks][rows] = name##_##format##_##blocks##_##rows,
#define TALL_ENTRY(name, format, rows) TILE_ENTRY(name, format, 1, rows)

/* A table of tiles of all sizes. Tall ones are for few rows; of integers, which are widened as they are loaded, for any number: more
 * rows share that work. */
#define ALL_SIZES_OF(name, format)                                                                                                 \
    .of = {FOR_EACH_SIZE(TILE_ENTRY, name, format) FOR_EACH_TALL_SIZE(TALL_ENTRY, name, format)},                                  \
    .most_tall_rows = !V_TALL_ROWS                               ? 0                                                               \
                      : SL_WEIGHT_IS_INTEGER(SL_WEIGHT_##format) ? SIZE_MAX                                                        \
                                                                 : 2 * V_TALL_ROWS

/* An even division of a number of things over tiles of `most` at most: `least` in each, and one more in the first `larger`. */
typedef struct division {
    size_t tiles, least, larger;
} division;

static inline division divide(size_t total, size_t most)
{
    const size_t tiles = (total + most - 1) / most;
    return (division){tiles, total / tiles, total % tiles};
}

/* The tiles of a call, one after the other: for (tile t = first_tile(...); t.rows; next_tile(&t)). */
typedef struct tile {
    size_t block, row;   /* where it begins */
    size_t blocks, rows; /* its size; no rows: it comes after the last */
    division of_blocks, of_rows;
    size_t block_tile, row_tile; /* its number in both */
    bool from_last;              /* blocks come in descending order */
} tile;

/* Blocks that a tile of few rows takes at once: as many as fill it. But each is two streams of weights, and the hardware prefetches
 * few, fewer from L3 than from L2. Zen 4, AVX-512, one thread, share of the peak with 6, 3, 2, 1 blocks: 100,1,256 .504 .591 .593
 * .580; 100,1,512 .494 .548 .549 .544; 100,1,1024 .430 .481 .493 .503; 100,2,1024 with 3, 2, 1 .692 .706 .748. As AVX2, 100,1,256
 * with 3, 2, 1: .572 .540 .539. */
static inline size_t blocks_at_once(size_t all_rows, size_t weight_floats)
{
    enum { FULL = 6, LARGE = 6 * 1024 * 1024 / sizeof(float) };
    if (V_TILE_ROWS == FULL && all_rows <= 2 && weight_floats > LARGE)
        return 1;
    return V_TILE_ROWS == FULL && all_rows == 1 ? 2 : V_TILE_ROWS / all_rows;
}

/* Blocks outside, rows inside: a panel comes from L3 or DRAM once a call. Rows are divided evenly over the least number of tiles,
 * since a lone row at the end would leave the FMA units waiting for its four chains; and where all rows fill no more than half a
 * tile, several blocks make up the rest of it. from_last: where rows are few, the last blocks come first. */
static inline __attribute__((always_inline)) tile first_tile(const tile_table *tiles, const sl_packed_matrix *weights,
                                                             size_t all_blocks, size_t all_rows, bool from_last)
{
    tile t = {0};
    if (!all_rows || !all_blocks)
        return t;
    const bool tall = all_rows > V_TILE_ROWS && all_rows <= tiles->most_tall_rows;
    t.of_rows = divide(all_rows, tall ? MOST_TILE_ROWS : V_TILE_ROWS);
    t.of_blocks = all_rows > V_TILE_ROWS ? (division){all_blocks, 1, 0}
                                         : divide(all_blocks, blocks_at_once(all_rows, all_blocks * weights->panel_stride));
    t.rows = t.of_rows.least + (t.of_rows.larger > 0);
    t.blocks = t.of_blocks.least + (t.of_blocks.larger > 0);
    t.from_last = from_last && all_rows < PREFETCHING_ROWS;
    t.block = t.from_last ? all_blocks - t.blocks : 0;
    return t;
}

TILE next_tile(tile *t)
{
    t->row += t->rows;
    if (++t->row_tile == t->of_rows.tiles) {
        const size_t done = t->blocks;
        t->row_tile = t->row = 0;
        t->blocks = t->of_blocks.least + (++t->block_tile < t->of_blocks.larger);
        t->block = t->from_last ? t->block - t->blocks : t->block + done;
    }
    t->rows = t->block_tile < t->of_blocks.tiles ? t->of_rows.least + (t->row_tile < t->of_rows.larger) : 0;
}

#endif
