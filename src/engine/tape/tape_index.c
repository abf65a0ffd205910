#include "engine/tape/tape_index.h"

#include "base/arena.h"
#include "base/error.h"
#include "engine/batch_row.h"
#include "engine/schedule/batch_load.h"
#include "engine/schedule/partition.h"

static void take_arrays(sluice_tape *tape, sl_arena *from, size_t rows, size_t steps)
{
    tape->sorted_rows = sl_arena_take(from, rows, sizeof *tape->sorted_rows);
    tape->sorted_index = sl_arena_take(from, rows, sizeof *tape->sorted_index);
    tape->lengths = sl_arena_take(from, rows, sizeof *tape->lengths);
    tape->x_first = sl_arena_take(from, rows, sizeof *tape->x_first);
    tape->x_step = sl_arena_take(from, steps, sizeof *tape->x_step);
    const size_t bounds = steps + 1;
    tape->first_row_step = sl_arena_take(from, bounds, sizeof *tape->first_row_step);
    tape->time_block = sl_arena_take(from, bounds, sizeof *tape->time_block);
    tape->segment = sl_arena_take(from, bounds, sizeof *tape->segment);
    tape->checkpoint = sl_arena_take(from, bounds, sizeof *tape->checkpoint);
}

bool sl_tape_grow(void **memory, size_t *has, size_t bytes)
{
    if (*memory && *has >= bytes)
        return true;
    /* Ragged batches differ a little from each other, so a tape that grows again takes more than the batch needs; the first time it
     * takes no more, since it may be used for one batch only. */
    const size_t more = *memory && bytes < SIZE_MAX / 2 ? bytes + bytes / 8 : bytes;
    sl_free(*memory); /* first, so that the two never take memory at one time */
    *memory = sl_alloc(more);
    *has = *memory ? more : 0;
    return *memory;
}

static sluice_status fit(sluice_tape *tape, size_t rows, size_t steps, sluice_error *error)
{
    sl_arena sizes = {.fits = steps < SIZE_MAX};
    take_arrays(tape, &sizes, rows, steps);
    if (!sizes.fits)
        return sl_fail_size(error, "the tape");
    if (!sl_tape_grow(&tape->index, &tape->index_bytes, sizes.used))
        return sl_fail_memory(error, "a tape's index", sizes.used);
    sl_arena from = {.base = tape->index, .fits = true};
    take_arrays(tape, &from, rows, steps);
    return SLUICE_STATUS_OK;
}

static void sort_rows(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths)
{
    tape->rows = rows;
    for (size_t k = 0; k < rows; k++)
        tape->sorted_rows[k] = k;
    if (lengths)
        sl_sort_by_length(tape->sorted_rows, tape->sorted_index, rows, steps, lengths);
    for (size_t k = 0; k < rows; k++) {
        tape->sorted_index[tape->sorted_rows[k]] = k;
        tape->lengths[k] = sl_row_length(lengths, steps, tape->sorted_rows[k]);
    }
    tape->steps = rows ? tape->lengths[0] : 0;
}

/* false: there are too many. */
static bool count_row_steps(sluice_tape *tape)
{
    size_t running = tape->rows;
    tape->first_row_step[0] = 0;
    for (size_t t = 0; t < tape->steps; t++) {
        while (tape->lengths[running - 1] <= t)
            running--;
        if (!sl_size_add(tape->first_row_step[t], running, &tape->first_row_step[t + 1]))
            return false;
    }
    tape->row_steps = tape->first_row_step[tape->steps];
    return true;
}

static void divide_into_time_blocks(sluice_tape *tape)
{
    tape->time_blocks = 0;
    for (size_t iteration = 0; iteration < tape->steps;) {
        tape->time_block[tape->time_blocks++] = iteration;
        const size_t begin = tape->first_row_step[iteration];
        while (iteration < tape->steps && tape->first_row_step[iteration] - begin < SL_TIME_BLOCK_ROW_STEPS)
            iteration++;
    }
    tape->time_block[tape->time_blocks] = tape->steps;
}

static void divide_into_segments(sluice_tape *tape)
{
    tape->segments = tape->segment_row_steps = tape->checkpoint_rows = 0;
    for (size_t iteration = 0; iteration <= tape->steps; iteration++)
        tape->checkpoint[iteration] = SIZE_MAX;
    for (size_t block = 0; block < tape->time_blocks;) {
        const size_t begin = tape->time_block[block];
        tape->checkpoint[begin] = tape->checkpoint_rows;
        tape->checkpoint_rows += begin > 0 ? sl_tape_running(tape, begin - 1) : 0;
        tape->segment[tape->segments++] = block;
        while (block < tape->time_blocks && (!tape->recompute || tape->time_block[block] - begin < tape->recompute))
            block++;
        const size_t row_steps = tape->first_row_step[tape->time_block[block]] - tape->first_row_step[begin];
        tape->segment_row_steps = sl_size_max(tape->segment_row_steps, row_steps);
    }
    tape->segment[tape->segments] = tape->time_blocks;
}

sluice_status sl_tape_index_make(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, sluice_error *error)
{
    const size_t longest = rows ? sl_longest_row(rows, steps, lengths) : 0;
    const sluice_status status = fit(tape, rows, longest, error);
    if (status)
        return status;
    sort_rows(tape, rows, longest, lengths);
    if (!count_row_steps(tape))
        return sl_fail_size(error, "the tape");
    divide_into_time_blocks(tape);
    divide_into_segments(tape);
    return SLUICE_STATUS_OK;
}
