/* sluice info MODEL --explain. */
#ifndef SLUICE_CLI_INFO_INFO_PLAN_H
#define SLUICE_CLI_INFO_INFO_PLAN_H

#include "cli/cli_options.h"
#include "program/exit.h"

/** Print how an engine with these options would compute the batch of --batch and --steps: the candidate plans, the chosen one, and
 *  why. */
sl_exit sl_info_plan(const sl_options *options);

#endif
