/* A command line for tests of option parsers. */
#ifndef SLUICE_TESTS_WORDS_H
#define SLUICE_TESTS_WORDS_H

#include <check.h>
#include <getopt.h>
#include <string.h>

/** A program's arguments; `bytes` holds the words. */
typedef struct test_words {
    char bytes[512];
    char *argv[33];
    int argc;
} test_words;

/** Split a line at its blanks into the arguments behind `name`, and have getopt begin anew. */
static inline void test_words_split(test_words *words, char *name, const char *line)
{
    const int most = (int)(sizeof words->argv / sizeof words->argv[0]) - 1;
    memset(words, 0, sizeof *words);
    ck_assert(strlen(line) < sizeof words->bytes);
    strcpy(words->bytes, line);
    words->argv[words->argc++] = name;
    for (char *word = strtok(words->bytes, " "); word; word = strtok(NULL, " ")) {
        ck_assert_int_lt(words->argc, most);
        words->argv[words->argc++] = word;
    }
    optind = 0;
}

#endif
