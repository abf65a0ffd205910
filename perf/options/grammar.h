/* The little grammar of option values: numbers, lists of numbers and ranges, lists of names. Every message names the option,
 * the value and what was expected. */
#ifndef SLUICE_PERF_OPTIONS_GRAMMAR_H
#define SLUICE_PERF_OPTIONS_GRAMMAR_H

#include "program/options/option_table.h"
#include "sluice.h"

/** Values in a list, at most. */
enum { SL_LIST_MAX = 1024 };

typedef struct sl_list {
    size_t count;
    size_t values[SL_LIST_MAX];
} sl_list;

/** A positive number of seconds, at most an hour. BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_grammar_seconds(const sl_argument *argument, double *value, sluice_error *error);

/** A share above 0 and below 1. BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_grammar_share(const sl_argument *argument, double *value, sluice_error *error);

/** Append `16,32`, `1-8` (every number) or `32-1024*2` (each twice the one before), or a mixture, to the list; each value in
 * 1..most. BAD_ARGUMENT; the list is then as it was. */
SLUICE_WARN_UNUSED sluice_status sl_grammar_list(const sl_argument *argument, size_t most, sl_list *list, sluice_error *error);

/** Exactly `count` numbers, each in 1..most, separated by commas; `form` names them in messages ("T,N,H"). BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_grammar_tuple(const sl_argument *argument, const char *form, size_t count, size_t most,
                                                  size_t *values, sluice_error *error);

/** Append a list of names to the list as their values: name(v) for v = 0, 1, ... returns them, and NULL ends them. BAD_ARGUMENT; the
 * list is then as it was. */
SLUICE_WARN_UNUSED sluice_status sl_grammar_names(const sl_argument *argument, const char *(*name)(size_t value), sl_list *list,
                                                  sluice_error *error);

#endif
