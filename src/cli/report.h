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
    SL_EXIT_INTERRUPTED = 130 /* SIGINT or SIGTERM */
} sl_exit;

/** Print "sluice: " and the message (printf style; control characters made '?') as one line on standard error, below no progress
 *  bar; return code. */
sl_exit sl_report(sl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Print "sluice: note: " and the message, likewise: what the user should know of a run that goes on. */
void sl_report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** sl_report what the library told; the exit code is that of error->status. */
sl_exit sl_report_error(const sluice_error *error);

/** sl_report that `what` does not fit into memory; of the second, fewer rows at once need less. */
sl_exit sl_report_memory(const char *what);
sl_exit sl_report_memory_of_rows(const char *what);

/** sl_report that the library in use is not the one that this program was built with. */
sl_exit sl_report_mismatch(void);

/** A path as messages name it: "standard input" or "standard output" for "-". */
const char *sl_report_input(const char *path);
const char *sl_report_output(const char *path);

#endif
