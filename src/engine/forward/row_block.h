/* A row block before its first iteration and after its last one. The threads of the group share its rows. */
#ifndef SLUICE_ENGINE_FORWARD_ROW_BLOCK_H
#define SLUICE_ENGINE_FORWARD_ROW_BLOCK_H

#include "engine/forward/forward_thread.h"

/** Load this thread's share of the rows: lengths, where inputs begin, states. */
void sl_row_block_load(const sl_forward_thread *t);

/** Store what the batch asks for of them: states, logits, zeros behind the rows' ends. */
void sl_row_block_store(const sl_forward_thread *t);

#endif
