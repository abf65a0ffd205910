/* --machine and SLUICE_MACHINE: which figures of the machine a program's engines use. */
#ifndef SLUICE_PROGRAM_MACHINE_MACHINE_CHOICE_H
#define SLUICE_PROGRAM_MACHINE_MACHINE_CHOICE_H

#include "sluice_tools.h"

#include <stdbool.h>

/**
 * Find the figures for engines with these options and have options->machine point to *machine, which the caller holds. Engines do not
 * use them if the options have more to say than isa and threads.
 * @param asked    the argument of --machine; NULL: SLUICE_MACHINE, or else "auto": the figures in the cache; if there are none that fit
 *                 and `measures`, they are measured, which takes a second or two, and kept there; else the table's.
 * @param measures whether measuring pays: for a command that times or explains plans, not for one that is to begin at once.
 * @return CANCELLED when a signal ended the measurement; what sluice_machine_get returns, and for a file sluice_machine_load.
 */
SLUICE_WARN_UNUSED sluice_status sl_machine_choose(const char *asked, bool measures, sluice_engine_options *options,
                                                   sluice_machine *machine, sluice_error *error);

#endif
