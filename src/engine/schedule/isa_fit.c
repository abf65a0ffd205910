#include "engine/schedule/isa_fit.h"

#include "base/size.h"
#include "engine/schedule/machine_figures.h"
#include "kernel/kernel.h"

/* Cycles of multiply-adds for a step of a row: units are padded to whole vectors. */
static double cycles_of(sluice_isa isa, const sl_network *network)
{
    const size_t lanes = sl_kernel_get(isa)->lanes;
    sluice_machine machine;
    sl_machine_get_of(isa, &machine);
    double terms = 0;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        terms += (double)(sl_size_div_up(dir->hidden, lanes) * lanes) * (double)(dir->inputs + dir->h_width);
    }
    return terms / ((double)lanes * machine.multiply_adds);
}

/* A CPU that makes one multiply-add of a wide vector in the time of two of a narrow one, such as Zen 4, wastes less with the narrow
 * ones where they have less padding: at 8, 24 or 40 units, say. Wide ones are ahead by more than this at the same padding. Zen 4, one
 * thread, time with AVX-512 by that with AVX2: 12,1024,8 1.49; 12,1024,24 1.12; 50,1,40 1.13; 50,64,40 1.07; 50,64,72 1.03. */
#define LEAST_GAIN 1.1

sluice_isa sl_isa_fit(const sl_choice *choice, const sl_network *network)
{
    sluice_isa best = choice->isa;
    if (!choice->isa_is_open || choice->gemm != SLUICE_GEMM_FUSED || choice->precision != SLUICE_PRECISION_F32)
        return best;
    for (size_t k = 0; sl_isa_at(k) != SLUICE_ISA_SCALAR; k++)
        if (sl_isa_is_preferred(best, sl_isa_at(k)) && sl_isa_runs_here(sl_isa_at(k)) &&
            LEAST_GAIN * cycles_of(sl_isa_at(k), network) <= cycles_of(best, network))
            best = sl_isa_at(k);
    return best;
}
