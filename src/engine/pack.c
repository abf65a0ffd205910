#include "engine/pack.h"

#include "base/size.h"
#include "kernel/kernel.h"

static size_t block_floats(const sl_columns *columns)
{
    return SL_BLOCK_VECTORS * columns->lanes;
}

static size_t units_per_block(const sl_columns *columns)
{
    return block_floats(columns) / columns->gates;
}

size_t sl_columns_blocks(const sl_columns *columns)
{
    return sl_size_div_up(columns->units, units_per_block(columns));
}

size_t sl_columns_width(const sl_columns *columns)
{
    return sl_columns_blocks(columns) * block_floats(columns);
}

/* Where row gate*units + unit of the canonical matrix stands in a packed row. */
static size_t packed_column(const sl_columns *columns, size_t row)
{
    const size_t gate = row / columns->units, unit = row % columns->units, per_block = units_per_block(columns);
    return unit / per_block * block_floats(columns) + gate * per_block + unit % per_block;
}

void sl_pack_panels(const sl_columns *columns, size_t terms, sl_matrix matrix, float *panels, size_t panel_stride)
{
    const size_t block = block_floats(columns);
    for (size_t row = 0; row < columns->gates * columns->units; row++) {
        const size_t column = packed_column(columns, row);
        float *to = panels + column / block * panel_stride + sl_panel_column(terms, columns->lanes, column % block);
        const float *from = matrix.at + row * matrix.row_stride;
        for (size_t k = 0; k < terms; k++)
            to[k * 2 * columns->lanes] = from[k * matrix.term_stride];
    }
}

void sl_pack_row(const sl_columns *columns, const float *vector, float *row)
{
    sl_pack_panels(columns, 1, (sl_matrix){vector, 1, 1}, row, block_floats(columns));
}

void sl_pack_transpose(const sl_columns *columns, size_t terms, const float *matrix, float *transpose)
{
    const size_t width = sl_columns_width(columns);
    for (size_t row = 0; row < columns->gates * columns->units; row++) {
        float *to = transpose + packed_column(columns, row);
        for (size_t k = 0; k < terms; k++)
            to[k * width] = matrix[row * terms + k];
    }
}
