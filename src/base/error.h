/* Filling in a caller's sluice_error. Knows nothing of what failed. */
#ifndef SLUICE_BASE_ERROR_H
#define SLUICE_BASE_ERROR_H

#include "sluice.h"

#include <stdarg.h>

/** Write the message (printf style; cut to fit, control characters made '?') into error, which may be NULL, and return status. The
 *  error's row, step and byte become SIZE_MAX. */
sluice_status sl_fail(sluice_error *error, sluice_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** sl_fail at a row of a batch and a step of it (SIZE_MAX: none), which the error has, and its message begins with. */
sluice_status sl_fail_row(sluice_error *error, sluice_status status, size_t row, size_t step, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** sl_fail at a byte of the file `name`, which the error has; its message begins with both. */
sluice_status sl_fail_byte(sluice_error *error, sluice_status status, const char *name, size_t byte, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** sl_fail_byte with a list of arguments, and with `part` before the message: of what format and in which part of the file the byte is,
 *  "HDF5: object \"/a\": ". */
sluice_status sl_fail_part(sluice_error *error, sluice_status status, const char *name, size_t byte, const char *part,
                           const char *format, va_list arguments) __attribute__((format(printf, 6, 0)));

/** sl_fail for an allocation of `bytes` bytes for `what`. */
sluice_status sl_fail_memory(sluice_error *error, const char *what, size_t bytes);

/** sl_fail for a size of `what` that does not fit size_t. */
sluice_status sl_fail_size(sluice_error *error, const char *what);

#endif
