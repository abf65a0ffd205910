/* All tiles for one format of weights: FLOAT_TILES(F32) defines SL_TILES(F32), of which table.h has the list. */
#ifndef SLUICE_KERNEL_FORMAT_TILES_H
#define SLUICE_KERNEL_FORMAT_TILES_H

#include "kernel/cell_lstm.h"
#include "kernel/product.h"
#include "kernel/step.h"

/* The tables of a format. */
typedef struct format_tiles {
    tile_table step[SL_CELL_KINDS], product;
} format_tiles;

/* The tables; one step for each kind of cell. */
#define FORMAT_TABLES(format, product_table)                                                                                       \
    extern const format_tiles SL_TILES(format);                                                                                    \
    const format_tiles SL_TILES(format) = {.step = {[SL_CELL_LSTM] = STEP_TABLE_OF(lstm, format)}, .product = {product_table}};

#define FLOAT_TILES(format)                                                                                                        \
    STEP_TILES_OF(lstm, format)                                                                                                    \
    FOR_EACH_SIZE(PRODUCT_TILE, product, format)                                                                                   \
    FORMAT_TABLES(format, .of = {FOR_EACH_SIZE(TILE_ENTRY, product, format)})

#define INTEGER_TILES(format)                                                                                                      \
    STEP_TILES_OF(lstm, format)                                                                                                    \
    FOR_EACH_SIZE(PRODUCT_TILE, product, format)                                                                                   \
    FOR_EACH_TALL_SIZE(TALL_PRODUCT_TILE, product, format)                                                                         \
    FORMAT_TABLES(format, ALL_SIZES_OF(product, format))

#endif
