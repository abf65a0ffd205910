/* All tiles for one format of weights: FORMAT_TILES(F32) defines SL_TILES(F32), of which table.h has the list. */
#ifndef SLUICE_KERNEL_FORMAT_TILES_H
#define SLUICE_KERNEL_FORMAT_TILES_H

#include "kernel/cell_lstm.h"
#include "kernel/product.h"
#include "kernel/step.h"

/* The tables of a format. */
typedef struct format_tiles {
    tile_table step[SL_CELL_KINDS], product;
} format_tiles;

/* One step for each kind of cell. */
#define FORMAT_TILES(format)                                                                                                       \
    STEP_TILES_OF(lstm, format)                                                                                                    \
    PRODUCT_TILES_OF(format)                                                                                                       \
    extern const format_tiles SL_TILES(format);                                                                                    \
    const format_tiles SL_TILES(format) = {                                                                                        \
        .step = {[SL_CELL_LSTM] = STEP_TABLE_OF(lstm, format)},                                                                    \
        .product = PRODUCT_TABLE_OF(format),                                                                                       \
    };

#endif
