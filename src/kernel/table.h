/* The table of an instruction set's kernels, under the name SL_KERNEL that an isa_*.c file has given. */
#ifndef SLUICE_KERNEL_TABLE_H
#define SLUICE_KERNEL_TABLE_H

#include "kernel/arrays.h"
#include "kernel/bulk_product.h"
#include "kernel/cell_general.h"
#include "kernel/cell_lstm.h"
#include "kernel/functions_grad.h"
#include "kernel/product.h"
#include "kernel/step.h"
#include "kernel/step_grad.h"

/* One line for each kind of cell, and one in each row of the table. */
STEP_OF(lstm)
STEP_GRAD_OF(lstm)

const sl_kernel SL_KERNEL = {
    .isa = SL_ISA,
    .lanes = V_LANES,
    .tile_rows = V_TILE_ROWS,
    .tall_rows = V_TALL_ROWS,
    .product = run_product,
    .bulk_product = run_bulk_product,
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
