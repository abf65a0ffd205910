#include "engine/environment.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/setting.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "base/system/openmp.h"
#include "base/system/thread_count.h"
#include "engine/blis_gemm.h"
#include "kernel/kernel.h"

#include <stdio.h>
#include <string.h>

const char *sluice_isa_get_name(sluice_isa isa)
{
    return isa == SLUICE_ISA_AUTO ? "auto" : sl_isa_get_name(isa);
}

const char *sluice_gemm_get_name(sluice_gemm gemm)
{
    static const char *const names[] = {"auto", "fused", "blis"};
    return (unsigned)gemm < sizeof names / sizeof names[0] ? names[gemm] : NULL;
}

const char *sluice_schedule_get_name(sluice_schedule schedule)
{
    static const char *const names[] = {"auto", "rows", "hoist", "units"};
    return (unsigned)schedule < sizeof names / sizeof names[0] ? names[schedule] : NULL;
}

const char *sluice_precision_get_name(sluice_precision precision)
{
    static const char *const names[] = {"auto", "f32", "bf16", "int8"};
    return (unsigned)precision < sizeof names / sizeof names[0] ? names[precision] : NULL;
}

/* The instruction set of this name, AUTO for "auto"; false if there is none. */
static bool find_isa(const char *name, sluice_isa *isa)
{
    size_t k = 0;
    do
        *isa = sl_isa_at(k++);
    while (*isa && strcmp(name, sl_isa_get_name(*isa)) != 0);
    return *isa || strcmp(name, "auto") == 0;
}

/* "auto, scalar, avx2 or avx512" */
static void list_isas(char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "auto");
    for (size_t k = sl_isa_count(); k-- > 0 && used < bytes;)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", k ? ", " : " or ", sl_isa_get_name(sl_isa_at(k)));
}

static sluice_status choose_isa(sluice_isa asked, sl_choice *choice, sluice_error *error)
{
    choice->best_isa = sl_isa_best(SLUICE_ISA_AUTO);
    choice->isa = asked ? asked : choice->best_isa;
    snprintf(choice->isa_reason, sizeof choice->isa_reason, "%s",
             asked ? "asked for" : "the best of this CPU and operating system");
    if (!sl_isa_runs_here(choice->isa))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "instruction set %s is not available here; leave it open, or take %s",
                       sluice_isa_get_name(asked), sluice_isa_get_name(choice->best_isa));
    char text[SL_SETTING_BYTES];
    choice->isa_is_open = !asked && !sl_setting_get("SLUICE_ISA", text);
    if (asked || choice->isa_is_open)
        return SLUICE_STATUS_OK;
    sluice_isa most;
    if (!find_isa(text, &most)) {
        char names[160];
        list_isas(names, sizeof names);
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "SLUICE_ISA is \"%s\"; expected %s", text, names);
    }
    most = sl_isa_best(most);
    if (sl_isa_is_preferred(choice->isa, most)) {
        choice->isa = most;
        snprintf(choice->isa_reason, sizeof choice->isa_reason, "lowered by SLUICE_ISA");
    }
    return SLUICE_STATUS_OK;
}

static sluice_status choose_gemm(sluice_gemm asked, sl_choice *choice, sluice_error *error)
{
    char text[SL_SETTING_BYTES];
    choice->gemm = asked ? asked : SLUICE_GEMM_FUSED;
    snprintf(choice->gemm_reason, sizeof choice->gemm_reason, "%s", asked ? "asked for" : "the default");
    if (asked || !sl_setting_get("SLUICE_GEMM", text))
        return SLUICE_STATUS_OK;
    const int is_blis = strcmp(text, "blis") == 0;
    if (!is_blis && strcmp(text, "fused") != 0)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "SLUICE_GEMM is \"%s\"; expected auto, fused or blis", text);
    choice->gemm = is_blis ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
    snprintf(choice->gemm_reason, sizeof choice->gemm_reason, "SLUICE_GEMM");
    return SLUICE_STATUS_OK;
}

/* The precision of this name, AUTO for "auto"; false if there is none. */
static bool find_precision(const char *name, sluice_precision *precision)
{
    for (*precision = SLUICE_PRECISION_AUTO; sluice_precision_get_name(*precision); ++*precision)
        if (strcmp(name, sluice_precision_get_name(*precision)) == 0)
            return true;
    return false;
}

/* Say where less than f32 is no faster: without vdpbf16ps, products of bfloat16 are made by multiply-adds of floats; and few units are
 * mostly activations and padding. */
static void warn_of_precision(sl_choice *choice)
{
    const size_t used = strlen(choice->precision_reason);
    const bool lacks_dot =
        choice->precision == SLUICE_PRECISION_BF16 && !sl_kernel_runs_format(sl_kernel_get(choice->isa), SL_WEIGHT_BF16_DOT);
    if (choice->precision != SLUICE_PRECISION_F32)
        snprintf(choice->precision_reason + used, sizeof choice->precision_reason - used, "%s",
                 lacks_dot ? "; without vdpbf16ps faster than f32 for single rows only"
                           : "; not faster than f32 for layers of fewer than 16 units");
}

