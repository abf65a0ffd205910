/*
 * Packed matrices: the layout of weights that every kernel reads.
 *
 * The columns of a matrix (4H gate rows of W and U, or the classes of a head) are divided into blocks of 4 vectors; a block of the
 * gates holds [gate i, f, g, o][lanes] of `lanes` neighbouring units, units past H being zeros. A *panel* is one block's weights in
 * two halves, of vectors 0 and 1 (gates i, f) and of 2 and 3 (g, o), each [term][2][lanes], so that one half can be read without
 * the other (of other formats than floats: below); panels follow each other `panel_stride` floats apart. A *packed row* is [block][4][lanes], one value a column.
 */
#ifndef SLUICE_KERNEL_PACKED_MATRIX_H
#define SLUICE_KERNEL_PACKED_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

/** Vectors in a block of columns; the widest vector, in floats. */
enum { SL_BLOCK_VECTORS = 4, SL_MAX_LANES = 16 };

/**
 * How weights are stored. A row that is multiplied with them consists of 32-bit words, and a word has one or several terms of the
 * sums. One word's weights of half a block are, in each format:
 */
typedef enum sl_weight_format {
    SL_WEIGHT_F32,      /* [2][lanes] floats, a term */
    SL_WEIGHT_BF16,     /* [lanes] 32-bit words, a term: floats whose last 16 bits are 0, the first vector's in the lower half */
    SL_WEIGHT_F16,      /* [2][lanes] half-precision numbers, a term */
    SL_WEIGHT_INT8,     /* [2][lanes][2] bytes, two terms; see SL_PANEL_FACTORS */
    SL_WEIGHT_INT8_DOT, /* [2][lanes][4] bytes, four terms, for CPUs with vpdpbusd; likewise */
    SL_WEIGHT_BF16_DOT, /* [2][lanes][2] bfloat16, two terms, for CPUs with vdpbf16ps */
    SL_WEIGHT_FORMATS
} sl_weight_format;

/** What the words of a row are. */
typedef enum sl_row_form {
    SL_ROW_FLOATS,       /* a term each */
    SL_ROW_BF16_SWAPPED, /* floats rounded to bfloat16, terms 1, 0, 3, 2, ...; +0 behind an odd number of terms */
    SL_ROW_BF16_PAIRS,   /* two of the same as bfloat16, the first in the lower half */
    SL_ROW_INT16_PAIRS,  /* two integers in +-127, then one word: the row's scale; 0: 1/127 */
    SL_ROW_BYTES,        /* four of them with 128 added, then the scale */
    SL_ROW_FORMS
} sl_row_form;

/** Behind the words of a panel of integers, packed rows: the columns' scales s, s / 127, and what a sum begins with, an int32: the
 *  128 of SL_ROW_BYTES times the column's sum, negated. A column's product with a row of scale r is sum * (r * s). */
enum { SL_FACTOR_SCALE, SL_FACTOR_UNIT_SCALE, SL_FACTOR_BEGIN, SL_PANEL_FACTORS };

/** A row or a column whose largest magnitude m is below this has the integers 0: 127 / m would overflow. */
#define SL_LEAST_MAGNITUDE 0x1p-100f

typedef struct sl_packed_matrix {
    float *panels;       /* [blocks] of [2][words][half a block's columns], then the factors of integers */
    size_t panel_stride; /* floats between two panels */
    size_t blocks;       /* of columns */
    size_t words;        /* of a row that is multiplied with it; 0: nothing is to be multiplied */
    sl_weight_format format;
    sl_row_form rows;
} sl_packed_matrix;

/** Terms of a word. */
static inline size_t sl_row_form_terms(sl_row_form form)
{
    static const unsigned char terms[SL_ROW_FORMS] = {1, 1, 2, 2, 4};
    return terms[form];
}

/** Words of a row of `terms` terms. */
static inline size_t sl_row_form_words(sl_row_form form, size_t terms)
{
    const size_t even = form == SL_ROW_BF16_SWAPPED ? terms + terms % 2 : terms, of_word = sl_row_form_terms(form);
    return even / of_word + (even % of_word > 0);
}

/** Whether sums are of integers: a constant where the format is. */
#define SL_WEIGHT_IS_INTEGER(format) ((format) == SL_WEIGHT_INT8 || (format) == SL_WEIGHT_INT8_DOT)

/** Bytes of a column's weights for a word. */
static inline size_t sl_weight_bytes(sl_weight_format format)
{
    static const unsigned char bytes[SL_WEIGHT_FORMATS] = {4, 2, 2, 2, 4, 4};
    return bytes[format];
}

/** Floats that a panel of `words` words takes, with its factors. */
static inline size_t sl_panel_floats(sl_weight_format format, size_t words, size_t block_floats)
{
    return words * block_floats * sl_weight_bytes(format) / sizeof(float) +
           (SL_WEIGHT_IS_INTEGER(format) ? SL_PANEL_FACTORS * block_floats : 0);
}

/** Make *range some blocks of columns of a packed matrix. */
static inline void sl_packed_set_range(const sl_packed_matrix *matrix, size_t block, size_t blocks, sl_packed_matrix *range)
{
    range->panels = matrix->panels ? matrix->panels + block * matrix->panel_stride : NULL;
    range->panel_stride = matrix->panel_stride;
    range->blocks = blocks;
    range->words = matrix->words;
    range->format = matrix->format;
    range->rows = matrix->rows;
}

/** Index, in a panel of floats, of the first term of a block's column `column`, 0..4*lanes-1; the next terms follow 2 * lanes floats apart. */
static inline size_t sl_panel_column(size_t terms, size_t lanes, size_t column)
{
    return column / (2 * lanes) * terms * 2 * lanes + column % (2 * lanes);
}

#endif
