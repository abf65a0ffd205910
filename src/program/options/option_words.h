/* The words of options that choose, and a way to compute a batch in short. Both programs use them. */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_WORDS_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_WORDS_H

#include "sluice_tools.h"
#include "sluice_train.h"

#include <stddef.h>
#include <stdio.h>

enum {
    SL_WORDS_MEASURE = SLUICE_SCHEDULE_UNITS + 1, /* of the programs only: auto, after the candidates were timed */
    SL_WORDS_WAY = 32                             /* room for sl_words_way */
};

/** The library's names, by number; NULL past the last. */
static inline const char *sl_words_isa(size_t value)
{
    return sluice_isa_get_name((sluice_isa)value);
}

static inline const char *sl_words_gemm(size_t value)
{
    return sluice_gemm_get_name((sluice_gemm)value);
}

/** The library's names, then "measure"; NULL past it. */
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

/** "rows", "hoist", "units2" for one group of two threads, "2x2" for two of them, a wavefront with a "w" behind. Returns text. */
static inline const char *sl_words_way(const sluice_candidate *way, char text[SL_WORDS_WAY])
{
    const char *wave = way->wavefront ? "w" : "";
    if (way->threads_per_group == 1)
        snprintf(text, SL_WORDS_WAY, "%s%s", way->hoists ? "hoist" : "rows", wave);
    else if (way->thread_groups == 1)
        snprintf(text, SL_WORDS_WAY, "units%u%s", way->threads_per_group, wave);
    else
        snprintf(text, SL_WORDS_WAY, "%ux%u%s", way->thread_groups, way->threads_per_group, wave);
    return text;
}

#endif
