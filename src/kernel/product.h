/* The product of rows with a packed matrix, over register tiles. */
#ifndef SLUICE_KERNEL_PRODUCT_H
#define SLUICE_KERNEL_PRODUCT_H

#include "kernel/tile.h"

/* The arguments of sl_kernel's product. */
typedef struct product_call {
    const sl_packed_matrix *weights;
    size_t rows;
    const float *const *start, *const *x;
    float *out;
    size_t out_stride;
} product_call;

TILE product_tile(const product_call *p, size_t block, size_t row, size_t blocks, size_t rows)
{
    vf acc[V_TILE_ROWS][SL_BLOCK_VECTORS];
    clear_tile(acc, rows * blocks);
    multiply(acc, p->weights, block, row, blocks, rows, p->rows, p->x + row);
    add_start(acc, rows, blocks, p->start + row, block);
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        v_store(p->out + (row + q % rows) * p->out_stride + (block + q / rows) * BLOCK_FLOATS + g * V_LANES, acc[q][g]);
}

#define PRODUCT_TILE(name, blocks, rows)                                                                                           \
    static void name##_##blocks##_##rows(const void *p, size_t block, size_t row)                                                  \
    {                                                                                                                              \
        product_tile(p, block, row, blocks, rows);                                                                                 \
    }
FOR_EACH_SIZE(PRODUCT_TILE, product)

static void run_product(const sl_packed_matrix *weights, size_t rows, const float *const *start, const float *const *x, float *out,
                        size_t out_stride)
{
    static const tile_table tiles = {.of = {FOR_EACH_SIZE(TILE_ENTRY, product)}};
    const product_call call = {weights, rows, start, x, out, out_stride};
    assert(weights->format == SL_WEIGHT_F32);
    for (tile t = first_tile(&tiles, weights->blocks, rows); t.rows; next_tile(&t))
        tiles.of[t.blocks][t.rows](&call, t.block, t.row);
}

#endif
