/* What the kernels, the model and the engine all know of a cell: its kind, and its gates in canonical order. */
#ifndef SLUICE_KERNEL_CELL_KIND_H
#define SLUICE_KERNEL_CELL_KIND_H

/** Kinds of cells; the equations of each are in kernel/cell_NAME.h. */
typedef enum sl_cell_kind { SL_CELL_LSTM, SL_CELL_KINDS } sl_cell_kind;

/** Gates in canonical order, torch.nn.LSTM's. */
enum { SL_GATE_I, SL_GATE_F, SL_GATE_G, SL_GATE_O, SL_GATES };

#endif
