#include "base/error.h"

#include "base/clean.h"

#include <stdarg.h>
#include <stdio.h>

sluice_status sl_fail(sluice_error *error, sluice_status status, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    sl_clean(error->message);
    return status;
}

sluice_status sl_fail_memory(sluice_error *error, const char *what, size_t bytes)
{
    return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                   "out of memory: %zu bytes for %s; use a smaller batch or model, or raise the limit", bytes, what);
}

sluice_status sl_fail_size(sluice_error *error, const char *what)
{
    return sl_fail(error, SLUICE_STATUS_TOO_LARGE, "the size of %s does not fit this machine's address space", what);
}

const char *sluice_status_get_name(sluice_status status)
{
    static const char *const names[] = {"ok",        "bad argument",  "bad data",  "no input",
                                        "i/o error", "out of memory", "too large", "unsupported"};
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown status";
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *sluice_version_get(void)
{
    return TEXT(SLUICE_VERSION_MAJOR) "." TEXT(SLUICE_VERSION_MINOR) "." TEXT(SLUICE_VERSION_PATCH);
}
