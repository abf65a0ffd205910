/*
 * Products of two row-major matrices of any size, for sums over all row-steps of a batch.
 *
 * A chunk of terms at a time, both operands are packed: b into panels of BULK_WIDTH columns, [panel][term][BULK_WIDTH], and some rows
 * of a into as many panels of BULK_ROWS rows, [panel][term][BULK_ROWS]. A tile is one panel of each. Panels of b are outside, those of
 * a inside: one panel of b stays in L1 while those of a come from L2. Tiles are twice as tall and half as wide as those of step.h,
 * so that a panel of b has room in L1 (16 KiB with AVX2), and that fewer columns are padding.
 *
 * Packing a' and not reading it where it lies: a tile's few floats of a term would take a whole cache line, and the next term's are
 * on another page. Zen 3, share of the peak at 1024 x 512 columns x 512 terms: .79 unpacked, .87 packed a panel after the other, .89
 * several side by side.
 */
#ifndef SLUICE_KERNEL_BULK_PRODUCT_H
#define SLUICE_KERNEL_BULK_PRODUCT_H

#include "base/memory.h"
#include "kernel/tile.h"

#include <string.h>

enum {
    BULK_ROWS = 2 * V_TILE_ROWS,
    BULK_VECTORS = SL_BLOCK_VECTORS / 2,
    BULK_WIDTH = BULK_VECTORS * V_LANES,
};
_Static_assert(SL_BULK_ROWS % BULK_ROWS == 0 && SL_BULK_COLUMNS % BULK_WIDTH == 0, "packed operands are whole panels");

/* ---- Packing ---------------------------------------------------------------------------------------------------------------- */

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns of `from` [terms][columns] into panels of `width`, which is a constant in every caller; the last one is filled up with zeros.
 * Some panels side by side, so that whole cache lines are read. */
TILE pack_columns(const float *from, size_t stride, size_t terms, size_t columns, size_t width, float *to)
{
    enum { LINES = 4, AHEAD = 8 }; /* terms; rows are too far apart for the hardware's prefetching */
    const size_t together = (LINES * SL_LINE_FLOATS + width - 1) / width * width;
    for (size_t group = 0; group < columns; group += together) {
        const size_t end = least(columns, group + together);
        for (size_t k = 0; k < terms; k++) {
            const float *at = from + k * stride;
            for (size_t line = group; line < end; line += SL_LINE_FLOATS)
                __builtin_prefetch(at + AHEAD * stride + line);
            size_t column = group;
            for (; column + width <= end; column += width)
                memcpy(to + column * terms + k * width, at + column, width * sizeof *to);
            for (size_t j = 0; column < end && j < width; j++)
                to[column * terms + k * width + j] = column + j < end ? at[column + j] : 0.0f;
        }
    }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------------------ */

/* acc = the product of BULK_ROWS rows and a panel of b. Term k of row r is a[r][k * step]; step is a constant in every caller. */
TILE multiply_panel(vf acc[][BULK_VECTORS], const float *const *a, size_t step, const float *b, size_t terms)
{
    const float *at[BULK_ROWS];
    UNROLL
    for (size_t r = 0; r < BULK_ROWS; r++)
        at[r] = a[r];
    UNROLL
    for (size_t r = 0; r < BULK_ROWS; r++)
        UNROLL
    for (size_t v = 0; v < BULK_VECTORS; v++)
        acc[r][v] = v_set(0.0f);
    for (size_t k = 0; k < terms; k++, b += BULK_WIDTH) {
        vf bk[BULK_VECTORS];
        UNROLL
        for (size_t v = 0; v < BULK_VECTORS; v++)
            bk[v] = v_in_register(v_load(b + v * V_LANES));
        UNROLL
        for (size_t r = 0; r < BULK_ROWS; r++) {
            const vf ar = v_in_register(v_broadcast(at[r] + k * step));
            UNROLL
            for (size_t v = 0; v < BULK_VECTORS; v++)
                acc[r][v] = v_fma(ar, bk[v], acc[r][v]);
        }
    }
}

TILE store_sum(vf sum, bool adds, float *to, size_t columns)
{
    const vf total = adds ? v_add(load_units(to, columns), sum) : sum;
    store_units(to, v_canonical(total), columns);
}

/* A tile at the edge of c, of which it has fewer rows or columns. */
static __attribute__((noinline)) void store_edge(const float *sums, bool adds, float *c, size_t c_stride, size_t rows,
                                                 size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < columns; v += V_LANES)
            store_sum(v_load(sums + r * BULK_WIDTH + v), adds, c + r * c_stride + v, columns - v);
}

