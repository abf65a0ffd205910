/* The progress bar on standard error; one for the whole program. */
#ifndef SLUICE_PROGRAM_PROGRESS_H
#define SLUICE_PROGRAM_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

typedef enum sl_progress_mode { SL_PROGRESS_AUTO, SL_PROGRESS_ALWAYS, SL_PROGRESS_NEVER } sl_progress_mode;

/** "auto", "always", "never"; NULL past the last. */
const char *sl_progress_get_name(size_t mode);

/** Show a bar from now on; with SL_PROGRESS_AUTO only if standard error is a terminal. `total` has the unit of `done` in
 * sl_progress_update; 0: unknown. */
void sl_progress_start(sl_progress_mode mode, uint64_t total);

/** Redraw the bar, at most ten times a second: `done` of the total, `rows` rows processed. */
void sl_progress_update(uint64_t done, uint64_t rows);

/** Show this text, of about 33 columns, in place of the number of rows from now on. The caller keeps the text and may change it. */
void sl_progress_describe(const char *text);

/** Erase the bar until the next redraw, so that a line can be printed. */
void sl_progress_clear(void);

/** Erase the bar and show it no more. Does nothing if there is no bar. */
void sl_progress_stop(void);

#endif
