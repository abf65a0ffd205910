/* Names of the values of options that choose, and the short name of an execution plan. */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_WORDS_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_WORDS_H

#include "sluice_tools.h"
#include "sluice_train.h"

#include <stddef.h>
#include <stdio.h>

enum {
    SL_WORDS_MEASURE = SLUICE_SCHEDULE_UNITS + 1, /* only in the programs: auto, after timing the candidates */
    SL_WORDS_CANDIDATE = 32                       /* room for sl_words_candidate */
};

/** The library's names; NULL past the last. */
static inline const char *sl_words_isa(size_t value)
{
    return sluice_isa_get_name((sluice_isa)value);
}

static inline const char *sl_words_gemm(size_t value)
{
    return sluice_gemm_get_name((sluice_gemm)value);
}

static inline const char *sl_words_precision(size_t value)
{
    return sluice_precision_get_name((sluice_precision)value);
}

/** The library's names, then "measure"; NULL past the last. */
static inline const char *sl_words_schedule(size_t value)
{
    return value == SL_WORDS_MEASURE  ? "measure"
           : value < SL_WORDS_MEASURE ? sluice_schedule_get_name((sluice_schedule)value)
                                      : NULL;
}

/** Names of sluice_optimizer, sluice_rate and sluice_initializer; NULL past the last. */
static inline const char *sl_words_optimizer(size_t value)
{
    return sluice_optimizer_get_name((sluice_optimizer)value);
}

static inline const char *sl_words_rate(size_t value)
{
    return sluice_rate_get_name((sluice_rate)value);
}

static inline const char *sl_words_initializer(size_t value)
{
    static const char *const names[] = {"torch", "keras"};
    return value < sizeof names / sizeof names[0] ? names[value] : NULL;
}

/** "rows", "hoist", "units2" for one thread group of two threads, "2x2" for two such groups; with "w" appended for a wavefront.
 *  Returns text. */
static inline const char *sl_words_candidate(const sluice_candidate *candidate, char text[SL_WORDS_CANDIDATE])
{
    const char *wave = candidate->wavefront ? "w" : "";
    if (candidate->threads_per_group == 1)
        snprintf(text, SL_WORDS_CANDIDATE, "%s%s", candidate->hoists ? "hoist" : "rows", wave);
    else if (candidate->thread_groups == 1)
        snprintf(text, SL_WORDS_CANDIDATE, "units%u%s", candidate->threads_per_group, wave);
    else
        snprintf(text, SL_WORDS_CANDIDATE, "%ux%u%s", candidate->thread_groups, candidate->threads_per_group, wave);
    return text;
}

#endif
