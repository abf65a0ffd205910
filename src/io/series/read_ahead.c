#include "io/series/read_ahead.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/system/background_thread.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

/* Semaphores, since a signal ends the wait for one, and no wait for a condition variable. Their values are
 * small, so that posting cannot fail. */
struct sl_read_ahead {
    sl_read_ahead_fill *fill;
    void *context;
    void *slots[SL_READ_AHEAD_SLOTS];
    sem_t empty, filled;                         /* slots that may be filled, and that may be taken */
    sluice_status statuses[SL_READ_AHEAD_SLOTS]; /* of filling each, which belong to the slot */
    sluice_error problem;                        /* of the last, if it failed */
    size_t taken;                                /* slots so far */
    atomic_bool stopping;
    bool holds; /* the caller uses the last one */
    pthread_t thread;
};

static void *run(void *ahead_)
{
    sl_read_ahead *ahead = ahead_;
    bool ended = false;
    for (size_t k = 0; !ended; k = (k + 1) % SL_READ_AHEAD_SLOTS) {
        while (sem_wait(&ahead->empty) != 0)
            ;
        if (ahead->stopping)
            break;
        ahead->statuses[k] = ahead->fill(ahead->context, ahead->slots[k], &ended, &ahead->problem);
        ended = ended || ahead->statuses[k];
        sem_post(&ahead->filled);
    }
    return NULL;
}

sluice_status sl_read_ahead_start(sl_read_ahead_fill *fill, void *context, void *const slots[SL_READ_AHEAD_SLOTS],
                                  sl_read_ahead **ahead, sluice_error *error)
{
    *ahead = NULL;
    sl_read_ahead *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "reading ahead", sizeof *made);
    made->fill = fill;
    made->context = context;
    memcpy(made->slots, slots, sizeof made->slots);
    sem_init(&made->empty, 0, SL_READ_AHEAD_SLOTS);
    sem_init(&made->filled, 0, 0);
    const int problem = sl_background_thread_start(&made->thread, run, made);
    if (problem) {
        sl_free(made);
        return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                       "no thread can be started to read ahead: %s; raise the limits of memory and processes", strerror(problem));
    }
    *ahead = made;
    return SLUICE_STATUS_OK;
}

sluice_status sl_read_ahead_take(sl_read_ahead *ahead, void **slot, sluice_error *error)
{
    if (ahead->holds)
        sem_post(&ahead->empty);
    ahead->holds = false;
    const size_t k = ahead->taken % SL_READ_AHEAD_SLOTS;
    if (sem_wait(&ahead->filled) != 0)
        return sl_fail(error, SLUICE_STATUS_IO, "reading was interrupted: %s", strerror(errno));
    if (ahead->statuses[k]) {
        sem_post(&ahead->filled); /* for the next call, which finds the same */
        if (error)
            *error = ahead->problem;
        return ahead->statuses[k];
    }
    ahead->taken++;
    ahead->holds = true;
    *slot = ahead->slots[k];
    return SLUICE_STATUS_OK;
}

void sl_read_ahead_stop(sl_read_ahead *ahead)
{
    if (!ahead)
        return;
    ahead->stopping = true;
    sem_post(&ahead->empty);
    pthread_join(ahead->thread, NULL);
    sem_destroy(&ahead->empty);
    sem_destroy(&ahead->filled);
    sl_free(ahead);
}
