/* Signals and closed pipes. A signal only sets a flag, which the commands test between batches, so that no output is left half
 * written. */
#ifndef SLUICE_PROGRAM_INTERRUPT_H
#define SLUICE_PROGRAM_INTERRUPT_H

#include "program/exit.h"

#include <stdbool.h>

/**
 * Install handlers, so that a signal that would end the program becomes a request to stop. Writing to a closed pipe, or beyond the
 * file size limit, becomes an error instead of a signal.
 * After SIGHUP, SIGINT, SIGTERM and SIGXCPU the program exits with SL_EXIT_INTERRUPTED. After SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM and
 * similar signals it cleans up likewise, but then ends by the signal itself, so that the parent process sees the signal (and SIGQUIT
 * writes a core file). A second SIGQUIT ends the program at once, and so does any of these signals more than a second after the
 * first. A signal that is ignored when the program starts, such as SIGHUP under nohup, stays ignored.
 */
void sl_interrupt_install(void);

/** Whether a request to stop has arrived. From then on a blocking call on a pipe or a FIFO fails with EINTR, even if it began to
 *  block just before. */
bool sl_interrupt_seen(void);

/** The same as sluice_measure_options.is_cancelled asks. */
int sl_interrupt_cancels(void *unused);

/** The exit code of a failure that needs no message, because the user caused it: SL_EXIT_INTERRUPTED where a request to stop ended a
 *  blocking call, SL_EXIT_IO where the reader has closed the pipe. SL_EXIT_OK: any other failure; report it. Call it before anything
 *  else sets errno. */
sl_exit sl_interrupt_explain(sluice_status status);

/** Call it last in main: ends the program by SIGQUIT or a similar signal if that was the request to stop. Otherwise returns code. */
sl_exit sl_interrupt_finish(sl_exit code);

#endif
