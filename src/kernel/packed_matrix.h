/*
 * Packed matrices: the layout of weights that every kernel reads.
 *
 * The columns of a matrix (4H gate rows of W and U, or the classes of a head) are divided into blocks of 4 vectors; a block of the
 * gates holds [gate i, f, g, o][lanes] of `lanes` neighbouring units, units past H being zeros. A *panel* is one block's weights in
 * two halves, of vectors 0 and 1 (gates i, f) and of 2 and 3 (g, o), each [term][2][lanes], so that one half can be read without
 * the other; panels follow each other `panel_stride` floats apart. A *packed row* is [block][4][lanes], one value a column.
 */
#ifndef SLUICE_KERNEL_PACKED_MATRIX_H
#define SLUICE_KERNEL_PACKED_MATRIX_H

#include <stddef.h>

/** Vectors in a block of columns; the widest vector, in floats. */
enum { SL_BLOCK_VECTORS = 4, SL_MAX_LANES = 16 };

/** How weights are stored. */
typedef enum sl_weight_format { SL_WEIGHT_F32 } sl_weight_format;

typedef struct sl_packed_matrix {
    float *panels;       /* [blocks][2][terms][2][lanes] */
    size_t panel_stride; /* floats between two panels */
    size_t blocks;       /* of columns */
    size_t terms;        /* of each sum; 0: nothing is to be multiplied */
    sl_weight_format format;
} sl_packed_matrix;

/** Make *range some blocks of columns of a packed matrix. */
static inline void sl_packed_set_range(const sl_packed_matrix *matrix, size_t block, size_t blocks, sl_packed_matrix *range)
{
    range->panels = matrix->terms ? matrix->panels + block * matrix->panel_stride : matrix->panels;
    range->panel_stride = matrix->panel_stride;
    range->blocks = blocks;
    range->terms = matrix->terms;
    range->format = matrix->format;
}

/** Index, in a panel, of the first term of a block's column `column`, 0..4*lanes-1; the next terms follow 2 * lanes floats apart. */
static inline size_t sl_panel_column(size_t terms, size_t lanes, size_t column)
{
    return column / (2 * lanes) * terms * 2 * lanes + column % (2 * lanes);
}

#endif
