/* The text of --version. */
#ifndef SLUICE_PROGRAM_VERSION_H
#define SLUICE_PROGRAM_VERSION_H

#include "sluice_tools.h"

/** Print the name `program`, the version of the library and, in parentheses, `build` unless it is NULL; then BLIS and its
 *  configuration, OpenMP, and the instruction set with the reason for it. */
void sl_version_print(const char *program, const char *build, const sluice_environment *environment);

#endif
