/* Ctrl-C and SIGTERM: asked for, not obeyed at once, so that a run ends between batches with nothing half-written. */
#ifndef SLUICE_CLI_INTERRUPT_H
#define SLUICE_CLI_INTERRUPT_H

#include <stdbool.h>

/** Catch SIGINT and SIGTERM from now on, and make writing to a closed pipe an error instead of a signal. */
void sl_interrupt_install(void);

/** Whether a signal has come. */
bool sl_interrupt_seen(void);

/** Close `fd` when a signal comes, so that a call that waits on it ends: with EINTR, or, when tried again, EBADF. For one input,
 *  until another or -1 takes its place, and standard output. */
void sl_interrupt_watch(int fd);

#endif
