#include "engine/schedule/batch_load.h"

#include "base/size.h"
#include "base/system/threads.h"
#include "engine/schedule/limits.h"

size_t sl_longest_row(size_t rows, size_t steps, const int64_t *lengths)
{
    if (!lengths)
        return steps;
    size_t longest = 0;
    for (size_t n = 0; n < rows; n++)
        longest = sl_size_max(longest, (size_t)lengths[n]);
    return longest;
}

sl_batch_load sl_batch_load_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths)
{
    sl_batch_load load = {.rows = rows,
                          .steps = sl_longest_row(rows, steps, lengths),
                          .total_steps = (uint64_t)rows * steps,
                          .equal = true,
                          .workers = sl_threads_alone() ? 1 : sl_workers(engine)};
    if (!lengths)
        return load;
    load.total_steps = 0;
    for (size_t n = 0; n < rows; n++)
        load.total_steps += (uint64_t)lengths[n];
    load.equal = load.total_steps == (uint64_t)rows * load.steps;
    return load;
}
