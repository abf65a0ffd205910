/* The file in which the programs keep what they have measured of the machine: $XDG_CACHE_HOME/sluice/machine-ISA-CPU.json, or in
 * ~/.cache. A cache that cannot be read or written is no failure. */
#ifndef SLUICE_PROGRAM_MACHINE_MACHINE_CACHE_H
#define SLUICE_PROGRAM_MACHINE_MACHINE_CACHE_H

#include "sluice_tools.h"

#include <stdbool.h>

enum { SL_CACHE_PATH_BYTES = 4096 };

/** The name of the file for these figures, of which isa and cpu count. false: there is no home folder, or the name is too long. */
bool sl_machine_cache_find(const sluice_machine *table, char path[SL_CACHE_PATH_BYTES]);

/** Read the file. false: it is not there, or damaged, or not of this CPU, instruction set and library, or of fewer threads than
 *  `threads`; machine is unchanged then. `table` has the library's own figures. */
bool sl_machine_cache_read(const char *path, const sluice_machine *table, unsigned threads, sluice_machine *machine);

/** Make the folder that the file is in, and those above it, and say whether a file can be written there. */
bool sl_machine_cache_prepare(const char *path);

#endif
