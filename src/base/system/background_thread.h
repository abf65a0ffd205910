/* Threads beside those that compute. */
#ifndef SLUICE_BASE_SYSTEM_BACKGROUND_THREAD_H
#define SLUICE_BASE_SYSTEM_BACKGROUND_THREAD_H

#include <pthread.h>

/** Start a thread that takes no signals: they are the program's, whose handlers may count on its own threads. Returns an error number of
 *  pthread_create, or 0. */
int sl_background_thread_start(pthread_t *thread, void *(*run)(void *), void *context);

#endif
