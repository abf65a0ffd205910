/* Whether the files that a command line names can be what it wants them for. */
#ifndef SLUICE_CLI_PATHS_H
#define SLUICE_CLI_PATHS_H

#include "options.h"

#include <stdbool.h>

/** Refuse (and report) two outputs to the same place, an output that is an input or the model, standard input wanted twice. Devices
 *  and pipes other than the standard ones may be named as often as the user likes. */
sl_exit sl_paths_check(const sl_options *options);

/** Whether the input ("-": standard input) can be read forward only. False if it is not there. */
bool sl_paths_is_input_stream(const char *path);

/** Whether the output ("-": standard output) can be written forward only. */
bool sl_paths_is_output_stream(const char *path);

#endif
