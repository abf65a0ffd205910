/* --plans FILE and --schedule measure: tuned execution plans, loaded from a file or measured. */
#ifndef SLUICE_CLI_TUNED_PLANS_H
#define SLUICE_CLI_TUNED_PLANS_H

#include "cli/cli_options.h"
#include "program/report.h"
#include "sluice.h"

/** Refuse (and report) --plans and --schedule measure where they have no effect or cannot work. */
sl_exit sl_plans_check(const sl_options *options);

/** Load --plans FILE, if it is given. If the file does not exist, that is an error, unless --schedule measure creates it. */
sl_exit sl_plans_load(const sl_options *options, sluice_engine *engine);

/** With --schedule measure, time the candidates for such a batch, of rows and steps > 0, and save all tuned plans of the engine to
 *  --plans FILE, if it is given. SL_EXIT_INTERRUPTED, which is not reported: a signal arrived meanwhile. */
sl_exit sl_plans_measure(const sl_options *options, sluice_engine *engine, size_t rows, size_t steps);

#endif
