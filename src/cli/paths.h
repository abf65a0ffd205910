/* Whether the files that a command line names can be what it wants them for. */
#ifndef SLUICE_CLI_PATHS_H
#define SLUICE_CLI_PATHS_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_place {
    const char *option; /* as messages name it */
    const char *path;   /* NULL: not given */
    bool is_output;
} sl_place;

/** Refuse (and report) two outputs to the same place, an output that is an input named before it, standard input wanted twice.
 *  Devices and pipes other than the standard ones may be named as often as the user likes. */
sl_exit sl_paths_check(const sl_place *places, size_t count);

/** Refuse (and report) before the run what would fail after it: a file, or where it is not there its folder, that is not to be
 *  written; also "-", as a file that is written more than once. */
sl_exit sl_paths_check_place(const sl_place *place);

/** Whether the input ("-": standard input) can be read forward only. False if it is not there. */
bool sl_paths_is_input_stream(const char *path);

/** Whether the output ("-": standard output) can be written forward only. */
bool sl_paths_is_output_stream(const char *path);

#endif
