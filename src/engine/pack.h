/* Canonical weights to the layouts that kernels and BLIS read. kernel/packed_matrix.h says what panels and packed rows are. */
#ifndef SLUICE_ENGINE_PACK_H
#define SLUICE_ENGINE_PACK_H

#include "base/share.h"
#include "kernel/packed_matrix.h"

/** Which packed columns the rows of a canonical matrix [gates*units][terms] become. With 4 gates, a block holds `lanes` units:
 * [gate][lane]. With 1 (a head, its units being classes) a block holds 4 * lanes of them in order. */
typedef struct sl_columns {
    size_t gates; /* 4 or 1 */
    size_t units;
    size_t lanes;
} sl_columns;

/** Blocks of 4 * lanes packed columns. */
size_t sl_columns_blocks(const sl_columns *columns);

/** Floats of a packed row. */
size_t sl_columns_width(const sl_columns *columns);

/** A canonical matrix [gates*units][terms] in memory: term k of row j at at[j*row_stride + k*term_stride]. */
typedef struct sl_matrix {
    const float *at;
    size_t row_stride, term_stride;
} sl_matrix;

/** A format, and the form of the rows that are multiplied with it; zeros are floats. */
typedef struct sl_format_choice {
    sl_weight_format format;
    sl_row_form rows;
} sl_format_choice;

/** The layout of a packed matrix of `terms` terms by itself: its panels are NULL, one behind the other. */
sl_packed_matrix sl_packed_layout(const sl_columns *columns, size_t terms, sl_format_choice choice);

/** The same of floats. */
static inline sl_packed_matrix sl_packed_floats_layout(const sl_columns *columns, size_t terms)
{
    return sl_packed_layout(columns, terms, (sl_format_choice){SL_WEIGHT_F32, SL_ROW_FLOATS});
}

/** Floats from the first panel to the end of the last. */
size_t sl_packed_floats(const sl_packed_matrix *matrix);

/* Several threads may pack a matrix together: each its share of the blocks of columns. */

/** Put a matrix of `terms` terms into panels. Columns of no unit, and terms that fill up a word, are left alone (zeros, from
 *  sl_alloc). A format that cannot hold a weight rounds it. */
void sl_pack_panels(const sl_columns *columns, sl_matrix matrix, size_t terms, const sl_packed_matrix *packed, sl_share share);

/** Put vector [gates*units], with another one added unless that is NULL, into a packed row. */
void sl_pack_row(const sl_columns *columns, const float *vector, const float *added, float *row, sl_share share);

/** Put matrix [gates*units][terms] into its transpose with packed columns, [terms][width]: what BLIS multiplies with. */
void sl_pack_transpose(const sl_columns *columns, size_t terms, const float *matrix, float *transpose, sl_share share);

#endif
