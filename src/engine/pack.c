#include "engine/pack.h"

#include "base/float_bits.h"
#include "base/memory.h"
#include "base/size.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

sl_packed_matrix sl_packed_layout(const sl_columns *columns, size_t terms, sl_format_choice choice)
{
    const size_t words = sl_row_form_words(choice.rows, terms);
    return (sl_packed_matrix){.panel_stride = sl_panel_floats(choice.format, words, block_floats(columns)),
                              .blocks = sl_columns_blocks(columns),
                              .words = words,
                              .format = choice.format,
                              .rows = choice.rows};
}

size_t sl_packed_floats(const sl_packed_matrix *matrix)
{
    return matrix->blocks * matrix->panel_stride;
}

/* The columns of half a block that have a unit: where each begins in the canonical matrix, and its place in the half. */
typedef struct half_columns {
    const float *from[2 * SL_MAX_LANES];
    size_t place[2 * SL_MAX_LANES], count;
} half_columns;

static half_columns list_columns(const sl_columns *columns, sl_matrix matrix, size_t half)
{
    half_columns found = {.count = 0};
    for (size_t place = 0; place < 2 * columns->lanes; place++) {
        size_t row;
        if (!row_of_column(columns, half / 2, half % 2 * 2 * columns->lanes + place, &row))
            continue;
        found.from[found.count] = matrix.at + row * matrix.row_stride;
        found.place[found.count++] = place;
    }
    return found;
}

/* The halves of a share's blocks. */
static size_t first_half(const sl_packed_matrix *packed, sl_share share)
{
    return 2 * sl_share_from(share, packed->blocks);
}

static size_t end_half(const sl_packed_matrix *packed, sl_share share)
{
    return 2 * sl_share_to(share, packed->blocks);
}

/* Half a block's columns, some terms at a time: of each column whole cache lines are read, and those that are written stay in L1.
 * Columns are too many for the hardware's prefetching, and the weights of a training step are in L3 at best. */
static void pack_half(const half_columns *found, size_t term_stride, size_t words, size_t width, float *to)
{
    enum { AT_ONCE = 16 };
    for (size_t first = 0; first < words; first += AT_ONCE, to += AT_ONCE * width) {
        const size_t count = sl_size_min(AT_ONCE, words - first);
        for (size_t q = 0; q < found->count; q++) {
            const float *from = found->from[q] + first * term_stride;
            __builtin_prefetch(from + AT_ONCE * term_stride);
            __builtin_prefetch(to + AT_ONCE * width + q * SL_LINE_FLOATS, 1);
            for (size_t k = 0; k < count; k++)
                to[k * width + found->place[q]] = from[k * term_stride];
        }
    }
}

static void pack_floats(const sl_columns *columns, sl_matrix matrix, const sl_packed_matrix *packed, sl_share share)
{
    enum { AHEAD = 8 }; /* terms */
    const size_t width = 2 * columns->lanes;
    const bool are_neighbours = columns->gates == 1 && matrix.row_stride == 1; /* a term's weights of neighbouring columns */
    for (size_t half = first_half(packed, share); half < end_half(packed, share); half++) {
        const half_columns found = list_columns(columns, matrix, half);
        float *to = packed->panels + half / 2 * packed->panel_stride + half % 2 * packed->words * width;
        if (!are_neighbours)
            pack_half(&found, matrix.term_stride, packed->words, width, to);
        for (size_t k = 0; are_neighbours && found.count && k < packed->words; k++) {
            const float *from = found.from[0] + k * matrix.term_stride;
            for (size_t line = 0; line < found.count; line += SL_LINE_FLOATS)
                __builtin_prefetch(from + AHEAD * matrix.term_stride + line);
            memcpy(to + k * width, from, found.count * sizeof *to);
        }
    }
}

/* ---- Weights of 16 bits ---------------------------------------------------------------------------------------------------- */

/* The bfloat16 next to a number, ties to even; if `flushes`, a subnormal number becomes zero: kernel/prepare_row.h. */
static uint16_t round_bf16(float value, bool flushes)
{
    const uint32_t bits = sl_float_bits(value);
    if (flushes && (bits & 0x7fffffff) < 0x00800000)
        return (uint16_t)(bits >> 16 & 0x8000);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* A half-precision number's encoding; it has exactly this value. */
static uint16_t encode_f16(float value)
{
    const uint32_t bits = sl_float_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude < 113 << 23) /* subnormal: a multiple of 2^-24 */
        return (uint16_t)(sign | (uint32_t)(fabsf(value) * 0x1p24f));
    return (uint16_t)(sign | (magnitude - (112 << 23)) >> 13);
}

