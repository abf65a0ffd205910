/* Messages on standard error. */
#ifndef SLUICE_PROGRAM_REPORT_H
#define SLUICE_PROGRAM_REPORT_H

#include "program/exit.h"
#include "sluice.h"

#include <stdbool.h>

/** Most bytes of a message, with the final 0. */
enum { SL_REPORT_BYTES = 2048 };

/** Print the program's name, ": " and the message (printf style; each control character becomes '?') as one line on standard error.
 *  Removes the progress bar. Returns code. */
sl_exit sl_report(sl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Likewise print a note, for a run that continues. The progress bar is drawn again below it. */
void sl_report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** From now on do not print messages, but keep the first; nor notes unless `prints_notes`. For a process that is one of several, of
 *  which one prints what all agree on (ranks/rank_group.h). */
void sl_report_hold(bool prints_notes);

/** The message that has been kept, in SL_REPORT_BYTES bytes; "": none. */
const char *sl_report_get_held(void);

/** Print a line of a message nevertheless, behind `kind`. Removes the progress bar. */
void sl_report_print(const char *kind, const char *text);

/** Report an error of the library, or of a file that the program itself uses, and return the exit code for error->status. Prints
 *  nothing where sl_interrupt_explain knows the cause: the reader has closed the pipe, or a signal has ended a blocking call. The
 *  command reports an interruption itself. Call it before anything else sets errno. */
sl_exit sl_report_error(const sluice_error *error);

/** Likewise for the status of a call that has filled in the error; SL_EXIT_OK if it went well. */
sl_exit sl_report_status(sluice_status status, const sluice_error *error);

/** Flush standard output at the end of the program and return the final exit code: `code`, or if that is SL_EXIT_OK and this or an
 *  earlier write failed, SL_EXIT_IO or SL_EXIT_INTERRUPTED, reported as by sl_report_error. */
sl_exit sl_report_flush(sl_exit code);

/** Report that there is no memory for `what`. The second names --rows as a remedy. */
sl_exit sl_report_memory(const char *what);
sl_exit sl_report_memory_of_rows(const char *what);

/** Report that the library in use does not match this program. */
sl_exit sl_report_mismatch(void);

/** A path for messages: "standard input" or "standard output" for "-". */
const char *sl_report_input(const char *path);
const char *sl_report_output(const char *path);

#endif
