/* Networks of LSTM layers alone, of cells of any options and projections, in plain loops: the equations of sluice_network.h in float
 * and in their order, which every schedule, instruction set and thread count has to give to the bit. */
#ifndef SLUICE_TESTS_PLAIN_CELLS_H
#define SLUICE_TESTS_PLAIN_CELLS_H

#include "sluice_network.h"

/** Run a model whose layers are LSTM layers that give all steps, side by side. Writes y, hn and cn, contiguous, all wanted; reads x,
 *  lengths, h0 and c0 (each may be NULL, but x). Ends the test when there is no memory. */
void test_plain_cells_forward(const sluice_model *model, const sluice_batch *batch);

#endif
