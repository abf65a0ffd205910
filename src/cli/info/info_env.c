#include "cli/info/info_parts.h"

#include "program/blis_arch.h"
#include "program/format.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <stdio.h>
#include <stdlib.h>

/* Why BLIS is slow on this machine, and a remedy; NULL if it is not slow. */
static const char *get_warning(const sluice_environment *environment)
{
    if (!environment->blis_is_generic)
        return NULL;
    return getenv("BLIS_ARCH_TYPE")
               ? "BLIS runs its portable kernels, because of BLIS_ARCH_TYPE, several times slower than the CPU allows; unset it"
               : "BLIS only has portable kernels for this CPU, which are several times slower; --gemm fused does not use BLIS";
}

/* Environment variables of OpenMP and BLIS, which are shown if they are set: OpenMP has no function that returns how threads wait. */
static const struct {
    const char *name, *key, *note; /* note: NULL for none */
} settings[] = {
    {"OMP_WAIT_POLICY", "omp_wait_policy", NULL},
    {"GOMP_SPINCOUNT", "gomp_spincount", NULL},
    {"KMP_BLOCKTIME", "kmp_blocktime", NULL},
    {"BLIS_NUM_THREADS", "blis_num_threads", "no effect: each thread of the engine calls BLIS on its own"},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static json_t *openmp_to_json(const sluice_environment *e)
{
    json_t *object = json_pack("{ss ss sb so}", "openmp_binding", e->openmp_binding, "openmp_places", e->openmp_places,
                               "openmp_dynamic", e->openmp_dynamic, "openmp_thread_limit",
                               e->openmp_thread_limit ? json_integer(e->openmp_thread_limit) : json_null());
    for (size_t k = 0; object && k < SETTINGS; k++) {
        const char *value = getenv(settings[k].name);
        if (value)
            json_object_set_new(object, settings[k].key, sl_json_string(value));
        if (value && settings[k].note)
            json_object_set_new(object, "blis_num_threads_note", json_string(settings[k].note));
    }
    return object;
}

static json_t *machine_to_json(const sluice_environment *environment)
{
    const sluice_environment *e = environment;
    const char *arch = getenv("BLIS_ARCH_TYPE");
    json_t *const arch_text = arch ? sl_json_string(arch) : NULL;
    return json_pack("{ss so ss so ss ss so ss so sI so sI sI sI ss ss so* sb ss* ss}", "version", sluice_version_get(), "cpu",
                     sl_json_string(e->cpu), "isa", sluice_isa_get_name(e->isa), "isa_reason", sl_json_string(e->isa_reason),
                     "best_isa", sluice_isa_get_name(e->best_isa), "gemm", sluice_gemm_get_name(e->gemm), "gemm_reason",
                     sl_json_string(e->gemm_reason), "precision", sluice_precision_get_name(e->precision), "precision_reason",
                     sl_json_string(e->precision_reason), "threads", (json_int_t)e->threads, "threads_reason",
                     sl_json_string(e->threads_reason), "l1d_bytes", (json_int_t)e->l1d_bytes, "l2_bytes", (json_int_t)e->l2_bytes,
                     "l3_bytes", (json_int_t)e->l3_bytes, "blis_version", e->blis_version, "blis_config", e->blis_config,
                     "blis_arch_type", arch_text, "blis_arch_type_set_by_sluice", sl_blis_arch_was_set(), "warning", get_warning(e),
                     "openmp", e->openmp);
}

static json_t *to_json(const sluice_environment *environment)
{
    json_t *object = machine_to_json(environment), *openmp = openmp_to_json(environment);
    if (!object || !openmp || json_object_update(object, openmp)) {
        json_decref(object);
        object = NULL;
    }
    json_decref(openmp);
    return object;
}

static void print_cache(const char *name, size_t bytes)
{
    if (bytes)
        printf("%s %zu KiB  ", name, bytes / 1024);
    else
        printf("%s unknown  ", name);
}

static void print_setting(size_t k)
{
    const char *value = getenv(settings[k].name);
    if (!value)
        return;
    printf("  set         %s=", settings[k].name);
    sl_format_print_clean(value, SIZE_MAX, stdout);
    printf("%s%s\n", settings[k].note ? ": " : "", settings[k].note ? settings[k].note : "");
}

static void print_openmp(const sluice_environment *e)
{
    char limit[32];
    snprintf(limit, sizeof limit, e->openmp_thread_limit ? "%u" : "none", e->openmp_thread_limit);
    printf("OpenMP        %s\n", e->openmp);
    printf("  binding     %s\n", e->openmp_binding);
    printf("  places      %s\n", e->openmp_places);
    printf("  dynamic     %s\n", e->openmp_dynamic ? "true: the runtime may give fewer threads" : "false");
    printf("  limit       %s\n", limit);
    if (!getenv("OMP_WAIT_POLICY"))
        puts("  waiting     chosen by the runtime: OMP_WAIT_POLICY is not set");
    for (size_t k = 0; k < SETTINGS; k++)
        print_setting(k);
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
    printf("precision     %s: %s\n", sluice_precision_get_name(e->precision), e->precision_reason);
    printf("threads       %u: %s\n", e->threads, e->threads_reason);
    print_openmp(e);
    printf("BLIS          %s, configuration %s%s%s%s\n", e->blis_version, e->blis_config, arch ? ", BLIS_ARCH_TYPE=" : "",
           arch ? arch : "", sl_blis_arch_was_set() ? " set by sluice, because this BLIS does not know this CPU" : "");
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
        return sl_json_print(to_json(&environment), stdout);
    print(&environment);
    return SL_EXIT_OK;
}
