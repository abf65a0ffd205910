/* The figures of a machine's speed by which the cost model weighs execution plans: the table, by CPU family and instruction set. */
#ifndef SLUICE_ENGINE_SCHEDULE_MACHINE_FIGURES_H
#define SLUICE_ENGINE_SCHEDULE_MACHINE_FIGURES_H

#include "sluice_tools.h"

#include <stdbool.h>
#include <stddef.h>

/** One of the figures, all of them doubles of sluice_machine. */
typedef struct sl_machine_figure {
    const char *name;
    size_t offset;
} sl_machine_figure;

/** The figures in their order; NULL past the last. */
const sl_machine_figure *sl_machine_figure_get(size_t k);

/** The value of a figure. */
double *sl_machine_figure_of(sluice_machine *machine, const sl_machine_figure *figure);

/** Whether a number can be that of a figure: sums and quotients of such stay finite. */
bool sl_machine_figure_is_valid(double value);

/** The table's figures for this CPU and an instruction set. */
void sl_machine_get_of(sluice_isa isa, sluice_machine *machine);

/** Whether all figures are in range. BAD_ARGUMENT; `call` is named in the message. */
sluice_status sl_machine_check(const sluice_machine *machine, const char *call, sluice_error *error);

/** Copy the figures that an engine of this instruction set is given; NULL: the table's. BAD_ARGUMENT: its struct_size is not known, a
 *  figure is out of range, or they are of another instruction set. */
sluice_status sl_machine_take(const sluice_machine *given, sluice_isa isa, sluice_machine *machine, sluice_error *error);

#endif
