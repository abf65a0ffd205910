/* sluice info --env, and sluice info MODEL --explain. */
#ifndef SLUICE_CLI_INFO_INFO_PARTS_H
#define SLUICE_CLI_INFO_INFO_PARTS_H

#include "cli/cli_options.h"
#include "program/exit.h"

/** Print what an engine with these options would use on this machine, and why. */
sl_exit sl_info_environment(const sl_options *options);

/** Print how an engine with these options would compute the batch of --batch and --steps: the candidate plans, the chosen one, and
 *  why. */
sl_exit sl_info_plan(const sl_options *options);

#endif
