/* --help, written from the table of options, and the facts about a program that all its documentation shares. */
#ifndef SLUICE_PROGRAM_PAGES_HELP_H
#define SLUICE_PROGRAM_PAGES_HELP_H

#include "program/options/option_table.h"

#include <stdio.h>

/** Write a page's --help: usage and examples first, then the options by group, within 80 columns where words allow. */
void sl_help_write(const sl_program *program, const sl_page *page, FILE *stream);

/** An environment variable (or a few of a kind, separated by commas), and what it does: a sentence without a full stop. */
typedef struct sl_variable {
    const char *names;
    const char *help;
} sl_variable;

/** Variable number k of those that the programs heed; NULL past the last. */
const sl_variable *sl_help_get_variable(size_t k);

#endif
