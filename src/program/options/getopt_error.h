/* Human-readable description of what getopt_long rejects. */
#ifndef SLUICE_PROGRAM_OPTIONS_GETOPT_ERROR_H
#define SLUICE_PROGRAM_OPTIONS_GETOPT_ERROR_H

#include <getopt.h>

/** Room for sl_getopt_error_describe. */
enum { SL_GETOPT_ERROR_BYTES = 256 };

/** Say what is wrong with the word that getopt_long, called with opterr 0 and letters that begin with ':', has just returned
 *  `found`, ':' or '?', for: "'--rows' needs a value". Returns text. */
const char *sl_getopt_error_describe(int found, char **argv, const struct option *options, char text[SL_GETOPT_ERROR_BYTES]);

#endif