static void pack_16_bits(const sl_columns *columns, sl_matrix matrix, const sl_packed_matrix *packed, size_t terms, sl_share share)
{
    const size_t width = 2 * columns->lanes, of_word = sl_row_form_terms(packed->rows);
    const bool flushes = packed->rows != SL_ROW_FLOATS;
    for (size_t half = first_half(packed, share); half < end_half(packed, share); half++) {
        const half_columns found = list_columns(columns, matrix, half);
        uint16_t *to = (uint16_t *)(packed->panels + half / 2 * packed->panel_stride) + half % 2 * packed->words * width * of_word;
        for (size_t q = 0; q < found.count; q++) {
            const size_t place = found.place[q];
            const size_t at =
                packed->format == SL_WEIGHT_BF16 ? place % columns->lanes * 2 + place / columns->lanes : place * of_word;
            for (size_t k = 0; k < terms; k++) {
                const size_t term = packed->rows == SL_ROW_BF16_SWAPPED ? k ^ 1 : k;
                const float weight = found.from[q][k * matrix.term_stride];
                to[term / of_word * width * of_word + at + term % of_word] =
                    packed->format == SL_WEIGHT_F16 ? encode_f16(weight) : round_bf16(weight, flushes);
            }
        }
    }
}

/* ---- Weights of 8 bits ----------------------------------------------------------------------------------------------------- */

static float find_largest(const float *from, size_t stride, size_t terms)
{
    float largest = 0;
    for (size_t k = 0; k < terms; k++)
        largest = fmaxf(largest, fabsf(from[k * stride]));
    return largest;
}

/* One column and its factors, `place` being that in the half and `column` that in the block. */
static void pack_integer_column(const sl_columns *columns, const float *from, size_t stride, size_t terms,
                                const sl_packed_matrix *packed, int8_t *half, size_t place, float *factors, size_t column)
{
    const size_t width = 2 * columns->lanes, of_word = sl_row_form_terms(packed->rows), block = block_floats(columns);
    const float largest = find_largest(from, stride, terms);
    const bool is_zero = largest < SL_LEAST_MAGNITUDE;
    const float inverse = is_zero ? 0.0f : 127.0f / largest;
    int32_t sum = 0;
    for (size_t k = 0; k < terms; k++) {
        const int8_t weight = (int8_t)lrintf(from[k * stride] * inverse);
        half[(k / of_word * width + place) * of_word + k % of_word] = weight;
        sum += weight;
    }
    const uint32_t begin = packed->rows == SL_ROW_BYTES ? (uint32_t)(-128 * sum) : 0;
    factors[SL_FACTOR_SCALE * block + column] = is_zero ? 0.0f : largest / 127.0f;
    factors[SL_FACTOR_UNIT_SCALE * block + column] = is_zero ? 0.0f : largest / 127.0f / 127.0f;
    factors[SL_FACTOR_BEGIN * block + column] = sl_float_of_bits(begin);
}

static void pack_integers(const sl_columns *columns, sl_matrix matrix, const sl_packed_matrix *packed, size_t terms, sl_share share)
{
    const size_t half_floats = packed->words * block_floats(columns) / 2 * sl_weight_bytes(packed->format) / sizeof(float);
    for (size_t half = first_half(packed, share); half < end_half(packed, share); half++) {
        const half_columns found = list_columns(columns, matrix, half);
        float *panel = packed->panels + half / 2 * packed->panel_stride;
        for (size_t q = 0; q < found.count; q++)
            pack_integer_column(columns, found.from[q], matrix.term_stride, terms, packed,
                                (int8_t *)(panel + half % 2 * half_floats), found.place[q], panel + 2 * half_floats,
                                half % 2 * 2 * columns->lanes + found.place[q]);
    }
}

void sl_pack_panels(const sl_columns *columns, sl_matrix matrix, size_t terms, const sl_packed_matrix *packed, sl_share share)
{
    if (packed->format == SL_WEIGHT_F32)
        pack_floats(columns, matrix, packed, share);
    else if (SL_WEIGHT_IS_INTEGER(packed->format))
        pack_integers(columns, matrix, packed, terms, share);
    else
        pack_16_bits(columns, matrix, packed, terms, share);
}

/* The packed columns of a share's blocks. */
static size_t first_column(const sl_columns *columns, sl_share share)
{
    return sl_share_from(share, sl_columns_blocks(columns)) * block_floats(columns);
}

static size_t end_column(const sl_columns *columns, sl_share share)
{
    return sl_share_to(share, sl_columns_blocks(columns)) * block_floats(columns);
}

void sl_pack_row(const sl_columns *columns, const float *vector, const float *added, float *row, sl_share share)
{
    for (size_t column = first_column(columns, share); column < end_column(columns, share); column++) {
        size_t from;
        if (row_of_column(columns, column / block_floats(columns), column % block_floats(columns), &from))
            row[column] = added ? vector[from] + added[from] : vector[from];
    }
}

void sl_pack_transpose(const sl_columns *columns, size_t terms, const float *matrix, float *transpose, sl_share share)
{
    const size_t width = sl_columns_width(columns);
    for (size_t column = first_column(columns, share); column < end_column(columns, share); column++) {
        size_t row;
        if (row_of_column(columns, column / block_floats(columns), column % block_floats(columns), &row))
            for (size_t k = 0; k < terms; k++)
                transpose[k * width + column] = matrix[row * terms + k];
    }
}
