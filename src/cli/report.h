/* What the programs tell on standard error, and their exit codes. */
#ifndef SLUICE_CLI_REPORT_H
#define SLUICE_CLI_REPORT_H

#include "sluice.h"

typedef enum sl_exit {
    SL_EXIT_OK = 0,
    SL_EXIT_FAILURE = 1,      /* at run time: no memory, not on this machine */
    SL_EXIT_USAGE = 2,        /* the command line, or a variable of the environment */
    SL_EXIT_DATA = 65,        /* what a file holds */
    SL_EXIT_NO_INPUT = 66,    /* a file that is not there or cannot be opened */
    SL_EXIT_IO = 74,          /* reading or writing failed */
    SL_EXIT_INTERRUPTED = 130 /* SIGINT, SIGTERM, SIGHUP or SIGXCPU */
} sl_exit;

/** Print the program's name, ": " and the message (printf style; control characters made '?') as one line on standard error, below no progress
 *  bar; return code. */
sl_exit sl_report(sl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** sl_report why the library, or a file of the program's own, failed; the exit code is that of error->status. Without a message
 *  where none is needed (interrupt.h): the reader of a pipe has left, or a signal has ended a wait, which is
 *  SL_EXIT_INTERRUPTED then and left to the command to tell. To be called before anything else sets errno. */
sl_exit sl_report_error(const sluice_error *error);

/** Flush standard output at the program's end. If that or an earlier write to it failed, a code of SL_EXIT_OK becomes SL_EXIT_IO or
 *  SL_EXIT_INTERRUPTED, reported as sl_report_error does. Returns the code. */
sl_exit sl_report_flush(sl_exit code);

/** sl_report that `what` does not fit into memory; of the second, fewer rows at once need less. */
sl_exit sl_report_memory(const char *what);
sl_exit sl_report_memory_of_rows(const char *what);

/** sl_report that the library in use is not the one that this program was built with. */
sl_exit sl_report_mismatch(void);

/** A path as messages name it: "standard input" or "standard output" for "-". */
const char *sl_report_input(const char *path);
const char *sl_report_output(const char *path);

#endif
