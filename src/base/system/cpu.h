/* What this processor and operating system can do. Nothing is kept: each call asks anew. */
#ifndef SLUICE_BASE_SYSTEM_CPU_H
#define SLUICE_BASE_SYSTEM_CPU_H

#include "sluice.h"

#include <stdbool.h>

typedef struct sl_cpu {
    unsigned amd_family;                  /* AMD's family number, 0x19 for Zen 3 and 4; 0 on others */
    size_t l1d_bytes, l2_bytes, l3_bytes; /* of sl_cpu_read_caches; 0: not known */
    char name[64];
} sl_cpu;

/** The family and the name. */
void sl_cpu_get(sl_cpu *cpu);

/** Read the sizes of the caches too, which takes a dozen small files. */
void sl_cpu_read_caches(sl_cpu *cpu);

/** Whether the CPU has the instruction set, by CPUID, and the operating system saves its registers, by XCR0. */
bool sl_cpu_runs(sluice_isa isa);

/** Whether the CPU, which has the instruction set, also has vpdpbusd, and vdpbf16ps, for its vectors. */
bool sl_cpu_has_int8_dot(sluice_isa isa);
bool sl_cpu_has_bf16_dot(sluice_isa isa);

/** The calling thread's floating-point mode, to be given back to sl_float_mode_restore. */
typedef unsigned sl_float_mode;

/** Set the calling thread to round to nearest, mask exceptions, and keep subnormals, or flush them; returns the mode it had. On
 * other CPUs than x86-64 only the rounding is set. */
sl_float_mode sl_float_mode_set(bool flush_to_zero);

void sl_float_mode_restore(sl_float_mode mode);

#endif
