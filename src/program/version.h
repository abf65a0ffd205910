/* What --version tells. Both programs use it. */
#ifndef SLUICE_PROGRAM_VERSION_H
#define SLUICE_PROGRAM_VERSION_H

#include "program/report.h"
#include "sluice_tools.h"

/** Print `program` (its name), the library's version and, in brackets, `build` unless NULL; BLIS and its configuration; OpenMP;
 *  the instruction set and why. */
void sl_version_print(const char *program, const char *build, const sluice_environment *environment);

#endif
