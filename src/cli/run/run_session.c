#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/tuned_plans.h"

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

sl_exit sl_run_commit_table(sl_run_session *run, sl_row_writer *writer)
{
    sl_exit code = sl_row_writer_flush(writer);
    run->shard.outputs[SL_SHARD_OUTPUT].written = sl_row_writer_get_digest(writer);
    code = code ? code : sl_shard_prepare(&run->shard);
    code = code ? code : sl_row_writer_commit(writer);
    return code ? code : sl_shard_commit(&run->shard);
}
