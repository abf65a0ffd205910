#include "base/system/threads.h"

#include <omp.h>
#include <pthread.h>
#include <stddef.h>

/* GNU's OpenMP keeps its sleeping workers over a fork, where they are threads that no longer exist: the child's first region
 * would wait for them for ever. So the workers are given back before a fork; the next region makes new ones. */
static void release_workers(void)
{
    (void)omp_pause_resource_all(omp_pause_soft);
}

static void watch_forks(void)
{
    (void)pthread_atfork(release_workers, NULL, NULL); /* it fails for lack of memory only, and then forks are as they were */
}

bool sl_threads_alone(void)
{
    return omp_in_parallel();
}

void sl_threads_run(unsigned wanted, void (*work)(void *context, unsigned thread, unsigned threads), void *context)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (wanted <= 1 || sl_threads_alone()) {
        work(context, 0, 1);
        return;
    }
    pthread_once(&once, watch_forks);
#pragma omp parallel num_threads(wanted)
    work(context, (unsigned)omp_get_thread_num(), (unsigned)omp_get_num_threads());
}
