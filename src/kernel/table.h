/* The table of an instruction set's kernels, under the name SL_KERNEL that an isa_*.c file has given. */
#ifndef SLUICE_KERNEL_TABLE_H
#define SLUICE_KERNEL_TABLE_H

const sl_kernel SL_KERNEL = {
    .isa = SL_ISA,
    .lanes = V_LANES,
    .tile_rows = V_TILE_ROWS,
    .tall_rows = V_TALL_ROWS,
    .product = run_product,
    .step = run_step,
    .step_grad = run_step_grad,
    .add_rows = add_rows,
    .sigmoid = map_sigmoid,
    .tanh = map_tanh,
    .peak = run_peak,
};

#endif
