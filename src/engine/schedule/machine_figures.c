/*
 * The table. Of CPUs that are not in it, L2's paths are taken to be as wide as the vectors.
 */
#include "engine/schedule/machine_figures.h"

#include "base/error.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "engine/environment.h"

#include <stdio.h>
#include <string.h>

#define FIGURE(name)                                                                                                               \
    {                                                                                                                              \
#name, offsetof(sluice_machine, name)                                                                                      \
    }
static const sl_machine_figure figures[] = {
    FIGURE(multiply_adds),
    FIGURE(l2_bytes),
    FIGURE(l3_bytes),
    FIGURE(shared_l3_bytes),
    FIGURE(dram_bytes),
    FIGURE(all_dram_bytes),
    FIGURE(activation_cycles),
    FIGURE(barrier_cycles),
    FIGURE(barrier_thread_cycles),
    FIGURE(region_cycles),
    FIGURE(region_thread_cycles),
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

/* The least and the most that a figure can be. */
#define LEAST_FIGURE 1e-3
#define MOST_FIGURE 1e9

/* The first row that applies is taken: of an AMD family, 0 being any CPU, and an instruction set, AUTO being any. Zen 3 and Zen 4 are
 * one family, of which only the latter has AVX-512.
 *
 * Zen 3 and Zen 4: measured with two threads of virtual machines by sluice_machine_measure; of barriers and regions, and of main memory
 * read by all cores, the figures of others, within which those that were found vary with where the two threads are. Of Zen 4 a
 * multiply-add of 512 bits takes both pipes.
 * The others are not measured: they are Zen 3's of before, when pointers took more of a row's cycles and activations less. */
static const struct {
    unsigned amd_family;
    bool has_avx512; /* the row is of CPUs that have it */
    sluice_isa isa;
    const char *name;
    double values[FIGURES];
} rows[] = {
    /* clang-format off */
    /*                                                multiply-adds  L2    L3  shared DRAM  all  activation  barrier  region */
    {0x19, true,  SLUICE_ISA_AVX512, "Zen 4 with AVX-512",      {1, 35, 27.5, 27, 11,  60, 111, 35, 60, 5000, 400}},
    {0x19, false, SLUICE_ISA_AVX2,   "Zen 3 with AVX2",         {2, 31, 25,   23, 8.5, 60, 91,  35, 60, 5000, 400}},
    {0x1a, true,  SLUICE_ISA_AVX512, "Zen 5 with AVX-512",      {2, 64, 24.5, 19, 7,   60, 70,  35, 60, 5000, 400}},
    {0,    true,  SLUICE_ISA_AVX512, "other CPUs with AVX-512", {2, 64, 24.5, 19, 7,   60, 70,  35, 60, 5000, 400}},
    {0,    false, SLUICE_ISA_AUTO,   "other CPUs",              {2, 32, 24.5, 19, 7,   60, 91,  35, 60, 5000, 400}},
    /* clang-format on */
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const sl_machine_figure *sl_machine_figure_get(size_t k)
{
    return k < FIGURES ? &figures[k] : NULL;
}

static const double *value_of(const sluice_machine *machine, const sl_machine_figure *figure)
{
    return (const double *)(const void *)((const char *)machine + figure->offset);
}

double *sl_machine_figure_of(sluice_machine *machine, const sl_machine_figure *figure)
{
    return (double *)value_of(machine, figure);
}

bool sl_machine_figure_is_valid(double value)
{
    return value >= LEAST_FIGURE && value <= MOST_FIGURE;
}

/* The row of a CPU and an instruction set. */
static size_t find_row(unsigned amd_family, bool has_avx512, sluice_isa isa)
{
    size_t k = 0;
    while (k < ROWS - 1 && ((rows[k].amd_family && rows[k].amd_family != amd_family) || (rows[k].has_avx512 && !has_avx512) ||
                            (rows[k].isa && rows[k].isa != isa)))
        k++;
    return k;
}

void sl_machine_get_of(sluice_isa isa, sluice_machine *machine)
{
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    const size_t row = find_row(cpu.amd_family, sl_cpu_runs(SLUICE_ISA_AVX512), isa);
    *machine = (sluice_machine){.struct_size = sizeof *machine, .isa = isa};
    for (size_t k = 0; k < FIGURES; k++)
        *sl_machine_figure_of(machine, &figures[k]) = rows[row].values[k];
    memcpy(machine->cpu, cpu.name, sizeof cpu.name);
    snprintf(machine->version, sizeof machine->version, "%s", sluice_version_get());
    snprintf(machine->source, sizeof machine->source, "the library's table, its row of %s", rows[row].name);
}

sluice_status sl_machine_check(const sluice_machine *machine, const char *call, sluice_error *error)
{
    for (size_t k = 0; k < FIGURES; k++) {
        const double value = *value_of(machine, &figures[k]);
        if (!sl_machine_figure_is_valid(value))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "%s: machine: %s is %g; expected a number from %g to %g; begin with sluice_machine_get", call,
                           figures[k].name, value, LEAST_FIGURE, MOST_FIGURE);
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_machine_take(const sluice_machine *given, sluice_isa isa, sluice_machine *machine, sluice_error *error)
{
    if (!given) {
        sl_machine_get_of(isa, machine);
        return SLUICE_STATUS_OK;
    }
    sluice_status status = sl_struct_take(machine, given, SL_STRUCT(sluice_machine), "engine options", error);
    if (!status)
        status = sl_machine_check(machine, "engine options", error);
    if (!status && machine->isa != isa)
        status =
            sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                    "engine options: machine has figures of instruction set %s, and the engine uses %s; ask for that one, or leave "
                    "machine NULL",
                    sluice_isa_get_name(machine->isa) ? sluice_isa_get_name(machine->isa) : "none", sluice_isa_get_name(isa));
    return status;
}

sluice_status sluice_machine_get(const sluice_engine_options *options, sluice_machine *machine, sluice_error *error)
{
    sl_choice choice;
    sluice_status status = sl_struct_check(machine, SL_STRUCT(sluice_machine), "sluice_machine_get", error);
    if (!status)
        status = sl_choose(options, &choice, error);
    if (status)
        return status;
    sluice_machine found;
    sl_machine_get_of(choice.isa, &found);
    sl_struct_give(machine, &found, SL_STRUCT(sluice_machine));
    return SLUICE_STATUS_OK;
}
