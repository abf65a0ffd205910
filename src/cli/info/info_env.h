/* sluice info --env. */
#ifndef SLUICE_CLI_INFO_INFO_ENV_H
#define SLUICE_CLI_INFO_INFO_ENV_H

#include "cli/cli_options.h"
#include "program/exit.h"

/** Print what an engine with these options would use on this machine, and why. */
sl_exit sl_info_environment(const sl_options *options);

#endif
