/* Kinds of option values. */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_KINDS_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_KINDS_H

#include "program/options/option_table.h"

extern const sl_option_kind sl_kind_flag;         /* bool: true */
extern const sl_option_kind sl_kind_constant;     /* an enum: the row's value */
extern const sl_option_kind sl_kind_text;         /* const char *: the argument */
extern const sl_option_kind sl_kind_file;         /* const char *: the argument, not empty */
extern const sl_option_kind sl_kind_word_or_file; /* likewise; the metavar is "word|FILE", of one or more words */
extern const sl_option_kind sl_kind_directory;    /* likewise */
extern const sl_option_kind sl_kind_choice;       /* an enum: the number of the choice with this name */
extern const sl_option_kind sl_kind_number;       /* size_t: from the row's least to most; most 0: SIZE_MAX */
extern const sl_option_kind sl_kind_unsigned;     /* unsigned: likewise; the row has a most */
extern const sl_option_kind sl_kind_count;        /* size_t: likewise, at least 1 */
extern const sl_option_kind sl_kind_count64;      /* uint64_t: likewise, at least 1 */
extern const sl_option_kind sl_kind_seed;         /* uint64_t */
extern const sl_option_kind sl_kind_real;         /* double: >= 0, finite as a float */
extern const sl_option_kind sl_kind_positive;     /* double: > 0 and finite as a float */
extern const sl_option_kind sl_kind_fraction;     /* double: >= 0 and < 1 as a float */
extern const sl_option_kind sl_kind_fraction_f32; /* float: likewise */

/** The number of the row's choice that the argument names. BAD_ARGUMENT, with a message that lists the choices. */
SLUICE_WARN_UNUSED sluice_status sl_option_find_choice(const sl_option *option, const sl_argument *argument, unsigned *value,
                                                       sluice_error *error);

/** Parse `text`, the argument or a part of it, as the number of a row with least and most. BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_option_parse_count(const sl_option *option, const sl_argument *argument, const char *text,
                                                       size_t *count, sluice_error *error);

#endif
