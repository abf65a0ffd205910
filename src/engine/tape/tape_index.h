/* The index of a tape: all that follows from the lengths of a batch's rows. */
#ifndef SLUICE_ENGINE_TAPE_TAPE_INDEX_H
#define SLUICE_ENGINE_TAPE_TAPE_INDEX_H

#include "engine/tape/tape.h"

/** Sort the rows, count their row-steps, and divide the iterations into time blocks and recompute segments. The lengths are checked;
 *  NULL: all rows have `steps`. NO_MEMORY, TOO_LARGE. */
sluice_status sl_tape_index_make(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, sluice_error *error);

/** Make *memory one of at least `bytes` bytes; what it held is lost if it grows. false: there is no memory, and *memory is NULL. */
bool sl_tape_grow(void **memory, size_t *has, size_t bytes);

/** Rows that run at an iteration (or step). */
static inline size_t sl_tape_running(const sluice_tape *tape, size_t iteration)
{
    return iteration < tape->steps ? tape->first_row_step[iteration + 1] - tape->first_row_step[iteration] : 0;
}

/** The step that a direction takes a row through at an iteration; also the iteration of a step. */
static inline size_t sl_tape_step(const sluice_tape *tape, bool reverse, size_t sorted, size_t iteration)
{
    return reverse ? tape->lengths[sorted] - 1 - iteration : iteration;
}

/** The index of a row's step at an iteration in the arrays that layers exchange. */
static inline size_t sl_tape_row_step(const sluice_tape *tape, bool reverse, size_t sorted, size_t iteration)
{
    return tape->first_row_step[sl_tape_step(tape, reverse, sorted, iteration)] + sorted;
}

/** The step (or iteration) of a row-step; it is `t` or a later one. */
static inline size_t sl_tape_find_step(const sluice_tape *tape, size_t t, size_t row_step)
{
    while (tape->first_row_step[t + 1] <= row_step)
        t++;
    return t;
}

/** Whether all gates are kept, not computed again. */
static inline bool sl_tape_keeps_gates(const sluice_tape *tape)
{
    return tape->segments <= 1;
}

#endif
