/* What an engine is taught before it is used: --plans FILE and --schedule measure. */
#ifndef SLUICE_CLI_TUNED_PLANS_H
#define SLUICE_CLI_TUNED_PLANS_H

#include "cli/cli_options.h"
#include "program/report.h"
#include "sluice.h"

/** Refuse (and report) --plans and --schedule measure where they cannot serve. */
sl_exit sl_plans_check(const sl_options *options);

/** Load --plans FILE, if it is given. One that is not there is an error, unless measuring is to make it. */
sl_exit sl_plans_load(const sl_options *options, sluice_engine *engine);

/** With --schedule measure, time the candidates for such a batch, of rows and steps > 0, and save to --plans FILE, if it is given,
 *  all that the engine has learnt. SL_EXIT_INTERRUPTED, without a message: a request to stop came meanwhile. */
sl_exit sl_plans_measure(const sl_options *options, sluice_engine *engine, size_t rows, size_t steps);

#endif
