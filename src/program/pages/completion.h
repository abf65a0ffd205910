/* Completion scripts for shells, written from the table of options. */
#ifndef SLUICE_PROGRAM_PAGES_COMPLETION_H
#define SLUICE_PROGRAM_PAGES_COMPLETION_H

#include "program/options/option_table.h"

#include <stdio.h>

/** For bash, to be found by bash-completion under the program's name, or sourced. */
void sl_completion_write_bash(const sl_program *program, FILE *stream);

/** For zsh, to be found in fpath under the program's name with a '_' in front. */
void sl_completion_write_zsh(const sl_program *program, FILE *stream);

#endif
