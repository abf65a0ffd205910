#include "engine/backward/grad_product.h"

#include "engine/blis_gemm.h"

static bool is_by_blis(const sl_grad_thread *thread)
{
    return thread->tape->engine->gemm == SLUICE_GEMM_BLIS;
}

void sl_grad_multiply(const sl_grad_thread *thread, sl_bulk_product product)
{
    const sl_bulk_product *p = &product;
    product.panels = thread->scratch->panels;
    if (is_by_blis(thread))
        sl_blis_gemm(p->rows, p->columns, p->terms, (sl_operand){p->a, p->a_stride, p->a_transposed},
                     (sl_operand){p->b, p->b_stride, false}, p->adds, p->c, p->c_stride);
    else
        thread->tape->engine->kernel->bulk_product(p);
}

size_t sl_grad_multiply_back(const sl_grad_thread *thread, const sl_grad_matrix *matrix, size_t block, size_t end, size_t rows,
                             const float *d, size_t d_stride)
{
    const sluice_tape *tape = thread->tape;
    const sl_kernel *kernel = tape->engine->kernel;
    const sl_tape_scratch *scratch = thread->scratch;
    const size_t stride = (end - block) * sl_block_floats(kernel), first = block * sl_block_floats(kernel);
    if (rows == 0 || stride == 0)
        return stride;
    if (is_by_blis(thread)) {
        sl_blis_gemm(rows, sl_size_min(stride, matrix->outputs - first), matrix->packed->words, (sl_operand){d, d_stride, false},
                     (sl_operand){matrix->canonical + first, matrix->outputs, false}, false, scratch->product, stride);
        return stride;
    }
    sl_packed_matrix weights;
    sl_packed_set_range(matrix->packed, block, end - block, &weights);
    for (size_t r = 0; r < rows; r++) {
        scratch->start[r] = tape->minus_zeros;
        scratch->x[r] = d + r * d_stride;
    }
    kernel->product(&weights, rows, scratch->start, scratch->x, scratch->product, stride);
    return stride;
}

void sl_grad_pre_activations(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t rows, const float *h)
{
    const sl_packed *packed = layer_dir->packed;
    const sl_tape_scratch *scratch = thread->scratch;
    sl_blis_multiply_inputs(packed, rows, scratch->start, scratch->x, scratch->gathered, scratch->product);
    sl_blis_multiply_h(packed, rows, h, scratch->product);
    for (size_t r = 0; r < rows; r++)
        scratch->start[r] = scratch->product + r * packed->width;
}
