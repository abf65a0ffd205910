/* sluice info --env: the machine, what would be chosen on it, and why. */
#include "advice.h"
#include "format.h"
#include "info.h"

#include <stdio.h>
#include <stdlib.h>

/* Why BLIS is slow here and what helps; NULL if it is not. */
static const char *get_warning(const sluice_environment *environment)
{
    if (!environment->blis_is_generic)
        return NULL;
    return getenv("BLIS_ARCH_TYPE")
               ? "BLIS runs its portable kernels, as BLIS_ARCH_TYPE asks, several times slower than the CPU allows; unset it"
               : "BLIS has portable kernels only for this CPU, several times slower than others; --gemm fused needs no BLIS";
}

static json_t *to_json(const sluice_environment *environment)
{
    const sluice_environment *e = environment;
    const char *arch = getenv("BLIS_ARCH_TYPE");
    json_t *const arch_text = arch ? sl_format_json(arch) : NULL;
    return json_pack("{ss so ss so ss ss so sI so sI sI sI ss ss so* sb ss* ss}", "version", sluice_version_get(), "cpu",
                     sl_format_json(e->cpu), "isa", sluice_isa_get_name(e->isa), "isa_reason", sl_format_json(e->isa_reason),
                     "best_isa", sluice_isa_get_name(e->best_isa), "gemm", sluice_gemm_get_name(e->gemm), "gemm_reason",
                     sl_format_json(e->gemm_reason), "threads", (json_int_t)e->threads, "threads_reason",
                     sl_format_json(e->threads_reason), "l1d_bytes", (json_int_t)e->l1d_bytes, "l2_bytes", (json_int_t)e->l2_bytes,
                     "l3_bytes", (json_int_t)e->l3_bytes, "blis_version", e->blis_version, "blis_config", e->blis_config,
                     "blis_arch_type", arch_text, "blis_arch_type_set_by_sluice", sl_blis_was_advised(), "warning", get_warning(e),
                     "openmp", e->openmp);
}

static void print_cache(const char *name, size_t bytes)
{
    if (bytes)
        printf("%s %zu KiB  ", name, bytes / 1024);
    else
        printf("%s unknown  ", name);
}

static void print(const sluice_environment *environment)
{
    const sluice_environment *e = environment;
    const char *arch = getenv("BLIS_ARCH_TYPE");
    printf("version       %s\n", sluice_version_get());
    printf("CPU           %s\n", e->cpu);
    printf("caches        ");
    print_cache("L1d", e->l1d_bytes);
    print_cache("L2", e->l2_bytes);
    print_cache("L3", e->l3_bytes);
    printf("\nISA           %s: %s\n", sluice_isa_get_name(e->isa), e->isa_reason);
    printf("best ISA      %s\n", sluice_isa_get_name(e->best_isa));
    printf("gemm          %s: %s\n", sluice_gemm_get_name(e->gemm), e->gemm_reason);
    printf("threads       %u: %s\n", e->threads, e->threads_reason);
    printf("OpenMP        %s\n", e->openmp);
    printf("BLIS          %s, configuration %s%s%s%s\n", e->blis_version, e->blis_config, arch ? ", BLIS_ARCH_TYPE=" : "",
           arch ? arch : "", sl_blis_was_advised() ? " set by sluice, for this BLIS does not know this CPU" : "");
    if (get_warning(e))
        printf("warning       %s\n", get_warning(e));
}

sl_exit sl_info_environment(const sl_options *options)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_error error;
    if (sluice_environment_get(&options->engine, &environment, &error))
        return sl_report_error(&error);
    if (options->json)
        return sl_format_print_json(to_json(&environment), stdout);
    print(&environment);
    return SL_EXIT_OK;
}
