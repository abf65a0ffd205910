/* Checks of the files that a command line names, before anything is computed. */
#ifndef SLUICE_PROGRAM_PATHS_H
#define SLUICE_PROGRAM_PATHS_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_path_argument {
    const char *option; /* for messages: "--input" */
    const char *path;   /* NULL: not given */
    bool is_output;
} sl_path_argument;

/** Open /dev/null for each of standard input, output and error that is closed. Otherwise the next file that is opened would get that
 *  descriptor, and receive messages or results. Reading and writing these still fails. Call it before any file is opened. */
void sl_paths_hold_standard(void);

/** Refuse (and report) two outputs to one file, an output to a file that is an input earlier in the list, one descriptor as two
 *  inputs, and a descriptor that is not open for reading or for writing as needed. All names of a descriptor are the same file
 *  (io/resolve.h), and an array of an archive, FILE.npz:NAME, is its file. Devices and FIFOs may be named more than once. */
sl_exit sl_paths_check(const sl_path_argument *paths, size_t count);

/** Refuse (and report), before the run, an output that must be a regular file and cannot be written at the end of the run: a file
 *  without write permission, a new file in a folder without it, and descriptors, FIFOs, sockets and devices, for the reason `why`
 *  ("is written more than once"). /dev/null is accepted, for trials. Opens nothing, so that it never blocks on a FIFO. */
sl_exit sl_paths_check_file(const sl_path_argument *path, const char *why);

/** Whether the input ("-": standard input) can only be read sequentially. False if it does not exist. */
bool sl_paths_is_input_stream(const char *path);

/** Whether the output ("-": standard output) can only be written sequentially. */
bool sl_paths_is_output_stream(const char *path);

/** Whether the input is standard input, under any name. */
bool sl_paths_is_standard_input(const char *path);

/** Whether the output is standard output, under any name. */
bool sl_paths_is_standard_output(const char *path);

#endif