/* After the instruction set, the path and whether the engine is for training have been chosen. */
static sluice_status choose_precision(sluice_precision asked, sl_choice *choice, sluice_error *error)
{
    const char *only = choice->training ? "training" : choice->gemm == SLUICE_GEMM_BLIS ? "the BLIS path" : NULL;
    char text[SL_SETTING_BYTES];
    choice->precision = asked ? asked : SLUICE_PRECISION_F32;
    snprintf(choice->precision_reason, sizeof choice->precision_reason, "%s", asked ? "asked for" : "the default");
    if (only && choice->precision != SLUICE_PRECISION_F32)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "engine options: %s has f32 only, not %s; leave precision open", only,
                       sluice_precision_get_name(asked));
    if (asked || !sl_setting_get("SLUICE_PRECISION", text))
        return SLUICE_STATUS_OK;
    sluice_precision found;
    if (!find_precision(text, &found))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "SLUICE_PRECISION is \"%s\"; expected auto, f32, bf16 or int8", text);
    if (only) {
        snprintf(choice->precision_reason, sizeof choice->precision_reason, "%s has no other", only);
        return SLUICE_STATUS_OK;
    }
    choice->precision = found;
    snprintf(choice->precision_reason, sizeof choice->precision_reason, "SLUICE_PRECISION");
    return SLUICE_STATUS_OK;
}

sluice_status sl_choose(const sluice_engine_options *given, sl_choice *choice, sluice_error *error)
{
    sluice_engine_options known = {0}, *options = &known;
    sluice_status status =
        given ? sl_struct_take(&known, given, SL_STRUCT(sluice_engine_options), "engine options", error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    memset(choice, 0, sizeof *choice);
    if (!sluice_isa_get_name(options->isa) || !sluice_gemm_get_name(options->gemm) ||
        !sluice_schedule_get_name(options->schedule) || !sluice_precision_get_name(options->precision))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "engine options: isa %d, gemm %d, schedule %d or precision %d is not a value of its enum", (int)options->isa,
                       (int)options->gemm, (int)options->schedule, (int)options->precision);
#if !defined(__x86_64__)
    if (options->flush_to_zero)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "engine options: flush_to_zero is for x86-64 only; leave it 0");
#endif
    choice->schedule = options->schedule;
    choice->flush_to_zero = options->flush_to_zero != 0;
    choice->training = options->training != 0;
    choice->machine = options->machine;
    status = choose_isa(options->isa, choice, error);
    if (!status)
        status = choose_gemm(options->gemm, choice, error);
    if (!status)
        status = choose_precision(options->precision, choice, error);
    if (!status)
        warn_of_precision(choice);
    if (!status)
        status =
            sl_threads_choose(options->threads, &choice->threads, choice->threads_reason, sizeof choice->threads_reason, error);
    return status;
}

sluice_status sluice_environment_get(const sluice_engine_options *options, sluice_environment *environment, sluice_error *error)
{
    sl_choice choice;
    sluice_status status = sl_struct_check(environment, SL_STRUCT(sluice_environment), "sluice_environment_get", error);
    if (!status)
        status = sl_choose(options, &choice, error);
    if (status)
        return status;
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    sl_cpu_read_caches(&cpu);
    sluice_environment found = {.isa = choice.isa,
                                .best_isa = choice.best_isa,
                                .gemm = choice.gemm,
                                .precision = choice.precision,
                                .threads = choice.threads,
                                .l1d_bytes = cpu.l1d_bytes,
                                .l2_bytes = cpu.l2_bytes,
                                .l3_bytes = cpu.l3_bytes};
    memcpy(found.cpu, cpu.name, sizeof found.cpu);
    memcpy(found.isa_reason, choice.isa_reason, sizeof choice.isa_reason);
    memcpy(found.gemm_reason, choice.gemm_reason, sizeof choice.gemm_reason);
    memcpy(found.precision_reason, choice.precision_reason, sizeof choice.precision_reason);
    memcpy(found.threads_reason, choice.threads_reason, sizeof choice.threads_reason);
    sl_blis_describe(found.blis_version, sizeof found.blis_version, found.blis_config, sizeof found.blis_config,
                     &found.blis_is_generic);
    sl_openmp_describe(&found);
    sl_struct_give(environment, &found, SL_STRUCT(sluice_environment));
    return SLUICE_STATUS_OK;
}

double sluice_peak_measure(sluice_isa isa)
{
    enum { RUNS = 12 };
    if (isa == SLUICE_ISA_AUTO)
        isa = sl_isa_best(SLUICE_ISA_AUTO);
    if (!sl_isa_runs_here(isa))
        return 0.0;
    const sl_kernel *kernel = sl_kernel_get(isa);
    /* A run of about 2.5 ms: shorter than a scheduler's slice, so that the best one is undisturbed; a multiply-add in
     * plain C may be a library call. */
    const size_t rounds = kernel->lanes == 1 ? 100000 : 1250000;
    double best_gflops = 0.0;
    for (int run = 0; run < RUNS; run++) {
        const double start = sl_clock_get();
        volatile float keep = kernel->peak(rounds);
        (void)keep;
        const double gflops = 2.0 * SL_PEAK_CHAINS * (double)kernel->lanes * (double)rounds / (sl_clock_get() - start) * 1e-9;
        if (gflops > best_gflops)
            best_gflops = gflops;
    }
    return best_gflops;
}
