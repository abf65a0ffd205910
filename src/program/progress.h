/* The progress bar on standard error. A program has one. */
#ifndef SLUICE_PROGRAM_PROGRESS_H
#define SLUICE_PROGRAM_PROGRESS_H

#include <stdint.h>

typedef enum sl_progress_mode { SL_PROGRESS_AUTO, SL_PROGRESS_ALWAYS, SL_PROGRESS_NEVER } sl_progress_mode;

/** "auto", "always", "never"; NULL for a value that is none. */
const char *sl_progress_get_name(sl_progress_mode mode);

/** Show a bar from now on: always, or if standard error is a terminal. `total` is in the unit of sl_progress_update's `done`; 0:
 * not known. */
void sl_progress_start(sl_progress_mode mode, uint64_t total);

/** Redraw, a few times a second at most: `done` of the total, `rows` rows answered. */
void sl_progress_update(uint64_t done, uint64_t rows);

/** What the bar tells from now on in place of the number of rows, in some 33 columns; it stays the caller's. */
void sl_progress_describe(const char *text);

/** Erase the bar until it is drawn again, for a line of another's. */
void sl_progress_clear(void);

/** Erase the bar for good; nothing if there is none. */
void sl_progress_stop(void);

#endif
