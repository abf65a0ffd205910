#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/tuned_plans.h"

/* Default of --rows: memory for the rows of a batch, and the largest number of rows; more rows are not faster. */
enum { BATCH_BYTES = 64 << 20, MAX_ROWS = 8192, MIN_ROWS_PER_THREAD = 16 };

size_t sl_run_get_rows(const sl_run_session *run, double bytes)
{
    if (run->options->rows)
        return run->options->rows;
    const size_t least = (size_t)MIN_ROWS_PER_THREAD * run->info.threads;
    const size_t rows = bytes * MAX_ROWS < BATCH_BYTES ? MAX_ROWS : (size_t)(BATCH_BYTES / bytes);
    return rows > least ? rows : least;
}

sl_exit sl_run_measure(sl_run_session *run, size_t rows, size_t steps)
{
    const double begun = sl_clock_get();
    const sl_exit code = rows && steps ? sl_plans_measure(run->options, run->engine, rows, steps) : SL_EXIT_OK;
    const double seconds = sl_clock_get() - begun;
    run->stats.setup_seconds += seconds;
    run->started += seconds;
    return code;
}

sl_exit sl_run_forward(sl_run_session *run, const sluice_batch *batch, uint64_t steps)
{
    const double started = sl_clock_get();
    sluice_error error;
    if (sluice_forward(run->engine, run->workspace, batch, &error))
        return sl_report_error(&error);
    run->stats.run_seconds += sl_clock_get() - started;
    run->stats.rows += batch->rows;
    run->stats.steps += steps;
    return SL_EXIT_OK;
}
