#include "base/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* XCR0: which register files the OS saves. Bits: 1 xmm, 2 upper ymm, 5 opmask, 6 upper zmm, 7 zmm16-31 (Intel SDM vol. 1, 13.1). */
enum { XCR0_YMM = 0x06, XCR0_ZMM = 0xe6 };

static unsigned read_xcr0(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static sluice_isa find_best(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return SLUICE_ISA_SCALAR;
    const unsigned osxsave_fma_avx = bit_OSXSAVE | bit_FMA | bit_AVX;
    if ((c & osxsave_fma_avx) != osxsave_fma_avx)
        return SLUICE_ISA_SCALAR;
    const unsigned xcr0 = read_xcr0();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2) || (xcr0 & XCR0_YMM) != XCR0_YMM)
        return SLUICE_ISA_SCALAR;
    const unsigned avx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW;
    return (b & avx512) == avx512 && (xcr0 & XCR0_ZMM) == XCR0_ZMM ? SLUICE_ISA_AVX512 : SLUICE_ISA_AVX2;
}

static unsigned find_amd_family(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || !__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    return (a >> 8 & 0xf) + (a >> 20 & 0xff); /* base and extended family */
}

static void read_name(char name[64])
{
    unsigned words[12] = {0};
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]))
            words[0] = 0;
    char text[sizeof words + 1] = {0};
    memcpy(text, words, sizeof words);
    const char *start = text + strspn(text, " ");
    snprintf(name, 64, "%s", *start ? start : "x86-64");
    for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--)
        name[n - 1] = '\0';
}

enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLUSH = 0x8040 }; /* all exceptions masked, round to nearest; FTZ and DAZ */

sl_float_mode sl_float_mode_set(bool flush_to_zero)
{
    const sl_float_mode old = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT | (flush_to_zero ? MXCSR_FLUSH : 0));
    return old;
}

void sl_float_mode_restore(sl_float_mode mode)
{
    __builtin_ia32_ldmxcsr(mode);
}

#else

static sluice_isa find_best(void)
{
    return SLUICE_ISA_SCALAR;
}

static unsigned find_amd_family(void)
{
    return 0;
}

static void read_name(char name[64])
{
    snprintf(name, 64, "not x86-64");
}

sl_float_mode sl_float_mode_set(bool flush_to_zero)
{
    (void)flush_to_zero;
    return 0;
}

void sl_float_mode_restore(sl_float_mode mode)
{
    (void)mode;
}

#endif

static size_t cache_bytes(int name)
{
    const long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : 0;
}

void sl_cpu_get(sl_cpu *cpu)
{
    memset(cpu, 0, sizeof *cpu);
    cpu->best = find_best();
    cpu->amd_family = find_amd_family();
    read_name(cpu->name);
    cpu->l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE);
    cpu->l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE);
    cpu->l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE);
}
