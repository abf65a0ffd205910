/* Filling in a caller's sluice_error. Knows nothing of what failed. */
#ifndef SLUICE_BASE_ERROR_H
#define SLUICE_BASE_ERROR_H

#include "sluice.h"

/** Write the message (printf style; cut to fit, control characters made '?') into error, which may be NULL, and return status. */
sluice_status sl_fail(sluice_error *error, sluice_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** sl_fail for an allocation of `bytes` bytes for `what`. */
sluice_status sl_fail_memory(sluice_error *error, const char *what, size_t bytes);

/** sl_fail for a size of `what` that does not fit size_t. */
sluice_status sl_fail_size(sluice_error *error, const char *what);

#endif
