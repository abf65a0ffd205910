/* The parts of `sluice info` that look beyond the model file: at the machine, and at what an engine would do. */
#ifndef SLUICE_CLI_INFO_INFO_H
#define SLUICE_CLI_INFO_INFO_H

#include "cli/cli_options.h"

/** Print what an engine with these options would use here, and why. */
sl_exit sl_info_environment(const sl_options *options);

/** Print how an engine with these options would compute the batch they tell of, what else it weighed, and why. */
sl_exit sl_info_plan(const sl_options *options);

#endif
