#include "base/error.h"

#include "base/clean.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A caller's program was compiled with this size. */
_Static_assert(sizeof(size_t) != 8 || sizeof(sluice_error) == 1024, "sluice_error keeps its size");

/* Set everything but the message, in which a prefix of `used` bytes stands already; then append to it. */
__attribute__((format(printf, 4, 0))) static void fill(sluice_error *error, sluice_status status, int used, const char *format,
                                                       va_list arguments)
{
    error->status = status;
    error->row = error->step = error->byte = SIZE_MAX;
    memset(error->reserved, 0, sizeof error->reserved);
    if ((size_t)used < sizeof error->message)
        vsnprintf(error->message + used, sizeof error->message - (size_t)used, format, arguments);
    sl_clean(error->message);
}

sluice_status sl_fail(sluice_error *error, sluice_status status, const char *format, ...)
{
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, 0, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sl_fail_row(sluice_error *error, sluice_status status, size_t row, size_t step, const char *format, ...)
{
    if (!error)
        return status;
    const int used = step == SIZE_MAX ? snprintf(error->message, sizeof error->message, "row %zu: ", row)
                                      : snprintf(error->message, sizeof error->message, "row %zu, step %zu: ", row, step);
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, used, format, arguments);
    va_end(arguments);
    error->row = row;
    error->step = step;
    return status;
}

sluice_status sl_fail_part(sluice_error *error, sluice_status status, const char *name, size_t byte, const char *part,
                           const char *format, va_list arguments)
{
    if (!error)
        return status;
    const int used = snprintf(error->message, sizeof error->message, "%s: byte %zu: %s", name, byte, part);
    fill(error, status, used, format, arguments);
    error->byte = byte;
    return status;
}

sluice_status sl_fail_byte(sluice_error *error, sluice_status status, const char *name, size_t byte, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    sl_fail_part(error, status, name, byte, "", format, arguments);
    va_end(arguments);
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
    static const char *const names[] = {"ok",        "bad argument", "bad data", "no input", "i/o error", "out of memory",
                                        "too large", "unsupported",  "cancelled"};
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown status";
}

unsigned sluice_version_get_number(void)
{
    return SLUICE_VERSION_NUMBER;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *sluice_version_get(void)
{
    return TEXT(SLUICE_VERSION_MAJOR) "." TEXT(SLUICE_VERSION_MINOR) "." TEXT(SLUICE_VERSION_PATCH);
}
