/* Whether the files that a command line names can be what it wants them for. */
#ifndef SLUICE_PROGRAM_PATHS_H
#define SLUICE_PROGRAM_PATHS_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_place {
    const char *option; /* as messages name it */
    const char *path;   /* NULL: not given */
    bool is_output;
} sl_place;

/** Keep the numbers of standard input, output and error for them where they are closed: else the next file that is opened would
 *  get one, and messages or answers. Reading and writing them fails. To be called before any file is opened. */
void sl_paths_hold_standard(void);

/** Refuse (and report) two outputs to the same place, an output that is an input named before it, one descriptor wanted for two
 *  inputs, and a descriptor that is not open for what it is wanted for. A descriptor is the same however it is named
 *  (io/resolve.h); devices and FIFOs may be named as often as the user likes. */
sl_exit sl_paths_check(const sl_place *places, size_t count);

/** Refuse (and report) before the run what would fail after it: a file, or where it is not there its folder, that is not to be
 *  written; and, as the output needs a file for the reason `why` ("is written more than once"), descriptors, FIFOs, sockets and
 *  devices. /dev/null is let pass, for trying. Opens nothing: a FIFO is not waited for. */
sl_exit sl_paths_check_file(const sl_place *place, const char *why);

/** Whether the input ("-": standard input) can be read forward only. False if it is not there. */
bool sl_paths_is_input_stream(const char *path);

/** Whether the output ("-": standard output) can be written forward only. */
bool sl_paths_is_output_stream(const char *path);

/** Whether the input is standard input, however it is named. */
bool sl_paths_is_standard_input(const char *path);

/** Whether the output is standard output, however it is named. */
bool sl_paths_is_standard_output(const char *path);

#endif
