/* Running a piece of work on several threads. */
#ifndef SLUICE_BASE_SYSTEM_THREADS_H
#define SLUICE_BASE_SYSTEM_THREADS_H

#include <stdbool.h>

/** Whether the calling thread is in a parallel region of its caller's: sl_threads_run would use it alone. */
bool sl_threads_alone(void);

/** Run work(context, thread, threads) once on each of `threads` threads at the same time, in one parallel region; returns when
 * all are done. `threads` is what the runtime gives, at most `wanted`; 1, the caller itself, inside a caller's parallel region. */
void sl_threads_run(unsigned wanted, void (*work)(void *context, unsigned thread, unsigned threads), void *context);

#endif
