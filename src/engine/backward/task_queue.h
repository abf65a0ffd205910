/* Phases that threads go through together: each thread takes one task of the phase after the other, and waits for the others before
 * the next phase. */
#ifndef SLUICE_ENGINE_BACKWARD_TASK_QUEUE_H
#define SLUICE_ENGINE_BACKWARD_TASK_QUEUE_H

#include "base/system/barrier.h"

#include <stddef.h>

/** What the threads share. */
typedef struct sl_task_queue {
    atomic_size_t taken[2]; /* tasks of the current phase that have been taken, and of the next; indexed by phase mod 2 */
    sl_barrier_flag *flags; /* [threads], all 0 at first */
} sl_task_queue;

/** One of the threads. */
typedef struct sl_task_thread {
    sl_task_queue *queue;
    unsigned index, threads;
    unsigned phase;    /* 0 at first */
    unsigned arrivals; /* at the barrier; 0 at first */
} sl_task_thread;

/** Take the next task of this phase: its number, counted from 0. Past the last task of the phase the caller ends it. */
size_t sl_task_next(sl_task_thread *thread);

/** Wait until all threads have ended the phase. */
void sl_task_end_phase(sl_task_thread *thread);

#endif
