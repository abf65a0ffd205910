#include "program/options/getopt_error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* How many of the options the word, less its dashes and its value, abbreviates. */
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
    /* getopt points past the word that it rejected, unless it stands inside a cluster of letters. */
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
