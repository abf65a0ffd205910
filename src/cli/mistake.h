/* What getopt_long rejects, in words. Both programs use it. */
#ifndef SLUICE_CLI_MISTAKE_H
#define SLUICE_CLI_MISTAKE_H

#include <getopt.h>

/** Room for sl_mistake_describe. */
enum { SL_MISTAKE_BYTES = 256 };

/** Say what is wrong with the word that getopt_long, called with opterr 0 and letters that begin with ':', has just returned
 *  `found`, ':' or '?', for: "'--rows' needs a value". Returns text. */
const char *sl_mistake_describe(int found, char **argv, const struct option *options, char text[SL_MISTAKE_BYTES]);

#endif
