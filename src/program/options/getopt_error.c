#include "program/options/getopt_error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Number of options of which the argument, without its dashes and its value, is an abbreviation. */
static unsigned count_matches(const char *word, const struct option *options)
{
    unsigned count = 0;
    word += strspn(word, "-");
    for (; options->name; options++)
        count += strncmp(options->name, word, strcspn(word, "=")) == 0;
    return count;
}

const char *sl_getopt_error_describe(int found, char **argv, const struct option *options, char text[SL_GETOPT_ERROR_BYTES])
{
    /* optind is the index after the rejected argument, unless that is in the middle of a group of letters such as -abc. */
    const char *word = argv[optind - 1];
    if (found == ':')
        snprintf(text, SL_GETOPT_ERROR_BYTES, "'%.200s' needs a value", word);
    else if (optopt > 0 && optopt <= UCHAR_MAX && strncmp(word, "--", 2) != 0)
        snprintf(text, SL_GETOPT_ERROR_BYTES, "option '-%c' is not known", optopt);
    else if (optopt)
        snprintf(text, SL_GETOPT_ERROR_BYTES, "option '%.200s' takes no value", word);
    else if (count_matches(word, options) > 1)
        snprintf(text, SL_GETOPT_ERROR_BYTES, "option '%.200s' is not unique; write it out", word);
    else
        snprintf(text, SL_GETOPT_ERROR_BYTES, "option '%.200s' is not known", word);
    return text;
}
