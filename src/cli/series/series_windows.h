/* Windows of series: which steps are the inputs of a row, and which its targets. */
#ifndef SLUICE_CLI_SERIES_SERIES_WINDOWS_H
#define SLUICE_CLI_SERIES_SERIES_WINDOWS_H

#include "program/exit.h"

#include <stdbool.h>
#include <stddef.h>

/** Window j of a series has the steps j*hop .. j*hop + steps - 1 of it; its targets are first_horizon .. last_horizon steps behind the
 *  last of these. Or there are no windows: a row is a whole series, and each of its steps has such targets. */
typedef struct sl_windows {
    size_t steps, hop; /* >= 1; steps is 0 of whole series */
    size_t first_horizon, last_horizon;
} sl_windows;

static inline bool sl_windows_are_whole(const sl_windows *windows)
{
    return windows->steps == 0;
}

/** Windows of the first `length` steps of a series that have all their inputs and targets in them. */
size_t sl_windows_count(const sl_windows *windows, size_t length);

/** Windows none of whose targets lie in the first `length` steps begin with this one. */
size_t sl_windows_find_behind(const sl_windows *windows, size_t length);

/** Parse --horizon K, or A-B. BAD_ARGUMENT. */
sluice_status sl_horizon_parse(const char *option, const char *text, size_t *first, size_t *last, sluice_error *error);

#endif
