/* Human-readable description of the errors of getopt_long. */
#ifndef SLUICE_PROGRAM_OPTIONS_GETOPT_ERROR_H
#define SLUICE_PROGRAM_OPTIONS_GETOPT_ERROR_H

#include <getopt.h>

/** Room for sl_getopt_error_describe. */
enum { SL_GETOPT_ERROR_BYTES = 256 };

/** Describe the argument for which getopt_long has just returned `found`, ':' or '?': "'--rows' needs a value". The call had
 *  opterr 0 and a string of letters that begins with ':'. Returns text. */
const char *sl_getopt_error_describe(int found, char **argv, const struct option *options, char text[SL_GETOPT_ERROR_BYTES]);

#endif
