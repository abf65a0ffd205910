/* A command line of sluice-bench. */
#ifndef SLUICE_TESTS_BENCH_WORDS_H
#define SLUICE_TESTS_BENCH_WORDS_H

#include "perf/options/bench_options.h"
#include "support/words.h"

/** Parse a line of words separated by blanks. */
static inline sluice_status test_bench_parse(const char *line, sl_bench_options *options, sluice_error *error)
{
    static char program[] = "sluice-bench";
    static test_words words;
    test_words_split(&words, program, line);
    return sl_bench_options_parse(words.argc, words.argv, options, error);
}

#endif
