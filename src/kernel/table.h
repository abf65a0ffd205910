/* The table of an instruction set's kernels, under the name SL_KERNEL that an isa_*.c file has given. */
#ifndef SLUICE_KERNEL_TABLE_H
#define SLUICE_KERNEL_TABLE_H

#include "kernel/arrays.h"
#include "kernel/cell_general.h"
#include "kernel/format_tiles.h"
#include "kernel/prepare_row.h"
#include "kernel/training/bulk_product.h"
#include "kernel/training/functions_grad.h"
#include "kernel/training/step_grad.h"

/* One line for each kind of cell, and one in each row of the table. */
STEP_GRAD_OF(lstm)

/* The tiles of formats other than this are compiled by themselves, some with instructions that not every CPU of this instruction set
 * has. */
FLOAT_TILES(F32)
extern const format_tiles SL_TILES(BF16), SL_TILES(F16), SL_TILES(INT8), SL_TILES(INT8_DOT), SL_TILES(BF16_DOT);

static const format_tiles *const tiles_of[SL_WEIGHT_FORMATS] = {
    [SL_WEIGHT_F32] = &SL_TILES(F32),           [SL_WEIGHT_BF16] = &SL_TILES(BF16),
    [SL_WEIGHT_F16] = &SL_TILES(F16),           [SL_WEIGHT_INT8] = &SL_TILES(INT8),
#if SL_HAVE_INT8_DOT
    [SL_WEIGHT_INT8_DOT] = &SL_TILES(INT8_DOT),
#endif
#if SL_HAVE_BF16_DOT
    [SL_WEIGHT_BF16_DOT] = &SL_TILES(BF16_DOT),
#endif
};

static void run_product(const sl_packed_matrix *weights, size_t rows, const float *const *start, const float *const *x, float *out,
                        size_t out_stride)
{
    const tile_table *tiles = &tiles_of[weights->format]->product;
    const product_call call = {weights, rows, start, x, out, out_stride};
    for (tile t = first_tile(tiles, weights, weights->blocks, rows, false); t.rows; next_tile(&t))
        tiles->of[t.blocks][t.rows](&call, t.block, t.row);
}

TILE run_step(sl_cell_kind kind, const sl_step *s)
{
    const tile_table *tiles = &tiles_of[s->weights_hh.format]->step[kind];
    assert(!s->weights_ih.words || s->weights_ih.format == s->weights_hh.format);
    const size_t blocks = (s->units + V_LANES - 1) / V_LANES;
    for (tile t = first_tile(tiles, &s->weights_hh, blocks, s->rows, s->from_last); t.rows; next_tile(&t))
        tiles->of[t.blocks][t.rows](s, t.block, t.row);
}

static void step_lstm(const sl_step *s)
{
    run_step(SL_CELL_LSTM, s);
}

const sl_kernel SL_KERNEL = {
    .isa = SL_ISA,
    .lanes = V_LANES,
    .tile_rows = V_TILE_ROWS,
    .tall_rows = V_TALL_ROWS,
    .has_int8_dot = SL_HAVE_INT8_DOT,
    .has_bf16_dot = SL_HAVE_BF16_DOT,
    .product = run_product,
    .bulk_product = run_bulk_product,
    .prepare_row = prepare_row,
    .step = {[SL_CELL_LSTM] = step_lstm},
    .step_grad = {[SL_CELL_LSTM] = step_grad_lstm},
    .cell_sum = cell_sum,
    .cell_output = cell_output,
    .finish_projection = finish_projection,
    .add_rows = add_rows,
    .affine = map_affine,
    .activate = activate,
    .activate_grad = activate_grad,
    .softmax = softmax,
    .softmax_grad = softmax_grad,
    .peak = run_peak,
};

#endif
