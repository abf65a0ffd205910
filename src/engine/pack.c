#include "engine/pack.h"

#include "base/size.h"

#include <stdbool.h>

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

/* Which row of the canonical matrix a column of a block is; false: none, it is padding. */
static bool row_of_column(const sl_columns *columns, size_t block, size_t at, size_t *row)
{
    const size_t per_block = units_per_block(columns), unit = block * per_block + at % per_block;
    *row = at / per_block * columns->units + unit;
    return unit < columns->units;
}

sl_packed_matrix sl_packed_layout(const sl_columns *columns, size_t terms)
{
    return (sl_packed_matrix){.panel_stride = terms * block_floats(columns), .blocks = sl_columns_blocks(columns), .terms = terms};
}

size_t sl_packed_floats(const sl_packed_matrix *matrix)
{
    return matrix->blocks * matrix->panel_stride;
}

/* Each half of a block's columns is written sequentially, while the reads go along several rows, which caches handle well. */
void sl_pack_panels(const sl_columns *columns, sl_matrix matrix, const sl_packed_matrix *packed)
{
    const size_t half = 2 * columns->lanes;
    for (size_t b = 0; b < 2 * packed->blocks; b++) {
        const float *from[2 * SL_MAX_LANES];
        size_t to_lane[2 * SL_MAX_LANES], count = 0;
        for (size_t lane = 0; lane < half; lane++) {
            size_t row;
            if (!row_of_column(columns, b / 2, b % 2 * half + lane, &row))
                continue;
            from[count] = matrix.at + row * matrix.row_stride;
            to_lane[count++] = lane;
        }
        float *to = packed->panels + b / 2 * packed->panel_stride + sl_panel_column(packed->terms, columns->lanes, b % 2 * half);
        for (size_t k = 0; k < packed->terms; k++, to += half)
            for (size_t q = 0; q < count; q++)
                to[to_lane[q]] = from[q][k * matrix.term_stride];
    }
}

void sl_pack_row(const sl_columns *columns, const float *vector, float *row)
{
    sl_packed_matrix packed = sl_packed_layout(columns, 1);
    packed.panels = row;
    sl_pack_panels(columns, (sl_matrix){vector, 1, 1}, &packed);
}

void sl_pack_transpose(const sl_columns *columns, size_t terms, const float *matrix, float *transpose)
{
    const size_t width = sl_columns_width(columns);
    for (size_t column = 0; column < width; column++) {
        size_t row;
        if (row_of_column(columns, column / block_floats(columns), column % block_floats(columns), &row))
            for (size_t k = 0; k < terms; k++)
                transpose[k * width + column] = matrix[row * terms + k];
    }
}
