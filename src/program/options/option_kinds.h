/* Kinds of option values that both programs have. */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_KINDS_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_KINDS_H

#include "program/options/option_table.h"

extern const sl_option_kind sl_kind_flag;         /* bool: true */
extern const sl_option_kind sl_kind_constant;     /* an enum: the row's value */
extern const sl_option_kind sl_kind_text;         /* const char *: the argument */
extern const sl_option_kind sl_kind_file;         /* const char *: the argument, not empty */
extern const sl_option_kind sl_kind_word_or_file; /* likewise; of a metavar as "word|FILE" */
extern const sl_option_kind sl_kind_directory;    /* likewise */
extern const sl_option_kind sl_kind_choice;       /* an enum: the number of the row's choice that is named */

/** The number of the row's choice that the argument names. BAD_ARGUMENT, naming all that there are. */
SLUICE_WARN_UNUSED sluice_status sl_option_find_choice(const sl_option *option, const sl_argument *argument, unsigned *value,
                                                       sluice_error *error);

#endif
