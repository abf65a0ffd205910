#include "engine/bulk.h"

#include "base/cpu.h"

#include <blis.h>

#include <stdio.h>
#include <string.h>

void sl_bulk_product(size_t rows, size_t columns, size_t terms, const float *a, size_t a_stride, const float *b, size_t b_stride,
                     float *c, size_t c_stride)
{
    float one = 1.0f;
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &runtime);
    /* BLIS's interface is not const-correct: a and b are read only. */
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)rows, (dim_t)columns, (dim_t)terms, &one, (float *)a, (inc_t)a_stride,
                 1, (float *)b, (inc_t)b_stride, 1, &one, c, (inc_t)c_stride, 1, NULL, &runtime);
}

void sl_bulk_describe(char *version, size_t version_bytes, char *config, size_t config_bytes, int *is_generic)
{
    bli_init(); /* BLIS 0.9 with BLIS_ARCH_TYPE set looks the number up in a table that is otherwise not there yet, and aborts */
    const arch_t arch = bli_arch_query_id();
    snprintf(version, version_bytes, "%s", bli_info_get_version_str());
    snprintf(config, config_bytes, "%s", bli_arch_string(arch));
    *is_generic = strcmp(config, "generic") == 0;
}

/* BLIS names AMD's CPUs by family: 0.9 knows up to 0x19 (Zen 3, Zen 4), 1.x likewise; any other is "generic" to them. Intel's
 * go by features. Asking BLIS itself would already make it read BLIS_ARCH_TYPE, too late to change it. */
const char *sluice_blis_get_advice(void)
{
    enum { LAST_KNOWN_AMD_FAMILY = 0x19 };
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    const char *version = bli_info_get_version_str();
    const int takes_numbers = strncmp(version, "0.", 2) == 0;
    if (cpu.amd_family <= LAST_KNOWN_AMD_FAMILY || cpu.best < SLUICE_ISA_AVX2 || !(takes_numbers || strncmp(version, "1.", 2) == 0))
        return NULL;
    if (!takes_numbers)
        return cpu.best == SLUICE_ISA_AVX512 ? "skx" : "zen3";
    /* The numbers are those of 0.9's arch_t: 0 is skx, 6 zen3. */
    return cpu.best == SLUICE_ISA_AVX512 ? "0" : "6";
}
