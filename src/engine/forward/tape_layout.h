/* The layout of a tape's memory: what the forward pass keeps, and what the backward pass works in. */
#ifndef SLUICE_ENGINE_FORWARD_TAPE_LAYOUT_H
#define SLUICE_ENGINE_FORWARD_TAPE_LAYOUT_H

#include "base/arena.h"
#include "engine/forward/tape.h"

/** Take the tape's arrays from the arena, for the batch that the index was made for. */
void sl_tape_layout(sluice_tape *tape, sl_arena *from);

#endif
