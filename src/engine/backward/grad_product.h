/* The products of the backward pass, by BLIS or by kernels of ours: the one place that decides. */
#ifndef SLUICE_ENGINE_BACKWARD_GRAD_PRODUCT_H
#define SLUICE_ENGINE_BACKWARD_GRAD_PRODUCT_H

#include "engine/backward/grad.h"

/** Compute a product over many row-steps; its `panels` are the thread's. */
void sl_grad_multiply(const sl_grad_thread *thread, sl_bulk_product product);

/** A matrix that gradients of an iteration are multiplied with, transposed: U or W_p. */
typedef struct sl_grad_matrix {
    const sl_packed_matrix *packed;
    const float *canonical; /* [terms][outputs], BLIS only */
    size_t outputs;
} sl_grad_matrix;

/** Compute the products of `rows` rows of d [terms], d_stride apart, with blocks [block, end) of the matrix, in scratch->product. Uses
 *  scratch->start and scratch->x. Returns the distance of its rows in floats. */
size_t sl_grad_multiply_back(const sl_grad_thread *thread, const sl_grad_matrix *matrix, size_t block, size_t end, size_t rows,
                             const float *d, size_t d_stride);

/** BLIS only: compute the pre-activations of all units of an iteration again, for the rows that scratch->start and, without a table,
 *  scratch->x point at, and h, h_stride apart. They are in scratch->product, where scratch->start points then. */
void sl_grad_pre_activations(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t rows, const float *h);

#endif
