#include "kernel/kernel.h"

#include "base/system/cpu.h"

extern const sl_kernel sl_kernel_scalar, sl_kernel_avx2, sl_kernel_avx512;

/* In order of preference, the best first. The scalar kernels come last: every build and every CPU has them. */
static const struct {
    sluice_isa isa;
    const char *name;
    const sl_kernel *kernel; /* NULL: not in this build */
} isas[] = {
    {SLUICE_ISA_AVX512, "avx512", SL_HAVE_AVX512 ? &sl_kernel_avx512 : NULL},
    {SLUICE_ISA_AVX2, "avx2", SL_HAVE_AVX2 ? &sl_kernel_avx2 : NULL},
    {SLUICE_ISA_SCALAR, "scalar", &sl_kernel_scalar},
};
enum { ISAS = sizeof isas / sizeof isas[0] };

/* The row of an instruction set in the table; ISAS if it has none. */
static size_t find_row(sluice_isa isa)
{
    size_t k = 0;
    while (k < ISAS && isas[k].isa != isa)
        k++;
    return k;
}

size_t sl_isa_count(void)
{
    return ISAS;
}

sluice_isa sl_isa_at(size_t k)
{
    return k < ISAS ? isas[k].isa : SLUICE_ISA_AUTO;
}

const char *sl_isa_get_name(sluice_isa isa)
{
    const size_t k = find_row(isa);
    return k < ISAS ? isas[k].name : NULL;
}

const sl_kernel *sl_kernel_get(sluice_isa isa)
{
    const size_t k = find_row(isa);
    return k < ISAS ? isas[k].kernel : NULL;
}

bool sl_kernel_runs_format(const sl_kernel *kernel, sl_weight_format format)
{
    if (format == SL_WEIGHT_INT8_DOT)
        return kernel->has_int8_dot && sl_cpu_has_int8_dot(kernel->isa);
    return format != SL_WEIGHT_BF16_DOT || (kernel->has_bf16_dot && sl_cpu_has_bf16_dot(kernel->isa));
}

bool sl_isa_runs_here(sluice_isa isa)
{
    return sl_kernel_get(isa) && sl_cpu_runs(isa);
}

sluice_isa sl_isa_best(sluice_isa most)
{
    size_t k = most ? find_row(most) : 0;
    while (k + 1 < ISAS && !sl_isa_runs_here(isas[k].isa))
        k++;
    return sl_isa_at(k);
}

bool sl_isa_is_preferred(sluice_isa a, sluice_isa b)
{
    return find_row(a) < find_row(b);
}
