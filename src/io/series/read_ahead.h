/* Reading on a thread of its own, one slot ahead of the caller: while the caller uses a slot, the next one is filled. */
#ifndef SLUICE_IO_SERIES_READ_AHEAD_H
#define SLUICE_IO_SERIES_READ_AHEAD_H

#include "sluice.h"

#include <stdbool.h>

enum { SL_READ_AHEAD_SLOTS = 2 };

/** Fill a slot; *is_last is set where nothing follows. Runs on the thread, where all signals are blocked. */
typedef sluice_status sl_read_ahead_fill(void *context, void *slot, bool *is_last, sluice_error *error);

typedef struct sl_read_ahead sl_read_ahead;

/** Start the thread. The context and the slots are not owned, and used until sl_read_ahead_stop. NO_MEMORY, also where no thread
 *  can be started; *ahead is then NULL. */
sluice_status sl_read_ahead_start(sl_read_ahead_fill *fill, void *context, void *const slots[SL_READ_AHEAD_SLOTS],
                                  sl_read_ahead **ahead, sluice_error *error);

/** Wait for the next slot that is filled; the one before it is filled anew. Not to be called behind the last one. The error of
 *  filling it, again and again; IO with errno EINTR: a signal has ended the wait, which can be called again. For one thread. */
sluice_status sl_read_ahead_take(sl_read_ahead *ahead, void **slot, sluice_error *error);

/** End the thread, when the fill that runs has returned: what it may wait for is to have been ended before (sl_input.stop). NULL is allowed. */
void sl_read_ahead_stop(sl_read_ahead *ahead);

#endif
