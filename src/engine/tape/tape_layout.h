/* The layout of a tape's memory: what the forward pass keeps, and what the backward pass works in. */
#ifndef SLUICE_ENGINE_TAPE_TAPE_LAYOUT_H
#define SLUICE_ENGINE_TAPE_TAPE_LAYOUT_H

#include "engine/tape/tape.h"

/** Index a batch and count the bytes that it needs besides the index. The lengths are checked. NO_MEMORY, TOO_LARGE. */
sluice_status sl_tape_measure(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, size_t *bytes,
                              sluice_error *error);

/** Index a checked batch and make the memory large enough for it. The tape holds no batch until sl_tape_record_end. NO_MEMORY,
 *  TOO_LARGE. */
sluice_status sl_tape_fit(sluice_tape *tape, const sluice_batch *batch, sluice_error *error);

#endif
