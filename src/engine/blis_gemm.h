/* Products by BLIS: those of training over all steps, and as a baseline and cross-check all stacked-gate products. The only room
 * that knows BLIS. */
#ifndef SLUICE_ENGINE_BLIS_GEMM_H
#define SLUICE_ENGINE_BLIS_GEMM_H

#include "engine/engine.h"

/** A row-major matrix, its rows `stride` floats apart; transposed: read as its transpose. */
typedef struct sl_operand {
    const float *at;
    size_t stride;
    bool transposed;
} sl_operand;

/**
 * c = a b, or c += a b with `adds`, for a [rows][terms], b [terms][columns] and row-major c [rows][columns], whose rows are
 * c_stride floats apart. Runs on the calling thread alone, through BLIS's expert interface with a runtime object of its own. The
 * order in which a sum is added depends on the sizes and the strides, and on BLIS. BLIS prints and aborts when it runs out of
 * memory.
 */
void sl_blis_gemm(size_t rows, size_t columns, size_t terms, sl_operand a, sl_operand b, bool adds, float *c, size_t c_stride);

/** Set pre-activations [rows][width] to b + W x: of row r, b or the token's row of the table is at start[r] and, without a table, x at
 *  x[r]. `gathered` [rows][inputs] is scratch memory. */
void sl_blis_multiply_inputs(const sl_packed *packed, size_t rows, const float *const *start, const float *const *x,
                             float *gathered, float *pre_activations);

/** Add U h of rows whose h are packed->h_stride apart. */
void sl_blis_multiply_h(const sl_packed *packed, size_t rows, const float *h, float *pre_activations);

/** BLIS's version and the configuration it runs with, and whether that is its portable one. The first call anywhere makes BLIS read
 *  BLIS_ARCH_TYPE. */
void sl_blis_describe(char *version, size_t version_bytes, char *config, size_t config_bytes, int *is_generic);

#endif
