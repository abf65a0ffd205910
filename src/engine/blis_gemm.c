#include "engine/blis_gemm.h"

#include "base/error.h"
#include "base/size.h"
#include "base/system/cpu.h"

#include <blis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* BLIS 0.9 takes 512 terms of 16 columns at a time on Zen 3, all of its L1; with 256 it goes 3 to 8 % faster there, and elsewhere it
 * would cut no further. */
enum { TERMS_AT_ONCE = 256 };

void sl_blis_gemm(size_t rows, size_t columns, size_t terms, sl_operand a, sl_operand b, bool adds, float *c, size_t c_stride)
{
    float one = 1.0f;
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &runtime);
    for (size_t from = 0; from < terms; from += TERMS_AT_ONCE) {
        const size_t some = sl_size_min(TERMS_AT_ONCE, terms - from);
        float beta = adds || from > 0 ? 1.0f : 0.0f;
        /* BLIS's interface is not const-correct: a and b are read only. */
        float *a_at = (float *)a.at + (a.transposed ? from * a.stride : from);
        float *b_at = (float *)b.at + (b.transposed ? from : from * b.stride);
        bli_sgemm_ex(a.transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE, b.transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE,
                     (dim_t)rows, (dim_t)columns, (dim_t)some, &one, a_at, (inc_t)a.stride, 1, b_at, (inc_t)b.stride, 1, &beta, c,
                     (inc_t)c_stride, 1, NULL, &runtime);
    }
}

void sl_blis_multiply_inputs(const sl_packed *packed, size_t rows, const float *const *start, const float *const *x,
                             float *gathered, float *pre_activations)
{
    const size_t width = packed->width, inputs = packed->dir->inputs;
    for (size_t r = 0; r < rows; r++)
        memcpy(pre_activations + r * width, start[r], width * sizeof(float));
    if (packed->table)
        return;
    for (size_t r = 0; r < rows; r++)
        memcpy(gathered + r * inputs, x[r], inputs * sizeof(float));
    sl_blis_gemm(rows, width, inputs, (sl_operand){gathered, inputs, false}, (sl_operand){packed->transpose_ih, width, false}, true,
                 pre_activations, width);
}

void sl_blis_multiply_h(const sl_packed *packed, size_t rows, const float *h, float *pre_activations)
{
    sl_blis_gemm(rows, packed->width, packed->dir->h_width, (sl_operand){h, packed->h_stride, false},
                 (sl_operand){packed->transpose_hh, packed->width, false}, true, pre_activations, packed->width);
}

void sl_blis_describe(char *version, size_t version_bytes, char *config, size_t config_bytes, int *is_generic)
{
    bli_init(); /* BLIS 0.9 with BLIS_ARCH_TYPE set looks the number up in a table that is otherwise not there yet, and aborts */
    const arch_t arch = bli_arch_query_id();
    snprintf(version, version_bytes, "%s", bli_info_get_version_str());
    snprintf(config, config_bytes, "%s", bli_arch_string(arch));
    *is_generic = strcmp(config, "generic") == 0;
}

/* In 0.x the variable is a number of arch_t, and anything that is not a number counts as 0, which is skx; later releases take
 * names. */
static bool takes_numbers(void)
{
    return strncmp(bli_info_get_version_str(), "0.", 2) == 0;
}

/* The numbers of arch_t that an x86-64 build of 0.9 has: 0 skx, 1 knl, 3 haswell to 12 bulldozer, the last is generic. */
static sluice_status check_number(const char *text, sluice_error *error)
{
    enum { KNL = 1, KNC = 2, HASWELL = 3, BULLDOZER = 12, GENERIC = BLIS_ARCH_GENERIC };
    char *end;
    const long number = strtol(text, &end, 10);
    const bool known = *text && !*end && number >= 0 && number != KNC && (number <= BULLDOZER || number == GENERIC);
    if (!known)
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "BLIS_ARCH_TYPE is \"%s\"; BLIS %s takes a number: 0 (skx), %d (haswell), 6 (zen3) or %d (generic) for example", text,
            bli_info_get_version_str(), HASWELL, GENERIC);
    if (number <= KNL && !sl_cpu_runs(SLUICE_ISA_AVX512))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "BLIS_ARCH_TYPE is %ld, a configuration for AVX-512, which this CPU lacks; unset it, or take %d (haswell)",
                       number, HASWELL);
    return SLUICE_STATUS_OK;
}

/* BLIS names AMD's CPUs by family: 0.9 knows up to 0x19 (Zen 3, Zen 4), 1.x likewise; any other is "generic" to them. Intel's go by
 * features. Asking BLIS itself would already make it read the variable, too late to change it. */
sluice_status sluice_blis_arch_recommend(const char **value, sluice_error *error)
{
    enum { LAST_KNOWN_AMD_FAMILY = 0x19 };
    if (!value)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_blis_arch_recommend: value is NULL");
    *value = NULL;
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    const char *set = getenv("BLIS_ARCH_TYPE");
    if (set)
        return takes_numbers() ? check_number(set, error) : SLUICE_STATUS_OK;
    const bool knows_newer = !takes_numbers() && strncmp(bli_info_get_version_str(), "1.", 2) != 0;
    if (cpu.amd_family <= LAST_KNOWN_AMD_FAMILY || !sl_cpu_runs(SLUICE_ISA_AVX2) || knows_newer)
        return SLUICE_STATUS_OK;
    const bool is_wide = sl_cpu_runs(SLUICE_ISA_AVX512);
    if (takes_numbers())
        *value = is_wide ? "0" : "6";
    else
        *value = is_wide ? "skx" : "zen3";
    return SLUICE_STATUS_OK;
}
