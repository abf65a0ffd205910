/* What the program prints on standard error. */
#ifndef SLUICE_PROGRAM_REPORT_H
#define SLUICE_PROGRAM_REPORT_H

#include "program/exit.h"
#include "sluice.h"

/** Print the program's name, ": " and the message (printf style; control characters made '?') as one line on standard error, below no
 *  progress bar; return code. */
sl_exit sl_report(sl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Print the program's name, ": note: " and what the user should know of a run that goes on, likewise; a progress bar is drawn again
 *  below. */
void sl_report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

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
