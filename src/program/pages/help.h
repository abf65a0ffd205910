/* The text of --help, written from the table of options; and the environment variables, for all of the documentation. */
#ifndef SLUICE_PROGRAM_PAGES_HELP_H
#define SLUICE_PROGRAM_PAGES_HELP_H

#include "program/options/option_table.h"

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

#endif
