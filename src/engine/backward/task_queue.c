#include "engine/backward/task_queue.h"

size_t sl_task_next(sl_task_thread *thread)
{
    return atomic_fetch_add_explicit(&thread->queue->taken[thread->phase % 2], 1, memory_order_relaxed);
}

void sl_task_end_phase(sl_task_thread *thread)
{
    /* The counter of the next phase is that of the phase before this one, which all threads have left. */
    if (thread->index == 0)
        atomic_store_explicit(&thread->queue->taken[(thread->phase + 1) % 2], 0, memory_order_relaxed);
    sl_barrier_wait(thread->queue->flags, thread->threads, thread->index, &thread->arrivals);
    thread->phase++;
}
