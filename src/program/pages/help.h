/* The documentation that is written from the table of options: --help, manual pages and completion scripts for shells; and --version. */
#ifndef SLUICE_PROGRAM_PAGES_HELP_H
#define SLUICE_PROGRAM_PAGES_HELP_H

#include "program/options/option_table.h"
#include "sluice_tools.h"

#include <stdio.h>

/** Write the --help of a page: usage and examples, then the options by group, in lines of at most 80 columns except for longer
 *  words. */
void sl_help_write(const sl_program *program, const sl_page *page, FILE *stream);

/** An environment variable (or several with one purpose, separated by commas), and its effect: a sentence without a full stop.
 * Its values are those of the option that it is the default of. */
typedef struct sl_variable {
    const char *names;
    const char *help;
} sl_variable;

/** Entry k of the environment variables that the programs use; NULL past the last. */
const sl_variable *sl_help_get_variable(size_t k);

/** Print the name `program`, the version of the library and, in parentheses, `build` unless it is NULL; then BLIS and its
 *  configuration, OpenMP, and the instruction set with the reason for it. */
void sl_version_print(const char *program, const char *build, const sluice_environment *environment);

/* ---- Manual pages ------------------------------------------------------------------------------------------------------------ */

/** Name of a page: "sluice-run". Returns text. */
enum { SL_PAGE_NAME_BYTES = 64 };
const char *sl_man_page_get_name(const sl_program *program, const sl_page *page, char text[SL_PAGE_NAME_BYTES]);

/** Write a page for man(1), section 1. Its date is SOURCE_DATE_EPOCH; without that variable there is no date, so that the same sources
 *  always give the same bytes. */
void sl_man_page_write(const sl_program *program, const sl_page *page, FILE *stream);

/* ---- Completion scripts ----------------------------------------------------------------------------------------------------- */

/** Write the script for bash; installed under the name of the program, or sourced. */
void sl_completion_write_bash(const sl_program *program, FILE *stream);

/** Write the script for zsh; installed in fpath under the name of the program with a leading '_'. */
void sl_completion_write_zsh(const sl_program *program, FILE *stream);

#endif