TILE bulk_tile(const float *const *a, size_t step, const float *b, size_t terms, bool adds, float *c, size_t c_stride, size_t rows,
               size_t columns)
{
    vf acc[BULK_ROWS][BULK_VECTORS];
    const bool whole = rows == BULK_ROWS && columns == BULK_WIDTH;
    for (size_t r = 0; r < rows; r++) {
        __builtin_prefetch(c + r * c_stride, 1);
        __builtin_prefetch(c + r * c_stride + columns - 1, 1);
    }
    multiply_panel(acc, a, step, b, terms);
    if (whole) {
        UNROLL
        for (size_t r = 0; r < BULK_ROWS; r++)
            UNROLL
        for (size_t v = 0; v < BULK_VECTORS; v++)
            store_sum(acc[r][v], adds, c + r * c_stride + v * V_LANES, V_LANES);
        return;
    }
    float sums[BULK_ROWS * BULK_WIDTH];
    UNROLL
    for (size_t r = 0; r < BULK_ROWS; r++)
        UNROLL
    for (size_t v = 0; v < BULK_VECTORS; v++)
        v_store(sums + r * BULK_WIDTH + v * V_LANES, acc[r][v]);
    store_edge(sums, adds, c, c_stride, rows, columns);
}

/* The same for rows of a that are packed, and for those where they lie, `rows` of them. */
static void packed_tile(const float *a, const float *b, size_t terms, bool adds, float *c, size_t c_stride, size_t rows,
                        size_t columns)
{
    const float *at[BULK_ROWS];
    UNROLL
    for (size_t r = 0; r < BULK_ROWS; r++)
        at[r] = a + r;
    bulk_tile(at, BULK_ROWS, b, terms, adds, c, c_stride, rows, columns);
}

static void row_tile(const float *a, size_t a_stride, const float *b, size_t terms, bool adds, float *c, size_t c_stride,
                     size_t rows, size_t columns)
{
    const float *at[BULK_ROWS];
    UNROLL
    for (size_t r = 0; r < BULK_ROWS; r++)
        at[r] = a + least(r, rows - 1) * a_stride; /* past the last row come sums that are not stored */
    bulk_tile(at, 1, b, terms, adds, c, c_stride, rows, columns);
}

/* ---- The product ------------------------------------------------------------------------------------------------------------ */

/* A product's terms [from, from + terms) of columns [column, column + columns), which are packed in b. */
typedef struct bulk_share {
    const sl_bulk_product *product;
    size_t from, terms, column, columns;
    const float *b;
} bulk_share;

/* Of rows [row, row + rows). `packed`: the memory for them. */
static void run_bulk_rows(const bulk_share *s, size_t row, size_t rows, float *packed)
{
    const sl_bulk_product *p = s->product;
    const size_t terms = s->terms;
    const bool adds = p->adds || s->from > 0;
    if (p->a_transposed)
        pack_columns(p->a + s->from * p->a_stride + row, p->a_stride, terms, rows, BULK_ROWS, packed);
    for (size_t j = 0; j < s->columns; j += BULK_WIDTH)
        for (size_t i = 0; i < rows; i += BULK_ROWS) {
            const float *b = s->b + j * terms;
            float *c = p->c + (row + i) * p->c_stride + s->column + j;
            const size_t some = least(BULK_ROWS, rows - i), columns = least(BULK_WIDTH, s->columns - j);
            if (p->a_transposed)
                packed_tile(packed + i * terms, b, terms, adds, c, p->c_stride, some, columns);
            else
                row_tile(p->a + (row + i) * p->a_stride + s->from, p->a_stride, b, terms, adds, c, p->c_stride, some, columns);
        }
}

static void run_bulk_columns(const sl_bulk_product *p, size_t from, size_t terms, size_t column, size_t columns)
{
    const size_t width = (columns + BULK_WIDTH - 1) / BULK_WIDTH * BULK_WIDTH;
    const bulk_share share = {p, from, terms, column, columns, p->panels};
    pack_columns(p->b + from * p->b_stride + column, p->b_stride, terms, columns, BULK_WIDTH, p->panels);
    for (size_t row = 0; row < p->rows; row += SL_BULK_ROWS)
        run_bulk_rows(&share, row, least(SL_BULK_ROWS, p->rows - row), p->panels + width * terms);
}

static void run_bulk_product(const sl_bulk_product *p)
{
    assert(p->terms > 0);
    const division chunks = divide(p->terms, SL_BULK_TERMS);
    for (size_t chunk = 0, from = 0; chunk < chunks.tiles; chunk++) {
        const size_t terms = chunks.least + (chunk < chunks.larger);
        for (size_t column = 0; column < p->columns; column += SL_BULK_COLUMNS)
            run_bulk_columns(p, from, terms, column, least(SL_BULK_COLUMNS, p->columns - column));
        from += terms;
    }
}

#endif
