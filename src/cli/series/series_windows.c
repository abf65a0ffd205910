#include "cli/series/series_windows.h"

#include "base/error.h"

#include <stdlib.h>

/* Steps from the beginning of a window to behind its last target, or behind its last input. */
static size_t get_span(const sl_windows *windows)
{
    return windows->steps + windows->last_horizon;
}

size_t sl_windows_count(const sl_windows *windows, size_t length)
{
    const size_t span = get_span(windows);
    return length < span ? 0 : (length - span) / windows->hop + 1;
}

size_t sl_windows_find_behind(const sl_windows *windows, size_t length)
{
    const size_t first = windows->steps + windows->first_horizon; /* behind the first target of window 0 */
    return length < first ? 0 : (length - first) / windows->hop + 1;
}

/* Read a number up to `most` and step behind it; SIZE_MAX: there is none. */
static size_t take_number(const char **text, size_t most)
{
    size_t number = 0;
    if (**text < '0' || **text > '9')
        return SIZE_MAX;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        number = number * 10 + (size_t)(**text - '0');
        if (number > most)
            return SIZE_MAX;
    }
    return number;
}

sluice_status sl_horizon_parse(const char *option, const char *text, size_t *first, size_t *last, sluice_error *error)
{
    enum { MOST = 1000000 };
    const char *at = text;
    *first = *last = take_number(&at, MOST);
    if (*first <= MOST && *at == '-') {
        at++;
        *last = take_number(&at, MOST);
    }
    if (*first <= MOST && *last <= MOST && *first <= *last && !*at)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "%s: expected a number of steps up to %d, as 1, or the first and the last of several, as 1-24, found '%.200s'",
                   option, MOST, text);
}
