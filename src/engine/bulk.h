/* Stacked-gate products by BLIS: the baseline and cross-check of the fused kernels. The only room that knows BLIS. */
#ifndef SLUICE_ENGINE_BULK_H
#define SLUICE_ENGINE_BULK_H

#include "sluice.h"

/**
 * c += a b for row-major a [rows][terms], b [terms][columns], c [rows][columns], with row strides in floats. Runs on the
 * calling thread alone, through BLIS's expert interface with a runtime object of its own. BLIS prints and aborts when it runs
 * out of memory.
 */
void sl_bulk_product(size_t rows, size_t columns, size_t terms, const float *a, size_t a_stride, const float *b, size_t b_stride,
                     float *c, size_t c_stride);

/** BLIS's version and the configuration it runs with, and whether that is its portable one. The first call anywhere makes BLIS read
 *  BLIS_ARCH_TYPE. */
void sl_bulk_describe(char *version, size_t version_bytes, char *config, size_t config_bytes, int *is_generic);

#endif
