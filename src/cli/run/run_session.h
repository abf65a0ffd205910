/* The state of `sluice run`: the model, its engine, and statistics. */
#ifndef SLUICE_CLI_RUN_RUN_SESSION_H
#define SLUICE_CLI_RUN_RUN_SESSION_H

#include "cli/cli_options.h"
#include "cli/output/row_writer.h"
#include "cli/run/shard.h"
#include "cli/stats.h"
#include "program/report.h"
#include "sluice.h"

typedef struct sl_run_session {
    const sl_options *options;
    sluice_model *model;
    sluice_shape shape;
    sluice_engine *engine;
    sluice_engine_info info;
    sluice_workspace *workspace;
    sl_stats stats;
    sl_shard shard; /* the part of the input; of zero parts: all of it */
    double started; /* clock when reading began, plus the time of sl_run_measure */
} sl_run_session;

/** With --schedule measure, time the candidates for batches of `rows` rows of `steps` steps. The time counts as setup. */
sl_exit sl_run_measure(sl_run_session *run, size_t rows, size_t steps);

/** Run one batch, of `steps` steps without padding, and update the statistics. */
sl_exit sl_run_forward(sl_run_session *run, const sluice_batch *batch, uint64_t steps);

/** Commit the table that --output is, whose writer is then to be destroyed, and the record of the part. */
sl_exit sl_run_commit_table(sl_run_session *run, sl_row_writer *writer);

/** Read all input, lines of text or NumPy files, run the model, and write all output. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_run_text(sl_run_session *run);
sl_exit sl_run_npy(sl_run_session *run);

/** Read series, run the model over their windows, and write the forecasts; *is_series is false, and nothing is done, if the model
 *  was not trained on series. */
sl_exit sl_run_series(sl_run_session *run, bool *is_series);

#endif
