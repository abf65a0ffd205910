/* Signals and closed pipes: a request to stop is noted, not obeyed at once, so that a run ends between batches with nothing half
 * written. */
#ifndef SLUICE_PROGRAM_INTERRUPT_H
#define SLUICE_PROGRAM_INTERRUPT_H

#include "program/report.h"

#include <stdbool.h>

/**
 * From now on take signals that would end the program as requests to stop, and make writing to a closed pipe, or beyond the limit
 * of a file's size, an error instead of a signal. SIGHUP, SIGINT, SIGTERM and SIGXCPU end the program with SL_EXIT_INTERRUPTED.
 * SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM and the like end it in the same order, but by the signal itself, so that the parent sees it
 * (and SIGQUIT leaves a core). A second SIGQUIT acts at once, and so does any of them more than a second after the first. What is ignored when the program starts, as SIGHUP under nohup, stays
 * ignored.
 */
void sl_interrupt_install(void);

/** Whether a request to stop has come. From then on a call that waits for a pipe or a FIFO fails with EINTR, also one that
 *  has only just begun to. */
bool sl_interrupt_seen(void);

/** What to exit with, without a message, if a failure needs none because the user knows: SL_EXIT_INTERRUPTED where a request to stop
 *  ended a wait, SL_EXIT_IO where the reader of a pipe has left. SL_EXIT_OK: it is to be reported. To be called before anything else
 *  sets errno. */
sl_exit sl_interrupt_explain(sluice_status status);

/** Leave main with `code`: by the signal that was the request to stop, if it is one of those. Returns code otherwise. */
sl_exit sl_interrupt_finish(sl_exit code);

#endif
