/* Checks of what callers give that more than one public function makes. */
#ifndef SLUICE_ENGINE_API_H
#define SLUICE_ENGINE_API_H

#include "sluice.h"

/** lengths [rows], NULL: none to check. BAD_DATA, with the row: one is outside 0..steps. */
sluice_status sl_batch_check_lengths(size_t rows, size_t steps, const int64_t *lengths, sluice_error *error);

#endif
