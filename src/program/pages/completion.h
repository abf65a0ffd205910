/* Completion scripts for shells, written from the table of options. */
#ifndef SLUICE_PROGRAM_PAGES_COMPLETION_H
#define SLUICE_PROGRAM_PAGES_COMPLETION_H

#include "program/options/option_table.h"

#include <stdio.h>

/** Write the script for bash; installed under the name of the program, or sourced. */
void sl_completion_write_bash(const sl_program *program, FILE *stream);

/** Write the script for zsh; installed in fpath under the name of the program with a leading '_'. */
void sl_completion_write_zsh(const sl_program *program, FILE *stream);

#endif
