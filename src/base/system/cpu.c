#include "base/system/cpu.h"

#include "base/system/system_file.h"

#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The feature bits of CPUID leaf 7, ebx; 0 unless the CPU has FMA, AVX and F16C and the OS saves the registers of mask xcr0. */
static unsigned read_features(unsigned xcr0)
{
    unsigned a, b, c, d;
    const unsigned needed = bit_OSXSAVE | bit_FMA | bit_AVX | bit_F16C;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & needed) != needed || (read_xcr0() & xcr0) != xcr0)
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) ? b : 0;
}

bool sl_cpu_runs(sluice_isa isa)
{
    const unsigned avx512 = bit_AVX2 | bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW;
    switch (isa) {
    case SLUICE_ISA_SCALAR:
        return true;
    case SLUICE_ISA_AVX2:
        return read_features(XCR0_YMM) & bit_AVX2;
    case SLUICE_ISA_AVX512:
        return (read_features(XCR0_ZMM) & avx512) == avx512;
    default:
        return false;
    }
}

bool sl_cpu_has_int8_dot(sluice_isa isa)
{
    enum { AVX_VNNI = 1 << 4 };
    unsigned a, b, c, d;
    if (isa == SLUICE_ISA_AVX2)
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVX_VNNI);
    return isa == SLUICE_ISA_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_AVX512VNNI);
}

bool sl_cpu_has_bf16_dot(sluice_isa isa)
{
    enum { AVX512_BF16 = 1 << 5 };
    unsigned a, b, c, d;
    return isa == SLUICE_ISA_AVX512 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVX512_BF16);
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

bool sl_cpu_runs(sluice_isa isa)
{
    return isa == SLUICE_ISA_SCALAR;
}

bool sl_cpu_has_int8_dot(sluice_isa isa)
{
    (void)isa;
    return false;
}

bool sl_cpu_has_bf16_dot(sluice_isa isa)
{
    (void)isa;
    return false;
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
    (void)flush_to_zero; /* engines refuse it here */
    const int old = fegetround();
    fesetround(FE_TONEAREST);
    return (sl_float_mode)old;
}

void sl_float_mode_restore(sl_float_mode mode)
{
    fesetround((int)mode);
}

#endif

/* The first word of a small file. */
static bool read_word(const char *directory, const char *name, char word[32])
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!sl_text_read(path, word, 32))
        return false;
    word[strcspn(word, " \n")] = '\0';
    return true;
}

/* Read from sysfs the sizes of the caches that one core uses. For a shared cache, sysconf may return the sum over the machine. */
void sl_cpu_read_caches(sl_cpu *cpu)
{
    for (int index = 0; index < 8; index++) {
        char directory[64], level[32], type[32], size[32];
        snprintf(directory, sizeof directory, "/sys/devices/system/cpu/cpu0/cache/index%d", index);
        if (!read_word(directory, "level", level) || !read_word(directory, "type", type) || !read_word(directory, "size", size))
            return;
        const size_t bytes = strtoul(size, NULL, 10) * 1024; /* "512K" */
        if (strcmp(type, "Instruction") != 0 && level[0] >= '1' && level[0] <= '3')
            *(size_t *[]){&cpu->l1d_bytes, &cpu->l2_bytes, &cpu->l3_bytes}[level[0] - '1'] = bytes;
    }
}

void sl_cpu_get(sl_cpu *cpu)
{
    memset(cpu, 0, sizeof *cpu);
    cpu->amd_family = find_amd_family();
    read_name(cpu->name);
}
