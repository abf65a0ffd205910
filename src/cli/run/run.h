/* What `sluice run` has at hand while it runs: the model made ready, and the two ways to feed it. */
#ifndef SLUICE_CLI_RUN_RUN_H
#define SLUICE_CLI_RUN_RUN_H

#include "cli/cli_options.h"
#include "program/report.h"
#include "sluice.h"
#include "cli/stats.h"

typedef struct sl_run {
    const sl_options *options;
    sluice_model *model;
    sluice_shape shape;
    sluice_engine *engine;
    sluice_engine_info info;
    sluice_workspace *workspace;
    sl_stats stats;
    double started; /* the clock when reading began; measuring moves it on */
} sl_run;

/** With --schedule measure, time the candidates for batches of `rows` rows of `steps` steps; counted with setting up. */
sl_exit sl_run_measure(sl_run *run, size_t rows, size_t steps);

/** Run one batch of `steps` real steps; counted and timed. */
sl_exit sl_run_forward(sl_run *run, const sluice_batch *batch, uint64_t steps);

/** Rows to hold at once when a row takes `bytes` bytes of memory: --rows, else as many as stay within a bound, but enough to keep
 *  every thread busy. */
size_t sl_run_get_rows(const sl_run *run, double bytes);

/** The whole run in text mode, and with NumPy files. */
sl_exit sl_run_text(sl_run *run);
sl_exit sl_run_npy(sl_run *run);

#endif
