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

TILE product_tile(sl_weight_format format, const product_call *p, size_t block, size_t row, size_t blocks, size_t rows)
{
    vf acc[MOST_TILE_ROWS][SL_BLOCK_VECTORS], sums[MOST_TILE_ROWS][SL_BLOCK_VECTORS];
    clear_tile(acc, rows * blocks);
    if (!SL_WEIGHT_IS_INTEGER(format))
        multiply(format, acc, p->weights, block, row, blocks, rows, p->rows, p->x + row);
    add_start(acc, rows, blocks, p->start + row, block);
    if (SL_WEIGHT_IS_INTEGER(format) && p->weights->words) {
        multiply_integers(format, sums, p->weights, block, row, blocks, rows, p->rows, p->x + row);
        scale_integers(format, acc, p->weights, block, rows, blocks, p->x + row, sums);
    }
    UNROLL
    for (size_t q = 0; q < rows * blocks; q++)
        UNROLL
    for (size_t g = 0; g < SL_BLOCK_VECTORS; g++)
        v_store(p->out + (row + q % rows) * p->out_stride + (block + q / rows) * BLOCK_FLOATS + g * V_LANES, acc[q][g]);
}

/* The tiles of a product of each size, for a format of weights. Those of integers have tall ones, too: step.h. */
#define PRODUCT_TILE(name, format, blocks, rows)                                                                                   \
    static void name##_##format##_##blocks##_##rows(const void *p, size_t block, size_t row)                                       \
    {                                                                                                                              \
        product_tile(SL_WEIGHT_##format, p, block, row, blocks, rows);                                                             \
    }
#define TALL_PRODUCT_TILE(name, format, rows) PRODUCT_TILE(name, format, 1, rows)

#endif
