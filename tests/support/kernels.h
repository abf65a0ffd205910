/* Kernels of this machine, and numbers for them. */
#ifndef SLUICE_TESTS_KERNELS_H
#define SLUICE_TESTS_KERNELS_H

#include "kernel/kernel.h"
#include "support/suite.h"

/** The kernels of an instruction set; NULL if this machine lacks it. */
static inline const sl_kernel *test_kernel_get(sluice_isa isa)
{
    return sl_isa_runs_here(isa) ? sl_kernel_get(isa) : NULL;
}

/** The kernels of the k-th instruction set, counted round; NULL if this machine lacks it. */
static inline const sl_kernel *test_kernel_at(size_t k)
{
    return test_kernel_get(sl_isa_at(k % sl_isa_count()));
}

/** Numbers uniform in +-1. */
static inline void test_fill(float *values, size_t count, uint64_t *state)
{
    for (size_t k = 0; k < count; k++)
        values[k] = 2.0f * test_uniform(state) - 1.0f;
}

#endif
